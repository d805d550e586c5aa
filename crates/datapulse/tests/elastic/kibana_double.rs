//! A double of Kibana's Agent Builder API, **not Kibana**: none can be had for tests. It takes what
//! the published API takes and refuses all else: bodies by the API's schemas, restated here as
//! types that allow no other field, and the rules that Kibana checks after them (ids, parameters
//! used and declared, defaults of the right type). It runs no tool and no agent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get};
use serde::Deserialize;
use serde_json::{Value, json};

/// What it answers as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Willing,
    /// The cluster's licence is a basic one.
    Unlicensed,
    /// The login may not.
    Forbidden,
    /// Agent Builder is off.
    Off,
}

pub struct Kibana {
    pub url: String,
    known: Arc<Mutex<Known>>,
}

struct Known {
    version: &'static str,
    mood: Mood,
    tools: BTreeMap<String, Value>,
    agents: BTreeMap<String, Value>,
    changes: usize,
}

/// The space that is there beside the default one.
pub const SPACE: &str = "ops";

impl Kibana {
    pub async fn start(version: &'static str, mood: Mood) -> Self {
        let known = Arc::new(Mutex::new(Known {
            version,
            mood,
            tools: BTreeMap::new(),
            agents: BTreeMap::new(),
            changes: 0,
        }));
        let routes = Router::new()
            .route("/api/status", get(status))
            .route("/api/agent_builder/{*rest}", any(in_default))
            .route("/s/{space}/api/agent_builder/{*rest}", any(in_space))
            .with_state(known.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, known }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().expect("nobody panicked"))
    }

    pub fn tool(&self, id: &str) -> Value {
        self.with(|known| known.tools.get(id).cloned().unwrap_or_default())
    }

    pub fn tools(&self) -> Vec<String> {
        self.with(|known| known.tools.keys().cloned().collect())
    }

    pub fn agent(&self, id: &str) -> Value {
        self.with(|known| known.agents.get(id).cloned().unwrap_or_default())
    }

    /// Somebody else's hand.
    pub fn set_tool(&self, tool: Value) {
        let id = tool["id"].as_str().expect("an id").to_owned();
        self.with(|known| known.tools.insert(id, tool));
    }

    pub fn set_agent(&self, agent: Value) {
        let id = agent["id"].as_str().expect("an id").to_owned();
        self.with(|known| known.agents.insert(id, agent));
    }

    pub fn set_version(&self, version: &'static str) {
        self.with(|known| known.version = version);
    }

    /// Requests that changed something, so far.
    pub fn changes(&self) -> usize {
        self.with(|known| known.changes)
    }
}

type Shared = State<Arc<Mutex<Known>>>;

async fn status(State(known): Shared) -> Json<Value> {
    let version = known.lock().expect("nobody panicked").version;
    Json(json!({
        "name": "double",
        "version": { "number": version, "build_flavor": "traditional" },
        "status": { "overall": { "level": "available" } },
    }))
}

async fn in_default(
    known: Shared,
    Path(rest): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&known, &rest, &method, &headers, &body)
}

async fn in_space(
    known: Shared,
    Path((space, rest)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if space != SPACE {
        return no(404, "Not Found");
    }
    answer(&known, &rest, &method, &headers, &body)
}

fn no(status: u16, message: impl Into<String>) -> Response {
    let code = StatusCode::from_u16(status).expect("a status");
    let message = message.into();
    let error = code.canonical_reason();
    let body = json!({ "statusCode": status, "error": error, "message": message });
    (code, Json(body)).into_response()
}

fn answer(
    known: &Mutex<Known>,
    rest: &str,
    method: &Method,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let mut known = known.lock().expect("nobody panicked");
    if let Err((status, message)) = entered(&known, method, headers) {
        return no(status, message);
    }
    let path: Vec<&str> = rest.split('/').collect();
    let done = match (method.as_str(), path.as_slice()) {
        ("GET", ["tools"]) => {
            let tools: Vec<&Value> = known.tools.values().collect();
            Ok(json!({ "results": tools }))
        }
        ("GET", ["agents", id]) => known
            .agents
            .get(*id)
            .cloned()
            .ok_or_else(|| (404, format!("Agent {id} not found"))),
        ("POST", ["tools"]) => create_tool(&mut known, body),
        ("PUT", ["tools", id]) => update_tool(&mut known, id, body),
        ("DELETE", ["tools", id]) => delete_tool(&mut known, id),
        ("POST", ["agents"]) => create_agent(&mut known, body),
        ("PUT", ["agents", id]) => update_agent(&mut known, id, body),
        _ => Err((404, "Not Found".to_owned())),
    };
    match done {
        Ok(body) => {
            known.changes += usize::from(method != Method::GET);
            Json(body).into_response()
        }
        Err((status, message)) => no(status, message),
    }
}

/// Login, cross-site header, API version, licence and switches, in Kibana's order.
fn entered(known: &Known, method: &Method, headers: &HeaderMap) -> Result<(), (u16, &'static str)> {
    let has = |name: &str| headers.contains_key(name);
    if method != Method::GET && !has("kbn-xsrf") {
        return Err((400, "Request must contain a kbn-xsrf header."));
    }
    if !has(header::AUTHORIZATION.as_str()) {
        return Err((401, "Unauthorized"));
    }
    let api = headers.get("elastic-api-version");
    if api.is_some_and(|api| api != "2023-10-31") {
        return Err((
            400,
            "No version found. Available versions are: [2023-10-31]",
        ));
    }
    if has(header::CONTENT_ENCODING.as_str()) {
        return Err((415, "Unsupported Media Type"));
    }
    match known.mood {
        Mood::Willing => Ok(()),
        Mood::Unlicensed => Err((
            403,
            "Invalid license level. Agent Builder APIs require an Enterprise license or higher.",
        )),
        Mood::Forbidden => Err((
            403,
            "API [GET /api/agent_builder/tools] is unauthorized for user, this action is granted by the Kibana privileges [read_onechat]",
        )),
        Mood::Off => Err((404, "Not Found")),
    }
}

type Done = Result<Value, (u16, String)>;

fn bad(message: impl Into<String>) -> (u16, String) {
    (400, message.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTool {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
    configuration: Configuration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangedTool {
    description: Option<String>,
    tags: Option<Vec<String>>,
    configuration: Option<Configuration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    query: String,
    params: BTreeMap<String, Param>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that a description is there is what is checked")]
struct Param {
    #[serde(rename = "type")]
    kind: String,
    description: String,
    optional: Option<bool>,
    #[serde(rename = "defaultValue")]
    default: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that they are there is what is checked")]
struct NewAgent {
    id: String,
    name: String,
    description: String,
    avatar_color: Option<String>,
    avatar_symbol: Option<String>,
    labels: Option<Vec<String>>,
    configuration: AgentConfiguration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that no other field is there is what is checked")]
struct ChangedAgent {
    name: Option<String>,
    description: Option<String>,
    avatar_color: Option<String>,
    avatar_symbol: Option<String>,
    labels: Option<Vec<String>>,
    configuration: Option<AgentConfiguration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that no other field is there is what is checked")]
struct AgentConfiguration {
    instructions: Option<String>,
    tools: Vec<Selection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    tool_ids: Vec<String>,
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(|error| bad(format!("[request body]: {error}")))
}

fn create_tool(known: &mut Known, body: &[u8]) -> Done {
    let tool: NewTool = read(body)?;
    check_id(&tool.id)?;
    if tool.kind != "esql" {
        return Err(bad(format!(
            "this double makes esql tools, not {}",
            tool.kind
        )));
    }
    if known.tools.contains_key(&tool.id) {
        return Err(bad(format!("Tool with id {} already exists", tool.id)));
    }
    check(&tool.configuration, known.version)?;
    let sent: Value = read(body)?;
    let kept = json!({
        "id": tool.id, "type": tool.kind, "description": tool.description, "tags": tool.tags,
        "configuration": sent["configuration"], "readonly": false,
        "schema": { "type": "object" },
    });
    known.tools.insert(tool.id, kept.clone());
    Ok(kept)
}

fn update_tool(known: &mut Known, id: &str, body: &[u8]) -> Done {
    let changed: ChangedTool = read(body)?;
    if let Some(configuration) = &changed.configuration {
        check(configuration, known.version)?;
    }
    let sent: Value = read(body)?;
    let Some(kept) = known.tools.get_mut(id) else {
        return Err((404, format!("Tool with id {id} not found")));
    };
    if let Some(description) = changed.description {
        kept["description"] = json!(description);
    }
    if let Some(tags) = changed.tags {
        kept["tags"] = json!(tags);
    }
    if changed.configuration.is_some() {
        kept["configuration"] = sent["configuration"].clone();
    }
    Ok(kept.clone())
}

fn delete_tool(known: &mut Known, id: &str) -> Done {
    let names = |agent: &&Value| {
        let selections = agent["configuration"]["tools"].as_array();
        let mut ids = selections.into_iter().flatten();
        ids.any(|one| {
            one["tool_ids"]
                .as_array()
                .is_some_and(|ids| ids.contains(&json!(id)))
        })
    };
    if known.agents.values().any(|agent| names(&agent)) {
        return Err((
            409,
            "Tool is used by one or more agents. Use force=true to remove it from agents and delete.".to_owned(),
        ));
    }
    let there = known.tools.remove(id).is_some();
    there
        .then(|| json!({ "success": true }))
        .ok_or_else(|| (404, format!("Tool with id {id} not found")))
}

fn create_agent(known: &mut Known, body: &[u8]) -> Done {
    let agent: NewAgent = read(body)?;
    check_id(&agent.id)?;
    if known.agents.contains_key(&agent.id) {
        return Err(bad(format!("Agent with id {} already exists", agent.id)));
    }
    check_selection(known, &agent.configuration)?;
    let kept: Value = read(body)?;
    known.agents.insert(agent.id, kept.clone());
    Ok(kept)
}

fn update_agent(known: &mut Known, id: &str, body: &[u8]) -> Done {
    let changed: ChangedAgent = read(body)?;
    if let Some(configuration) = &changed.configuration {
        check_selection(known, configuration)?;
    }
    let sent: Value = read(body)?;
    let Some(kept) = known.agents.get_mut(id) else {
        return Err((404, format!("Agent {id} not found")));
    };
    for (key, value) in sent.as_object().into_iter().flatten() {
        kept[key] = value.clone();
    }
    Ok(kept.clone())
}

fn check_selection(known: &Known, configuration: &AgentConfiguration) -> Result<(), (u16, String)> {
    let ids = configuration.tools.iter().flat_map(|one| &one.tool_ids);
    let unknown: Vec<&String> = ids.filter(|id| !known.tools.contains_key(*id)).collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(bad(format!(
            "Agent tool selection validation failed: {unknown:?}"
        ))),
    }
}

fn check_id(id: &str) -> Result<(), (u16, String)> {
    let part = |part: &str| {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        part.starts_with(plain)
            && part.ends_with(plain)
            && part
                .chars()
                .all(|letter| plain(letter) || matches!(letter, '_' | '-'))
    };
    let reserved = ["new", "platform", "observability", "security", "search"];
    if id.len() <= 64 && id.split('.').all(part) && !reserved.contains(&id) {
        return Ok(());
    }
    Err(bad(format!("Invalid id: {id}")))
}

/// The parameters of one version, and both ways between text and declarations.
fn check(configuration: &Configuration, version: &str) -> Result<(), (u16, String)> {
    let old = version.starts_with("9.2.");
    let kinds = match old {
        true => &[
            "text", "keyword", "long", "integer", "double", "float", "boolean", "date", "object",
            "nested",
        ][..],
        false => &["string", "integer", "float", "boolean", "date"],
    };
    for (name, param) in &configuration.params {
        if !kinds.contains(&param.kind.as_str()) {
            return Err(bad(format!(
                "params.{name}.type: {} isn't one of {kinds:?}",
                param.kind
            )));
        }
        let Some(default) = &param.default else {
            continue;
        };
        if old || param.optional != Some(true) {
            return Err(bad(format!(
                "params.{name}.defaultValue: a value wasn't expected"
            )));
        }
        let fits = match param.kind.as_str() {
            "integer" => default.is_i64(),
            "float" => default.is_number(),
            "boolean" => default.is_boolean(),
            _ => default.is_string(),
        };
        if !fits {
            return Err(bad(format!(
                "Parameter '{name}': defaultValue has another type"
            )));
        }
    }
    let used = used(&configuration.query, old);
    let declared: BTreeSet<String> = configuration.params.keys().cloned().collect();
    if let Some(name) = used.difference(&declared).next() {
        return Err(bad(format!("Query uses undefined parameters: {name}")));
    }
    if let Some(name) = declared.difference(&used).next() {
        return Err(bad(format!("Defined parameters not used in query: {name}")));
    }
    Ok(())
}

/// Names after question marks; of two marks, 9.2 takes one for the name's first letter.
fn used(query: &str, old: bool) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut rest = query;
    while let Some(start) = rest.find('?') {
        rest = &rest[start + 1..];
        let double = rest.starts_with('?');
        rest = rest.trim_start_matches('?');
        let end = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        let name = &rest[..end.unwrap_or(rest.len())];
        used.insert(match double && old {
            true => format!("?{name}"),
            false => name.to_owned(),
        });
    }
    used
}
