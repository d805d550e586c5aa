//! `PUT /{index}/_mapping`: fields are added, and those that are there stay what they are.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::Embedded;
use super::super::database::blocking;
use super::super::definition::{Definition, Kind, wrong};
use super::super::engine::lock;
use super::super::indices::wall_ms;
use super::{Family, Mapped, Mapping};
use crate::error::Error;

/// What the root of a mapping may say.
const ROOT: [&str; 12] = [
    "properties",
    "dynamic",
    "dynamic_templates",
    "date_detection",
    "numeric_detection",
    "dynamic_date_formats",
    "subobjects",
    "_meta",
    "_source",
    "_routing",
    "_field_names",
    "_data_stream_timestamp",
];

/// Parameters that may change while an index has documents.
const CHANGEABLE: [&str; 5] = [
    "ignore_above",
    "ignore_malformed",
    "coerce",
    "meta",
    "boost",
];

impl Embedded {
    /// Adds fields to an index's mapping.
    ///
    /// # Errors
    /// Elasticsearch's: a type that would change, what the store can't keep, too many fields.
    pub async fn put_mapping(&self, index: &str, body: Value) -> Result<(), Error> {
        self.writable()?;
        let engine = self.inner.engine.clone();
        let index = index.to_owned();
        blocking(move || {
            let Some(mapping) = engine.mapping(&index) else {
                return Err(Error::Refused(format!(
                    "the mapping of index [{index}] is DataPulse's own and can't be changed"
                )));
            };
            let uuid = engine.new_id();
            lock(&mapping).merge(&body, uuid)?;
            engine.save_mappings([index.as_str()])
        })
        .await
    }
}

impl Mapping {
    fn merge(&mut self, body: &Value, uuid: String) -> Result<(), Error> {
        check_root(body)?;
        let whole = serde_json::json!({ "mappings": body });
        let fields = Definition::read(&whole, Kind::Plain, String::new(), 0)?.fields()?;
        for field in &fields {
            self.check(field)?;
        }
        let (known, new): (Vec<Mapped>, Vec<Mapped>) = fields
            .into_iter()
            .partition(|field| self.place(&field.name).is_some());
        self.add(new)
            .map_err(|reason| wrong("illegal_argument_exception", reason))?;
        for field in known {
            self.retouch(field);
        }
        let rules = ["dynamic", "dynamic_templates", "_meta"];
        if rules.iter().any(|rule| body.get(rule).is_some()) || has_inner_dynamic(body) {
            self.redefine(body, uuid);
        }
        Ok(())
    }

    fn check(&self, field: &Mapped) -> Result<(), Error> {
        let illegal = |reason: String| Err(wrong("illegal_argument_exception", reason));
        let name = &field.name;
        if let Some(place) = self.place(name) {
            let known = self.field(place);
            if known.mapping != field.mapping {
                return illegal(format!(
                    "mapper [{name}] cannot be changed from type [{}] to [{}]",
                    known.mapping, field.mapping
                ));
            }
            return check_parameters(known, field);
        }
        // Where names are flat, a field may stand beside others that begin with it.
        if self.family != Family::Other || field.parent.is_some() {
            return Ok(());
        }
        let below = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let mut others = self.fields.iter().filter(|other| other.parent.is_none());
        let clash = others.find(|other| below(&other.name, name) || below(name, &other.name));
        match clash {
            None => Ok(()),
            Some(other) => {
                let object = if below(&other.name, name) {
                    name
                } else {
                    &other.name
                };
                illegal(format!(
                    "can't merge a non object mapping [{object}] with an object mapping"
                ))
            }
        }
    }

    /// Takes over parameters that may change.
    fn retouch(&mut self, field: Mapped) {
        let Some(place) = self.place(&field.name) else {
            return;
        };
        if self.fields[place].parameters != field.parameters {
            self.fields[place].parameters = field.parameters;
            if place < self.saved {
                self.changed.push(place);
            }
        }
    }

    fn redefine(&mut self, body: &Value, uuid: String) {
        let mut definition = match &self.definition {
            Some(known) => known.as_ref().clone(),
            None => Definition {
                kind: if self.is_stream {
                    Kind::DataStream
                } else {
                    Kind::Plain
                },
                uuid,
                created_ms: wall_ms(),
                settings: Map::new(),
                mappings: Value::Object(Map::new()),
                by_family: true,
            },
        };
        overlay(&mut definition.mappings, body);
        self.definition = Some(Arc::new(definition));
        self.definition_saved = false;
    }
}

fn check_root(body: &Value) -> Result<(), Error> {
    let given = body.as_object().into_iter().flatten();
    let unknown: Vec<String> = given
        .filter(|(key, _)| !ROOT.contains(&key.as_str()))
        .map(|(key, value)| format!("{key} : {value}"))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "Root mapping definition has unsupported parameters:  [{}]",
        unknown.join("] [")
    );
    Err(wrong("mapper_parsing_exception", reason))
}

fn check_parameters(known: &Mapped, given: &Mapped) -> Result<(), Error> {
    let mut names: Vec<&String> = known.parameters.iter().map(|(name, _)| name).collect();
    names.extend(given.parameters.iter().map(|(name, _)| name));
    let fixed = |name: &&&String| !CHANGEABLE.contains(&name.as_str());
    let differs = |name: &&&String| known.parameters.get(**name) != given.parameters.get(**name);
    let Some(name) = names.iter().filter(fixed).find(differs) else {
        return Ok(());
    };
    let shown = |field: &Mapped| match field.parameters.get(*name) {
        None => "null".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let reason = format!(
        "Mapper for [{}] conflicts with existing mapper:\n\tCannot update parameter [{name}] from [{}] to [{}]",
        known.name,
        shown(known),
        shown(given)
    );
    Err(wrong("illegal_argument_exception", reason))
}

/// An object that says for itself what becomes of new fields.
fn has_inner_dynamic(mapping: &Value) -> bool {
    let properties = mapping.get("properties").and_then(Value::as_object);
    let mut inner = properties.into_iter().flatten().map(|(_, inner)| inner);
    inner.any(|inner| inner.get("dynamic").is_some() || has_inner_dynamic(inner))
}

/// Objects are put into each other, anything else is replaced.
fn overlay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                overlay(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mapping: &mut Mapping, body: Value) -> String {
        match mapping.merge(&body, String::new()) {
            Ok(()) => "merged".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn fields_are_added_and_stay_what_they_are() {
        let mut notes = Mapping::new("notes", vec![Mapped::new("a", "long", None)]);
        let of = |field: Value| json!({ "properties": { "a": field } });
        assert_eq!(
            merged(&mut notes, of(json!({ "type": "keyword" }))),
            "mapper [a] cannot be changed from type [long] to [keyword]"
        );
        let object = json!({ "properties": { "x": { "type": "long" } } });
        assert_eq!(
            merged(&mut notes, of(object.clone())),
            "can't merge a non object mapping [a] with an object mapping"
        );
        let new = json!({ "properties": {
            "a": { "type": "long", "fields": { "text": { "type": "keyword" } } }, "o": object,
        } });
        assert_eq!(merged(&mut notes, new), "merged");
        let names: Vec<&str> = notes
            .fields()
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        assert_eq!(names, ["a", "a.text", "o.x"]);
        assert_eq!(
            merged(
                &mut notes,
                json!({ "properties": { "o": { "type": "keyword" } } })
            ),
            "can't merge a non object mapping [o] with an object mapping"
        );
        assert_eq!(
            merged(&mut notes, of(json!({ "type": "long", "null_value": 1 }))),
            "Mapper for [a] conflicts with existing mapper:\n\tCannot update parameter [null_value] from [null] to [1]"
        );
        assert_eq!(
            merged(&mut notes, json!({ "nonsense": 1 })),
            "Root mapping definition has unsupported parameters:  [nonsense : 1]"
        );
    }

    #[test]
    fn what_becomes_of_new_fields_may_change() {
        let mut logs = Mapping::new("logs-application", Vec::new());
        assert_eq!(merged(&mut logs, json!({ "dynamic": "strict" })), "merged");
        assert_eq!(
            logs.choose("x", &json!(1)),
            Some(super::super::Choice::Strict)
        );
        assert!(logs.is_data_stream());
    }
}
