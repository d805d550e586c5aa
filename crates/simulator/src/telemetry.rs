//! What the shop's agents send: documents on fixed grids of time, each with an id of its own, so
//! that a batch that is sent again adds nothing.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::catalog::{ErrorKind, FRONTEND, NOTIFICATION, SERVICES, SHOP};
use crate::condition::{Conditions, POOL, conditions};
use crate::random::Random;
use crate::world::{Moment, World};

mod trace;

/// Each instance reports its metrics this often, in milliseconds.
pub const METRICS_MS: i64 = 15_000;
/// Each caller reports its calls this often, in milliseconds.
pub const EDGES_MS: i64 = 30_000;
/// One request in so many milliseconds is traced.
pub const TRACE_MS: i64 = 3_000;
/// Error lines of one service in one metrics interval at most: agents cut, too.
const MAX_ERROR_LINES: u64 = 6;

/// A document on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub index: &'static str,
    pub id: String,
    pub at_ms: i64,
    pub source: Value,
}

/// RFC 3339 in UTC with milliseconds.
pub fn time(ms: i64) -> String {
    micros(ms * 1000)
}

fn micros(us: i64) -> String {
    let at = DateTime::from_timestamp_micros(us).unwrap_or_default();
    let precision = if us % 1000 == 0 {
        SecondsFormat::Millis
    } else {
        SecondsFormat::Micros
    };
    at.to_rfc3339_opts(precision, true)
}

/// All documents that became known in `from <= t < to`, by time.
pub fn documents(world: &World, from: i64, to: i64) -> Vec<Document> {
    let mut documents = Vec::new();
    for at in grid(from, to, METRICS_MS) {
        let now = conditions(world, at - METRICS_MS / 2);
        let moment = world.at(at);
        for service in FRONTEND..=NOTIFICATION {
            metrics(world, &now, &moment, service, at, &mut documents);
            lines(world, &now, service, at, &mut documents);
        }
    }
    for at in grid(from, to, EDGES_MS) {
        let now = conditions(world, at - EDGES_MS / 2);
        edges(world, &now, at, &mut documents);
    }
    for at in grid(from, to, TRACE_MS) {
        trace::trace(world, at - TRACE_MS, &mut documents);
    }
    changes(world, from, to, &mut documents);
    documents.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
    documents
}

/// The multiples of `step` in `from <= t < to`.
fn grid(from: i64, to: i64, step: i64) -> impl Iterator<Item = i64> {
    let first = from.div_euclid(step) * step;
    let first = if first < from { first + step } else { first };
    (0..)
        .map(move |index| first + index * step)
        .take_while(move |at| *at < to)
}

/// The name of an instance: names outlive restarts.
fn node(world: &World, service: usize, instance: u64) -> String {
    format!("{}-{instance}", world.naming.services[service])
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

/// One document for each instance.
fn metrics(
    world: &World,
    now: &Conditions,
    moment: &Moment,
    service: usize,
    at: i64,
    out: &mut Vec<Document>,
) {
    let condition = &now.services[service];
    let state = &moment.states[service];
    let seconds = METRICS_MS as f64 / 1000.0;
    for instance in 0..state.replicas {
        let mut random = Random::of(
            world.seed,
            &[10, service as u64, instance, (at / METRICS_MS) as u64],
        );
        let mean = condition.rate * seconds / state.replicas as f64;
        let requests = (mean + mean.sqrt() * random.normal()).max(0.0).round();
        let failed = random.count(requests, condition.errors);
        let new = random.share() < world.rolled_out(state, at);
        let version = if new {
            &state.version
        } else {
            &state.previous_version
        };
        let mut noisy =
            |value: f64, sigma: f64| (value * (1.0 + sigma * random.normal())).clamp(0.0, 1.0);
        let (cpu, memory) = (noisy(condition.cpu, 0.06), noisy(condition.memory, 0.01));
        let connections = noisy(condition.connections, 0.08);
        let mut source = json!({
            "@timestamp": time(at),
            "service.name": world.naming.services[service],
            "service.node.name": node(world, service, instance),
            "service.version": version,
            "request_count": requests as i64,
            "error_count": failed as i64,
            "latency": rounded(random.skewed(condition.total_ms, 0.06), 2),
            "metrics.cpu_utilization": rounded(cpu, 4),
            "metrics.memory_utilization": rounded(memory, 4),
            "metrics.queue_length": random.count(1_000.0, condition.queue / 1_000.0) as i64,
        });
        if SHOP[service].pool {
            source["metrics.connections_in_use"] = json!((connections * POOL).round() as i64);
            source["metrics.connections_max"] = json!(POOL as i64);
        }
        out.push(Document {
            index: "metrics-system",
            id: format!("m-{service}-{instance}-{}", at / METRICS_MS),
            at_ms: at,
            source,
        });
    }
}

/// What callers saw of their callees.
fn edges(world: &World, now: &Conditions, at: i64, out: &mut Vec<Document>) {
    let seconds = EDGES_MS as f64 / 1000.0;
    for edge in &now.edges {
        let keys = [
            11,
            edge.caller as u64,
            edge.callee as u64,
            (at / EDGES_MS) as u64,
        ];
        let mut random = Random::of(world.seed, &keys);
        let mean = edge.rate * seconds;
        let requests = (mean + mean.sqrt() * random.normal()).max(0.0).round();
        let callee = match edge.callee {
            SERVICES => provider_of(world, edge.caller, at),
            callee => world.naming.services[callee].clone(),
        };
        out.push(Document {
            index: "metrics-system",
            id: format!("e-{}-{}-{}", edge.caller, edge.callee, at / EDGES_MS),
            at_ms: at,
            source: json!({
                "@timestamp": time(at),
                "service.name": world.naming.services[edge.caller],
                "destination.service.name": callee,
                "request_count": requests as i64,
                "error_count": random.count(requests, edge.errors) as i64,
                "latency": rounded(random.skewed(edge.ms, 0.06), 2),
            }),
        });
    }
}

fn provider_of(world: &World, caller: usize, at: i64) -> String {
    let state = &world.at(at).states[caller];
    state
        .provider
        .clone()
        .unwrap_or_else(|| world.naming.provider.clone())
}

/// What a service's own failures are called.
fn own_error(world: &World, service: usize) -> ErrorKind {
    match world.fault {
        Some(fault) if fault.service() == service => fault.error(),
        _ => ErrorKind::Usual,
    }
}

/// Log lines of one interval: work done, and failures.
fn lines(world: &World, now: &Conditions, service: usize, at: i64, out: &mut Vec<Document>) {
    let condition = &now.services[service];
    let mut random = Random::of(world.seed, &[12, service as u64, (at / METRICS_MS) as u64]);
    let seconds = METRICS_MS as f64 / 1000.0;
    let requests = (condition.rate * seconds).max(0.0);
    let own = random.count(requests, condition.own_errors) as u64;
    let passed = random.count(requests, (condition.errors - condition.own_errors).max(0.0)) as u64;
    let mut number = 0u64;
    let mut line = |random: &mut Random, level: &str, message: String, error: Option<String>| {
        let when = at - METRICS_MS + random.below(METRICS_MS as u64) as i64;
        let instance = random.below(2);
        let mut source = json!({
            "@timestamp": time(when),
            "service.name": world.naming.services[service],
            "service.node.name": node(world, service, instance),
            "log.level": level,
            "message": message,
        });
        if let Some(error) = error {
            source["error.type"] = json!(error);
        }
        let id = format!("l-{service}-{}-{number}", at / METRICS_MS);
        number += 1;
        out.push(Document {
            index: "logs-application",
            id,
            at_ms: at,
            source,
        });
    };
    if random.chance(0.5) {
        let done = requests.round() as u64;
        line(&mut random, "INFO", format!("served {done} requests"), None);
    }
    for _ in 0..own.min(MAX_ERROR_LINES) {
        let number = random.bits();
        // A part of what fails has nothing to do with any fault.
        let usual = random.share() < 0.002 / condition.own_errors.max(0.002);
        let kind = if usual {
            ErrorKind::Usual
        } else {
            own_error(world, service)
        };
        let (error, message) = world.naming.error(kind, number);
        line(&mut random, "ERROR", message, Some(error));
    }
    for _ in 0..passed.min(MAX_ERROR_LINES) {
        let number = random.bits();
        let edges: Vec<_> = now
            .edges
            .iter()
            .filter(|edge| edge.caller == service)
            .collect();
        let worst = edges
            .iter()
            .max_by(|a, b| (a.rate * a.errors).total_cmp(&(b.rate * b.errors)));
        let Some(edge) = worst else { break };
        if edge.callee == SERVICES {
            let (error, message) = world.naming.error(ErrorKind::Provider, number);
            line(&mut random, "ERROR", message, Some(error));
        } else {
            let callee = &world.naming.services[edge.callee];
            line(
                &mut random,
                "ERROR",
                format!("call to {callee} failed"),
                Some("UpstreamError".to_owned()),
            );
        }
    }
}

/// What was changed, by its makers and by the platform.
fn changes(world: &World, from: i64, to: i64, out: &mut Vec<Document>) {
    for change in world
        .changes()
        .iter()
        .filter(|change| from <= change.at_ms && change.at_ms < to)
    {
        let Some(kind) = change.what.kind() else {
            continue;
        };
        let mut source = json!({
            "@timestamp": time(change.at_ms),
            "deployment.id": change.id,
            "deployment.kind": kind,
            "service.name": world.naming.services[change.service],
            "author": change.author,
            "description": change.description,
        });
        if let crate::world::What::Deploy { version } = &change.what {
            source["service.version"] = json!(version);
        }
        out.push(Document {
            index: "deployments-shop",
            id: format!("d-{}", change.id),
            at_ms: change.at_ms,
            source,
        });
    }
}
