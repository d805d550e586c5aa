//! Incidents: list, read, declare, and reports from outside agents.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use casework::open::{Heading, Opened};
use indexmap::IndexMap;
use model::evidence::answer_digest;
use model::{
    Digest, Event, Evidence, Finding, Incident, IncidentId, Record, Report, Severity, Signal,
    Status, StoredRecord, Subject, Summary, Window,
};
use serde::{Deserialize, Serialize};
use store::SummaryFilter;
use store::journal::MAX_PAGE;

use super::{Asked, Body, incident_id};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub struct ListQuery {
    /// Of these statuses, separated by commas; without any, of all but `voided`.
    #[param(
        pattern = "^(open|investigating|explained|awaiting_approval|approved|executing|verifying|mitigated|resolved|closed|voided)(,(open|investigating|explained|awaiting_approval|approved|executing|verifying|mitigated|resolved|closed|voided))*$"
    )]
    status: Option<String>,
    /// Of these severities, separated by commas.
    #[param(pattern = "^(low|medium|high|critical)(,(low|medium|high|critical))*$")]
    severity: Option<String>,
    service: Option<String>,
    /// Words in the title, service or cause.
    text: Option<String>,
    /// A field, with `-` before it for the last first.
    #[param(pattern = "^-?(opened_at|updated_at|severity|status|service\\.name)$")]
    sort: Option<String>,
    offset: u32,
    limit: Option<u32>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IncidentPage {
    pub total: u64,
    pub items: Vec<Summary>,
}

/// Several values of one parameter are separated by commas; each is one of `all`.
pub(super) fn parsed<T: Copy>(
    name: &str,
    text: Option<&str>,
    all: &[T],
    of: fn(T) -> &'static str,
) -> Result<Vec<T>, Problem> {
    let parts = text.into_iter().flat_map(|text| text.split(','));
    let one = |part: &str| {
        let found = all.iter().copied().find(|one| of(*one) == part);
        found.ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|one| of(*one)).collect();
            Problem::bad(format!(
                "{name}: expected some of {}, got {part:?}",
                known.join(", ")
            ))
        })
    };
    parts.map(one).collect()
}

pub async fn list(
    State(gateway): State<Gateway>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<IncidentPage>, Problem> {
    let statuses = parsed(
        "status",
        query.status.as_deref(),
        &Status::ALL,
        Status::name,
    )?;
    let filter = SummaryFilter {
        // What was declared by mistake is shown to whoever asks for it.
        statuses: match statuses.is_empty() {
            true => Status::LISTED.to_vec(),
            false => statuses,
        },
        severities: parsed(
            "severity",
            query.severity.as_deref(),
            &Severity::ALL,
            Severity::name,
        )?,
        service: query.service,
        rule: None,
        text: query.text,
        sort: query.sort,
        offset: query.offset as usize,
        limit: query.limit.map_or(50, |limit| limit as usize).min(MAX_PAGE),
    };
    let page = gateway.casework.journal().summaries(&filter).await?;
    let (total, items) = (page.total, page.items);
    Ok(Json(IncidentPage { total, items }))
}

pub async fn show(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<Incident>, Problem> {
    Ok(Json(gateway.casework.incident(&incident_id(&id)?).await?))
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub struct PageQuery {
    offset: u32,
    limit: Option<u32>,
}

/// A record with the digest of its stored bytes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RecordLine {
    pub record: Record,
    pub digest: Digest,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RecordPage {
    pub total: u64,
    pub items: Vec<RecordLine>,
}

/// Records of one page.
const RECORDS: usize = 500;

pub async fn records(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<RecordPage>, Problem> {
    let id = incident_id(&id)?;
    let stored = gateway.casework.journal().records(&id).await?;
    if stored.is_empty() {
        return Err(Problem::not_found(format!("incident {id} not found")));
    }
    Ok(Json(page(&stored, query.offset, query.limit)?))
}

/// A page of a chain's records.
pub fn page(
    stored: &[StoredRecord],
    offset: u32,
    limit: Option<u32>,
) -> Result<RecordPage, Problem> {
    let limit = limit
        .map_or(RECORDS, |limit| limit as usize)
        .min(model::incident::MAX_RECORDS as usize);
    let items = stored
        .iter()
        .skip(offset as usize)
        .take(limit)
        .map(|line| {
            let record = line.record().map_err(|error| {
                let text = format!("{}:{} can't be read: {error}", line.incident, line.seq);
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text)
            })?;
            Ok(RecordLine {
                record,
                digest: line.digest,
            })
        })
        .collect::<Result<_, Problem>>()?;
    Ok(RecordPage {
        total: stored.len() as u64,
        items,
    })
}

pub async fn report(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<Report>, Problem> {
    let incident = gateway.casework.incident(&incident_id(&id)?).await?;
    let none = || Problem::not_found(format!("{id} has no report yet"));
    Ok(Json(incident.report.ok_or_else(none)?))
}

/// What is needed to declare an incident.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    #[serde(rename = "service.name")]
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub service: String,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub title: String,
    pub severity: Severity,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

/// Characters of a text that a caller may send in one field.
pub const MAX_TEXT: usize = 4_000;

pub fn text(name: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
        return Err(Problem::bad(format!(
            "{name}: expected 1 to {MAX_TEXT} characters"
        )));
    }
    Ok(())
}

/// How far back the Analyst looks from a declaration.
const DECLARED_WINDOW_MS: i64 = 15 * 60 * 1000;

/// 201 with a new incident; 200 where the same was declared before and isn't over.
pub async fn declare(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(wanted): Body<Declaration>,
) -> Result<(StatusCode, Json<Incident>), Problem> {
    text("service.name", &wanted.service)?;
    text("title", &wanted.title)?;
    text("reason", &wanted.reason)?;
    let now = gateway.casework.clock().now();
    let window = Window::new(now.plus_ms(-DECLARED_WINDOW_MS), now);
    let finding = Finding {
        rule: "declared".to_owned(),
        subject: Subject::service(wanted.service),
        tick: now,
        window,
        signal: Signal::Declared,
        observed: 1.0,
        threshold: 0.0,
        unit: "declaration".to_owned(),
        held_against: "declaration".to_owned(),
        requests: None,
        since: None,
        notes: vec![wanted.reason.clone()],
        evidence: declared(window, &wanted.reason),
    };
    let heading = Heading {
        title: wanted.title,
        severity: wanted.severity,
        severity_reason: format!("declared by {}", principal.name),
    };
    let opened = gateway
        .casework
        .open(principal.actor(), finding, heading)
        .await?;
    let status = match &opened {
        Opened::New(_) => StatusCode::CREATED,
        Opened::Known(_) | Opened::Reopened(_) => StatusCode::OK,
    };
    Ok((status, Json(opened.incident().clone())))
}

/// A declaration's evidence is the declaration: its query reads nothing.
fn declared(window: Window, reason: &str) -> Evidence {
    let columns = vec!["declared".to_owned()];
    let rows = vec![vec![serde_json::Value::from(true)]];
    Evidence {
        id: "F1".to_owned(),
        tool: "declaration".to_owned(),
        query: "ROW declared = true".to_owned(),
        parameters: IndexMap::new(),
        window,
        asked_at: window.to,
        says: reason.to_owned(),
        answer_digest: answer_digest(&columns, &rows),
        columns,
        rows,
        row_count: 1,
    }
}

/// A report of an outside agent.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentReport {
    pub incident_id: IncidentId,
    pub report: Report,
}

pub async fn agent_report(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(wanted): Body<AgentReport>,
) -> Result<Json<Incident>, Problem> {
    let event = Event::ReportRecorded {
        claim: None,
        report: Box::new(wanted.report),
    };
    let recorded = gateway
        .casework
        .record(&wanted.incident_id, principal.actor(), event)
        .await;
    match recorded {
        // The state machine refuses it like anybody's: the body was understood and is wrong.
        Err(casework::Error::Illegal(illegal)) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            illegal.to_string(),
        )),
        other => Ok(Json(other?)),
    }
}
