//! What we send, held against what its receiver publishes: JSON schemas of OpenAPI files and of
//! Google's discovery documents, and the shapes of botocore's service models. For tests.
//!
//! `DATAPULSE_TEST_PUBLISHED` names a folder that `xtask/servers/contracts/published.sh` fills.

use std::path::PathBuf;

use serde_json::Value;

/// References that are followed on one way down.
const MAX_DEPTH: usize = 40;

/// A published file.
pub(crate) fn published(file: &str) -> Value {
    let folder = std::env::var("DATAPULSE_TEST_PUBLISHED").expect(
        "DATAPULSE_TEST_PUBLISHED isn't set: xtask/servers/contracts/published.sh says to what",
    );
    let bytes = std::fs::read(PathBuf::from(folder).join(file)).expect("a published file");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// What a JSON schema finds wrong with a value. Properties that it doesn't name are wrong where it
/// names any.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    json_schema(document, schema, value, "", MAX_DEPTH, &mut found);
    found
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => match reference.strip_prefix('#') {
            Some(pointer) => document.pointer(pointer).expect("what is referred to"),
            None => &document["schemas"][reference],
        },
        None => schema,
    }
}

fn json_schema(
    document: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    depth: usize,
    found: &mut Vec<String>,
) {
    assert!(depth > 0, "{at}: too deep");
    let schema = resolved(document, schema);
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        found.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        found.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    for required in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = required.as_str().unwrap_or_default();
        if value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(items) = schema.get("items") {
            json_schema(document, items, item, at, depth - 1, found);
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match (
            schema.pointer(&format!("/properties/{name}")),
            schema.get("additionalProperties"),
        ) {
            (Some(schema), _) => json_schema(document, schema, inner, &at, depth - 1, found),
            (None, Some(Value::Object(_))) => json_schema(
                document,
                &schema["additionalProperties"],
                inner,
                &at,
                depth - 1,
                found,
            ),
            (None, Some(Value::Bool(true))) => {}
            (None, _) if schema.get("properties").is_none() => {}
            (None, _) => found.push(format!("{at}: unknown")),
        }
    }
}

/// The schema of an OpenAPI operation's body.
pub(crate) fn body_of<'a>(document: &'a Value, method: &str, path: &str) -> &'a Value {
    let operation = &document["paths"][path][method];
    let schema = operation.pointer("/requestBody/content/application~1json/schema");
    schema.unwrap_or_else(|| panic!("{method} {path} has no body"))
}

#[test]
fn what_a_schema_forbids_is_found() {
    use serde_json::json;
    let document = json!({ "schemas": { "Part": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } } } });
    let schema = json!({ "type": "object", "properties": { "parts": { "type": "array", "items": { "$ref": "Part" } }, "n": { "enum": [1, 2] } } });
    let of = |value| faults(&document, &schema, &value).len();
    assert_eq!(of(json!({ "parts": [{ "name": "a" }], "n": 1 })), 0);
    assert_eq!(
        of(json!({ "parts": [{ "name": 1 }, {}], "n": 3, "more": 0 })),
        4
    );
}
