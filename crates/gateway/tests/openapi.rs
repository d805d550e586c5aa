//! The API's description is a file of the repository, so that a change of the API is a diff that
//! people read, and the UI's types are made from it.

use std::collections::BTreeSet;

use gateway::openapi::{openapi, policy_schema};
use serde_json::Value;

const RENEW: &str = "UPDATE_SNAPSHOTS";

/// Holds a file of the repository against what it is made from.
fn kept(file: &str, document: &Value) {
    let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
    let now = serde_json::to_string_pretty(document).expect("a document of JSON values") + "\n";
    if std::env::var(RENEW).is_ok_and(|wanted| wanted == "1") {
        std::fs::write(&path, &now).expect("it can be written");
    }
    let kept = std::fs::read_to_string(&path).expect("it is there");
    let differs = kept
        .lines()
        .zip(now.lines())
        .position(|(kept, now)| kept != now);
    assert!(
        kept == now,
        "{file}:{} is not what the gateway describes. If that was meant to change: \
         {RENEW}=1 cargo test -p gateway --test openapi, then `npm run types` in web/",
        differs.unwrap_or_else(|| kept.lines().count().min(now.lines().count())) + 1,
    );
}

#[test]
fn the_committed_document_is_what_the_gateway_describes() {
    kept("web/openapi.json", &openapi());
}

#[test]
fn the_schema_of_a_policy_is_that_of_the_policy() {
    kept("docs/policy/schema.json", &policy_schema());
}

#[test]
fn every_reference_leads_to_a_schema() {
    let document = openapi();
    let mut named = BTreeSet::new();
    references(&document, &mut named);
    assert!(
        named.contains("#/components/schemas/Problem"),
        "the search for references finds some"
    );
    for name in named {
        let pointer = name.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{name} leads nowhere");
    }
}

/// 204 and 303 have no body; any other success says what is in its own.
#[test]
fn every_answer_says_what_is_in_it() {
    let document = openapi();
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        methods
            .iter()
            .map(move |(method, told)| (path, method, told))
    });
    for (path, method, told) in operations {
        let answers = told["responses"].as_object().expect("answers");
        for (status, answer) in answers {
            let empty = ["204", "303"].contains(&status.as_str());
            let says = answer["content"].is_object();
            assert_eq!(says, !empty, "{method} {path}: {status}");
        }
    }
}

#[test]
fn a_filter_takes_every_status_and_severity() {
    let document = openapi();
    let parameters = &document["paths"]["/api/datapulse/v1/incidents"]["get"]["parameters"];
    let pattern = |name: &str| {
        let asked = parameters.as_array().expect("parameters");
        let one = asked.iter().find(|one| one["name"] == name);
        one.and_then(|one| one["schema"]["pattern"].as_str())
            .expect("a pattern")
            .to_owned()
    };
    let (statuses, severities) = (pattern("status"), pattern("severity"));
    for status in model::Status::ALL {
        assert!(statuses.contains(status.name()), "{statuses}");
    }
    for severity in model::Severity::ALL {
        assert!(severities.contains(severity.name()), "{severities}");
    }
}

/// What isn't asked for by name can't be drawn: an object without properties tells a client nothing.
#[test]
fn no_schema_is_an_object_of_which_nothing_is_said() {
    let document = openapi();
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    for (name, schema) in schemas {
        assert_eq!(
            vague(schema),
            None,
            "{name} has an object without properties"
        );
    }
}

fn references(value: &Value, named: &mut BTreeSet<String>) {
    if let Some(name) = value.get("$ref").and_then(Value::as_str) {
        named.insert(name.to_owned());
    }
    for inner in inside(value) {
        references(inner, named);
    }
}

/// The first object without properties, with values of any kind, or alternatives.
fn vague(value: &Value) -> Option<&Value> {
    let says = [
        "properties",
        "additionalProperties",
        "oneOf",
        "allOf",
        "$ref",
    ];
    if value["type"] == "object" && says.iter().all(|key| value.get(key).is_none()) {
        return Some(value);
    }
    inside(value).find_map(vague)
}

fn inside(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => Box::new(std::iter::empty()),
    }
}
