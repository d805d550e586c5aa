//! What the cluster is told before anything is stored: templates and indices, as JSON.

use serde_json::{Value, json};

use crate::embedding::DIMENSIONS;
use crate::indices::{INCIDENTS, JOURNAL_PREFIX, PEOPLE, RUNBOOKS, SERVICES, TIMESTAMP, TOKENS};

/// Above Elastic's own templates (100), below what an operator may want to put over ours.
const PRIORITY: u32 = 250;

/// Longer keywords are kept, but not searched: Lucene takes 32,766 bytes, a character has up to 4.
const LONGEST_KEYWORD: u32 = 8191;

/// Something to be there, by its name and body.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    Template { name: &'static str, body: Value },
    Index { name: &'static str, body: Value },
}

/// All of it, in order: an index after its template. `retention_days` of the telemetry's data
/// streams; 0: for ever.
pub fn wanted(retention_days: u32) -> Vec<Wanted> {
    let stream = |name, pattern, mappings| Wanted::Template {
        name,
        body: data_stream(pattern, mappings, retention_days),
    };
    let template = |name, pattern: String, mappings| Wanted::Template {
        name,
        body: json!({
            "index_patterns": [pattern],
            "priority": PRIORITY,
            "template": { "settings": settings(), "mappings": mappings },
        }),
    };
    let index = |name, mappings| Wanted::Index {
        name,
        body: json!({ "settings": settings(), "mappings": mappings }),
    };
    vec![
        // Exact names: `metrics-*` would take streams that belong to others.
        stream("datapulse-metrics", "metrics-system", telemetry(true)),
        stream("datapulse-logs", "logs-application", telemetry(false)),
        stream("datapulse-traces", "traces-application", telemetry(false)),
        // No data streams: a deploy is corrected under its own id, which they refuse.
        template(
            "datapulse-deployments",
            "deployments-*".to_owned(),
            telemetry(false),
        ),
        // Not `alerts-*`, which others may have.
        template(
            "datapulse-alerts",
            "alerts-default".to_owned(),
            telemetry(false),
        ),
        template("datapulse-audit", format!("{JOURNAL_PREFIX}*"), audit()),
        template("datapulse-incidents", INCIDENTS.to_owned(), incidents()),
        index(INCIDENTS, incidents()),
        Wanted::Index {
            name: SERVICES,
            body: json!({
                "settings": { "index.mode": "lookup", "auto_expand_replicas": "0-1" },
                "mappings": services(),
            }),
        },
        index(RUNBOOKS, runbooks()),
        index(TOKENS, tokens()),
        index(PEOPLE, people()),
    ]
}

fn settings() -> Value {
    json!({ "number_of_shards": 1, "auto_expand_replicas": "0-1" })
}

fn data_stream(pattern: &str, mappings: Value, retention_days: u32) -> Value {
    let lifecycle = match retention_days {
        0 => json!({}),
        days => json!({ "data_retention": format!("{days}d") }),
    };
    json!({
        "index_patterns": [pattern],
        "priority": PRIORITY,
        "data_stream": {},
        "template": { "settings": settings(), "mappings": mappings, "lifecycle": lifecycle },
    })
}

/// Flat names, strings as keywords, and the few fields that people write sentences in as texts;
/// metrics' numbers are all `double`, so that whole and broken ones of one field mix.
fn telemetry(metrics: bool) -> Value {
    let mut dynamic = vec![
        json!({ "microseconds": {
            "match": "*.us", "match_mapping_type": ["long", "double"], "mapping": { "type": "long" },
        }}),
        json!({ "prose": {
            "match": ["message", "description", "title", "content", "error.message", "error.stack_trace"],
            "match_mapping_type": "string", "mapping": { "type": "text" },
        }}),
        json!({ "words": {
            "match_mapping_type": "string",
            "mapping": { "type": "keyword", "ignore_above": LONGEST_KEYWORD },
        }}),
        json!({ "broken": { "match_mapping_type": "double", "mapping": { "type": "double" } }}),
    ];
    if metrics {
        let whole = json!({ "match_mapping_type": "long", "mapping": { "type": "double" } });
        dynamic.insert(1, json!({ "whole": whole }));
    }
    json!({
        "subobjects": false,
        "date_detection": false,
        "dynamic_templates": dynamic,
        "properties": { TIMESTAMP: { "type": "date" } },
    })
}

/// Fields of the named types, and no others.
fn strict(fields: &[(&str, &str)]) -> Value {
    let mut properties = serde_json::Map::new();
    for (name, kind) in fields {
        properties.insert((*name).to_owned(), json!({ "type": kind }));
    }
    json!({ "subobjects": false, "dynamic": "strict", "properties": properties })
}

/// `bytes` is the record; all else only repeats it for readers.
fn audit() -> Value {
    let mut mappings = strict(&[
        (TIMESTAMP, "date"),
        ("agent", "keyword"),
        ("incident_id", "keyword"),
        ("action", "keyword"),
        ("decision", "keyword"),
        ("approved_by", "keyword"),
        ("seq", "long"),
        ("digest", "keyword"),
        ("previous", "keyword"),
        ("bytes", "binary"),
    ]);
    // Evidence may be longer than a keyword can be.
    mappings["properties"]["record"] = json!({ "type": "text", "index": false });
    mappings["properties"]["attempt"] =
        json!({ "type": "keyword", "index": false, "doc_values": false });
    mappings
}

fn incidents() -> Value {
    strict(&[
        ("incident_id", "keyword"),
        ("title", "text"),
        ("status", "keyword"),
        ("severity", "keyword"),
        ("service.name", "keyword"),
        ("rule", "keyword"),
        ("owner", "keyword"),
        ("team", "keyword"),
        ("impact", "text"),
        ("merged_into", "keyword"),
        ("opened_at", "date"),
        ("updated_at", "date"),
        ("resolved_at", "date"),
        ("findings", "long"),
        ("cause", "text"),
        ("confidence", "double"),
        ("proposals_pending", "long"),
        ("person_needed", "text"),
        ("signature", "keyword"),
        ("helped", "text"),
        ("feedback.right", "boolean"),
        ("feedback.confidence", "double"),
        ("feedback.cause", "text"),
        ("last_seq", "long"),
        ("metrics.signal", "keyword"),
        ("metrics.unit", "keyword"),
        ("metrics.observed", "double"),
        ("metrics.threshold", "double"),
        ("metrics.requests", "double"),
        ("timeline", "text"),
        ("report", "text"),
        ("proposals", "text"),
        ("search.words", "keyword"),
        ("search.status", "byte"),
        ("search.severity", "byte"),
    ])
}

fn services() -> Value {
    strict(&[
        ("service.name", "keyword"),
        ("team", "keyword"),
        ("criticality", "integer"),
        ("on_call", "keyword"),
        ("depends_on", "keyword"),
    ])
}

fn runbooks() -> Value {
    let mut mappings = strict(&[
        ("id", "keyword"),
        ("title", "text"),
        ("summary", "text"),
        ("content", "text"),
        ("symptoms", "keyword"),
        ("signals", "keyword"),
        ("actions", "keyword"),
    ]);
    mappings["properties"]["content_embedding"] = json!({ "type": "dense_vector", "dims": DIMENSIONS, "index": true, "similarity": "cosine" });
    // The runbook as it was given: what is read back.
    mappings["properties"]["runbook"] =
        json!({ "type": "keyword", "index": false, "doc_values": false });
    mappings
}

fn tokens() -> Value {
    let mut mappings = strict(&[("id", "keyword"), ("hash", "keyword"), ("name", "keyword")]);
    mappings["properties"]["token"] =
        json!({ "type": "keyword", "index": false, "doc_values": false });
    mappings
}

fn people() -> Value {
    let mut mappings = strict(&[("id", "keyword"), ("name", "keyword")]);
    mappings["properties"]["person"] =
        json!({ "type": "keyword", "index": false, "doc_values": false });
    mappings
}

#[cfg(test)]
mod tests {
    use super::{Wanted, wanted};

    #[test]
    fn no_template_takes_streams_that_belong_to_others() {
        for wanted in wanted(30) {
            let Wanted::Template { name, body } = wanted else {
                continue;
            };
            let pattern = body["index_patterns"][0].as_str().unwrap_or_default();
            let ours = ["deployments-*", "agent-audit-*"];
            assert!(
                !pattern.contains('*') || ours.contains(&pattern),
                "{name}: {pattern}"
            );
        }
    }

    #[test]
    fn retention_is_the_data_streams_own() {
        let of = |days| match wanted(days).into_iter().next() {
            Some(Wanted::Template { body, .. }) => body["template"]["lifecycle"].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(7)["data_retention"], "7d");
        assert!(of(0)["data_retention"].is_null());
    }
}
