//! Tools: ES|QL texts with typed parameters, one file each in `tools/`.
//!
//! Agents run these files, the docs print them. A value never enters a query as text: it is a
//! parameter.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Feature;

pub mod agent_builder;
mod ask;
mod bind;
mod optional;
mod profile;

pub use ask::{Asked, AskedAgain, MAX_ROWS, MAX_TIME_MS};
pub use profile::Profile;

#[derive(RustEmbed)]
#[folder = "../../tools/"]
struct Files;

/// Where a tool's query begins with the signal profile's lines.
pub const SIGNALS: &str = "{{signals}}";

/// Fields that one question may name in a list.
pub const MAX_IDENTIFIERS: usize = 64;

/// A tool as its file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub id: String,
    /// For people and for models that choose a tool.
    pub description: String,
    #[serde(default)]
    #[schema(required)]
    pub parameters: Vec<Parameter>,
    /// Fields that the query reads though a cluster may lack them.
    #[serde(default)]
    pub optional: Vec<OptionalField>,
    /// ES|QL with `?named` parameters; may begin with [`SIGNALS`].
    pub query: String,
    /// What the query needs of ES|QL that not every server has.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub needs: Vec<Feature>,
    /// Other texts, for servers that lack a feature; the first that can be run is.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub variants: Vec<Variant>,
}

/// A tool's other text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    pub id: String,
    #[serde(default)]
    pub needs: Vec<Feature>,
    pub query: String,
    /// What a reader of its answer must know.
    pub note: String,
}

/// The text of a tool that a server can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    pub query: &'a str,
    /// The variant's id; `None`: the tool's own text.
    pub variant: Option<&'a str>,
    pub note: Option<&'a str>,
}

impl Tool {
    /// The first text whose needs are met, else what is missing.
    pub fn text(&self, has: &dyn Fn(Feature) -> bool) -> Result<Text<'_>, Feature> {
        let missing = |needs: &[Feature]| needs.iter().copied().find(|one| !has(*one));
        let Some(lacks) = missing(&self.needs) else {
            return Ok(Text {
                query: &self.query,
                variant: None,
                note: None,
            });
        };
        let other = self.variants.iter();
        let mut other = other.filter(|variant| missing(&variant.needs).is_none());
        other.next().map_or(Err(lacks), |variant| {
            Ok(Text {
                query: &variant.query,
                variant: Some(&variant.id),
                note: Some(&variant.note),
            })
        })
    }
}

/// A field that is read through its alias where it isn't there, else as null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionalField {
    pub name: String,
    /// The ES|QL function that makes a null of its type, such as `TO_STRING`.
    pub cast: String,
    /// The name by which plain documents have it.
    #[serde(default)]
    pub alias: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ParameterType,
    pub description: String,
    #[serde(default)]
    pub default: Option<Value>,
    /// Of a vector: the parameter whose embedding it is where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeds: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// RFC 3339.
    Date,
    Keyword,
    Integer,
    Double,
    Boolean,
    /// A field's name, for `??name`.
    Identifier,
    /// Several fields' names: the term of the query that is called as the parameter,
    /// `name = AVG(??name)`, stands once for each, numbered from 0.
    Identifiers,
    /// Numbers, for `KNN`.
    Vector,
    /// A time span such as `5 minutes`, for `BUCKET`.
    Duration,
    /// Several keywords, for `IN` and `MV_CONTAINS`.
    Keywords,
}

impl ParameterType {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Date => value
                .as_str()
                .is_some_and(|text| model::Timestamp::parse(text).is_some()),
            Self::Keyword | Self::Identifier | Self::Duration => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Double => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Vector => value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_number)),
            Self::Keywords => value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string)),
            Self::Identifiers => value.as_array().is_some_and(|items| {
                (1..=MAX_IDENTIFIERS).contains(&items.len()) && items.iter().all(Value::is_string)
            }),
        }
    }
}

/// All tools and signal profiles; cheap to clone.
#[derive(Debug, Clone)]
pub struct Toolbox {
    tools: Arc<BTreeMap<String, Tool>>,
    profiles: Arc<Vec<Profile>>,
}

impl Toolbox {
    /// The files that were there when this was built. An error names the file: a tool that can't
    /// be read is ours to mend, and a test loads them all.
    pub fn embedded() -> Result<Self, String> {
        let mut tools = BTreeMap::new();
        let mut profiles = Vec::new();
        for name in Files::iter().filter(|name| name.ends_with(".toml")) {
            let file = Files::get(&name).ok_or_else(|| format!("tools/{name}: can't be read"))?;
            let text = std::str::from_utf8(&file.data)
                .map_err(|error| format!("tools/{name}: {error}"))?;
            if name.starts_with("profiles/") {
                let profile: Profile =
                    toml::from_str(text).map_err(|error| format!("tools/{name}: {error}"))?;
                profiles.push(profile);
            } else {
                let tool: Tool =
                    toml::from_str(text).map_err(|error| format!("tools/{name}: {error}"))?;
                if format!("{}.toml", tool.id) != *name {
                    return Err(format!("tools/{name}: its id is {:?}", tool.id));
                }
                tools.insert(tool.id.clone(), tool);
            }
        }
        profiles.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
        Ok(Self {
            tools: Arc::new(tools),
            profiles: Arc::new(profiles),
        })
    }

    pub fn get(&self, id: &str) -> Option<&Tool> {
        self.tools.get(id)
    }

    /// By id.
    pub fn all(&self) -> impl Iterator<Item = &Tool> {
        self.tools.values()
    }

    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }
}
