//! A document of `lookup-services` as a service: what comes through intake is checked by this.

use model::Service;
use serde_json::{Map, Value};

/// A document of `lookup-services`, nested or flat.
pub fn service(source: &Map<String, Value>) -> Result<Service, String> {
    let nested = source
        .get("service")
        .and_then(|service| service.get("name"));
    let name = source
        .get("service.name")
        .or(nested)
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .ok_or(
            "failed to parse: [service.name] is missing: it is what services are looked up by",
        )?;
    let unfit = |field: &str, kind: &str, value: &Value| {
        format!(
            "failed to parse field [{field}] of type [{kind}] in document with id '{name}'. Preview of field's value: '{value}'"
        )
    };
    let word = |field: &str| match source.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(unfit(field, "keyword", other)),
    };
    let criticality = match source.get("criticality") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let number = match value {
                Value::String(text) => text.trim().parse::<u8>().ok(),
                other => other.as_u64().and_then(|number| u8::try_from(number).ok()),
            };
            Some(number.ok_or_else(|| unfit("criticality", "integer", value))?)
        }
    };
    let depends_on = match source.get("depends_on") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(text.clone()),
                other => Err(unfit("depends_on", "keyword", other)),
            })
            .collect::<Result<_, _>>()?,
        Some(other) => return Err(unfit("depends_on", "keyword", other)),
    };
    Ok(Service {
        name: name.to_owned(),
        team: word("team")?,
        criticality,
        on_call: word("on_call")?,
        depends_on,
    })
}
