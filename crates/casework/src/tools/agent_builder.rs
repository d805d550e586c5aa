//! The tools as Elastic Agent Builder takes them: pure, but for the cluster's fields.
//!
//! Kibana refuses a parameter that the text doesn't use, and one that isn't declared; its types
//! differ between 9.2 and newer ones ([`Dialect`]).

use serde_json::{Map, Value, json};
use store::Feature;

use super::{Parameter, ParameterType, SIGNALS, Tool};
use crate::case::Casework;
use crate::error::Error;

/// What ids of our tools begin with in Kibana.
pub const PREFIX: &str = "datapulse.";
/// The tag of our tools and the label of our agent.
pub const TAG: &str = "datapulse";
/// Our agent's id.
pub const AGENT: &str = "datapulse";

/// Rows that a tool without a limit of its own brings to a model: more would fill what it can hold.
pub const MAX_ROWS: usize = 200;

/// How the agent is to work.
const INSTRUCTIONS: &str = include_str!("../../../../tools/agent.md");

/// Names of parameters' types in a version of Kibana.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// 9.2: types of mappings, no defaults, and `??name` isn't taken for a parameter.
    Mappings,
    /// 9.3 and newer.
    Plain,
}

impl Dialect {
    /// By Kibana's major and minor version.
    pub fn of(release: (u32, u32)) -> Self {
        match release < (9, 3) {
            true => Self::Mappings,
            false => Self::Plain,
        }
    }

    fn name(self, kind: ParameterType) -> Result<&'static str, String> {
        let names = match kind {
            ParameterType::Date => ["date", "date"],
            ParameterType::Keyword | ParameterType::Duration => ["keyword", "string"],
            ParameterType::Integer => ["integer", "integer"],
            ParameterType::Double => ["double", "float"],
            ParameterType::Boolean => ["boolean", "boolean"],
            ParameterType::Identifier if self == Self::Plain => return Ok("string"),
            ParameterType::Identifier => {
                return Err("a field's name as a parameter needs Kibana 9.3".to_owned());
            }
            ParameterType::Identifiers | ParameterType::Keywords | ParameterType::Vector => {
                return Err("Agent Builder has no parameters that are lists".to_owned());
            }
        };
        Ok(names[usize::from(self == Self::Plain)])
    }
}

/// What is to be in Agent Builder.
#[derive(Debug, Clone, PartialEq)]
pub struct Definitions {
    /// Bodies, by id.
    pub tools: Vec<Value>,
    pub agent: Value,
    /// Tools that can't be there, and why.
    pub skipped: Vec<(String, String)>,
}

impl Casework {
    /// All tools whose text this cluster's fields make and whose parameters Kibana knows, and the
    /// agent that asks them.
    pub async fn for_agent_builder(&self, dialect: Dialect) -> Result<Definitions, Error> {
        let (mut tools, mut skipped) = (Vec::new(), Vec::new());
        let all: Vec<Tool> = self.toolbox().all().map(for_a_model).collect();
        for tool in all {
            let profile = self.profile_for(&tool).await?;
            if tool.query.starts_with(SIGNALS) && profile.is_none() {
                let why = "no signal profile fits the telemetry that there is";
                skipped.push((tool.id, why.to_owned()));
                continue;
            }
            let resolved = match self.resolved(&tool, profile.as_ref()).await {
                Ok(resolved) => resolved,
                Err(Error::Parameter(why)) => {
                    skipped.push((tool.id, why));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(index) = from(&resolved.query)
                && self.telemetry().fields(index).await?.is_empty()
            {
                skipped.push((tool.id, format!("there is nothing in {index} yet")));
                continue;
            }
            match definition(&tool, &resolved.query, &resolved.notes, dialect) {
                Ok(body) => tools.push(body),
                Err(why) => skipped.push((tool.id, why)),
            }
        }
        let agent = agent(&tools);
        Ok(Definitions {
            tools,
            agent,
            skipped,
        })
    }
}

/// The tool with the text that a model can ask: none gives a vector.
fn for_a_model(tool: &Tool) -> Tool {
    let mut tool = tool.clone();
    if let Ok(text) = tool.text(&|feature| feature != Feature::Knn) {
        let (query, variant) = (text.query.to_owned(), text.variant.is_some());
        tool.query = query;
        if variant {
            tool.needs = Vec::new();
        }
    }
    tool
}

/// The body of one tool, or why there can't be one.
fn definition(
    tool: &Tool,
    query: &str,
    notes: &[String],
    dialect: Dialect,
) -> Result<Value, String> {
    let mut query = query.trim().to_owned();
    let used = tool.parameters.iter();
    let used = used.filter(|parameter| uses(&query, &parameter.name));
    let mut params = Map::new();
    for parameter in used {
        params.insert(parameter.name.clone(), param(parameter, dialect)?);
    }
    if !query.contains("| LIMIT ") {
        query.push_str(&format!("\n| LIMIT {MAX_ROWS}"));
    }
    let mut description = tool.description.clone();
    for note in notes {
        description.push_str(&format!(" Note: {note}."));
    }
    Ok(json!({
        "id": format!("{PREFIX}{}", tool.id),
        "type": "esql",
        "description": description,
        "tags": [TAG],
        "configuration": { "query": query, "params": params },
    }))
}

/// The pattern that a text reads.
fn from(query: &str) -> Option<&str> {
    let rest = query.strip_prefix("FROM ")?;
    rest.split_whitespace().next()
}

/// Whether `?name` or `??name` stands in the text as a whole word.
fn uses(query: &str, name: &str) -> bool {
    let wanted = format!("?{name}");
    let goes_on = |letter: char| letter.is_alphanumeric() || letter == '_';
    query
        .match_indices(&wanted)
        .any(|(start, _)| !query[start + wanted.len()..].starts_with(goes_on))
}

fn param(parameter: &Parameter, dialect: Dialect) -> Result<Value, String> {
    let kind = dialect
        .name(parameter.kind)
        .map_err(|why| format!("parameter {}: {why}", parameter.name))?;
    let mut description = parameter.description.clone();
    match parameter.kind {
        ParameterType::Date => {
            description.push_str(", as ISO 8601 in UTC: 2026-11-24T13:00:00Z");
        }
        ParameterType::Duration => description.push_str(", as a number and a unit: 5 minutes"),
        _ => {}
    }
    let mut param = json!({ "type": kind, "description": description });
    match (&parameter.default, dialect) {
        (None, _) => {}
        (Some(default), Dialect::Plain) => {
            param["optional"] = Value::Bool(true);
            param["defaultValue"] = default.clone();
        }
        (Some(default), Dialect::Mappings) => {
            let default = default
                .as_str()
                .map_or_else(|| default.to_string(), str::to_owned);
            param["description"] = Value::from(format!("{description}; usually {default}"));
        }
    }
    Ok(param)
}

/// The body of the agent that asks these tools.
fn agent(tools: &[Value]) -> Value {
    let ids: Vec<&Value> = tools.iter().map(|tool| &tool["id"]).collect();
    json!({
        "id": AGENT,
        "name": "DataPulse",
        "description": "Says what fails, since when and why, from telemetry in this cluster, with the queries that show it.",
        "labels": [TAG],
        "avatar_color": "#0B64DD",
        "avatar_symbol": "DP",
        "configuration": { "instructions": INSTRUCTIONS.trim(), "tools": [{ "tool_ids": ids }] },
    })
}

/// What is to be done about one tool or the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub kind: Kind,
    pub id: String,
    pub act: Act,
    /// As it is there, in the fields that are ours; null where it isn't.
    pub before: Value,
    /// As it is to be; null: gone.
    pub after: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Tool,
    Agent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Unchanged,
    Create,
    Update,
    /// A tool of ours that is no more.
    Delete,
}

/// What differs between what is there and what is to be, in the order in which it can be done: a
/// tool before the agent that names it, and gone only after the agent names it no longer.
///
/// # Errors
/// The tool or agent of our id that somebody else made: nothing is overwritten that isn't ours.
pub fn plan(
    wanted: &Definitions,
    tools: &[Value],
    agent: Option<&Value>,
    prune: bool,
) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let of = |id: &Value| tools.iter().find(|tool| &tool["id"] == id);
    for body in &wanted.tools {
        steps.push(step(Kind::Tool, body, of(&body["id"]), "tags")?);
    }
    steps.push(step(Kind::Agent, &wanted.agent, agent, "labels")?);
    let is_wanted = |tool: &&Value| wanted.tools.iter().any(|body| body["id"] == tool["id"]);
    let stale = tools
        .iter()
        .filter(|tool| is_ours(tool) && !is_wanted(tool));
    for tool in stale.filter(|_| prune) {
        steps.push(Step {
            kind: Kind::Tool,
            id: text(&tool["id"]),
            act: Act::Delete,
            before: tool.clone(),
            after: Value::Null,
        });
    }
    Ok(steps)
}

/// Tools of ours that are there and no longer wanted.
pub fn stale(wanted: &Definitions, tools: &[Value]) -> usize {
    let is_wanted = |tool: &&Value| wanted.tools.iter().any(|body| body["id"] == tool["id"]);
    tools
        .iter()
        .filter(|tool| is_ours(tool) && !is_wanted(tool))
        .count()
}

fn step(kind: Kind, body: &Value, known: Option<&Value>, mark: &str) -> Result<Step, String> {
    let id = text(&body["id"]);
    let Some(known) = known else {
        return Ok(Step {
            kind,
            id,
            act: Act::Create,
            before: Value::Null,
            after: body.clone(),
        });
    };
    let marked = known[mark].as_array();
    let foreign_type = kind == Kind::Tool && known["type"] != "esql";
    if foreign_type || marked.is_none_or(|marks| !marks.contains(&Value::from(TAG))) {
        return Err(format!(
            "{id} is there, but without \"{TAG}\" among its {mark} it isn't ours: rename or delete it in Kibana, or give it that, and we replace it"
        ));
    }
    let before = like(body, known);
    Ok(Step {
        kind,
        id,
        act: match before == *body {
            true => Act::Unchanged,
            false => Act::Update,
        },
        before,
        after: body.clone(),
    })
}

/// By its id and by its tag: others may use one of them.
fn is_ours(tool: &Value) -> bool {
    let tagged = tool["tags"].as_array();
    text(&tool["id"]).starts_with(PREFIX)
        && tagged.is_some_and(|tags| tags.contains(&Value::from(TAG)))
}

/// The part of what is there that we say something about: Kibana adds fields of its own. All
/// parameters count, also those that we don't know.
fn like(ours: &Value, theirs: &Value) -> Value {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let part = |(key, value): (&String, &Value)| {
                let their = theirs.get(key)?;
                let whole = key == "params";
                Some((
                    key.clone(),
                    if whole {
                        their.clone()
                    } else {
                        like(value, their)
                    },
                ))
            };
            Value::Object(ours.iter().filter_map(part).collect())
        }
        _ => theirs.clone(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What may be sent when it is there already: all but what names it.
pub fn update(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.shift_remove("id");
        fields.shift_remove("type");
    }
    body
}

#[cfg(test)]
mod tests;
