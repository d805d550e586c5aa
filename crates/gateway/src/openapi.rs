//! The OpenAPI document, made from the table of routes and the model's schemas.

use axum::Json;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, OpenApi};

use crate::api::{
    automation, care, evidence, incidents, lessons, lineage, marks, observe, proposals, silences,
    tokens,
};
use crate::problem::{CORRELATION, Problem};
use crate::routes::{Access, Dialect, Route, table};

mod forms;

use self::forms::Form;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "DataPulse",
        description = "Incident response over Elasticsearch observability data."
    ),
    components(schemas(
        model::Incident,
        model::Summary,
        model::Record,
        model::Report,
        model::Proposal,
        model::Evidence,
        model::Runbook,
        model::incident::ProposalState,
        Problem,
        incidents::IncidentPage,
        incidents::RecordPage,
        incidents::RecordLine,
        incidents::Declaration,
        incidents::AgentReport,
        proposals::ProposalList,
        proposals::DecisionRequest,
        proposals::ProposalView,
        proposals::ActionRequest,
        proposals::Withdrawal,
        proposals::ReviewRequest,
        proposals::PolicyInForce,
        model::approval::Standing,
        model::System,
        automation::Reason,
        automation::PeopleList,
        automation::PersonLine,
        automation::PersonChange,
        crate::identity::login::LoginSettings,
        crate::hooks::alerts::AlertsTaken,
        evidence::EvidenceRun,
        marks::Acknowledgement,
        marks::Note,
        marks::SeverityChange,
        marks::Closing,
        marks::Reopening,
        marks::FeedbackRequest,
        marks::SnoozeRequest,
        silences::SilencePage,
        silences::SilenceLine,
        silences::SilenceRequest,
        casework::silences::Hidden,
        casework::silences::HiddenNotice,
        lineage::EditRequest,
        lineage::Assignment,
        lineage::Handover,
        lineage::MergeRequest,
        lineage::SplitRequest,
        lineage::VoidRequest,
        lessons::SimilarList,
        lessons::Postmortem,
        casework::feedback::AnswerScore,
        observe::ToolList,
        observe::ToolRequest,
        observe::ToolAnswer,
        observe::ServiceList,
        observe::ServiceHealth,
        observe::ServiceSeries,
        observe::SeriesPoint,
        observe::ChangeMarker,
        observe::RunbookList,
        observe::AuditResult,
        observe::AuditIncident,
        observe::Health,
        observe::Me,
        care::StatsPage,
        care::IndexLine,
        care::CompactionRequest,
        care::CompactionDone,
        tokens::TokenLine,
        tokens::TokenList,
        tokens::TokenRequest,
        tokens::NewToken,
        tokens::LoginLink,
    ))
)]
struct Schemas;

#[derive(OpenApi)]
#[openapi(components(schemas(model::Policy)))]
struct PolicySchema;

/// JSON Schema (2020-12) of a policy file.
pub fn policy_schema() -> Value {
    let document = serde_json::to_string(&PolicySchema::openapi().components).unwrap_or_default();
    let document = document.replace("#/components/schemas/", "#/$defs/");
    let document: Value = serde_json::from_str(&document).unwrap_or_default();
    let mut definitions = document["schemas"].clone();
    let mut schema = definitions["Policy"].take();
    if let Some(definitions) = definitions.as_object_mut() {
        definitions.remove("Policy");
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "DataPulse policy".into();
    schema["$defs"] = definitions;
    schema
}

/// The whole document.
pub fn openapi() -> Value {
    let mut document = serde_json::to_value(Schemas::openapi()).unwrap_or(Value::Null);
    let mut paths = Map::new();
    for route in table() {
        let entry = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        for method in std::iter::once(&route.method).chain(route.also) {
            entry[method.to_lowercase()] = operation(&route, method);
        }
    }
    document["paths"] = Value::Object(paths);
    for (name, schema) in forms::schemas() {
        document["components"]["schemas"][name] = schema;
    }
    document["components"]["schemas"]["ElasticsearchError"] = elasticsearch_error();
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer" },
        "session": { "type": "apiKey", "in": "cookie", "name": crate::auth::COOKIE },
    });
    document
}

fn operation(route: &Route, method: &str) -> Value {
    let form = form(route);
    let refuses = form.refuses.unwrap_or_else(|| refusal(route.dialect));
    let mut responses = Map::from_iter([("default".to_owned(), refuses)]);
    let given = form.gives.into_iter();
    responses.extend(given.map(|(status, answer)| (status.to_owned(), answer)));
    for answer in responses.values_mut() {
        answer["headers"][CORRELATION.as_str()] = correlation();
    }
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route, method),
        "responses": responses,
    });
    // What a GET's body means isn't defined, though it is read.
    if let Some(body) = form.takes.filter(|_| method != "GET") {
        operation["requestBody"] = body;
    }
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(asked(route).iter().map(|parameter| said(json!(parameter))));
    parameters.extend(form.parameters);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    match route.access {
        Access::Public => operation["security"] = json!([]),
        Access::Known => operation["security"] = json!([{ "token": [] }, { "session": [] }]),
        Access::Scope(scope) | Access::Person(scope) | Access::Signed(scope) => {
            operation["security"] =
                json!([{ "token": [scope.name()] }, { "session": [scope.name()] }]);
        }
    }
    operation
}

/// Every answer names its request.
fn correlation() -> Value {
    json!({ "required": true, "schema": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" } })
}

/// What stands behind a question mark is left out rather than null, and numbers have an end.
fn said(mut parameter: Value) -> Value {
    if let Some(kinds) = parameter.pointer_mut("/schema/type")
        && let Some(kind) = kinds
            .as_array()
            .and_then(|kinds| kinds.iter().find(|kind| *kind != "null").cloned())
    {
        *kinds = kind;
    }
    if let Some(either) = parameter.pointer("/schema/oneOf").and_then(Value::as_array)
        && let Some(schema) = either
            .iter()
            .find(|schema| schema["type"] != "null")
            .cloned()
    {
        parameter["schema"] = schema;
    }
    if parameter["schema"]["type"] == "integer" {
        parameter["schema"] = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    }
    parameter
}

/// What an operation takes and gives: as the table names it, else as others have it.
fn form(route: &Route) -> Form {
    if route.takes.is_empty()
        && route.gives.is_empty()
        && let Some(form) = forms::of(route.method, &route.path)
    {
        return form;
    }
    let mut success = json!({ "description": "Done" });
    if !route.gives.is_empty() {
        success["content"] = json!({ "application/json": { "schema": reference(route.gives) } });
    }
    if route.path.ends_with("/stream") {
        success["content"] = json!({ "text/event-stream": { "schema": reference("StreamEvent") } });
    }
    let taken = json!({ "application/json": { "schema": reference(route.takes) } });
    Form {
        takes: (!route.takes.is_empty()).then(|| json!({ "required": true, "content": taken })),
        gives: statuses(route)
            .iter()
            .map(|status| (*status, success.clone()))
            .collect(),
        ..Form::default()
    }
}

/// How a route says no.
fn refusal(dialect: Dialect) -> Value {
    match dialect {
        Dialect::Ours => json!({
            "description": "A problem document",
            "content": { "application/problem+json": { "schema": reference("Problem") } },
        }),
        Dialect::Elasticsearch | Dialect::ElasticsearchOrPage => json!({
            "description": "An error in Elasticsearch's form",
            "content": { "application/json": { "schema": reference("ElasticsearchError") } },
        }),
    }
}

fn elasticsearch_error() -> Value {
    let text = json!({ "type": "string" });
    let cause = json!({ "type": "object", "required": ["type", "reason"], "properties": { "type": text, "reason": text } });
    let mut error = cause.clone();
    error["properties"]["root_cause"] = json!({ "type": "array", "items": cause });
    let status = json!({ "type": "integer", "format": "int32" });
    json!({
        "type": "object", "required": ["error", "status"],
        "properties": { "error": error, "status": status },
    })
}

/// What may stand behind the question mark.
fn asked(route: &Route) -> Vec<Parameter> {
    let query = || Some(ParameterIn::Query);
    match (route.method, route.gives) {
        ("GET", "IncidentPage") => incidents::ListQuery::into_params(query),
        ("GET", "RecordPage") if route.path.ends_with("/audit/system") => {
            automation::SystemQuery::into_params(query)
        }
        ("GET", "RecordPage") => incidents::PageQuery::into_params(query),
        ("GET", "SilencePage") => silences::SilenceQuery::into_params(query),
        ("GET", "StatsPage") => care::StatsQuery::into_params(query),
        ("GET", "ServiceSeries") => observe::SeriesQuery::into_params(query),
        _ => Vec::new(),
    }
}

/// A declaration of what is known already makes nothing new.
fn statuses(route: &Route) -> &'static [&'static str] {
    match (route.method, route.takes) {
        ("POST", "Declaration") => &["200", "201"],
        ("POST", "DecisionRequest" | "TokenRequest" | "SplitRequest" | "SilenceRequest") => {
            &["201"]
        }
        ("POST", "ActionRequest") => &["202"],
        ("POST", "") if route.path.ends_with("/revoke") || route.path.ends_with("/logout") => {
            &["204"]
        }
        _ => &["200"],
    }
}

fn operation_id(route: &Route, method: &str) -> String {
    let path = route.path.replace(crate::routes::API, "");
    let words: String = path
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("{}{}", method.to_lowercase(), words.trim_end_matches('_'))
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

pub async fn document() -> Json<Value> {
    Json(openapi())
}
