//! Index templates: what an index becomes that is made by its first document.

use serde_json::{Value, json};

use super::catalog::fits;
use super::definition::{Definition, Kind, wrong};
use crate::error::Error;

/// Templates of a store at most, and patterns of one.
pub const MAX_TEMPLATES: usize = 200;
const MAX_PATTERNS: usize = 100;

/// One template, as it was given and as it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    pub name: String,
    pub given: Value,
    patterns: Vec<String>,
    priority: u64,
    kind: Kind,
}

impl Template {
    /// From the body of `PUT /_index_template/{name}`.
    ///
    /// # Errors
    /// Elasticsearch's, and what the store can't keep.
    pub fn read(name: &str, body: Value) -> Result<Self, Error> {
        let invalid = |reason: &str| {
            let reason =
                format!("index_template [{name}] invalid, cause [Validation Failed: 1: {reason};]");
            wrong("illegal_argument_exception", reason)
        };
        let patterns = match &body["index_patterns"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(many) => many
                .iter()
                .map(|one| one.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| invalid("index patterns are strings"))?,
            _ => Vec::new(),
        };
        if patterns.is_empty() || patterns.len() > MAX_PATTERNS {
            return Err(invalid("index patterns are missing, or too many"));
        }
        let aliases = body["template"]["aliases"].as_object();
        if aliases.is_some_and(|aliases| !aliases.is_empty()) {
            return Err(invalid(
                "aliases: the embedded store's templates have none; add them to the index",
            ));
        }
        let composed = body["composed_of"].as_array();
        if composed.is_some_and(|parts| !parts.is_empty()) {
            let names = body["composed_of"].to_string();
            return Err(invalid(&format!(
                "composed_of {names}: the embedded store has no component templates; put their settings and mappings into the template"
            )));
        }
        let kind = if body
            .get("data_stream")
            .is_some_and(|stream| !stream.is_null())
        {
            Kind::DataStream
        } else {
            Kind::Plain
        };
        let template = Self {
            name: name.to_owned(),
            priority: body["priority"].as_u64().unwrap_or(0),
            given: body,
            patterns,
            kind,
        };
        template.define(String::new(), 0)?;
        Ok(template)
    }

    fn names(&self, index: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| fits(pattern.as_bytes(), index.as_bytes()))
    }

    /// The definition of an index that is made from it.
    pub fn define(&self, uuid: String, created_ms: i64) -> Result<Definition, Error> {
        let body = match &self.given["template"] {
            Value::Null => json!({}),
            Value::Object(parts) => {
                let wanted = ["settings", "mappings", "aliases"];
                let kept = parts
                    .iter()
                    .filter(|(key, _)| wanted.contains(&key.as_str()));
                Value::Object(
                    kept.map(|(key, value)| (key.clone(), value.clone()))
                        .collect(),
                )
            }
            other => other.clone(),
        };
        Definition::read(&body, self.kind, uuid, created_ms)
    }
}

/// The template of the highest priority that names the index.
pub fn best<'t>(templates: &'t [Template], index: &str) -> Option<&'t Template> {
    let matching = templates.iter().filter(|template| template.names(index));
    matching.max_by_key(|template| template.priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_priority_wins() {
        let template = |name: &str, body: Value| Template::read(name, body).expect("a template");
        let templates = [
            template("all", json!({ "index_patterns": ["*"], "priority": 1 })),
            template(
                "app",
                json!({ "index_patterns": "app-*", "priority": 7, "data_stream": {} }),
            ),
        ];
        let named = |index: &str| best(&templates, index).map(|template| template.name.as_str());
        assert_eq!(named("app-web"), Some("app"));
        assert_eq!(named("web"), Some("all"));
        let app = templates[1].define(String::new(), 0).expect("a definition");
        assert_eq!(app.kind, Kind::DataStream);
    }

    #[test]
    fn a_template_that_cant_be_used_is_refused_at_once() {
        let refused = |body: Value| {
            let error = Template::read("t", body).expect_err("refused");
            error.to_string()
        };
        assert!(refused(json!({})).contains("index patterns are missing"));
        let composed = json!({ "index_patterns": ["a"], "composed_of": ["ecs"] });
        assert!(refused(composed).contains("component templates"));
        let unfit = json!({ "index_patterns": ["a"], "template": { "mappings": { "properties": { "p": { "type": "shape" } } } } });
        assert!(refused(unfit).contains("[shape]"));
    }
}
