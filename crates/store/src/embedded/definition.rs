//! What `PUT /{index}` and index templates say of an index: settings and mappings, as given.
//!
//! What the store can't keep is refused here, by name, before there is an index.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::mapping::{MAX_FIELDS, Mapped};
use crate::error::Error;

/// Objects within objects of a mapping.
const MAX_DEPTH: usize = 20;
/// Rules for fields that a mapping doesn't name.
const MAX_DYNAMIC_TEMPLATES: usize = 500;

/// Types of fields that the store keeps.
const TYPES: [&str; 21] = [
    "boolean",
    "byte",
    "short",
    "integer",
    "long",
    "unsigned_long",
    "half_float",
    "float",
    "double",
    "scaled_float",
    "keyword",
    "constant_keyword",
    "wildcard",
    "text",
    "match_only_text",
    "date",
    "date_nanos",
    "ip",
    "version",
    "dense_vector",
    "object",
];

/// Formats of dates that documents may have; others would be read wrongly.
const DATE_FORMATS: [&str; 10] = [
    "strict_date_optional_time",
    "date_optional_time",
    "strict_date_optional_time_nanos",
    "epoch_millis",
    "epoch_second",
    "strict_date",
    "date",
    "yyyy-MM-dd",
    "iso8601",
    "strict_date_time",
];

/// Whether documents may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Plain,
    /// Documents have `@timestamp`, are only added, never replaced.
    DataStream,
}

/// What becomes of a field that the mapping doesn't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dynamic {
    True,
    /// Not searched and not kept.
    False,
    /// The document is refused.
    Strict,
    /// It becomes a runtime field.
    Runtime,
}

impl Dynamic {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(true) => Some(Self::True),
            Value::Bool(false) => Some(Self::False),
            Value::String(text) => match text.as_str() {
                "true" => Some(Self::True),
                "false" => Some(Self::False),
                "strict" => Some(Self::Strict),
                "runtime" => Some(Self::Runtime),
                _ => None,
            },
            _ => None,
        }
    }
}

/// One index as it was defined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    pub kind: Kind,
    pub uuid: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// By whole names such as `index.mode`, as texts.
    pub settings: Map<String, Value>,
    /// `dynamic`, `dynamic_templates`, `properties` and what else was given.
    pub mappings: Value,
    /// Of an index that was made by its first document and was only told what becomes of new
    /// fields: types are still those of its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_family: bool,
}

impl Definition {
    /// From the body of `PUT /{index}`, or a template's part of the same form.
    ///
    /// # Errors
    /// Elasticsearch's, and what the store can't keep.
    pub fn read(body: &Value, kind: Kind, uuid: String, created_ms: i64) -> Result<Self, Error> {
        let known = ["settings", "mappings", "aliases"];
        if let Some(unknown) = unknown_key(body, &known) {
            return Err(wrong(
                "parse_exception",
                format!("unknown key [{unknown}] for create index"),
            ));
        }
        let mut settings = Map::new();
        flatten(
            "",
            body.get("settings").unwrap_or(&Value::Null),
            &mut settings,
        );
        let mode = settings.get("index.mode").and_then(Value::as_str);
        if let Some(mode) = mode.filter(|mode| !["standard", "lookup", "logsdb"].contains(mode)) {
            return Err(wrong(
                "illegal_argument_exception",
                format!(
                    "[index.mode] [{mode}]: the embedded store has standard, lookup and logsdb"
                ),
            ));
        }
        let shards = settings
            .get("index.number_of_shards")
            .and_then(Value::as_str);
        if let (Some("lookup"), Some(shards)) = (mode, shards.filter(|shards| *shards != "1")) {
            return Err(wrong(
                "illegal_argument_exception",
                format!(
                    "index with [lookup] mode must have [index.number_of_shards] set to 1 or unset; provided {shards}"
                ),
            ));
        }
        let mappings = body.get("mappings").cloned().unwrap_or(Value::Null);
        let definition = Self {
            by_family: false,
            kind,
            uuid,
            created_ms,
            settings,
            mappings: if mappings.is_null() {
                json!({})
            } else {
                mappings
            },
        };
        definition.check()?;
        Ok(definition)
    }

    fn check(&self) -> Result<(), Error> {
        if !self.mappings.is_object() {
            return Err(mapper("mappings: expected an object".to_owned()));
        }
        if let Some(dynamic) = self.mappings.get("dynamic")
            && Dynamic::read(dynamic).is_none()
        {
            return Err(mapper(format!(
                "Failed to parse mapping: [dynamic] is {dynamic}; expected true, false, strict or runtime"
            )));
        }
        let rules = self
            .mappings
            .get("dynamic_templates")
            .and_then(Value::as_array);
        if rules.is_some_and(|rules| rules.len() > MAX_DYNAMIC_TEMPLATES) {
            return Err(mapper(format!(
                "over [{MAX_DYNAMIC_TEMPLATES}] dynamic templates"
            )));
        }
        let fields = self.fields()?;
        let limit = self.max_fields();
        if fields.len() > limit {
            return Err(wrong(
                "illegal_argument_exception",
                format!("Limit of total fields [{limit}] has been exceeded"),
            ));
        }
        Ok(())
    }

    pub fn is_lookup(&self) -> bool {
        self.settings.get("index.mode").and_then(Value::as_str) == Some("lookup")
    }

    /// `index.mapping.total_fields.limit`, at most the store's own.
    pub fn max_fields(&self) -> usize {
        let given = self.settings.get("index.mapping.total_fields.limit");
        let given = given
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok());
        given.unwrap_or(MAX_FIELDS).min(MAX_FIELDS)
    }

    /// What holds for a field of this name: the setting of the nearest object around it.
    pub fn dynamic(&self, name: &str) -> Dynamic {
        let mut found = read_dynamic(&self.mappings).unwrap_or(Dynamic::True);
        let mut around = &self.mappings;
        let mut rest = name;
        while let Some((first, inner)) = split(around, rest) {
            around = first;
            rest = inner;
            found = read_dynamic(around).unwrap_or(found);
        }
        found
    }

    /// Every field that the mapping names, sub-fields behind their field.
    pub fn fields(&self) -> Result<Vec<Mapped>, Error> {
        let mut fields = Vec::new();
        if let Some(properties) = self.mappings.get("properties") {
            walk("", properties, 1, &mut fields)?;
        }
        Ok(fields)
    }

    /// The type and parameters that `dynamic_templates` give a new field; `dynamic_type` is what
    /// it would be without them.
    pub fn dynamic_template(&self, name: &str, dynamic_type: &str) -> Option<Value> {
        let rules = self.mappings.get("dynamic_templates")?.as_array()?;
        let short = name.rsplit('.').next().unwrap_or(name);
        let matches = |rule: &Value| {
            let kind = &rule["match_mapping_type"];
            fits_any(kind, dynamic_type, true)
                && fits_any(&rule["match"], short, true)
                && !fits_any(&rule["unmatch"], short, false)
                && fits_any(&rule["path_match"], name, true)
                && !fits_any(&rule["path_unmatch"], name, false)
        };
        let bodies = rules
            .iter()
            .filter_map(|rule| rule.as_object()?.values().next());
        let rule = bodies.into_iter().find(|rule| matches(rule))?;
        let text = rule.get("mapping")?.to_string();
        let given = match dynamic_type {
            "string" => "text",
            other => other,
        };
        let text = text
            .replace("{dynamic_type}", given)
            .replace("{name}", short);
        let mut mapping: Value = serde_json::from_str(&text).ok()?;
        if mapping.get("type").is_none()
            && let Value::Object(mapping) = &mut mapping
        {
            mapping.insert("type".to_owned(), given.into());
        }
        Some(mapping)
    }
}

fn read_dynamic(object: &Value) -> Option<Dynamic> {
    Dynamic::read(object.get("dynamic")?)
}

/// The object of the mapping that a name begins with, and the rest of the name.
fn split<'v, 'n>(around: &'v Value, name: &'n str) -> Option<(&'v Value, &'n str)> {
    let properties = around.get("properties")?.as_object()?;
    let dots = name.match_indices('.').map(|(at, _)| at);
    dots.into_iter()
        .find_map(|at| Some((properties.get(&name[..at])?, &name[at + 1..])))
}

/// Whether a name is one of the patterns; `missing`: where there are none.
fn fits_any(patterns: &Value, name: &str, missing: bool) -> bool {
    let fits = |pattern: &Value| {
        let pattern = pattern.as_str().unwrap_or_default();
        super::catalog::fits(pattern.as_bytes(), name.as_bytes())
    };
    match patterns {
        Value::Null => missing,
        Value::Array(patterns) => patterns.iter().any(fits),
        one => fits(one),
    }
}

fn unknown_key<'v>(body: &'v Value, known: &[&str]) -> Option<&'v str> {
    let mut names = body.as_object()?.keys().map(String::as_str);
    names.find(|name| !known.contains(name))
}

pub fn wrong(kind: &'static str, reason: String) -> Error {
    Error::Query(esql::Error::Request { kind, reason })
}

fn mapper(reason: String) -> Error {
    wrong("mapper_parsing_exception", reason)
}

/// Settings by whole names; numbers and flags as texts, as Elasticsearch shows them.
pub fn flatten(prefix: &str, value: &Value, found: &mut Map<String, Value>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let name = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&name, value, found);
            }
        }
        Value::Null => {}
        value => {
            let name = if prefix.starts_with("index.") {
                prefix.to_owned()
            } else {
                format!("index.{prefix}")
            };
            let value = match value {
                Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
                other => other.clone(),
            };
            found.insert(name, value);
        }
    }
}

fn walk(
    prefix: &str,
    properties: &Value,
    depth: usize,
    fields: &mut Vec<Mapped>,
) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(wrong(
            "illegal_argument_exception",
            format!(
                "Limit of mapping depth [{MAX_DEPTH}] has been exceeded due to object field [{prefix}]"
            ),
        ));
    }
    let properties = properties.as_object().ok_or_else(|| {
        mapper(format!(
            "Expected map for property [properties] of [{prefix}]"
        ))
    })?;
    for (name, mapping) in properties {
        let name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if !mapping.is_object() {
            return Err(mapper(format!(
                "Expected map for property [fields] on field [{name}] but got a value"
            )));
        }
        let kind = mapping.get("type").and_then(Value::as_str);
        let inner = mapping.get("properties");
        match (kind, inner) {
            (None | Some("object"), _) => {
                if let Some(dynamic) = mapping.get("dynamic")
                    && Dynamic::read(dynamic).is_none()
                {
                    return Err(mapper(format!(
                        "Failed to parse mapping: [dynamic] of [{name}] is {dynamic}; expected true, false, strict or runtime"
                    )));
                }
                if kind.is_none()
                    && inner.is_none()
                    && !mapping.as_object().is_some_and(Map::is_empty)
                {
                    return Err(mapper(format!("No type specified for field [{name}]")));
                }
                if let Some(inner) = inner {
                    walk(&name, inner, depth + 1, fields)?;
                }
            }
            (Some(kind), _) => {
                fields.push(field(&name, kind, None, mapping)?);
                subs(&name, mapping, fields)?;
            }
        }
    }
    Ok(())
}

/// Multi-fields.
pub fn subs(name: &str, mapping: &Value, fields: &mut Vec<Mapped>) -> Result<(), Error> {
    let multi = mapping.get("fields").and_then(Value::as_object);
    for (part, mapping) in multi.into_iter().flatten() {
        let kind = mapping.get("type").and_then(Value::as_str);
        let part = format!("{name}.{part}");
        let kind = kind.ok_or_else(|| mapper(format!("No type specified for field [{part}]")))?;
        fields.push(field(&part, kind, Some(name), mapping)?);
    }
    Ok(())
}

/// One field, if the store can keep what it says.
pub fn field(
    name: &str,
    kind: &str,
    parent: Option<&str>,
    mapping: &Value,
) -> Result<Mapped, Error> {
    if !TYPES.contains(&kind) {
        return Err(mapper(format!(
            "Failed to parse mapping: No handler for type [{kind}] declared on field [{name}]: the embedded store keeps {}",
            TYPES.join(", ")
        )));
    }
    for refused in ["copy_to", "script", "path"] {
        if mapping.get(refused).is_some() {
            return Err(mapper(format!(
                "Failed to parse mapping: [{refused}] of field [{name}] isn't supported by the embedded store"
            )));
        }
    }
    if let Some(format) = mapping.get("format").and_then(Value::as_str)
        && let Some(unknown) = format.split("||").find(|one| !DATE_FORMATS.contains(one))
    {
        return Err(mapper(format!(
            "Failed to parse mapping: date format [{unknown}] of field [{name}] isn't supported by the embedded store: it reads {}",
            DATE_FORMATS.join(", ")
        )));
    }
    let mut field = Mapped::new(name, kind, parent);
    let parameters = mapping.as_object().into_iter().flatten();
    let kept =
        parameters.filter(|(key, _)| !["type", "fields", "properties"].contains(&key.as_str()));
    field.parameters = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Definition, String> {
        Definition::read(&body, Kind::Plain, String::new(), 0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_mapping_is_read_whole() {
        let definition = read(json!({
            "settings": { "number_of_shards": 1, "index": { "mode": "lookup" } },
            "mappings": { "dynamic": "strict", "properties": {
                "name": { "type": "text", "fields": { "raw": { "type": "keyword", "ignore_above": 9 } } },
                "host": { "dynamic": true, "properties": { "ip": { "type": "ip" } } },
            } },
        }))
        .expect("a definition");
        assert!(definition.is_lookup());
        assert_eq!(definition.settings["index.number_of_shards"], "1");
        let fields = definition.fields().expect("fields");
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["name", "name.raw", "host.ip"]);
        assert_eq!(fields[1].parent.as_deref(), Some("name"));
        assert_eq!(fields[1].parameters["ignore_above"], 9);
        assert_eq!(definition.dynamic("other"), Dynamic::Strict);
        assert_eq!(definition.dynamic("host.name"), Dynamic::True);
    }

    #[test]
    fn what_cant_be_kept_is_named() {
        let refused = |body: Value| read(body).expect_err("refused");
        let of = |field: Value| refused(json!({ "mappings": { "properties": { "a": field } } }));
        assert!(
            of(json!({ "type": "geo_point" }))
                .contains("No handler for type [geo_point] declared on field [a]")
        );
        assert!(of(json!({ "type": "date", "format": "dd.MM.yyyy" })).contains("[dd.MM.yyyy]"));
        assert!(of(json!({ "index": false })).contains("No type specified for field [a]"));
        assert!(refused(json!({ "mapping": {} })).contains("unknown key [mapping]"));
        assert!(
            refused(json!({ "settings": { "index.mode": "time_series" } })).contains("time_series")
        );
        assert!(
            refused(json!({ "mappings": { "dynamic": "nonsense" } }))
                .contains("expected true, false, strict or runtime")
        );
    }

    #[test]
    fn dynamic_templates_choose_by_name_and_type() {
        let definition = read(json!({ "mappings": { "dynamic_templates": [
            { "counts": { "match": "*_count", "match_mapping_type": "long", "mapping": { "type": "integer" } } },
            { "words": { "match_mapping_type": "string", "path_unmatch": "raw.*", "mapping": { "type": "keyword" } } },
            { "rest": { "match_mapping_type": "*", "mapping": { "index": false } } },
        ] } }))
        .expect("a definition");
        let kind = |name: &str, dynamic: &str| {
            let mapping = definition.dynamic_template(name, dynamic).expect("a rule");
            mapping["type"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(kind("a.b_count", "long"), "integer");
        assert_eq!(kind("a.b_count", "double"), "double");
        assert_eq!(kind("a", "string"), "keyword");
        assert_eq!(kind("raw.a", "string"), "text");
    }
}
