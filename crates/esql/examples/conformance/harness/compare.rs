//! Whether a reply is what was recorded.

use std::cmp::Ordering;

use serde_json::Value;

use super::cases::{Case, Reply};

/// How far a number may be off, as a share of its size.
const EXACT: f64 = 1e-9;
const APPROXIMATE: f64 = 1e-6;

/// `Ok(true)`: passed, `Ok(false)`: skipped, `Err`: why it failed.
pub fn verdict(case: &Case, reply: &Reply) -> Result<bool, String> {
    if case.skip {
        return Ok(false);
    }
    let wants_error = case.expected["status"].as_u64() != Some(200);
    match (reply.status == 200, wants_error) {
        (true, false) => answered(case, reply).map(|()| true),
        (false, true) => refused(case, reply).map(|()| true),
        (true, true) => Err(format!(
            "an answer instead of the error {}",
            case.expected["error"]["reason"]
        )),
        (false, false) => Err(format!(
            "{}: {}",
            reply.error("type"),
            reply.error("reason")
        )),
    }
}

fn refused(case: &Case, reply: &Reply) -> Result<(), String> {
    let expected = &case.expected["error"];
    let wanted = expected["reason"].as_str().unwrap_or_default();
    let (kind, found) = (reply.error("type"), reply.error("reason"));
    let cut = |text: &str| match text.find(" expecting ") {
        Some(at) if kind == "parsing_exception" => text[..at].to_owned(),
        _ => text.to_owned(),
    };
    let same = expected["type"].as_str() == Some(kind)
        && case.expected["status"].as_u64() == Some(u64::from(reply.status))
        && cut(wanted) == cut(found);
    if same {
        return Ok(());
    }
    Err(format!(
        "wanted {} {}: {wanted}\n     found {} {kind}: {found}",
        case.expected["status"], expected["type"], reply.status,
    ))
}

fn answered(case: &Case, reply: &Reply) -> Result<(), String> {
    let tolerance = if case.flag("approx") {
        APPROXIMATE
    } else {
        EXACT
    };
    let json = &reply.body;
    for part in ["columns", "all_columns"] {
        if case.expected.get(part).is_some() {
            same_columns(&case.expected[part], &json[part])?;
        }
    }
    let mut wanted = rows(&case.expected["values"]);
    let mut found = rows(&json["values"]);
    if case.flag("any_order") {
        wanted.sort_by(order);
        found.sort_by(order);
    }
    if wanted.len() != found.len() {
        return Err(format!("{} rows instead of {}", found.len(), wanted.len()));
    }
    for (number, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
        if !same(wanted, found, tolerance) {
            return Err(format!("row {number}: wanted {wanted}\n     found {found}"));
        }
    }
    same_warnings(&case.expected["warnings"], &reply.warnings)
}

fn rows(values: &Value) -> Vec<Value> {
    values.as_array().cloned().unwrap_or_default()
}

fn same_columns(wanted: &Value, found: &Value) -> Result<(), String> {
    let key = |columns: &Value| -> Vec<(String, String, Value)> {
        let columns = columns.as_array().into_iter().flatten();
        columns
            .map(|column| {
                (
                    column["name"].as_str().unwrap_or_default().to_owned(),
                    column["type"].as_str().unwrap_or_default().to_owned(),
                    column["original_types"].clone(),
                )
            })
            .collect()
    };
    let (wanted, found) = (key(wanted), key(found));
    if wanted == found {
        return Ok(());
    }
    Err(format!("columns: wanted {wanted:?}\n     found {found:?}"))
}

fn same_warnings(wanted: &Value, found: &[String]) -> Result<(), String> {
    let Some(wanted) = wanted.as_array() else {
        return Ok(());
    };
    let mut wanted: Vec<&str> = wanted.iter().filter_map(Value::as_str).collect();
    let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    wanted.dedup();
    found.sort_unstable();
    found.dedup();
    if wanted == found {
        return Ok(());
    }
    Err(format!("warnings: wanted {wanted:?}\n     found {found:?}"))
}

fn same(wanted: &Value, found: &Value, tolerance: f64) -> bool {
    match (wanted, found) {
        (Value::Number(one), Value::Number(other)) => {
            if one.is_f64() != other.is_f64() {
                return false;
            }
            if !one.is_f64() {
                return one == other;
            }
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(0.0));
            one == other || (one - other).abs() <= tolerance * one.abs().max(other.abs())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| same(one, other, tolerance))
        }
        (one, other) => one == other,
    }
}

/// Any order in which equal rows stand beside each other, those that are nearly equal too.
fn order(one: &Value, other: &Value) -> Ordering {
    rounded(one).cmp(&rounded(other))
}

fn rounded(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| rounded(item) + ",").collect(),
        Value::Number(number) if number.is_f64() => {
            format!("{:.5e}", number.as_f64().unwrap_or_default())
        }
        other => other.to_string(),
    }
}
