//! Query DSL, as the request's `filter` has it: `{"bool": {"filter": [{"term": {…}}]}}`.
//!
//! The clauses that say which documents match are here; those that only score, or that need what
//! this engine hasn't (scripts, nested documents), are refused by name.

use serde_json::Value;

use super::{MatchOptions, Node, query_string};
use crate::error::Error;

/// Clauses within clauses.
const MAX_DEPTH: usize = 30;

/// The field that stands for a document's id.
pub const ID: &str = "_id";

/// A filter's condition. `now_ms` is what `now` stands for in ranges.
///
/// # Errors
///
/// [`Error::Request`], in Elasticsearch's words where it would refuse it too.
pub fn parse(filter: &Value, now_ms: i64) -> Result<Node, Error> {
    clause(filter, now_ms, 0)
}

fn wrong(reason: String) -> Error {
    Error::Request {
        kind: "parsing_exception",
        reason,
    }
}

fn clause(value: &Value, now_ms: i64, depth: usize) -> Result<Node, Error> {
    if depth > MAX_DEPTH {
        return Err(wrong(format!(
            "the filter is deeper than {MAX_DEPTH} clauses"
        )));
    }
    let object = value
        .as_object()
        .ok_or_else(|| wrong(format!("[_na] query malformed, no start_object at {value}")))?;
    let mut entries = object.iter();
    let (Some((name, body)), None) = (entries.next(), entries.next()) else {
        return Err(wrong(
            "query malformed, a clause is an object with one field: its kind".to_owned(),
        ));
    };
    match name.as_str() {
        "bool" => boolean(body, now_ms, depth),
        "constant_score" => match body.get("filter") {
            Some(filter) => Ok(Node::Constant {
                node: Box::new(clause(filter, now_ms, depth + 1)?),
                score: body["boost"].as_f64().unwrap_or(1.0) as f32,
            }),
            None => Err(wrong(
                "[constant_score] requires a 'filter' element".to_owned(),
            )),
        },
        "match_all" => Ok(Node::Everything),
        "match_none" => Ok(Node::Nothing),
        "exists" => Ok(Node::Exists {
            field: text(body.get("field"), "exists", "field")?,
        }),
        "ids" => ids(body),
        "term" => on_field(name, body, "value", |field, value, _| {
            Ok(term(field, &value))
        }),
        "terms" => terms(body),
        "prefix" => on_field(name, body, "value", |field, value, _| {
            Ok(Node::Wildcard {
                field,
                pattern: format!("{}*", escaped(&value)),
            })
        }),
        "wildcard" => {
            let key = if has(body, "wildcard") {
                "wildcard"
            } else {
                "value"
            };
            on_field(name, body, key, |field, pattern, _| {
                Ok(Node::Wildcard { field, pattern })
            })
        }
        "match" => on_field(name, body, "query", |field, text, options| {
            Ok(Node::Match {
                field,
                text,
                options: match_options(options),
            })
        }),
        "match_phrase" => on_field(name, body, "query", |field, text, options| {
            Ok(Node::Phrase {
                field,
                text,
                slop: options["slop"].as_u64().unwrap_or(0) as usize,
                boost: 1.0,
            })
        }),
        "multi_match" => multi_match(body),
        "query_string" => {
            let asked = text(body.get("query"), "query_string", "query")?;
            query_string::parse(&asked)
                .ok_or_else(|| wrong(format!("Failed to parse query [{asked}]")))
        }
        "range" => range(body, now_ms),
        other => Err(wrong(format!(
            "[{other}] is no query that this engine knows in a filter; it knows bool, constant_score, exists, ids, match, match_all, match_none, match_phrase, multi_match, prefix, query_string, range, term, terms, wildcard"
        ))),
    }
}

fn boolean(body: &Value, now_ms: i64, depth: usize) -> Result<Node, Error> {
    let part = |name: &str| -> Result<Vec<Node>, Error> {
        match body.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| clause(item, now_ms, depth + 1))
                .collect(),
            Some(one) => Ok(vec![clause(one, now_ms, depth + 1)?]),
        }
    };
    let known = [
        "must",
        "filter",
        "should",
        "must_not",
        "minimum_should_match",
        "boost",
        "_name",
    ];
    if let Some(unknown) = unknown(body, &known) {
        return Err(wrong(format!("[bool] query does not support [{unknown}]")));
    }
    let mut all = part("must")?;
    all.extend(part("filter")?.into_iter().map(|node| Node::Constant {
        node: Box::new(node),
        score: 0.0,
    }));
    let should = part("should")?;
    let asked = match &body["minimum_should_match"] {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => Some(text.parse().map_err(|_| {
            wrong(format!(
                "[bool] minimum_should_match [{text}]: this engine takes a number"
            ))
        })?),
        _ => None,
    };
    let least = asked.unwrap_or(u64::from(all.is_empty() && !should.is_empty())) as usize;
    if least > should.len() {
        all.push(Node::Nothing);
    } else if least > 0 {
        all.push(at_least(least, should)?);
    } else if !should.is_empty() {
        all.push(Node::Optional(Box::new(Node::Or(should))));
    }
    for excluded in part("must_not")? {
        all.push(Node::Not(Box::new(excluded)));
    }
    Ok(if all.is_empty() {
        Node::Everything
    } else {
        Node::And(all)
    })
}

fn at_least(least: usize, nodes: Vec<Node>) -> Result<Node, Error> {
    match least {
        1 => Ok(Node::Or(nodes)),
        all if all == nodes.len() => Ok(Node::And(nodes)),
        other => Err(wrong(format!(
            "[bool] minimum_should_match [{other}] of {} clauses: this engine takes 0, 1 or all",
            nodes.len()
        ))),
    }
}

/// `{"field": value}` or `{"field": {key: value, …}}`.
fn on_field(
    query: &str,
    body: &Value,
    key: &str,
    make: impl Fn(String, String, &Value) -> Result<Node, Error>,
) -> Result<Node, Error> {
    let (field, given) = one_field(query, body)?;
    let value = if given.is_object() {
        &given[key]
    } else {
        given
    };
    let value =
        scalar(value).ok_or_else(|| wrong(format!("[{query}] query on [{field}] has no {key}")))?;
    make(field.to_owned(), value, given)
}

/// The one entry that names a field.
fn one_field<'v>(query: &str, body: &'v Value) -> Result<(&'v str, &'v Value), Error> {
    let fields = body.as_object().into_iter().flatten();
    let mut fields = fields.filter(|(name, _)| !["boost", "_name"].contains(&name.as_str()));
    match (fields.next(), fields.next()) {
        (Some((field, given)), None) => Ok((field, given)),
        (Some((one, _)), Some((other, _))) => Err(wrong(format!(
            "[{query}] query doesn't support multiple fields, found [{one}] and [{other}]"
        ))),
        (None, _) => Err(wrong(format!(
            "[{query}] query malformed, no field was given"
        ))),
    }
}

fn terms(body: &Value) -> Result<Node, Error> {
    let (field, given) = one_field("terms", body)?;
    let items = given.as_array().ok_or_else(|| {
        wrong(format!(
            "[terms] query on [{field}] requires an array of terms"
        ))
    })?;
    let values = items.iter().filter_map(scalar);
    Ok(Node::Or(
        values.map(|value| term(field.to_owned(), &value)).collect(),
    ))
}

fn ids(body: &Value) -> Result<Node, Error> {
    let values = body["values"]
        .as_array()
        .ok_or_else(|| wrong("[ids] requires providing a values list".to_owned()))?;
    let values = values.iter().filter_map(scalar);
    Ok(Node::Or(
        values.map(|value| term(ID.to_owned(), &value)).collect(),
    ))
}

/// The very value: a word of a text, not what its analysis makes of it.
fn term(field: String, value: &str) -> Node {
    Node::Term {
        field,
        value: value.to_owned(),
    }
}

fn multi_match(body: &Value) -> Result<Node, Error> {
    let asked = text(body.get("query"), "multi_match", "query")?;
    let fields = match &body["fields"] {
        Value::Array(fields) => fields.iter().filter_map(scalar).collect(),
        Value::String(field) => vec![field.clone()],
        _ => vec!["*".to_owned()],
    };
    let options = match_options(body);
    let one = |field: String| Node::Match {
        field: field.split('^').next().unwrap_or_default().to_owned(),
        text: asked.clone(),
        options: options.clone(),
    };
    Ok(Node::Or(fields.into_iter().map(one).collect()))
}

fn match_options(given: &Value) -> MatchOptions {
    MatchOptions {
        all: given["operator"]
            .as_str()
            .is_some_and(|word| word.eq_ignore_ascii_case("and")),
        minimum_should_match: scalar(&given["minimum_should_match"]),
        fuzziness: scalar(&given["fuzziness"]).map(|text| text.parse().ok()),
        boost: 1.0,
    }
}

fn range(body: &Value, now_ms: i64) -> Result<Node, Error> {
    let (field, bounds) = one_field("range", body)?;
    let known = [
        "gte", "gt", "lte", "lt", "boost", "format", "relation", "_name",
    ];
    if let Some(unknown) = unknown(bounds, &known) {
        return Err(wrong(format!("[range] query does not support [{unknown}]")));
    }
    let bound = |within: &str, beyond: &str| -> Result<Option<(String, bool)>, Error> {
        let given = [(within, true), (beyond, false)];
        let found = given
            .into_iter()
            .find_map(|(key, equal)| scalar(&bounds[key]).map(|value| (value, equal)));
        match found {
            Some((value, equal)) => Ok(Some((moment(value, now_ms)?, equal))),
            None => Ok(None),
        }
    };
    Ok(Node::Range {
        field: field.to_owned(),
        lower: bound("gte", "gt")?,
        upper: bound("lte", "lt")?,
    })
}

/// `now`, `now-15m` and the like as the moment that they mean; other texts as they are.
fn moment(text: String, now_ms: i64) -> Result<String, Error> {
    let Some(mut rest) = text.strip_prefix("now") else {
        return Ok(text);
    };
    let unknown = || {
        wrong(format!(
            "failed to parse date math [{text}]: expected now, now-15m, now+1h …"
        ))
    };
    let mut ms = now_ms;
    while !rest.is_empty() {
        let sign = match rest.as_bytes()[0] {
            b'+' => 1,
            b'-' => -1,
            _ => return Err(unknown()),
        };
        rest = &rest[1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = rest[..digits].parse().map_err(|_| unknown())?;
        let unit = match rest[digits..].chars().next() {
            Some('s') => 1_000,
            Some('m') => 60_000,
            Some('h' | 'H') => 3_600_000,
            Some('d') => 86_400_000,
            Some('w') => 604_800_000,
            _ => return Err(unknown()),
        };
        ms = count
            .checked_mul(unit)
            .and_then(|span| ms.checked_add(sign * span))
            .ok_or_else(unknown)?;
        rest = &rest[digits + 1..];
    }
    let mut printed = String::new();
    crate::date::print::iso_ms(ms, &mut printed);
    Ok(printed)
}

fn unknown<'v>(body: &'v Value, known: &[&str]) -> Option<&'v str> {
    let names = body.as_object()?.keys();
    names.map(String::as_str).find(|name| !known.contains(name))
}

fn has(body: &Value, key: &str) -> bool {
    let mut fields = body.as_object().into_iter().flatten();
    fields.any(|(_, given)| given.get(key).is_some())
}

fn text(value: Option<&Value>, query: &str, key: &str) -> Result<String, Error> {
    value
        .and_then(scalar)
        .ok_or_else(|| wrong(format!("[{query}] requires a [{key}]")))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A text that a wildcard pattern takes as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(filter: Value) -> String {
        parse(&filter, 0).expect_err("refused").to_string()
    }

    #[test]
    fn clauses_become_conditions() {
        let filter =
            json!({"bool": {"must": {"term": {"a": 1}}, "must_not": [{"exists": {"field": "b"}}]}});
        let expected = Node::And(vec![
            term("a".to_owned(), "1"),
            Node::Not(Box::new(Node::Exists {
                field: "b".to_owned(),
            })),
        ]);
        assert_eq!(parse(&filter, 0), Ok(expected));
        let should = json!({"bool": {"should": [{"match_all": {}}, {"match_none": {}}]}});
        let either = Node::And(vec![Node::Or(vec![Node::Everything, Node::Nothing])]);
        assert_eq!(parse(&should, 0), Ok(either));
        let beside =
            json!({"bool": {"filter": [{"match_all": {}}], "should": [{"match_none": {}}]}});
        let expected = Node::And(vec![
            Node::Constant {
                node: Box::new(Node::Everything),
                score: 0.0,
            },
            Node::Optional(Box::new(Node::Or(vec![Node::Nothing]))),
        ]);
        assert_eq!(parse(&beside, 0), Ok(expected));
        assert_eq!(parse(&json!({"bool": {}}), 0), Ok(Node::Everything));
    }

    #[test]
    fn now_is_the_requests() {
        let filter = json!({"range": {"@timestamp": {"gte": "now-1m", "lt": "now"}}});
        let expected = Node::Range {
            field: "@timestamp".to_owned(),
            lower: Some(("1970-01-01T00:00:00.000Z".to_owned(), true)),
            upper: Some(("1970-01-01T00:01:00.000Z".to_owned(), false)),
        };
        assert_eq!(parse(&filter, 60_000), Ok(expected));
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert!(refused(json!({"geo_shape": {}})).starts_with("[geo_shape] is no query"));
        assert!(refused(json!({"range": {"a": {"from": 1}}})).contains("[from]"));
        assert!(refused(json!({"term": {"a": 1, "b": 2}})).contains("[a] and [b]"));
        assert!(refused(json!({"range": {"a": {"gt": "now-1x"}}})).contains("date math"));
        assert!(refused(json!({"a": 1, "b": 2})).starts_with("query malformed"));
    }
}
