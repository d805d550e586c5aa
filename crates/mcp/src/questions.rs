//! The ES|QL tools as the API lists them: a JSON Schema from their parameters, and the call.

use serde_json::{Map, Value, json};

use crate::api::Call;
use crate::arguments::{MAX_TEXT, is_id, object};

/// Tools that are taken from the list.
pub const MAX_QUESTIONS: usize = 200;
/// What the API takes beside the parameters.
const WINDOW: [&str; 2] = ["from", "to"];

/// A tool as the API lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub id: String,
    pub description: String,
    pub input: Value,
}

/// Those of `GET /tools`. One that has no proper name is none.
pub fn questions(listed: &Value) -> Vec<Question> {
    let items = listed["items"].as_array().into_iter().flatten();
    items.take(MAX_QUESTIONS).filter_map(question).collect()
}

fn question(tool: &Value) -> Option<Question> {
    let id = tool["id"].as_str().filter(|id| is_id(id))?;
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in tool["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str()?;
        // What is made from another parameter where it isn't given, such as an embedding.
        if parameter["embeds"].is_string() {
            continue;
        }
        let mut schema = of_type(parameter["type"].as_str()?)?;
        let mut says = parameter["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if WINDOW.contains(&name) {
            says += match name {
                "from" => "; an hour before `to` without it",
                _ => "; now without it",
            };
        } else if parameter["default"].is_null() {
            required.push(name);
        } else {
            schema["default"] = parameter["default"].clone();
        }
        schema["description"] = says.into();
        properties.insert(name.to_owned(), schema);
    }
    Some(Question {
        id: id.to_owned(),
        description: tool["description"].as_str().unwrap_or_default().to_owned(),
        input: object(properties, &required),
    })
}

/// JSON Schema of a parameter's type, as `casework::tools::ParameterType` writes it.
fn of_type(kind: &str) -> Option<Value> {
    Some(match kind {
        "date" => json!({ "type": "string", "format": "date-time" }),
        "keyword" | "identifier" => json!({ "type": "string", "maxLength": MAX_TEXT }),
        "duration" => json!({ "type": "string", "examples": ["5 minutes"] }),
        "integer" => json!({ "type": "integer" }),
        "double" => json!({ "type": "number" }),
        "boolean" => json!({ "type": "boolean" }),
        "identifiers" | "keywords" => {
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
        }
        "vector" => json!({ "type": "array", "items": { "type": "number" } }),
        _ => return None,
    })
}

/// The API holds values against the tool's parameters, and fills in what is left out.
pub fn call(id: &str, mut given: Map<String, Value>) -> Call {
    given.retain(|_, value| !value.is_null());
    let [from, to] = WINDOW.map(|name| given.shift_remove(name).unwrap_or(Value::Null));
    let body = json!({ "from": from, "to": to, "parameters": given });
    Call::Ask(format!("/tools/{id}/run"), body)
}

#[cfg(test)]
mod tests {
    use super::{call, questions};
    use crate::api::Call;
    use serde_json::json;

    #[test]
    fn parameters_become_a_schema() {
        let listed = json!({ "items": [
            { "id": "service_check", "description": "d", "query": "FROM x", "parameters": [
                { "name": "from", "type": "date", "description": "Start", "default": null },
                { "name": "to", "type": "date", "description": "End", "default": null },
                { "name": "service", "type": "keyword", "description": "Which", "default": null },
                { "name": "min", "type": "double", "description": "Least", "default": 20.0 },
                { "name": "embedding", "type": "vector", "description": "Made", "default": null, "embeds": "service" },
            ] },
            { "id": "../tokens", "parameters": [] },
            { "id": "of_another_time", "parameters": [{ "name": "a", "type": "no such type" }] },
        ] });
        let found = questions(&listed);
        assert_eq!(found.len(), 1);
        let input = &found[0].input;
        assert_eq!(input["required"], json!(["service"]));
        assert_eq!(input["properties"]["min"]["default"], json!(20.0));
        assert_eq!(input["properties"]["from"]["format"], json!("date-time"));
        assert!(input["properties"].get("embedding").is_none());
    }

    #[test]
    fn the_window_stands_beside_the_values() {
        let given = json!({ "from": "2026-11-27T10:00:00Z", "to": null, "service": "a" });
        assert_eq!(
            call(
                "service_check",
                given.as_object().cloned().expect("an object")
            ),
            Call::Ask(
                "/tools/service_check/run".to_owned(),
                json!({ "from": "2026-11-27T10:00:00Z", "to": null, "parameters": { "service": "a" } })
            )
        );
    }
}
