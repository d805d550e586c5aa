//! `datapulse doctor`: what is configured, what is reachable, and every limit.

use anyhow::Result;
use integrations::run::Kubernetes;
use serde_json::{Value, json};
use store::elastic::Change;
use store::embedded::{Embedded, Health};
use store::retention::Rule;
use store::{Elastic, Telemetry};

use crate::arguments::Output;
use crate::context::Context as Here;
use crate::{client, configuration, print};

mod proven;
mod trust;

pub async fn run(here: &Here) -> Result<u8> {
    let checks = checks(here).await;
    let limits = limits();
    let well = checks.iter().all(|check| check.state != State::Bad);
    if here.output == Output::Json {
        let checks: Vec<Value> = checks
            .iter()
            .map(|check| json!({ "check": check.name, "state": check.state.name(), "says": check.says }))
            .collect();
        let limits: Vec<Value> = limits
            .iter()
            .map(|(name, value)| json!({ "limit": name, "value": value }))
            .collect();
        print::json(&json!({ "well": well, "checks": checks, "limits": limits }))?;
        return Ok(if well { 0 } else { 3 });
    }
    for check in &checks {
        println!(
            "{:<5} {}: {}",
            check.state.name(),
            check.name,
            print::plain(&check.says)
        );
    }
    let rows = limits
        .iter()
        .map(|(name, value)| vec![(*name).to_owned(), value.to_string()])
        .collect();
    println!("\n{}", print::table(&["limit", "value"], rows));
    Ok(if well { 0 } else { 3 })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Works, but a person should know.
    Note,
    Bad,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "BAD",
        }
    }
}

struct Check {
    name: &'static str,
    state: State,
    says: String,
}

/// What acts on targets: whether it can be reached, where that can be asked without acting.
async fn runner(here: &Here) -> Check {
    let runner = &here.configuration.runner;
    let check = |state, says| Check {
        name: "runner",
        state,
        says,
    };
    if runner.kind.is_empty() {
        let says = "none configured: nothing can be executed (see [runner] in datapulse.toml)";
        return check(State::Note, says.to_owned());
    }
    if runner.kind == configuration::KUBERNETES {
        let settings = runner.kubernetes.clone();
        let place = format!("kubernetes, namespace {}", settings.namespace);
        let asked = async { Kubernetes::new(settings).await?.check().await };
        return match asked.await {
            Ok(()) => check(State::Good, format!("{place}: it answers and may be read")),
            Err(error) => check(State::Bad, format!("{place}: {error}")),
        };
    }
    let set = std::env::var(&runner.secret_env).is_ok_and(|value| !value.is_empty());
    let says = format!(
        "{} at {}; its secret in {} is {}",
        runner.kind,
        runner.url,
        runner.secret_env,
        if set { "set" } else { "not set" }
    );
    check(if set { State::Good } else { State::Bad }, says)
}

async fn checks(here: &Here) -> Vec<Check> {
    let kept = match here.configuration.is_elasticsearch() {
        true => elasticsearch(here).await,
        false => folder(here).await,
    };
    let mut found = vec![kept, server(here).await, retention(here).await];
    found.push(runner(here).await);
    for webhook in &here.configuration.webhook {
        let set = std::env::var(&webhook.secret_env).is_ok_and(|value| !value.is_empty());
        found.push(Check {
            name: "webhook",
            state: if set { State::Good } else { State::Bad },
            says: format!(
                "{}: secret in {} is {}",
                webhook.name,
                webhook.secret_env,
                if set { "set" } else { "not set" }
            ),
        });
    }
    found.extend(trust::checks(here).await);
    found.extend(proven::checks());
    found
}

async fn elasticsearch(here: &Here) -> Check {
    let (state, says) = match looked_at(here).await {
        Ok(found) => found,
        Err(error) => (State::Bad, format!("{error:#}")),
    };
    Check {
        name: "elasticsearch",
        state,
        says,
    }
}

/// The cluster as it answers now, and whether what we need is in it.
async fn looked_at(here: &Here) -> Result<(State, String)> {
    let Some(address) = here.configuration.elasticsearch()? else {
        return Ok((State::Note, "not configured".to_owned()));
    };
    let store = Elastic::open_reading(address, &here.folder).await?;
    let status = store.cluster_status().await?;
    let days = here.configuration.retention.telemetry_days;
    let steps = store.set_up(days, true).await?;
    let missing = steps
        .iter()
        .filter(|step| step.change != Change::Unchanged)
        .count();
    let server = store.server();
    let mut says = format!(
        "version {}, cluster {} is {status}, at most {} rows of an ES|QL answer (esql.query.result_truncation_max_size)",
        server.version,
        server.cluster_name,
        store.max_rows()
    );
    let state = match (status.as_str(), missing) {
        ("red", _) => State::Bad,
        (_, 0) => State::Good,
        _ => State::Note,
    };
    if missing > 0 {
        says.push_str(&format!(
            "; {missing} templates or indices are missing or of another version: `datapulse store setup`, and `serve`, make them"
        ));
    }
    Ok((state, says))
}

async fn folder(here: &Here) -> Check {
    let name = "data folder";
    let shown = here.folder.display();
    match Embedded::open_reading(&here.folder).await {
        Ok(store) => {
            let health = store.health();
            Check {
                name,
                state: if health.damaged.is_empty() {
                    State::Good
                } else {
                    State::Bad
                },
                says: format!("{shown}: {}", kept(&health)),
            }
        }
        Err(store::Error::NotFound(_)) => Check {
            name,
            state: State::Note,
            says: format!(
                "{shown} isn't there yet: `datapulse serve` or `datapulse demo` makes it"
            ),
        },
        Err(error) => Check {
            name,
            state: State::Bad,
            says: error.to_string(),
        },
    }
}

fn kept(health: &Health) -> String {
    let mut says = format!(
        "{} documents in {} segments, {} in the log",
        health.rows_in_segments, health.segments, health.rows_in_memory
    );
    if let Some(error) = &health.flush_error {
        says.push_str(&format!("; segments can't be written: {error}"));
    }
    for damage in &health.damaged {
        says.push_str(&format!("; damaged: {damage}"));
    }
    says
}

/// How long telemetry is kept, and what became of that the last time.
async fn retention(here: &Here) -> Check {
    let mut says: Vec<String> = here
        .configuration
        .retention
        .rules()
        .iter()
        .map(rule)
        .collect();
    if !here.configuration.is_elasticsearch()
        && let Ok(store) = Embedded::open_reading(&here.folder).await
        && let Ok(Some(last)) = store.retention_said().await
    {
        says.push(format!("last looked at {last}"));
    }
    Check {
        name: "retention",
        state: match says.last() {
            Some(last) if last.contains("nothing is deleted by it") => State::Note,
            _ => State::Good,
        },
        says: says.join("; "),
    }
}

fn rule(rule: &Rule) -> String {
    let mut bounds = Vec::new();
    if rule.days > 0 {
        bounds.push(format!("{} days", rule.days));
    }
    if rule.max_bytes > 0 {
        bounds.push(print::bytes(rule.max_bytes));
    }
    match bounds.is_empty() {
        true => format!("{} is kept for ever", rule.pattern),
        false => format!(
            "{} is kept for {}",
            rule.pattern,
            bounds.join(" and up to ")
        ),
    }
}

async fn server(here: &Here) -> Check {
    let name = "server";
    let Ok(Some(server)) = here.find_server() else {
        return Check {
            name,
            state: State::Note,
            says: format!("none holds {}", client::shown(&here.folder).display()),
        };
    };
    match server.get("/health").await {
        Ok(health) => Check {
            name,
            state: State::Good,
            says: health.to_string(),
        },
        Err(error) => Check {
            name,
            state: State::Bad,
            says: format!("{error:#}"),
        },
    }
}

/// The limits that a user may meet, from the constants beside what they bound.
/// A table: one limit a line.
#[rustfmt::skip]
fn limits() -> Vec<(&'static str, u64)> {
    vec![
        ("records of one incident", model::incident::MAX_RECORDS),
        ("findings of one incident", model::incident::MAX_FINDINGS as u64),
        ("proposals of one incident", model::incident::MAX_PROPOSALS as u64),
        ("reopening instead of opening, ms after resolved", model::incident::REOPEN_WITHIN_MS as u64),
        ("rows that evidence keeps", model::evidence::MAX_KEPT_ROWS as u64),
        ("rows of one page of incidents", store::journal::MAX_PAGE as u64),
        ("documents of one batch", store::telemetry::MAX_BATCH as u64),
        ("indices", store::embedded::MAX_INDICES as u64),
        ("rows of one page of store stats", store::care::MAX_STATS_PAGE as u64),
        ("fields of one index", store::embedded::MAX_FIELDS as u64),
        ("bytes of an answer of Elasticsearch, inflated", store::elastic::MAX_ANSWER_BYTES as u64),
        ("tries of a call to Elasticsearch", u64::from(store::elastic::MAX_ATTEMPTS)),
        ("services, runbooks or tokens in Elasticsearch", store::elastic::MAX_KNOWN as u64),
        ("rows of one question of an agent", casework::tools::MAX_ROWS as u64),
        ("time of one question of an agent, ms", casework::tools::MAX_TIME_MS),
        ("incidents that one agent works on at once", casework::driver::MAX_AT_ONCE as u64),
        ("incidents that wait for one agent", casework::driver::MAX_WAITING as u64),
        ("wakes that a listener may lag behind", bus::MAX_LAG as u64),
        ("ticks that Sentinel catches up", sentinel::tick::MAX_CAUGHT_UP as u64),
        ("calls between services of one failure", sentinel::correlate::MAX_HOPS as u64),
        ("silences at once", model::silence::MAX_SILENCES as u64),
        ("length of a silence, ms", model::silence::MAX_SILENCE_MS as u64),
        ("length of a snooze, ms", model::incident::MAX_SNOOZE_MS as u64),
        ("routes", model::routing::MAX_ROUTES as u64),
        ("notices of one message", integrations::webhook::MAX_TOGETHER as u64),
        ("proposals of one report", resolver::offer::MAX_OFFERED as u64),
        ("bytes of a runbook", resolver::library::MAX_RUNBOOK as u64),
        ("bytes of a request to the API", gateway::routes::MAX_BODY as u64),
        ("bytes of a _bulk request, inflated", gateway::intake::bulk::MAX_BODY as u64),
        ("updates of one _bulk request", gateway::intake::bulk::MAX_UPDATES as u64),
        ("bytes of a deployment's diff", integrations::deployments::MAX_DIFF as u64),
        ("aliases", store::embedded::MAX_ALIASES as u64),
        ("bytes of a Prometheus remote write request, inflated", gateway::intake::prometheus::MAX_BODY as u64),
        ("bytes of an OTLP request, inflated", gateway::intake::otlp::MAX_BODY as u64),
        ("requests with telemetry that are read at once", gateway::intake::MAX_AT_ONCE as u64),
        ("streams of events that are open at once", gateway::api::stream::MAX_STREAMS as u64),
        ("sessions and login links that are kept", gateway::auth::MAX_SESSIONS as u64),
        ("days of a token", u64::from(gateway::api::tokens::MAX_DAYS)),
        ("characters of a query", esql::parser::MAX_LENGTH as u64),
        ("depth of an expression", esql::parser::MAX_DEPTH as u64),
    ]
}
