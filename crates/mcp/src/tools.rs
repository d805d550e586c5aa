//! The tools that aren't questions in ES|QL: incidents and what hangs on them.
//!
//! One table: what each is called, takes, asks the API, and gives.

use serde_json::{Value, json};

use crate::answers::{self, PAGE, schemas};
use crate::api::{Call, encode};
use crate::arguments::{Arguments, Kind, MAX_NAME, MAX_TEXT, Parameter, may, must};
use crate::page;

/// Characters of a query: what a model writes, with room; the engine takes more.
pub const MAX_QUERY: usize = 20_000;

/// A tool of this table.
pub struct Tool {
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    /// It writes a record: only where writing is switched on.
    pub writes: bool,
    pub parameters: &'static [Parameter],
    pub call: fn(&Arguments) -> Result<Call, String>,
    pub answer: fn(Value, &Arguments) -> Value,
    /// JSON Schema of what `answer` gives.
    pub gives: fn() -> Value,
}

const INCIDENT: Parameter = must(
    "incident_id",
    Kind::Incident,
    "The incident's id, such as INC-202611-0a1b2c3d4e5f",
);
const CURSOR: Parameter = may(
    "cursor",
    Kind::Cursor,
    "next_cursor of the page before; without it, the first page",
);
const LIMIT: Parameter = may(
    "limit",
    Kind::Count(&(1..=50)),
    "Entries of the page: 20 without it",
);
const STATUSES: &[&str] = &[
    "open",
    "investigating",
    "explained",
    "awaiting_approval",
    "approved",
    "executing",
    "verifying",
    "mitigated",
    "resolved",
    "closed",
    "voided",
];
const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
const ACTIONS: &[&str] = &[
    "rollback",
    "scale",
    "restart",
    "config_change",
    "flag_off",
    "flag_on",
    "cache_clear",
    "traffic_shift",
    "rate_limit",
];

/// All of them. There is none that decides: see the crate's first lines.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "list_incidents",
        title: "List incidents",
        description: "Incidents, the last changed first: id, title, status, severity, service, cause in short. By status, severity, service, or words of title and cause.",
        writes: false,
        parameters: &[
            may("status", Kind::SomeOf(STATUSES), "Only of these statuses"),
            may(
                "severity",
                Kind::SomeOf(SEVERITIES),
                "Only of these severities",
            ),
            may("service", Kind::Text(MAX_NAME), "Only of this service"),
            may(
                "text",
                Kind::Text(MAX_NAME),
                "Words in the title, service or cause",
            ),
            LIMIT,
            CURSOR,
        ],
        call: |given| Ok(Call::Get(format!("/incidents?{}", listed(given)?))),
        answer: answers::paged,
        gives: schemas::page,
    },
    Tool {
        name: "get_incident",
        title: "Read an incident",
        description: "One incident in short: status, severity, findings with what they measured, the report's conclusion and confidence, proposals with their stages.",
        writes: false,
        parameters: &[INCIDENT],
        call: |given| of_incident(given, ""),
        answer: answers::incident,
        gives: schemas::incident,
    },
    Tool {
        name: "get_report",
        title: "Read why it failed",
        description: "The root cause report of an incident: timeline, hypotheses with confidence and what speaks for and against each, and the evidence: each an ES|QL query with parameters, window and answer.",
        writes: false,
        parameters: &[INCIDENT],
        call: |given| of_incident(given, "/report"),
        answer: answers::whole,
        gives: schemas::report,
    },
    Tool {
        name: "run_evidence",
        title: "Run evidence again",
        description: "Asks a piece of an incident's evidence again (E1 of the report, F1 of the findings) and says whether the answer is still the same.",
        writes: false,
        parameters: &[INCIDENT, must("evidence_id", Kind::Id, "Such as E1 or F1")],
        call: |given| {
            let (incident, evidence) = (given.text("incident_id"), given.text("evidence_id"));
            Ok(Call::Ask(
                format!("/incidents/{incident}/evidence/{evidence}/run"),
                json!({}),
            ))
        },
        answer: answers::whole,
        gives: schemas::evidence,
    },
    Tool {
        name: "list_proposals",
        title: "Read the proposals",
        description: "What is proposed against an incident: action, target, why, risk, undo, the check that tells whether it helped, and what it waits for. People decide on them, in the web UI, Slack or the command line; there is no tool for that.",
        writes: false,
        parameters: &[INCIDENT],
        call: |given| of_incident(given, "/proposals"),
        answer: answers::whole,
        gives: schemas::items,
    },
    Tool {
        name: "list_records",
        title: "Read an incident's history",
        description: "An incident's records in order: who did what, when. This is the audit trail.",
        writes: false,
        parameters: &[INCIDENT, LIMIT, CURSOR],
        call: |given| of_incident(given, &format!("/records?{}", paged(given)?)),
        answer: answers::paged,
        gives: schemas::page,
    },
    Tool {
        name: "find_similar_incidents",
        title: "Find similar incidents",
        description: "Resolved incidents that look like this one, the most alike first, with their causes and what helped.",
        writes: false,
        parameters: &[INCIDENT],
        call: |given| of_incident(given, "/similar"),
        answer: answers::whole,
        gives: schemas::items,
    },
    Tool {
        name: "list_services",
        title: "Health of the services",
        description: "Every service in the last five minutes: requests, error rate, P99 latency, team, criticality, open incidents. Who calls whom is in the tool service_catalog.",
        writes: false,
        parameters: &[],
        call: |_| Ok(Call::Get("/services".to_owned())),
        answer: answers::whole,
        gives: schemas::items,
    },
    Tool {
        name: "list_runbooks",
        title: "List the runbooks",
        description: "All runbooks: id, title, summary, the signals and symptoms that they are for. search_runbooks finds those that fit a text.",
        writes: false,
        parameters: &[],
        call: |_| Ok(Call::Get("/runbooks".to_owned())),
        answer: answers::runbooks,
        gives: schemas::items,
    },
    Tool {
        name: "get_runbook",
        title: "Read a runbook",
        description: "One runbook with its text and the actions that it proposes; null where there is none of that id.",
        writes: false,
        parameters: &[must("runbook_id", Kind::Id, "As list_runbooks gives it")],
        call: |_| Ok(Call::Get("/runbooks".to_owned())),
        answer: answers::runbook,
        gives: schemas::object,
    },
    Tool {
        name: "query_esql",
        title: "Ask in ES|QL",
        description: "Runs an ES|QL query over telemetry (logs-*, metrics-*, traces-*, deployments-*), runbooks-knowledge, lookup-services and incidents. It only reads. Give values as parameters (?name), and end with a LIMIT.",
        writes: false,
        parameters: &[
            must(
                "query",
                Kind::Text(MAX_QUERY),
                "ES|QL, such as FROM logs-* | WHERE service.name == ?service | LIMIT 20",
            ),
            may(
                "parameters",
                Kind::Object,
                "Values of ?name parameters, by name",
            ),
        ],
        call: |given| Ok(Call::Query(query(given))),
        answer: answers::table,
        gives: schemas::table,
    },
    Tool {
        name: "add_note",
        title: "Add a note",
        description: "Writes a note into an incident's history, in the name of whoever this connection is for. It can't be taken back.",
        writes: true,
        parameters: &[INCIDENT, must("text", Kind::Text(MAX_TEXT), "The note")],
        call: |given| write(given, "notes", json!({ "text": given.text("text") })),
        answer: answers::written,
        gives: schemas::written,
    },
    Tool {
        name: "acknowledge_incident",
        title: "Acknowledge an incident",
        description: "Says that whoever this connection is for has taken the incident on.",
        writes: true,
        parameters: &[
            INCIDENT,
            may("note", Kind::Text(MAX_TEXT), "Why, or what next"),
        ],
        call: |given| write(given, "acknowledge", json!({ "note": given.maybe("note") })),
        answer: answers::written,
        gives: schemas::written,
    },
    Tool {
        name: "request_action",
        title: "Ask for an action",
        description: "Asks that an action be proposed. Nothing is executed: the target is looked at, the request becomes a sealed proposal or is refused with a reason, and people decide on it elsewhere.",
        writes: true,
        parameters: &[
            INCIDENT,
            must("kind", Kind::OneOf(ACTIONS), "What to do"),
            must("target", Kind::Text(MAX_NAME), "A service, by its name"),
            may(
                "parameters",
                Kind::Object,
                "As the kind takes them; without them, what follows from the target's state",
            ),
            must(
                "why",
                Kind::Text(MAX_TEXT),
                "Why, for the people who decide",
            ),
        ],
        call: |given| write(given, "proposals", action(given)),
        answer: answers::written,
        gives: schemas::written,
    },
    Tool {
        name: "declare_incident",
        title: "Declare an incident",
        description: "Opens an incident that no rule has raised; the same again gives the one that is open.",
        writes: true,
        parameters: &[
            must("service", Kind::Text(MAX_NAME), "The service that fails"),
            must("title", Kind::Text(MAX_TEXT), "What fails, in a line"),
            must("severity", Kind::OneOf(SEVERITIES), "How bad it is"),
            must("reason", Kind::Text(MAX_TEXT), "What shows it"),
        ],
        call: |given| Ok(Call::Write("/incidents".to_owned(), declaration(given))),
        answer: answers::written,
        gives: schemas::written,
    },
];

pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

fn of_incident(given: &Arguments, part: &str) -> Result<Call, String> {
    Ok(Call::Get(format!(
        "/incidents/{}{part}",
        given.text("incident_id")
    )))
}

fn write(given: &Arguments, part: &str, body: Value) -> Result<Call, String> {
    let path = format!("/incidents/{}/{part}", given.text("incident_id"));
    Ok(Call::Write(path, body))
}

fn paged(given: &Arguments) -> Result<String, String> {
    let offset = page::offset(given.maybe("cursor"))?;
    let limit = given.count("limit").unwrap_or(PAGE);
    Ok(format!("offset={offset}&limit={limit}"))
}

fn listed(given: &Arguments) -> Result<String, String> {
    let mut query = paged(given)? + "&sort=-updated_at";
    let words = ["status", "severity"].map(|name| (name, given.words(name)));
    let texts = ["service", "text"].map(|name| (name, given.maybe(name).map(str::to_owned)));
    for (name, value) in words.into_iter().chain(texts) {
        if let Some(value) = value {
            query += &format!("&{name}={}", encode(&value));
        }
    }
    Ok(query)
}

/// Elasticsearch takes named parameters as a list of objects with one name each.
fn query(given: &Arguments) -> Value {
    let named = given.object("parameters");
    let named = named.as_object().into_iter().flatten();
    let named: Vec<Value> = named.map(|(name, value)| json!({ name: value })).collect();
    json!({ "query": given.text("query"), "params": named })
}

fn action(given: &Arguments) -> Value {
    json!({
        "kind": given.text("kind"),
        "target": given.text("target"),
        "parameters": given.object("parameters"),
        "why": given.text("why"),
    })
}

fn declaration(given: &Arguments) -> Value {
    json!({
        "service.name": given.text("service"),
        "title": given.text("title"),
        "severity": given.text("severity"),
        "reason": given.text("reason"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ACTIONS, Arguments, SEVERITIES, STATUSES, TOOLS, find};
    use crate::api::Call;
    use serde_json::{Value, json};

    fn call(name: &str, given: Value) -> Call {
        let tool = find(name).expect("it is there");
        let given = given.as_object().cloned().expect("an object");
        let given = Arguments::check(given, tool.parameters).expect("they fit");
        (tool.call)(&given).expect("a call")
    }

    #[test]
    fn words_are_those_of_the_model() {
        assert_eq!(STATUSES, model::Status::ALL.map(model::Status::name));
        assert_eq!(SEVERITIES, model::Severity::ALL.map(model::Severity::name));
        assert_eq!(ACTIONS, model::ActionKind::ALL.map(model::ActionKind::name));
    }

    /// Whatever is added here, it asks none of the routes by which people decide, and writes only
    /// where the table says so.
    #[test]
    fn no_tool_decides_and_only_those_that_say_so_write() {
        let id = "INC-202611-0a1b2c3d4e5f";
        let every = json!({
            "incident_id": id, "evidence_id": "E1", "runbook_id": "r", "query": "ROW a = 1", "text": "t", "kind": "restart",
            "target": "s", "why": "w", "service": "s", "title": "t", "severity": "low", "reason": "r",
        });
        for tool in TOOLS {
            let mut given = every.as_object().cloned().expect("an object");
            given.retain(|name, _| {
                tool.parameters
                    .iter()
                    .any(|one| one.required && one.name == name)
            });
            let call = call(tool.name, Value::Object(given));
            assert_eq!(call.writes(), tool.writes, "{}", tool.name);
            let path = match &call {
                Call::Get(path) | Call::Ask(path, _) | Call::Write(path, _) => path.as_str(),
                Call::Query(_) => "",
            };
            for decides in [
                "decisions",
                "withdraw",
                "review",
                "resume",
                "tokens",
                "login",
                "people",
                "automation",
            ] {
                assert!(!path.contains(decides), "{}: {path}", tool.name);
            }
        }
        let writes: BTreeSet<_> = TOOLS
            .iter()
            .filter(|tool| tool.writes)
            .map(|tool| tool.name)
            .collect();
        let expected = [
            "acknowledge_incident",
            "add_note",
            "declare_incident",
            "request_action",
        ];
        assert_eq!(writes, expected.into());
    }

    #[test]
    fn values_reach_the_api_as_values() {
        assert_eq!(
            call("list_incidents", json!({ "status": ["open", "closed"], "text": "a&limit=9 b", "cursor": "o20" })),
            Call::Get("/incidents?offset=20&limit=20&sort=-updated_at&status=open%2Cclosed&text=a%26limit%3D9+b".to_owned())
        );
        assert_eq!(
            call(
                "query_esql",
                json!({ "query": "ROW a = ?x", "parameters": { "x": "\" | DROP" } })
            ),
            Call::Query(json!({ "query": "ROW a = ?x", "params": [{ "x": "\" | DROP" }] }))
        );
    }

    #[test]
    fn names_are_few_and_each_is_one() {
        let names: BTreeSet<_> = TOOLS.iter().map(|tool| tool.name).collect();
        assert_eq!(names.len(), TOOLS.len());
    }
}
