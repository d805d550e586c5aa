//! `POST /webhook/integrations/{alertmanager,grafana,kibana}`: other systems' alerts, as findings.
//!
//! Each alert is stored, and a firing one of a known service opens an incident or joins the one that
//! the service has. Told again, nothing changes. What can't be stored or recorded now is answered
//! with an error, so that the sender tells it again.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use casework::Clock;
use casework::open::{Heading, Opened};
use casework::outside;
use integrations::alerts::proof::{GRAFANA_SIGNATURE, Unproven};
use integrations::alerts::{self, OutsideAlert, Refusal, Rules, Source};
use model::{Finding, IncidentId, Role, Scope, Signal, Subject, Timestamp, Window};
use serde::Serialize;
use store::{Document, ItemResult, Operation};

use crate::auth::Principal;
use crate::intake::tally::tally;
use crate::intake::{Came, whole};
use crate::problem::Problem;
use crate::state::Gateway;
use crate::wrongs::Peer;

const INTAKE: &str = "alerts";
/// An alert's finding is about so long before it began, too.
const WINDOW_MS: i64 = 15 * 60 * 1000;
/// A stored alert is read back so often, where the store takes a moment to show it.
const MAX_LOOKS: usize = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Characters of a title.
const MAX_TITLE: usize = 200;

/// What became of a call's alerts.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub struct AlertsTaken {
    /// Alerts that were read and stored.
    pub alerts: usize,
    #[schema(value_type = Vec<String>)]
    pub opened: Vec<IncidentId>,
    #[schema(value_type = Vec<String>)]
    pub joined: Vec<IncidentId>,
    #[schema(value_type = Vec<String>)]
    pub resolved: Vec<IncidentId>,
    /// Firing alerts that name no service: stored, and nothing more.
    pub without_service: usize,
    /// Sent by a button that tries the way: stored, and nothing more.
    pub trials: usize,
    /// Over the limit of one call, or left out by the sender: not read.
    pub left_out: u64,
}

pub async fn alertmanager(
    State(gateway): State<Gateway>,
    principal: Principal,
    body: Came,
) -> Result<Json<AlertsTaken>, Problem> {
    take(Source::Alertmanager, &gateway, &principal, body).await
}

/// With a token, or signed: the guard lets a signature through, which is checked here.
pub async fn grafana(
    State(gateway): State<Gateway>,
    principal: Result<Principal, Problem>,
    headers: HeaderMap,
    peer: Peer,
    body: Came,
) -> Result<Json<AlertsTaken>, Problem> {
    let body = whole(body, alerts::MAX_BODY)?;
    let principal = match is_signed_by_grafana(&headers) {
        false => principal?,
        true => signed_by_grafana(&gateway, &headers, peer, &body)?,
    };
    take(Source::Grafana, &gateway, &principal, Ok(body)).await
}

/// Whether a request brings Grafana's signature instead of a token.
pub fn is_signed_by_grafana(headers: &HeaderMap) -> bool {
    headers.contains_key(GRAFANA_SIGNATURE)
}

fn signed_by_grafana(
    gateway: &Gateway,
    headers: &HeaderMap,
    peer: Peer,
    body: &[u8],
) -> Result<Principal, Problem> {
    const SYSTEM: &str = "grafana";
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(proof) = &gateway.doors.grafana else {
        let says = "signed, but no secret is configured: set secret_env under [grafana], or send a token with the scope incidents:write";
        let refused = gateway
            .doors
            .refused(SYSTEM, "no_secret", 401, says.to_owned(), peer);
        return Err(refused);
    };
    // Grafana's time is the wall's.
    let now_s = Clock::wall().now().ms() / 1_000;
    proof.check(text, body, now_s).map_err(|wrong| {
        let reason = match wrong {
            Unproven::TooOld { .. } | Unproven::TooNew { .. } => "untimely",
            _ => "unproven",
        };
        gateway
            .doors
            .refused(SYSTEM, reason, 401, wrong.to_string(), peer)
    })?;
    Ok(Principal {
        subject: SYSTEM.to_owned(),
        name: "Grafana".to_owned(),
        role: Role::Viewer,
        scopes: vec![Scope::IncidentsWrite],
        person: false,
        via: "signature".to_owned(),
        token: None,
        csrf: None,
    })
}

pub async fn kibana(
    State(gateway): State<Gateway>,
    principal: Principal,
    body: Came,
) -> Result<Json<AlertsTaken>, Problem> {
    take(Source::Kibana, &gateway, &principal, body).await
}

async fn take(
    source: Source,
    gateway: &Gateway,
    principal: &Principal,
    body: Came,
) -> Result<Json<AlertsTaken>, Problem> {
    let body = whole(body, alerts::MAX_BODY)?;
    let call = alerts::read(source, &body, &Rules::default()).map_err(|refusal| {
        metrics::counter!("alerts_refused_total", "source" => source.name()).increment(1);
        let status = match refusal {
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::NotJson(_) | Refusal::Wrong { .. } => StatusCode::BAD_REQUEST,
        };
        Problem::new(status, refusal.to_string())
    })?;
    let mut taken = AlertsTaken {
        alerts: call.alerts.len(),
        left_out: call.left_out as u64 + call.truncated_by_sender,
        ..AlertsTaken::default()
    };
    metrics::counter!("alerts_left_out_total", "source" => source.name()).increment(taken.left_out);
    let now = gateway.casework.clock().now();
    let first = store(gateway, &call.alerts, now).await?;
    for (alert, first) in call.alerts.iter().zip(first) {
        one(gateway, principal, (alert, first), now, &mut taken).await?;
    }
    Ok(Json(taken))
}

/// Under an id that is the same whenever the same is told; of each, whether it is told for the first
/// time.
async fn store(
    gateway: &Gateway,
    told: &[OutsideAlert],
    now: Timestamp,
) -> Result<Vec<bool>, Problem> {
    let documents = told.iter().map(|alert| Document {
        index: outside::INDEX.to_owned(),
        operation: Operation::Index,
        id: Some(alert.document_id(now)),
        source: alert.document(now),
    });
    let results = gateway
        .casework
        .telemetry()
        .ingest(documents.collect())
        .await?;
    tally(INTAKE, &results);
    results
        .into_iter()
        .map(|result| match result {
            ItemResult::Refused { reason, .. } => Err(Problem::bad(reason)),
            other => Ok(matches!(other, ItemResult::Created { .. })),
        })
        .collect()
}

async fn one(
    gateway: &Gateway,
    principal: &Principal,
    (alert, first): (&OutsideAlert, bool),
    now: Timestamp,
    taken: &mut AlertsTaken,
) -> Result<(), Problem> {
    if alert.trial {
        taken.trials += 1;
        return Ok(());
    }
    let Some(service) = &alert.service else {
        taken.without_service += usize::from(alert.firing);
        return Ok(());
    };
    let casework = &gateway.casework;
    if !alert.firing {
        let over = casework
            .alert_over(&principal.actor(), &rule(alert), service, first, now)
            .await?;
        taken.resolved.extend(
            over.into_iter()
                .filter_map(|(id, resolved)| resolved.then_some(id)),
        );
        return Ok(());
    }
    let finding = finding(gateway, alert, service, now).await?;
    let title: String = alert.summary.chars().take(MAX_TITLE).collect();
    let heading = Heading {
        title: format!("{service}: {title}"),
        severity: alert.severity,
        severity_reason: alert.severity_reason.clone(),
    };
    let opened = casework
        .open_or_join(principal.actor(), finding, heading)
        .await?;
    let id = opened.incident().id.clone();
    match opened {
        Opened::New(_) => taken.opened.push(id),
        Opened::Known(_) | Opened::Reopened(_) => taken.joined.push(id),
    }
    Ok(())
}

fn rule(alert: &OutsideAlert) -> String {
    format!("{}:{}", alert.source.name(), alert.name)
}

/// The alert as it was stored is the evidence: it shows that it was told, no more.
async fn finding(
    gateway: &Gateway,
    alert: &OutsideAlert,
    service: &str,
    now: Timestamp,
) -> Result<Finding, Problem> {
    let tick = alert.at(now);
    let window = Window::new(tick.plus_ms(-WINDOW_MS), now.max(tick));
    let mut asked = gateway.casework.alert_history(&alert.key, window).await?;
    for _ in 1..MAX_LOOKS {
        if !asked.rows.is_empty() {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        asked = gateway.casework.alert_history(&alert.key, window).await?;
    }
    if asked.rows.is_empty() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the alert is stored and can't be read back yet: tell it again",
        ));
    }
    let mut notes = vec![alert.summary.clone()];
    notes.extend(alert.description.clone());
    if let Some(value) = alert.value {
        notes.push(format!(
            "{value} was measured, says {}",
            alert.source.name()
        ));
    }
    notes.extend(alert.notes.iter().cloned());
    let says = format!("{} told of {}", alert.source.name(), alert.name);
    Ok(Finding {
        rule: rule(alert),
        subject: Subject::service(service),
        tick,
        window,
        signal: Signal::Declared,
        observed: 1.0,
        threshold: 0.0,
        unit: "declaration".to_owned(),
        held_against: "declaration".to_owned(),
        requests: None,
        since: alert.started_at,
        notes,
        evidence: asked.evidence("F1", says),
    })
}
