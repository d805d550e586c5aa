//! The jobs: error rate and latency of each service, a model of its own for each. Pure.
//!
//! A datafeed adds up documents by service and minute in Elasticsearch, so that a job sees rates
//! and means, not documents; which fields those are follows from the signal profile that fits.

use model::Digest;
use serde_json::{Value, json};

use super::{DIGEST, PREFIX};
use crate::indices::TIMESTAMP;

/// Length of a bucket: as long as Sentinel's window.
const BUCKET: &str = "5m";
/// Interval of the sums; divides a bucket.
const INTERVAL: &str = "1m";
/// Documents that come later are missed.
const DELAY: &str = "90s";
/// Buckets of one page of the datafeed's aggregation.
const PAGE: u32 = 1_000;
/// What the models of one job may take.
const MEMORY: &str = "256mb";
/// Results are kept so long, in days.
const RESULTS_DAYS: u32 = 90;

/// A job and what feeds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: String,
    /// Of `PUT _ml/anomaly_detectors/{id}`.
    pub body: Value,
    /// Of `PUT _ml/datafeeds/{feed_id}`.
    pub feed: Value,
}

impl Job {
    pub fn feed_id(&self) -> String {
        format!("datafeed-{}", self.id)
    }
}

/// Where the documents of a profile are, and how they are added up.
struct Source {
    index: &'static str,
    filter: Vec<Value>,
    must_not: Vec<Value>,
    service: &'static str,
    /// Sub-aggregations that give `error_rate`.
    error_rate: Option<Value>,
    /// The field of the latency; its unit is the field's own.
    latency: Option<&'static str>,
}

/// The jobs over the telemetry that a signal profile reads, and what can't be made and why. `has`
/// says which fields there are.
///
/// # Errors
/// The profile that no jobs are known for.
pub fn jobs(profile: &str, has: &dyn Fn(&str) -> bool) -> Result<(Vec<Job>, Vec<String>), String> {
    let source = match profile {
        "metrics" | "metrics_and_histograms" | "metrics_and_spans" | "histograms" => metrics(has),
        "spans" => spans(has),
        "apm" => apm(has),
        "otel" => otel(has),
        other => return Err(format!("no jobs are known for the signal profile {other}")),
    };
    let (mut made, mut missing) = (Vec::new(), Vec::new());
    match &source.error_rate {
        Some(parts) => made.push(job("error-rate", "error_rate", parts, &source)),
        None => {
            missing.push("error rate: the telemetry has no count of requests and errors".to_owned())
        }
    }
    match source.latency {
        Some(field) => {
            let parts = json!({ "latency": { "avg": { "field": field } } });
            made.push(job("latency", "latency", &parts, &source));
        }
        None => missing.push("latency: the telemetry has none".to_owned()),
    }
    Ok((made, missing))
}

fn metrics(has: &dyn Fn(&str) -> bool) -> Source {
    let counted = has("request_count") && has("error_count");
    let sums = json!({
        "requests": { "sum": { "field": "request_count" } },
        "failed": { "sum": { "field": "error_count" } },
        "error_rate": share("failed", "requests"),
    });
    Source {
        index: "metrics-*",
        filter: Vec::new(),
        // Documents of one edge of the call graph would count requests twice.
        must_not: vec![json!({ "exists": { "field": "destination.service.name" } })],
        service: match has("service.name") {
            true => "service.name",
            false => "service",
        },
        error_rate: counted.then_some(sums),
        latency: ["latency", "latency_values"]
            .into_iter()
            .find(|field| has(field)),
    }
}

fn spans(has: &dyn Fn(&str) -> bool) -> Source {
    let server = json!({ "term": { "span.kind": "server" } });
    Source {
        index: "traces-*",
        filter: has("span.kind").then_some(server).into_iter().collect(),
        must_not: Vec::new(),
        service: "service.name",
        error_rate: has("event.outcome").then(outcomes),
        latency: Some("span.duration.us"),
    }
}

fn apm(has: &dyn Fn(&str) -> bool) -> Source {
    Source {
        index: "traces-*",
        filter: vec![json!({ "exists": { "field": "transaction.duration.us" } })],
        must_not: Vec::new(),
        service: "service.name",
        error_rate: has("event.outcome").then(outcomes),
        latency: Some("transaction.duration.us"),
    }
}

fn otel(has: &dyn Fn(&str) -> bool) -> Source {
    let failed = json!({
        "all": { "filter": { "match_all": {} } },
        "failed": { "filter": { "term": { "status.code": "Error" } } },
        "error_rate": share("failed>_count", "all>_count"),
    });
    Source {
        index: "traces-*",
        filter: vec![json!({ "term": { "kind": "Server" } })],
        must_not: Vec::new(),
        service: "service.name",
        error_rate: has("status.code").then_some(failed),
        latency: Some("duration"),
    }
}

/// Of what says how it ended.
fn outcomes() -> Value {
    json!({
        "told": { "filter": { "terms": { "event.outcome": ["success", "failure"] } } },
        "failed": { "filter": { "term": { "event.outcome": "failure" } } },
        "error_rate": share("failed>_count", "told>_count"),
    })
}

/// One sum over another; none where there is nothing to divide by.
fn share(part: &str, of: &str) -> Value {
    json!({ "bucket_script": {
        "buckets_path": { "part": part, "of": of },
        "script": "params.of > 0 ? params.part / params.of : null",
    }})
}

fn job(name: &str, field: &str, parts: &Value, source: &Source) -> Job {
    let id = format!("{PREFIX}{name}");
    let mut body = json!({
        "description": format!("High {} of a service (DataPulse)", name.replace('-', " ")),
        "groups": ["datapulse"],
        "analysis_config": {
            "bucket_span": BUCKET,
            "summary_count_field_name": "doc_count",
            "detectors": [{
                "function": "high_mean",
                "field_name": field,
                "partition_field_name": "service.name",
            }],
            "influencers": ["service.name"],
        },
        "analysis_limits": { "model_memory_limit": MEMORY },
        "data_description": { "time_field": TIMESTAMP },
        "results_index_name": "datapulse",
        "results_retention_days": RESULTS_DAYS,
        "allow_lazy_open": true,
    });
    let digest = Digest::of(body.to_string().as_bytes()).to_string();
    body["custom_settings"] = json!({ "created_by": "datapulse", DIGEST: digest });
    let feed = json!({
        "job_id": id,
        "indices": [source.index],
        "query": { "bool": { "filter": source.filter, "must_not": source.must_not } },
        "query_delay": DELAY,
        "aggregations": aggregations(parts, source),
    });
    Job { id, body, feed }
}

/// By service and interval, with the newest time of each as machine learning wants it.
fn aggregations(parts: &Value, source: &Source) -> Value {
    let mut inner = json!({ TIMESTAMP: { "max": { "field": TIMESTAMP } } });
    for (name, part) in parts.as_object().into_iter().flatten() {
        inner[name] = part.clone();
    }
    json!({ "buckets": {
        "composite": {
            "size": PAGE,
            "sources": [
                { "time": { "date_histogram": { "field": TIMESTAMP, "fixed_interval": INTERVAL } } },
                { "service.name": { "terms": { "field": source.service } } },
            ],
        },
        "aggregations": inner,
    }})
}
