//! What can be looked at besides incidents: tools, services, runbooks, the journal's soundness.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use casework::deliveries::ChannelHealth;
use casework::{Casework, Tool, pulse};
use indexmap::IndexMap;
use model::{Role, Runbook, Scope, Summary, Timestamp, Window};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Asked, Body};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ToolList {
    pub items: Vec<Tool>,
}

pub async fn tools(State(gateway): State<Gateway>) -> Json<ToolList> {
    let items = gateway.casework.toolbox().all().cloned().collect();
    Json(ToolList { items })
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolRequest {
    /// An hour before `to`, if missing.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Now, if missing.
    #[serde(default)]
    pub to: Option<Timestamp>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Value>)]
    pub parameters: IndexMap<String, Value>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ToolAnswer {
    pub query: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    pub row_count: u64,
    pub warnings: Vec<String>,
    pub elapsed_ms: u64,
}

/// The window where none is given.
const AN_HOUR_MS: i64 = 60 * 60 * 1000;
/// Rows that an answer shows.
const MAX_SHOWN: usize = 1_000;

pub async fn run_tool(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    Body(body): Body<ToolRequest>,
) -> Result<Json<ToolAnswer>, Problem> {
    let to = body.to.unwrap_or_else(|| gateway.casework.clock().now());
    let from = body.from.unwrap_or_else(|| to.plus_ms(-AN_HOUR_MS));
    let asked = gateway
        .casework
        .ask(&id, Window::new(from, to), body.parameters)
        .await?;
    Ok(Json(ToolAnswer {
        query: asked.query,
        columns: asked.columns,
        row_count: asked.rows.len() as u64,
        rows: asked.rows.into_iter().take(MAX_SHOWN).collect(),
        warnings: asked.warnings,
        elapsed_ms: asked.elapsed_ms,
    }))
}

/// One service's last five minutes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ServiceHealth {
    #[serde(rename = "service.name")]
    pub service: String,
    pub team: Option<String>,
    pub criticality: Option<u8>,
    pub on_call: Option<String>,
    pub requests: Option<f64>,
    /// Null without a denominator: never 0.
    pub error_rate: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Open incidents that have a finding about it.
    pub open_incidents: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ServiceList {
    pub window: Window,
    pub p99_is: Option<String>,
    pub items: Vec<ServiceHealth>,
}

const HEALTH_WINDOW_MS: i64 = 5 * 60 * 1000;

pub async fn services(State(gateway): State<Gateway>) -> Result<Json<ServiceList>, Problem> {
    let casework = &gateway.casework;
    let to = casework.clock().now();
    let window = Window::new(to.plus_ms(-HEALTH_WINDOW_MS), to);
    if casework.profiles_that_fit().await?.is_empty() {
        return Ok(Json(ServiceList {
            window,
            p99_is: None,
            items: Vec::new(),
        }));
    }
    let asked = casework
        .ask("service_health", window, IndexMap::new())
        .await?;
    let filter = store::SummaryFilter {
        statuses: model::Status::ALL
            .into_iter()
            .filter(|status| !status.is_over())
            .collect(),
        limit: store::journal::MAX_PAGE,
        ..store::SummaryFilter::default()
    };
    let open = casework.journal().summaries(&filter).await?.items;
    let troubled = troubled(casework, &open).await?;
    let items = asked
        .rows
        .iter()
        .filter_map(|row| {
            let service = asked.text(row, "service.name")?.to_owned();
            let text = |name: &str| match asked.value(row, name) {
                Value::String(text) => Some(text.clone()),
                Value::Array(items) => items.first().and_then(Value::as_str).map(str::to_owned),
                _ => None,
            };
            Some(ServiceHealth {
                team: text("team"),
                criticality: asked.number(row, "criticality").map(|value| value as u8),
                on_call: text("on_call"),
                requests: asked.number(row, "requests"),
                error_rate: asked.number(row, "error_rate"),
                p99_ms: asked.number(row, "p99_ms"),
                open_incidents: troubled.get(&service).copied().unwrap_or(0),
                service,
            })
        })
        .collect();
    Ok(Json(ServiceList {
        window,
        p99_is: asked.p99_is,
        items,
    }))
}

/// How many of the incidents have a finding about each service: a failure shows in more services
/// than the one that its incident is named after.
async fn troubled(casework: &Casework, open: &[Summary]) -> Result<BTreeMap<String, u64>, Problem> {
    let mut counts = BTreeMap::new();
    for summary in open {
        let incident = casework.incident(&summary.incident_id).await?;
        let of_findings = incident
            .findings
            .iter()
            .map(|finding| finding.subject.service.clone());
        let services: BTreeSet<String> = of_findings.chain([incident.service.clone()]).collect();
        for service in services {
            *counts.entry(service).or_insert(0) += 1;
        }
    }
    Ok(counts)
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesQuery {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SeriesPoint {
    pub at: Timestamp,
    pub requests: Option<f64>,
    pub error_rate: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// A change, for the chart's markers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChangeMarker {
    pub at: Timestamp,
    pub deployment: String,
    pub change_kind: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ServiceSeries {
    pub window: Window,
    pub p99_is: Option<String>,
    pub points: Vec<SeriesPoint>,
    pub changes: Vec<ChangeMarker>,
}

pub async fn series(
    State(gateway): State<Gateway>,
    Path(service): Path<String>,
    Asked(query): Asked<SeriesQuery>,
) -> Result<Json<ServiceSeries>, Problem> {
    let casework = &gateway.casework;
    let to = query.to.unwrap_or_else(|| casework.clock().now());
    let window = Window::new(query.from.unwrap_or_else(|| to.plus_ms(-AN_HOUR_MS)), to);
    let values = IndexMap::from([("service".to_owned(), Value::from(service.clone()))]);
    let asked = casework.ask("service_series", window, values).await?;
    let points = asked
        .rows
        .iter()
        .filter_map(|row| {
            Some(SeriesPoint {
                at: asked.time(row, "interval")?,
                requests: asked.number(row, "requests"),
                error_rate: asked.number(row, "error_rate"),
                p99_ms: asked.number(row, "p99_ms"),
            })
        })
        .collect();
    // Where no deployments are stored at all, there is no such index, and no marker.
    let changes = match casework
        .ask("check_recent_deployments", window, IndexMap::new())
        .await
    {
        Ok(changes) => markers(&changes, &service),
        Err(_) => Vec::new(),
    };
    Ok(Json(ServiceSeries {
        window,
        p99_is: asked.p99_is,
        points,
        changes,
    }))
}

fn markers(asked: &casework::Asked, service: &str) -> Vec<ChangeMarker> {
    let of_service = |row: &&Vec<Value>| asked.text(row, "service.name") == Some(service);
    let marker = |row: &Vec<Value>| {
        let text = |name: &str| asked.text(row, name).map(str::to_owned);
        Some(ChangeMarker {
            at: asked.time(row, "@timestamp")?,
            deployment: text("deployment.id")?,
            change_kind: text("deployment.kind"),
            version: text("service.version"),
            description: text("description"),
        })
    };
    asked
        .rows
        .iter()
        .filter(of_service)
        .filter_map(marker)
        .collect()
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RunbookList {
    pub items: Vec<Runbook>,
}

pub async fn runbooks(State(gateway): State<Gateway>) -> Result<Json<RunbookList>, Problem> {
    let items = gateway.casework.runbooks().await?;
    Ok(Json(RunbookList { items }))
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditIncident {
    pub incident_id: String,
    pub records: u64,
    pub intact: bool,
    /// The last record that an anchor names.
    pub anchored_seq: Option<u64>,
    pub covered: bool,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditResult {
    pub intact: bool,
    /// Each names the record.
    pub faults: Vec<String>,
    pub anchor_lines: u64,
    pub incidents: Vec<AuditIncident>,
}

pub async fn audit(State(gateway): State<Gateway>) -> Result<Json<Value>, Problem> {
    Ok(Json((gateway.options.audit)().await?))
}

/// Whether what is shown can be trusted to be current.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    pub now: Timestamp,
    /// How many times faster than the wall the clock runs; 1 but for the demo.
    pub clock_speed: f64,
    pub watching: bool,
    pub last_tick: Option<Timestamp>,
    pub interval_ms: i64,
    pub sentinel_late: bool,
    pub newest_telemetry: Option<Timestamp>,
    pub telemetry_stopped: bool,
    pub failure: Option<String>,
    /// Whom people are told through, by name, and how each does since this process began: in the
    /// answer of `/health` alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, ChannelHealth>,
}

pub fn reading(gateway: &Gateway) -> Health {
    let clock = gateway.casework.clock();
    let now = clock.now();
    let pulse::Reading {
        watching,
        last_tick,
        interval_ms,
        late,
        newest_telemetry,
        telemetry_stopped,
        failure,
    } = gateway.casework.pulse().read(now);
    Health {
        now,
        clock_speed: clock.speed(),
        watching,
        last_tick,
        interval_ms,
        sentinel_late: late,
        newest_telemetry,
        telemetry_stopped,
        failure,
        channels: BTreeMap::new(),
    }
}

pub async fn health(State(gateway): State<Gateway>) -> Json<Health> {
    Json(Health {
        channels: gateway.casework.deliveries().read(),
        ..reading(&gateway)
    })
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Me {
    /// What decisions and owners are known by: names may be alike.
    pub subject: String,
    pub name: String,
    pub role: Role,
    pub scopes: Vec<Scope>,
    /// Decisions count only from a person.
    pub person: bool,
    /// To be sent as X-CSRF-Token by sessions.
    pub csrf_token: Option<String>,
}

pub async fn me(principal: Principal) -> Json<Me> {
    Json(Me {
        subject: principal.subject,
        name: principal.name,
        role: principal.role,
        scopes: principal.scopes,
        person: principal.person,
        csrf_token: principal.csrf,
    })
}
