//! The body of a question to `/_query`, and which fields an index has: pure.

use std::collections::BTreeMap;

use esql::ast::CommandKind;
use esql::{DataType, Field, Limits, Parameter, ParameterKind, Request};
use serde_json::{Map, Value, json};

use crate::indices::{PEOPLE, TOKENS};

/// The body. Where the request wants other rows than Elasticsearch's default, a `LIMIT` at the
/// end says so: without one there are 1,000.
pub fn body(request: &Request, max_rows: usize) -> Value {
    let mut query = request.query.clone();
    let rows = request.limits.default_rows;
    if rows != Limits::default().default_rows {
        query.push_str(&format!("\n| LIMIT {}", rows.min(max_rows)));
    }
    let params: Vec<Value> = request.params.iter().map(parameter).collect();
    let mut body = json!({ "query": query, "params": params });
    if let Some(filter) = filter(request) {
        body["filter"] = filter;
    }
    body
}

fn parameter(parameter: &Parameter) -> Value {
    let value = match &parameter.kind {
        ParameterKind::Value(value) => value.clone(),
        ParameterKind::Identifier(name) => json!({ "identifier": name }),
        ParameterKind::Pattern(pattern) => json!({ "pattern": pattern }),
    };
    match &parameter.name {
        Some(name) => Value::Object(Map::from_iter([(name.clone(), value)])),
        None => value,
    }
}

/// What no query reads.
const HIDDEN: [&str; 2] = [TOKENS, PEOPLE];

/// Hashes of tokens, and who may do what, are no one's to read, whatever the pattern in `FROM` takes in.
fn filter(request: &Request) -> Option<Value> {
    let wanted = request.filter.as_ref();
    // Elasticsearch words some errors otherwise where there is a filter: none without need.
    if never_names_tokens(request) {
        return wanted.cloned();
    }
    let mut all = json!({ "bool": { "must_not": [{ "terms": { "_index": HIDDEN } }] } });
    if let Some(wanted) = wanted {
        all["bool"]["filter"] = json!([wanted]);
    }
    Some(all)
}

/// Whether the query, as far as we can read it, takes nothing from what is hidden.
fn never_names_tokens(request: &Request) -> bool {
    let Ok(query) = esql::parser::parse(&request.query, &request.params) else {
        return false;
    };
    query.commands.iter().all(|command| match &command.kind {
        CommandKind::From(from) => from
            .patterns
            .iter()
            .all(|pattern| pattern.cluster.is_none() && is_elsewhere(&pattern.text)),
        CommandKind::Unsupported { .. } => false,
        _ => true,
    })
}

fn is_elsewhere(pattern: &str) -> bool {
    // A date expression is an index of a name that isn't written out.
    if pattern.contains('<') {
        return false;
    }
    match pattern.split_once('*') {
        Some((before, _)) => !HIDDEN.iter().any(|name| name.starts_with(before)),
        None => !HIDDEN.contains(&pattern),
    }
}

/// The fields that `_field_caps` tells, by name. A field that has several types in the indices is
/// read as none of them.
pub fn fields(body: &Value) -> Vec<Field> {
    let told: BTreeMap<&str, Vec<&str>> = body["fields"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, by_type)| {
            let kinds = by_type.as_object().into_iter().flatten();
            let kinds = kinds.map(|(kind, _)| kind.as_str());
            let leaves = kinds.filter(|kind| !matches!(*kind, "object" | "nested" | "unmapped"));
            (name.as_str(), leaves.collect())
        })
        .collect();
    let field = |(name, kinds): (&&str, &Vec<&str>)| {
        let first = kinds.first()?;
        let data_type = match kinds.len() {
            1 => DataType::from_mapping(first).unwrap_or(DataType::Unsupported),
            _ => DataType::Unsupported,
        };
        let parent = name.strip_suffix(".keyword").filter(|parent| {
            told.get(parent)
                .is_some_and(|kinds| kinds.contains(&"text"))
        });
        Some(Field {
            name: (*name).to_owned(),
            data_type,
            mapping_type: (*first).to_owned(),
            parent: parent.map(str::to_owned),
        })
    };
    told.iter().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stay_parameters() {
        let named = |name: &str, kind| Parameter {
            name: Some(name.to_owned()),
            kind,
        };
        let request = Request {
            query: "FROM logs-* | KEEP ??f".to_owned(),
            params: vec![
                named("v", ParameterKind::Value(json!("\" | DROP x"))),
                named("f", ParameterKind::Identifier("message".to_owned())),
            ],
            filter: Some(json!({"match_all": {}})),
            ..Request::default()
        };
        let body = body(&request, 10_000);
        assert_eq!(body["query"], "FROM logs-* | KEEP ??f");
        assert_eq!(body["filter"], json!({"match_all": {}}));
        assert_eq!(
            body["params"],
            json!([{"v": "\" | DROP x"}, {"f": {"identifier": "message"}}])
        );
    }

    #[test]
    fn tokens_are_filtered_out_wherever_they_might_be_meant() {
        let filtered = |query: &str| {
            let request = Request {
                query: query.to_owned(),
                ..Request::default()
            };
            body(&request, 10_000).get("filter").is_some()
        };
        for query in [
            "FROM datapulse-tokens",
            "FROM logs-*, data*",
            "FROM *",
            "FROM *:datapulse-tokens",
            "FROM <datapulse-{now/d}>",
            "TS metrics-*",
            "something new",
        ] {
            assert!(filtered(query), "{query}");
        }
        for query in [
            "FROM logs-*,-data*x | LIMIT 1",
            "ROW a = 1",
            "FROM datapulse-other",
        ] {
            assert!(!filtered(query), "{query}");
        }
    }

    #[test]
    fn as_many_rows_as_wanted_and_allowed() {
        let mut request = Request {
            query: "FROM a // note".to_owned(),
            ..Request::default()
        };
        request.limits.default_rows = 100_000;
        assert_eq!(
            body(&request, 10_000)["query"],
            "FROM a // note\n| LIMIT 10000"
        );
    }

    #[test]
    fn fields_are_leaves_and_mixed_types_are_none() {
        let told = json!({"fields": {
            "service": {"object": {}}, "service.name": {"keyword": {}},
            "n": {"long": {}, "keyword": {}}, "only_here": {"long": {}, "unmapped": {}},
            "message": {"text": {}}, "message.keyword": {"keyword": {}},
            "where": {"geo_point": {}},
        }});
        let fields = fields(&told);
        let shown: Vec<String> = fields
            .iter()
            .map(|field| {
                format!(
                    "{} {} {:?}",
                    field.name,
                    field.data_type.name(),
                    field.parent
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "message text None",
                "message.keyword keyword Some(\"message\")",
                "n unsupported None",
                "only_here long None",
                "service.name keyword None",
                "where unsupported None",
            ]
        );
    }
}
