//! What a caller may say to a tool: one list makes the JSON Schema and holds arguments against it.

use std::ops::RangeInclusive;

use model::IncidentId;
use serde_json::{Map, Value, json};

/// Characters of a text, as the API takes it.
pub const MAX_TEXT: usize = 4_000;
/// Characters of a name.
pub const MAX_NAME: usize = 200;

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Incident,
    /// A name within an incident or a library: letters, digits, `-`, `_`.
    Id,
    /// Of so many characters.
    Text(usize),
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
    Count(&'static RangeInclusive<u64>),
    Cursor,
    /// JSON of any form.
    Object,
}

/// A parameter of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub says: &'static str,
}

pub const fn must(name: &'static str, kind: Kind, says: &'static str) -> Parameter {
    let required = true;
    Parameter {
        name,
        kind,
        required,
        says,
    }
}

pub const fn may(name: &'static str, kind: Kind, says: &'static str) -> Parameter {
    let required = false;
    Parameter {
        name,
        kind,
        required,
        says,
    }
}

impl Kind {
    fn schema(self) -> Value {
        match self {
            Self::Incident => json!({ "type": "string", "pattern": "^INC-[0-9]{6}-[0-9a-f]{12}$" }),
            Self::Id => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" }),
            Self::Text(max) => json!({ "type": "string", "minLength": 1, "maxLength": max }),
            Self::OneOf(words) => json!({ "type": "string", "enum": words }),
            Self::SomeOf(words) => {
                json!({ "type": "array", "items": { "type": "string", "enum": words } })
            }
            Self::Count(range) => {
                json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
            }
            Self::Cursor => json!({ "type": "string" }),
            Self::Object => json!({ "type": "object" }),
        }
    }

    /// What is wrong with a value.
    fn fault(self, value: &Value) -> Option<String> {
        let text = value.as_str();
        let fine = match self {
            Self::Incident => {
                let id = text.and_then(IncidentId::parse);
                id.is_some_and(|id| !id.is_system())
            }
            Self::Id => text.is_some_and(is_id),
            Self::Text(max) => {
                text.is_some_and(|text| !text.trim().is_empty() && text.chars().nth(max).is_none())
            }
            Self::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
            Self::SomeOf(words) => value.as_array().is_some_and(|items| {
                items.len() <= words.len()
                    && items
                        .iter()
                        .all(|item| item.as_str().is_some_and(|text| words.contains(&text)))
            }),
            Self::Count(range) => value.as_u64().is_some_and(|count| range.contains(&count)),
            Self::Cursor => value.is_string(),
            Self::Object => value.is_object(),
        };
        (!fine).then(|| match self {
            Self::Incident => "expected an id such as INC-202611-0a1b2c3d4e5f".to_owned(),
            Self::Id => "expected letters, digits, - and _".to_owned(),
            Self::Text(max) => format!("expected 1 to {max} characters"),
            Self::OneOf(words) => format!("expected one of {}", words.join(", ")),
            Self::SomeOf(words) => format!("expected a list of some of {}", words.join(", ")),
            Self::Count(range) => format!(
                "expected a number from {} to {}",
                range.start(),
                range.end()
            ),
            Self::Cursor => "expected next_cursor of the page before".to_owned(),
            Self::Object => "expected an object".to_owned(),
        })
    }
}

/// Whether it can stand in a path as it is.
pub fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// The JSON Schema of an object with these.
pub fn schema(parameters: &[Parameter]) -> Value {
    let mut properties = Map::new();
    for parameter in parameters {
        let mut schema = parameter.kind.schema();
        schema["description"] = parameter.says.into();
        properties.insert(parameter.name.to_owned(), schema);
    }
    let required = parameters.iter().filter(|one| one.required);
    let required: Vec<_> = required.map(|one| one.name).collect();
    object(properties, &required)
}

/// The JSON Schema of an object with these properties alone.
pub fn object(properties: Map<String, Value>, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Arguments that were held against a tool's parameters.
#[derive(Debug, Clone, Default)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// An error names the argument, and what it should be. `null` counts as left out: many clients
    /// send it for what they don't set.
    pub fn check(mut given: Map<String, Value>, parameters: &[Parameter]) -> Result<Self, String> {
        given.retain(|_, value| !value.is_null());
        let known = |name: &String| parameters.iter().any(|one| one.name == name);
        if let Some(unknown) = given.keys().find(|name| !known(name)) {
            let names: Vec<_> = parameters.iter().map(|one| one.name).collect();
            return Err(format!(
                "there is no argument {unknown:?}: it takes {}",
                names.join(", ")
            ));
        }
        for parameter in parameters {
            let fault = match given.get(parameter.name) {
                Some(value) => parameter.kind.fault(value),
                None if parameter.required => Some("it is missing".to_owned()),
                None => None,
            };
            if let Some(fault) = fault {
                return Err(format!("{}: {fault}", parameter.name));
            }
        }
        Ok(Self(given))
    }

    /// Empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.maybe(name).unwrap_or_default()
    }

    pub fn maybe(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    pub fn count(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    /// The words of a list, with commas.
    pub fn words(&self, name: &str) -> Option<String> {
        let items = self.0.get(name)?.as_array()?;
        let words: Vec<_> = items.iter().filter_map(Value::as_str).collect();
        (!words.is_empty()).then(|| words.join(","))
    }

    pub fn object(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or_else(|| json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Kind, Parameter, may, must, schema};
    use serde_json::{Value, json};

    const PARAMETERS: [Parameter; 5] = [
        must("incident_id", Kind::Incident, ""),
        may("id", Kind::Id, ""),
        may("text", Kind::Text(5), ""),
        may("status", Kind::SomeOf(&["open", "closed"]), ""),
        may("limit", Kind::Count(&(1..=50)), ""),
    ];

    fn check(given: Value) -> Result<Arguments, String> {
        Arguments::check(given.as_object().cloned().unwrap_or_default(), &PARAMETERS)
    }

    #[test]
    fn what_fits_is_taken() {
        let id = "INC-202611-0a1b2c3d4e5f";
        let taken =
            check(json!({ "incident_id": id, "status": ["open"], "limit": 50, "text": null }));
        let taken = taken.expect("it fits");
        assert_eq!(taken.text("incident_id"), id);
        assert_eq!(taken.words("status").as_deref(), Some("open"));
        assert_eq!(
            (taken.count("limit"), taken.maybe("text")),
            (Some(50), None)
        );
    }

    #[test]
    fn what_doesnt_is_named() {
        let id = "INC-202611-0a1b2c3d4e5f";
        for (given, fault) in [
            (json!({}), "incident_id: it is missing"),
            (
                json!({ "incident_id": "../tokens" }),
                "incident_id: expected an id such as INC-202611-0a1b2c3d4e5f",
            ),
            (
                json!({ "incident_id": "SYS-202611-000000000000" }),
                "incident_id: expected an id such as INC-202611-0a1b2c3d4e5f",
            ),
            (
                json!({ "incident_id": id, "id": "E1/../.." }),
                "id: expected letters, digits, - and _",
            ),
            (
                json!({ "incident_id": id, "text": "123456" }),
                "text: expected 1 to 5 characters",
            ),
            (
                json!({ "incident_id": id, "text": " " }),
                "text: expected 1 to 5 characters",
            ),
            (
                json!({ "incident_id": id, "status": ["gone"] }),
                "status: expected a list of some of open, closed",
            ),
            (
                json!({ "incident_id": id, "limit": 51 }),
                "limit: expected a number from 1 to 50",
            ),
            (
                json!({ "incident_id": id, "approve": true }),
                "there is no argument \"approve\": it takes incident_id, id, text, status, limit",
            ),
        ] {
            assert_eq!(
                check(given.clone()).err().as_deref(),
                Some(fault),
                "{given}"
            );
        }
    }

    #[test]
    fn the_schema_says_the_same() {
        let schema = schema(&PARAMETERS);
        assert_eq!(schema["required"], json!(["incident_id"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["properties"]["limit"]["maximum"], json!(50));
    }
}
