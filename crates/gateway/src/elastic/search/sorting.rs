//! Sorting, and going on behind the last hit of a page.

use esql::DataType;
use serde_json::Value;

use super::super::refusal::Refusal;
use super::{Commands, Over, epoch_ms, quoted};

/// What hits are sorted by at most.
const MAX_KEYS: usize = 16;

/// One thing to sort by.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub field: String,
    pub descending: bool,
    pub missing_first: bool,
    /// A field that no index has is no mistake.
    pub may_be_unmapped: bool,
}

impl Key {
    fn new(field: &str, descending: bool) -> Self {
        Self {
            field: field.to_owned(),
            descending,
            missing_first: false,
            may_be_unmapped: false,
        }
    }

    pub fn is_score(&self) -> bool {
        self.field == "_score"
    }

    /// By nothing: in the order in which documents are read.
    fn is_order(&self) -> bool {
        matches!(self.field.as_str(), "_doc" | "_shard_doc")
    }
}

/// Names, `name:desc`, `{"name": "desc"}` or `{"name": {"order": "desc", …}}`, one or a list.
pub fn read(sort: &Value) -> Result<Vec<Key>, Refusal> {
    let items = match sort {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let mut keys = Vec::new();
    for item in &items {
        match item {
            Value::String(text) => keys.push(match text.rsplit_once(':') {
                Some((field, order @ ("asc" | "desc"))) => Key::new(field, order == "desc"),
                _ => Key::new(text, text == "_score"),
            }),
            Value::Object(object) => {
                for (field, given) in object {
                    keys.push(key(field, given)?);
                }
            }
            other => {
                return Err(Refusal::illegal(format!(
                    "[sort]: expected a name or an object, got {other}"
                )));
            }
        }
    }
    if keys.len() > MAX_KEYS {
        return Err(Refusal::illegal(format!("[sort]: at most {MAX_KEYS} keys")));
    }
    Ok(keys)
}

fn key(field: &str, given: &Value) -> Result<Key, Refusal> {
    let known = [
        "order",
        "missing",
        "unmapped_type",
        "mode",
        "format",
        "numeric_type",
    ];
    let mut options = given.as_object().into_iter().flatten();
    if let Some((unknown, _)) = options.find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Refusal::illegal(format!(
            "[sort]: [{unknown}] of [{field}] isn't supported by the embedded store"
        )));
    }
    let order = given.as_str().or_else(|| given["order"].as_str());
    let descending = match order {
        Some(order) if order.eq_ignore_ascii_case("desc") => true,
        Some(order) if order.eq_ignore_ascii_case("asc") => false,
        Some(other) => {
            return Err(Refusal::illegal(format!(
                "[sort]: No enum constant [{other}]"
            )));
        }
        None => field == "_score",
    };
    let missing_first = match &given["missing"] {
        Value::Null => false,
        Value::String(text) if text == "_last" => false,
        Value::String(text) if text == "_first" => true,
        other => {
            return Err(Refusal::illegal(format!(
                "[sort]: [missing] is {other}: the embedded store knows _first and _last"
            )));
        }
    };
    let mode = given["mode"].as_str();
    if mode.is_some_and(|mode| mode != if descending { "max" } else { "min" }) {
        return Err(Refusal::illegal(
            "[sort]: several values sort by the least of them, or by the greatest when descending",
        ));
    }
    Ok(Key {
        missing_first,
        may_be_unmapped: given.get("unmapped_type").is_some(),
        ..Key::new(field, descending)
    })
}

/// The column that holds a key's value.
pub fn column(place: usize) -> String {
    format!("__sort{place}")
}

/// Columns for the keys, where to begin, and the order.
pub fn commands(
    over: &Over,
    keys: &[Key],
    after: Option<&Vec<Value>>,
    commands: &mut Commands,
) -> Result<(), Refusal> {
    for (place, key) in keys.iter().enumerate() {
        let value = value(over, key)?;
        commands.add(format!("EVAL {} = {value}", column(place)));
    }
    if let Some(after) = after {
        begin_after(over, keys, after, commands);
    }
    let order = keys.iter().enumerate().map(|(place, key)| {
        let order = if key.descending { "DESC" } else { "ASC" };
        let nulls = if key.missing_first { "FIRST" } else { "LAST" };
        format!("{} {order} NULLS {nulls}", column(place))
    });
    let order: Vec<String> = order.collect();
    if !order.is_empty() {
        commands.add(format!("SORT {}", order.join(", ")));
    }
    Ok(())
}

fn value(over: &Over, key: &Key) -> Result<String, Refusal> {
    if key.is_score() {
        return Ok("_score".to_owned());
    }
    if key.is_order() {
        return Ok("0".to_owned());
    }
    match over.data_type(&key.field) {
        None if key.may_be_unmapped => Ok("null::long".to_owned()),
        None => Err(Refusal::new(
            axum::http::StatusCode::BAD_REQUEST,
            "query_shard_exception",
            format!("No mapping found for [{}] in order to sort on", key.field),
        )),
        Some(DataType::Text) => Err(no_field_data(&key.field)),
        Some(_) => {
            let function = if key.descending { "MV_MAX" } else { "MV_MIN" };
            Ok(format!("{function}({})", quoted(&key.field)))
        }
    }
}

/// Texts are searched by their words; what sorts and groups is their keyword.
pub fn no_field_data(field: &str) -> Refusal {
    Refusal::illegal(format!(
        "Fielddata is disabled on [{field}]. Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead."
    ))
}

/// The documents that come after these values.
fn begin_after(over: &Over, keys: &[Key], after: &[Value], commands: &mut Commands) {
    let mut alternatives = Vec::new();
    let mut equal_before: Vec<String> = Vec::new();
    for (place, (key, value)) in keys.iter().zip(after).enumerate() {
        let column = column(place);
        if value.is_null() {
            if key.missing_first {
                let mut all = equal_before.clone();
                all.push(format!("{column} IS NOT NULL"));
                alternatives.push(all.join(" AND "));
            }
            equal_before.push(format!("{column} IS NULL"));
            continue;
        }
        let is_date = over.data_type(&key.field).is_some_and(DataType::is_date);
        let place = commands.value(value.clone());
        let place = match over.data_type(&key.field) {
            Some(DataType::DateNanos) => format!("TO_DATE_NANOS({place})"),
            _ if is_date => format!("TO_DATETIME({place})"),
            Some(DataType::Ip) => format!("TO_IP({place})"),
            Some(DataType::Version) => format!("TO_VERSION({place})"),
            Some(DataType::Boolean) => format!("TO_BOOLEAN({place})"),
            _ => place,
        };
        let beyond = if key.descending { "<" } else { ">" };
        let mut condition = format!("{column} {beyond} {place}");
        if !key.missing_first {
            condition = format!("({condition} OR {column} IS NULL)");
        }
        let mut all = equal_before.clone();
        all.push(condition);
        alternatives.push(all.join(" AND "));
        equal_before.push(format!("{column} == {place}"));
    }
    match alternatives.is_empty() {
        true => commands.add("WHERE false"),
        false => commands.add(format!("WHERE ({})", alternatives.join(") OR ("))),
    }
}

/// A sort's value as hits show it, and `search_after` takes it back: dates are milliseconds.
pub fn shown(data_type: DataType, value: &Value) -> Value {
    match value {
        Value::String(text) if data_type == DataType::Date => {
            epoch_ms(text).map_or(Value::Null, Value::from)
        }
        other => other.clone(),
    }
}
