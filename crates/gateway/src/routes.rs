//! The one table: every route, what it asks of its caller, what it takes and gives.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post, put};
use model::Scope;

use crate::answers::{answers, wrong_method};
use crate::cors::cors;
use crate::elastic::dialect::{dialect, or_page as page_first};
use crate::guard::{guard, hosts};
use crate::identity::login;
use crate::state::Gateway;
use crate::{api, hooks, intake, openapi, page};

/// The API's root.
pub const API: &str = "/api/datapulse/v1";
/// Bytes of a request to the API.
pub const MAX_BODY: usize = 1 << 20;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever is somebody.
    Known,
    Scope(Scope),
    /// A person with the scope: machines never decide.
    Person(Scope),
    /// Whoever signs with the configured secret, or has the scope.
    Signed(Scope),
}

/// One route.
pub struct Route {
    pub method: &'static str,
    /// Methods by which its handler does the same.
    pub also: &'static [&'static str],
    /// As OpenAPI and axum write it.
    pub path: String,
    pub access: Access,
    pub summary: &'static str,
    /// Names of schemas; empty: none.
    pub takes: &'static str,
    pub gives: &'static str,
    pub handler: MethodRouter<Gateway>,
    pub max_body: usize,
    pub dialect: Dialect,
}

/// In whose words a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Ours,
    Elasticsearch,
    /// Where a browser looks for a page of the UI, it gets it.
    ElasticsearchOrPage,
}

/// Where another system posts its alerts.
fn alert_hook(source: &str, summary: &'static str, handler: MethodRouter<Gateway>) -> Route {
    let path = format!("/webhook/integrations/{source}");
    let access = Access::Scope(Scope::IncidentsWrite);
    Route {
        max_body: integrations::alerts::MAX_BODY,
        ..api("POST", &path, access, summary, ("", ""), handler)
    }
}

/// A route of the API.
fn api(
    method: &'static str,
    path: &str,
    access: Access,
    summary: &'static str,
    schemas: (&'static str, &'static str),
    handler: MethodRouter<Gateway>,
) -> Route {
    Route {
        method,
        also: &[],
        path: format!("{API}{path}"),
        access,
        summary,
        takes: schemas.0,
        gives: schemas.1,
        handler,
        max_body: MAX_BODY,
        dialect: Dialect::Ours,
    }
}

/// A route outside the API's root.
fn bare(
    method: &'static str,
    path: &str,
    access: Access,
    summary: &'static str,
    handler: MethodRouter<Gateway>,
    max_body: usize,
) -> Route {
    Route {
        method,
        also: &[],
        path: path.to_owned(),
        access,
        summary,
        takes: "",
        gives: "",
        handler,
        max_body,
        dialect: Dialect::Ours,
    }
}

/// A route of Elasticsearch's, which answers as Elasticsearch does.
fn elastic(
    method: &'static str,
    path: &str,
    access: Access,
    summary: &'static str,
    handler: MethodRouter<Gateway>,
    max_body: usize,
) -> Route {
    Route {
        dialect: Dialect::Elasticsearch,
        ..bare(method, path, access, summary, handler, max_body)
    }
}

/// A route of Elasticsearch's whose path may be the UI's.
fn or_page(route: Route) -> Route {
    Route {
        dialect: Dialect::ElasticsearchOrPage,
        ..route
    }
}

/// The same by another method.
fn also(methods: &'static [&'static str], route: Route) -> Route {
    Route {
        also: methods,
        ..route
    }
}

/// Every route, a line each.
#[rustfmt::skip]
pub fn table() -> Vec<Route> {
    use api::{automation, care, evidence, incidents, lessons, marks, observe, proposals, stream, tokens};
    let read = Access::Scope(Scope::IncidentsRead);
    let write = Access::Scope(Scope::IncidentsWrite);
    let manage = Access::Scope(Scope::ToolsManage);
    let telemetry = Access::Scope(Scope::TelemetryWrite);
    let otlp = intake::otlp::MAX_BODY;
    let mut routes = vec![
        api("GET", "/incidents", read, "List incidents", ("", "IncidentPage"), get(incidents::list)),
        api("POST", "/incidents", write, "Declare an incident", ("Declaration", "Incident"), post(incidents::declare)),
        api("GET", "/incidents/{id}", read, "One incident", ("", "Incident"), get(incidents::show)),
        api("GET", "/incidents/{id}/records", read, "Its records, with digests", ("", "RecordPage"), get(incidents::records)),
        api("GET", "/incidents/{id}/report", read, "Its report", ("", "Report"), get(incidents::report)),
        api("GET", "/incidents/{id}/proposals", read, "Its proposals", ("", "ProposalList"), get(proposals::list)),
        api("POST", "/incidents/{id}/proposals/{pid}/decisions", Access::Person(Scope::ActionsApprove), "Decide on a sealed proposal", ("DecisionRequest", "Incident"), post(proposals::decide)),
        api("POST", "/incidents/{id}/proposals", Access::Person(Scope::IncidentsWrite), "Ask for an action, or for a changed one", ("ActionRequest", "Incident"), post(proposals::request)),
        api("POST", "/incidents/{id}/proposals/{pid}/withdraw", Access::Person(Scope::ActionsApprove), "Take an offer off the table", ("Withdrawal", "Incident"), post(proposals::withdraw)),
        api("POST", "/incidents/{id}/proposals/{pid}/review", Access::Person(Scope::ActionsApprove), "Review somebody else's break-glass", ("ReviewRequest", "Incident"), post(proposals::review)),
        api("GET", "/automation", read, "Whether executions are stopped", ("", "System"), get(automation::show)),
        api("POST", "/automation/stop", write, "Stop every execution until a responder lifts it", ("Reason", "System"), post(automation::stop)),
        api("POST", "/automation/resume", Access::Person(Scope::ActionsApprove), "Lift the stop", ("Reason", "System"), post(automation::resume)),
        api("GET", "/audit/system", read, "What was done outside of incidents, by month", ("", "RecordPage"), get(automation::records)),
        api("GET", "/people", manage, "People who were here, and what they may do", ("", "PeopleList"), get(automation::people)),
        api("POST", "/people/disable", manage, "Let a person do nothing any more", ("PersonChange", "PersonLine"), post(automation::disable)),
        api("POST", "/people/enable", manage, "Let a disabled person back", ("PersonChange", "PersonLine"), post(automation::enable)),
        api("GET", "/policy", read, "The policy in force", ("", "PolicyInForce"), get(proposals::policy)),
        api("POST", "/incidents/{id}/evidence/{eid}/run", read, "Run evidence again", ("", "EvidenceRun"), post(evidence::run)),
        api("POST", "/incidents/{id}/acknowledge", write, "Take it on", ("Acknowledgement", "Incident"), post(marks::acknowledge)),
        api("POST", "/incidents/{id}/notes", write, "Add a note", ("Note", "Incident"), post(marks::note)),
        api("POST", "/incidents/{id}/severity", write, "Change the severity", ("SeverityChange", "Incident"), post(marks::severity)),
        api("POST", "/incidents/{id}/close", write, "Close as false alarm or duplicate", ("Closing", "Incident"), post(marks::close)),
        api("POST", "/incidents/{id}/reopen", write, "Open it again", ("Reopening", "Incident"), post(marks::reopen)),
        api("POST", "/incidents/{id}/feedback", Access::Person(Scope::IncidentsWrite), "Say whether the first answer is right", ("FeedbackRequest", "Incident"), post(marks::feedback)),
        api("GET", "/incidents/{id}/similar", read, "Resolved incidents that look alike", ("", "SimilarList"), get(lessons::similar)),
        api("GET", "/incidents/{id}/postmortem", read, "A draft of a post-mortem, in Markdown", ("", "Postmortem"), get(lessons::postmortem)),
        api("GET", "/feedback", read, "How often answers were right, by confidence", ("", "AnswerScore"), get(lessons::score)),
        api("POST", "/agent/report", Access::Scope(Scope::AgentReport), "Record an outside agent's report", ("AgentReport", "Incident"), post(incidents::agent_report)),
        api("GET", "/tools", read, "The ES|QL tools", ("", "ToolList"), get(observe::tools)),
        api("POST", "/tools/{id}/run", read, "Run a tool about a window", ("ToolRequest", "ToolAnswer"), post(observe::run_tool)),
        api("GET", "/services", read, "Health of every service", ("", "ServiceList"), get(observe::services)),
        api("GET", "/services/{name}/series", read, "Rates and latency of one service by minute", ("", "ServiceSeries"), get(observe::series)),
        api("GET", "/runbooks", read, "The runbooks", ("", "RunbookList"), get(observe::runbooks)),
        api("GET", "/audit", read, "Verify the journal", ("", "AuditResult"), get(observe::audit)),
        api("GET", "/stream", read, "Changes as server-sent events", ("", ""), get(stream::stream)),
        api("GET", "/health", read, "Is Sentinel late, has telemetry stopped", ("", "Health"), get(observe::health)),
        api("GET", "/store/stats", read, "What each index holds", ("", "StatsPage"), get(care::stats)),
        api("POST", "/store/compact", manage, "Put segments together", ("CompactionRequest", "CompactionDone"), post(care::compact)),
        api("GET", "/me", Access::Known, "Who is asking", ("", "Me"), get(observe::me)),
        api("GET", "/tokens", manage, "The tokens, never their secrets", ("", "TokenList"), get(tokens::list)),
        api("POST", "/tokens", manage, "Make a token", ("TokenRequest", "NewToken"), post(tokens::create)),
        api("POST", "/tokens/{id}/revoke", manage, "Revoke a token", ("", ""), post(tokens::revoke)),
        api("POST", "/login-links", Access::Known, "A link that logs a browser in once", ("", "LoginLink"), post(tokens::login_link)),
        Route { max_body: hooks::deployments::MAX_BODY, ..api("POST", "/webhook/integrations/deployments", Access::Signed(Scope::TelemetryWrite), "A deployment: in our own form, GitHub's, GitLab's or Argo CD's", ("", ""), post(hooks::deployments::post)) },
        alert_hook("alertmanager", "Alerts of Alertmanager, as findings", post(hooks::alerts::alertmanager)),
        alert_hook("grafana", "Alerts of Grafana, as findings", post(hooks::alerts::grafana)),
        alert_hook("kibana", "Alerts of Kibana's rules, as findings", post(hooks::alerts::kibana)),
        api("GET", "/oidc/settings", Access::Public, "Whether an identity provider lets people in", ("", "LoginSettings"), get(login::settings)),
        api("GET", "/oidc/login", Access::Public, "To the identity provider", ("", ""), get(login::begin)),
        api("GET", "/oidc/callback", Access::Public, "Back from the identity provider", ("", ""), get(login::callback)),
        api("POST", "/logout", Access::Known, "End the session", ("", ""), post(page::log_out)),
        bare("POST", "/v1/logs", telemetry, "OTLP logs", post(intake::otlp::logs), otlp),
        bare("POST", "/v1/metrics", telemetry, "OTLP metrics", post(intake::otlp::metrics), otlp),
        bare("POST", "/v1/traces", telemetry, "OTLP traces", post(intake::otlp::traces), otlp),
        bare("POST", "/api/v1/write", telemetry, "Prometheus remote write", post(intake::prometheus::write), intake::prometheus::MAX_BODY),
        bare("GET", "/healthz", Access::Public, "The process answers", get(page::healthz), 0),
        bare("GET", "/readyz", Access::Public, "Sentinel looks and telemetry comes", get(page::readyz), 0),
        bare("GET", "/metrics", Access::Public, "Prometheus metrics", get(page::metrics), 0),
        bare("GET", "/openapi.json", Access::Public, "This document", get(openapi::document), 0),
        bare("GET", "/login", Access::Public, "Log in with a one-time link", get(page::log_in), 0),
    ];
    routes.extend(by_people());
    routes.extend(elasticsearch());
    routes
}

/// What people make of an incident itself and of its notices; no machine's token does.
#[rustfmt::skip]
fn by_people() -> Vec<Route> {
    use api::{lineage, marks, silences};
    let read = Access::Scope(Scope::IncidentsRead);
    let person = Access::Person(Scope::IncidentsWrite);
    vec![
        api("GET", "/silences", read, "Silences and maintenance windows", ("", "SilencePage"), get(silences::list)),
        api("POST", "/silences", person, "Hide notices for a while", ("SilenceRequest", "SilenceLine"), post(silences::add)),
        api("GET", "/silences/{id}", read, "One silence", ("", "SilenceLine"), get(silences::show)),
        api("GET", "/silences/{id}/hidden", read, "The notices that it hid", ("", "Hidden"), get(silences::hidden)),
        api("POST", "/silences/{id}/end", person, "End it before its time", ("Reason", "SilenceLine"), post(silences::end)),
        api("POST", "/incidents/{id}/snooze", person, "No reminder and no escalation until a time", ("SnoozeRequest", "Incident"), post(marks::snooze)),
        api("POST", "/incidents/{id}/edit", person, "Change title or impact", ("EditRequest", "Incident"), post(lineage::edit)),
        api("POST", "/incidents/{id}/assign", person, "Give it to somebody or a team", ("Assignment", "Incident"), post(lineage::assign)),
        api("POST", "/incidents/{id}/handover", person, "Hand over what you have, with a note", ("Handover", "Incident"), post(lineage::hand_over)),
        api("POST", "/incidents/{id}/merge", person, "Merge it into another, which is given", ("MergeRequest", "Incident"), post(lineage::merge)),
        api("POST", "/incidents/{id}/split", person, "Split findings off into a new incident", ("SplitRequest", "Incident"), post(lineage::split)),
        api("POST", "/incidents/{id}/void", person, "Void what was declared by mistake", ("VoidRequest", "Incident"), post(lineage::void)),
    ]
}

/// Those of Elasticsearch's interface.
#[rustfmt::skip]
fn elasticsearch() -> Vec<Route> {
    use crate::elastic::{
        about, aliases, cat, documents, enrich, indices, search, templates, update,
    };
    use crate::intake::query::asynchronous;
    let read = Access::Scope(Scope::IncidentsRead);
    let manage = Access::Scope(Scope::ToolsManage);
    let telemetry = Access::Scope(Scope::TelemetryWrite);
    let bulk = intake::bulk::MAX_BODY;
    vec![
        or_page(elastic("GET", "/", Access::Known, "Who answers, as Elasticsearch says it", get(about::root), 0)),
        or_page(elastic("GET", "/{index}", Access::Known, "An index: settings and mapping; HEAD says whether it is there", get(indices::get), 0)),
        elastic("PUT", "/{index}", telemetry, "Make a plain index", put(indices::create), MAX_BODY),
        elastic("DELETE", "/{index}", manage, "Delete an index", delete(indices::delete), 0),
        elastic("GET", "/{index}/_mapping", Access::Known, "Its mapping", get(indices::mapping), 0),
        also(&["POST"], elastic("PUT", "/{index}/_mapping", telemetry, "Add fields to it", put(indices::put_mapping).post(indices::put_mapping), MAX_BODY)),
        elastic("POST", "/_aliases", manage, "Change aliases, all or none", post(aliases::post), MAX_BODY),
        elastic("GET", "/_alias", Access::Known, "All aliases, by index", get(aliases::all), 0),
        elastic("GET", "/_alias/{name}", Access::Known, "An alias, by index", get(aliases::named_so), 0),
        elastic("GET", "/{index}/_alias", Access::Known, "An index's aliases", get(aliases::of_index), 0),
        elastic("GET", "/{index}/_alias/{name}", Access::Known, "One of them", get(aliases::one), 0),
        also(&["POST"], elastic("PUT", "/{index}/_alias/{name}", manage, "Let a name stand for an index", put(aliases::put).post(aliases::put), MAX_BODY)),
        elastic("DELETE", "/{index}/_alias/{name}", manage, "Let it stand for it no more", delete(aliases::delete), 0),
        elastic("GET", "/_cat/aliases", Access::Known, "All aliases, a line each", get(aliases::cat), 0),
        also(&["GET"], elastic("POST", "/{index}/_refresh", Access::Known, "Make documents seen, which they are", post(indices::refresh).get(indices::refresh), MAX_BODY)),
        also(&["POST"], elastic("GET", "/{index}/_count", read, "How many documents a query finds", get(search::count).post(search::count), MAX_BODY)),
        also(&["GET"], elastic("POST", "/_mget", read, "Documents by index and id", get(documents::several).post(documents::several), MAX_BODY)),
        also(&["GET"], elastic("POST", "/{index}/_mget", read, "Documents of an index by their ids", get(documents::several_of).post(documents::several_of), MAX_BODY)),
        also(&["POST"], elastic("GET", "/_count", read, "The same for all indices", get(search::count_all).post(search::count_all), MAX_BODY)),
        also(&["POST"], elastic("GET", "/{index}/_search", read, "Search", get(search::search).post(search::search), MAX_BODY)),
        also(&["POST"], elastic("GET", "/_search", read, "Search all indices", get(search::all).post(search::all), MAX_BODY)),
        elastic("POST", "/{index}/_doc", telemetry, "Add a document", post(documents::add), MAX_BODY),
        also(&["POST"], elastic("PUT", "/{index}/_doc/{id}", telemetry, "Add or replace a document", put(documents::put).post(documents::put), MAX_BODY)),
        also(&["POST"], elastic("PUT", "/{index}/_create/{id}", telemetry, "Add a document that isn't there", put(documents::create).post(documents::create), MAX_BODY)),
        elastic("GET", "/{index}/_doc/{id}", read, "A document by its id", get(documents::get), 0),
        elastic("DELETE", "/{index}/_doc/{id}", telemetry, "Delete a document", delete(documents::delete), 0),
        elastic("POST", "/{index}/_update/{id}", telemetry, "Put fields over a document's", post(update::post), MAX_BODY),
        elastic("GET", "/{index}/_source/{id}", read, "The document alone", get(documents::source), 0),
        elastic("GET", "/_cluster/health", Access::Known, "How the store is", get(about::health), 0),
        elastic("GET", "/_cat/health", Access::Known, "The same in a line", get(about::cat_health), 0),
        elastic("GET", "/_cat/indices", read, "All indices, a line each", get(cat::all), 0),
        elastic("GET", "/_cat/indices/{index}", read, "Some indices, a line each", get(cat::indices), 0),
        elastic("GET", "/_index_template", Access::Known, "All index templates", get(templates::all), 0),
        elastic("GET", "/_index_template/{name}", Access::Known, "An index template", get(templates::get), 0),
        also(&["POST"], elastic("PUT", "/_index_template/{name}", telemetry, "Make or replace an index template", put(templates::put).post(templates::put), MAX_BODY)),
        elastic("DELETE", "/_index_template/{name}", manage, "Delete an index template", delete(templates::delete), 0),
        elastic("GET", "/_enrich/policy", Access::Known, "All enrich policies", get(enrich::all), 0),
        elastic("GET", "/_enrich/policy/{name}", Access::Known, "An enrich policy", get(enrich::get), 0),
        elastic("PUT", "/_enrich/policy/{name}", telemetry, "Make an enrich policy", put(enrich::put), MAX_BODY),
        also(&["POST"], elastic("PUT", "/_enrich/policy/{name}/_execute", telemetry, "Let queries use it", put(enrich::execute).post(enrich::execute), 0)),
        elastic("DELETE", "/_enrich/policy/{name}", manage, "Delete an enrich policy", delete(enrich::delete), 0),
        also(&["PUT"], elastic("POST", "/_bulk", telemetry, "Elasticsearch's bulk intake", post(intake::bulk::all).put(intake::bulk::all), bulk)),
        also(&["PUT"], elastic("POST", "/{index}/_bulk", telemetry, "The same for one index", post(intake::bulk::one).put(intake::bulk::one), bulk)),
        elastic("POST", "/_query", read, "ES|QL", post(intake::query::run), MAX_BODY),
        elastic("POST", "/_query/async", read, "ES|QL that goes on by itself", post(asynchronous::begin), MAX_BODY),
        elastic("GET", "/_query/async/{id}", read, "Its answer, where there is one", get(asynchronous::get), 0),
        elastic("DELETE", "/_query/async/{id}", read, "End it and forget its answer", delete(asynchronous::delete), 0),
        elastic("POST", "/_query/async/{id}/stop", read, "End it", post(asynchronous::stop), 0),
    ]
}

/// The router over the table, with the UI and the API's page for all else. Layers run from the
/// last to the first.
pub fn router(gateway: Gateway) -> Router {
    let mut router = Router::new();
    for route in table() {
        let limit = DefaultBodyLimit::max(route.max_body.max(1));
        let limited: MethodRouter<Gateway> = route.handler.layer(limit);
        let guarded: MethodRouter<Gateway> =
            limited.layer(from_fn_with_state((gateway.clone(), route.access), guard));
        let spoken = match route.dialect {
            Dialect::Ours => guarded,
            Dialect::Elasticsearch => guarded.layer(from_fn(dialect)),
            Dialect::ElasticsearchOrPage => {
                guarded.layer(from_fn(dialect)).layer(from_fn(page_first))
            }
        };
        router = router.route(&route.path, spoken);
    }
    router
        .merge(intake::otlp::grpc::router(&gateway))
        .route("/docs", get(page::docs))
        .route("/docs/", get(page::docs))
        .route("/docs/{*file}", get(page::docs_file))
        .fallback(page::ui)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(gateway.clone(), hosts))
        .layer(from_fn_with_state(gateway.clone(), cors))
        .layer(from_fn(answers))
        .with_state(gateway)
}

/// OTLP over gRPC alone, for a socket of its own.
pub fn grpc_router(gateway: Gateway) -> Router {
    intake::otlp::grpc::router(&gateway)
        .layer(from_fn_with_state(gateway.clone(), hosts))
        .layer(from_fn(answers))
        .with_state(gateway)
}

/// Methods that a route's entry stands for.
pub fn method(route: &Route) -> Method {
    route.method.parse().unwrap_or(Method::GET)
}
