//! What the API answers, put into the form that a tool gives.

use serde_json::{Map, Value, json};

use crate::arguments::Arguments;
use crate::page;

/// Incidents of one page, where none says how many.
pub const PAGE: u64 = 20;

/// What of an incident is shown as it is; report, evidence and proposals have tools of their own.
const OF_INCIDENT: [&str; 16] = [
    "incident_id",
    "title",
    "status",
    "severity",
    "severity_reason",
    "service.name",
    "owner",
    "opened_at",
    "updated_at",
    "mitigated_at",
    "resolved_at",
    "closed_as",
    "person_needed",
    "nothing_to_propose",
    "feedback",
    "last_seq",
];
/// What of a finding is shown.
const OF_FINDING: [&str; 10] = [
    "rule",
    "subject",
    "signal",
    "observed",
    "threshold",
    "unit",
    "held_against",
    "requests",
    "since",
    "notes",
];

fn some_of(value: &Value, names: &[&str]) -> Map<String, Value> {
    let found = names.iter().filter_map(|name| {
        let value = value.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    found.collect()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// As it came.
pub fn whole(answer: Value, _: &Arguments) -> Value {
    answer
}

/// A page, with the cursor of the next.
pub fn paged(mut answer: Value, arguments: &Arguments) -> Value {
    let offset = page::offset(arguments.maybe("cursor")).unwrap_or(0);
    let shown = list(&answer, "items").len() as u64;
    let total = answer["total"].as_u64().unwrap_or(shown);
    answer["next_cursor"] = page::next(offset, shown, total).into();
    answer
}

/// An incident without its long parts: each finding's evidence is known by its id.
pub fn incident(answer: Value, _: &Arguments) -> Value {
    let mut brief = some_of(&answer, &OF_INCIDENT);
    let findings = list(&answer, "findings").iter().enumerate();
    let findings: Vec<Value> = findings
        .map(|(index, finding)| {
            let mut shown = some_of(finding, &OF_FINDING);
            shown.insert("evidence_id".to_owned(), format!("F{}", index + 1).into());
            shown.insert("says".to_owned(), finding["evidence"]["says"].clone());
            Value::Object(shown)
        })
        .collect();
    brief.insert("findings".to_owned(), findings.into());
    let report = &answer["report"];
    brief.insert("conclusion".to_owned(), report["conclusion"].clone());
    brief.insert(
        "confidence".to_owned(),
        report["hypotheses"][0]["confidence"].clone(),
    );
    let proposals: Vec<Value> = list(&answer, "proposals").iter().map(proposal).collect();
    brief.insert("proposals".to_owned(), proposals.into());
    Value::Object(brief)
}

fn proposal(state: &Value) -> Value {
    let proposal = &state["proposal"];
    json!({
        "id": proposal["id"],
        "action": proposal["action"],
        "risk": proposal["risk"],
        "stage": state["stage"],
    })
}

/// One runbook of the library; `null`: there is none of that id.
pub fn runbook(answer: Value, arguments: &Arguments) -> Value {
    let wanted = arguments.text("runbook_id");
    let found = list(&answer, "items")
        .iter()
        .find(|book| book["id"] == wanted);
    found.cloned().unwrap_or(Value::Null)
}

/// The library without its texts.
pub fn runbooks(answer: Value, _: &Arguments) -> Value {
    let items = list(&answer, "items").iter();
    let items: Vec<_> = items
        .map(|book| some_of(book, &["id", "title", "summary", "signals", "symptoms"]))
        .collect();
    json!({ "items": items })
}

/// Elasticsearch's answer to ES|QL in the form that tools give theirs.
pub fn table(answer: Value, _: &Arguments) -> Value {
    let columns = list(&answer, "columns").iter();
    let columns: Vec<_> = columns.map(|column| column["name"].clone()).collect();
    let rows = list(&answer, "values");
    json!({
        "columns": columns,
        "rows": rows,
        "row_count": rows.len(),
        "warnings": list(&answer, "warnings"),
        "elapsed_ms": answer["took"],
    })
}

/// What a record that was just written has made of the incident.
pub fn written(answer: Value, _: &Arguments) -> Value {
    let names = [
        "incident_id",
        "title",
        "status",
        "severity",
        "owner",
        "last_seq",
        "requests",
    ];
    Value::Object(some_of(&answer, &names))
}

/// JSON Schemas of these.
pub mod schemas {
    use serde_json::{Value, json};

    fn open(required: &[&str], properties: Value) -> Value {
        json!({ "type": "object", "required": required, "properties": properties })
    }

    /// Of any object.
    pub fn object() -> Value {
        json!({ "type": "object" })
    }

    pub fn items() -> Value {
        open(
            &["items"],
            json!({ "items": { "type": "array", "items": object() } }),
        )
    }

    pub fn page() -> Value {
        open(
            &["total", "items", "next_cursor"],
            json!({
                "total": { "type": "integer" },
                "items": { "type": "array", "items": object() },
                "next_cursor": { "type": ["string", "null"], "description": "For the argument cursor; null: this is the last page" },
            }),
        )
    }

    pub fn incident() -> Value {
        open(
            &["incident_id", "status"],
            json!({
                "incident_id": { "type": "string" },
                "title": { "type": "string" },
                "status": { "type": "string" },
                "severity": { "type": "string" },
                "conclusion": { "type": ["string", "null"] },
                "confidence": { "type": ["number", "null"], "description": "From 0 to 1" },
                "findings": { "type": "array", "items": object() },
                "proposals": { "type": "array", "items": object() },
            }),
        )
    }

    pub fn report() -> Value {
        open(
            &["conclusion", "hypotheses", "evidence"],
            json!({
                "conclusion": { "type": "string" },
                "known": { "type": "boolean", "description": "false: the cause isn't known" },
                "hypotheses": { "type": "array", "items": object() },
                "evidence": { "type": "array", "items": object() },
                "timeline": { "type": "array", "items": object() },
            }),
        )
    }

    pub fn table() -> Value {
        open(
            &["columns", "rows", "row_count"],
            json!({
                "query": { "type": "string", "description": "ES|QL as it was run" },
                "columns": { "type": "array", "items": { "type": "string" } },
                "rows": { "type": "array", "items": { "type": "array" } },
                "row_count": { "type": "integer", "description": "Of the whole answer" },
                "warnings": { "type": "array", "items": { "type": "string" } },
                "elapsed_ms": { "type": ["integer", "null"] },
            }),
        )
    }

    pub fn evidence() -> Value {
        open(
            &["holds", "says"],
            json!({
                "holds": { "type": "boolean", "description": "The same answer as before, to the digest" },
                "says": { "type": "string" },
                "columns": { "type": "array", "items": { "type": "string" } },
                "rows": { "type": "array", "items": { "type": "array" } },
                "row_count": { "type": "integer" },
            }),
        )
    }

    pub fn written() -> Value {
        open(
            &["incident_id", "status", "last_seq"],
            json!({
                "incident_id": { "type": "string" },
                "status": { "type": "string" },
                "last_seq": { "type": "integer", "description": "The number of the last record" },
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{incident, paged, runbook, table};
    use crate::arguments::Arguments;
    use serde_json::json;

    #[test]
    fn an_incident_is_told_in_short() {
        let whole = json!({
            "incident_id": "INC-202611-0a1b2c3d4e5f", "status": "explained", "claim": "c",
            "findings": [{ "rule": "latency", "evidence": { "says": "slow", "rows": [[1]] } }],
            "report": { "conclusion": "the deploy", "hypotheses": [{ "confidence": 0.9 }] },
            "proposals": [{ "proposal": { "id": "P1", "risk": "high", "action": { "kind": "rollback" }, "why": "long" }, "stage": "pending", "seal": "sha256:0" }],
        });
        assert_eq!(
            incident(whole, &Arguments::default()),
            json!({
                "incident_id": "INC-202611-0a1b2c3d4e5f", "status": "explained",
                "findings": [{ "rule": "latency", "evidence_id": "F1", "says": "slow" }],
                "conclusion": "the deploy", "confidence": 0.9,
                "proposals": [{ "id": "P1", "action": { "kind": "rollback" }, "risk": "high", "stage": "pending" }],
            })
        );
    }

    #[test]
    fn a_page_names_the_next() {
        let answer = json!({ "total": 3, "items": [{}, {}] });
        assert_eq!(paged(answer, &Arguments::default())["next_cursor"], "o2");
        let last = json!({ "total": 2, "items": [{}, {}] });
        assert_eq!(
            paged(last, &Arguments::default())["next_cursor"],
            json!(null)
        );
    }

    #[test]
    fn elasticsearchs_answer_is_a_table() {
        let answer = json!({ "took": 3, "columns": [{ "name": "n", "type": "long" }], "values": [[1], [2]] });
        let table = table(answer, &Arguments::default());
        assert_eq!(
            (&table["columns"], &table["row_count"]),
            (&json!(["n"]), &json!(2))
        );
    }

    #[test]
    fn a_runbook_that_isnt_there_is_null() {
        let none = runbook(
            json!({ "items": [{ "id": "other" }] }),
            &Arguments::default(),
        );
        assert_eq!(none, json!(null));
    }
}
