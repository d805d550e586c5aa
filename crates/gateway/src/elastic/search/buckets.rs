//! `terms` and `date_histogram`.

use std::cmp::Ordering;

use chrono::{DateTime, Months, SecondsFormat};
use esql::DataType;
use serde_json::{Map, Value, json};

use super::super::refusal::Refusal;
use super::aggregations::Row;
use super::sorting::no_field_data;
use super::{Commands, MAX_BUCKETS, Over, epoch_ms, quoted};

/// Buckets of `terms` where nothing is said.
const DEFAULT_SIZE: usize = 10;

/// What documents are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    field: String,
    missing: Option<Value>,
    /// By their keys' text instead of in a list.
    keyed: bool,
    min_documents: u64,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Terms {
        size: usize,
        /// `_count`, `_key` or a metric, and whether descending.
        order: Vec<(String, bool)>,
        only: Option<Vec<Value>>,
        without: Vec<Value>,
    },
    Dates(Interval),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interval {
    Fixed(i64),
    Months(u32),
    /// Weeks begin on Mondays.
    Weeks,
}

impl Interval {
    /// As `DATE_TRUNC` takes it.
    fn literal(self) -> String {
        match self {
            Self::Fixed(ms) => format!("{ms} milliseconds"),
            Self::Months(months) => format!("{months} months"),
            Self::Weeks => "1 week".to_owned(),
        }
    }

    fn next(self, ms: i64) -> Option<i64> {
        match self {
            Self::Fixed(step) => ms.checked_add(step),
            Self::Weeks => ms.checked_add(7 * 86_400_000),
            Self::Months(months) => {
                let moment = DateTime::from_timestamp_millis(ms)?;
                let next = moment.checked_add_months(Months::new(months))?;
                Some(next.timestamp_millis())
            }
        }
    }
}

/// A date as Elasticsearch prints it.
pub fn iso(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map_or_else(String::new, |moment| {
        moment.to_rfc3339_opts(SecondsFormat::Millis, true)
    })
}

/// The number of a bucket's metric by its name.
type ByMetric<'f> = &'f dyn Fn(&Row, &str) -> Option<f64>;

/// What stands before an aggregation's buckets, and each bucket's head with its row.
type Chosen = (Value, Vec<(Map<String, Value>, Row)>);

impl Buckets {
    /// `None`: a kind that isn't known.
    pub fn read(kind: &str, given: &Value) -> Result<Option<Self>, Refusal> {
        let (known, is_terms) = match kind {
            "terms" => (
                &[
                    "field",
                    "missing",
                    "size",
                    "order",
                    "min_doc_count",
                    "include",
                    "exclude",
                    "shard_size",
                    "show_term_doc_count_error",
                    "execution_hint",
                    "collect_mode",
                    "value_type",
                ][..],
                true,
            ),
            "date_histogram" => (
                &[
                    "field",
                    "missing",
                    "fixed_interval",
                    "calendar_interval",
                    "min_doc_count",
                    "keyed",
                    "time_zone",
                    "order",
                ][..],
                false,
            ),
            _ => return Ok(None),
        };
        let mut keys = given.as_object().into_iter().flatten();
        if let Some((unknown, _)) = keys.find(|(key, _)| !known.contains(&key.as_str())) {
            return Err(Refusal::illegal(format!(
                "[{unknown}] of [{kind}] isn't supported by the embedded store: it knows {}",
                known.join(", ")
            )));
        }
        let field = given["field"].as_str();
        let field = field
            .ok_or_else(|| Refusal::illegal(format!("Required [field] of [{kind}] is missing")))?;
        let least = given["min_doc_count"].as_u64();
        if is_terms && least == Some(0) {
            return Err(Refusal::illegal(
                "[min_doc_count] of [terms] is 0: the embedded store makes no buckets without documents",
            ));
        }
        let kind = if is_terms {
            terms(given)?
        } else {
            Kind::Dates(dates(given)?)
        };
        Ok(Some(Self {
            field: field.to_owned(),
            missing: given.get("missing").cloned(),
            keyed: given["keyed"].as_bool().unwrap_or(false),
            min_documents: least.unwrap_or(u64::from(is_terms)),
            kind,
        }))
    }

    /// The key of a document; `None`: no index has the field.
    pub fn key(&self, over: &Over, commands: &mut Commands) -> Result<Option<String>, Refusal> {
        let Some(data_type) = over.data_type(&self.field) else {
            return Ok(None);
        };
        if data_type == DataType::Text {
            return Err(no_field_data(&self.field));
        }
        let mut value = quoted(&self.field);
        if let Some(missing) = &self.missing {
            let place = commands.value(missing.clone());
            value = format!("COALESCE({value}, {place})");
        }
        match self.kind {
            Kind::Terms { .. } => Ok(Some(value)),
            Kind::Dates(_) if !data_type.is_date() => Err(Refusal::illegal(format!(
                "Field [{}] of type [{}] is not supported for aggregation [date_histogram]",
                self.field,
                data_type.name()
            ))),
            Kind::Dates(interval) => {
                Ok(Some(format!("DATE_TRUNC({}, {value})", interval.literal())))
            }
        }
    }

    /// A key as rows have it: of dates, milliseconds.
    pub fn read_key(&self, key: &Value) -> Value {
        match (&self.kind, key) {
            (Kind::Dates(_), Value::String(text)) => {
                epoch_ms(text).map_or(Value::Null, Value::from)
            }
            _ => key.clone(),
        }
    }

    /// The buckets that are shown, in their order.
    pub fn chosen(&self, over: &Over, rows: &[Row], by_metric: ByMetric<'_>) -> Option<Chosen> {
        match &self.kind {
            Kind::Terms {
                size,
                order,
                only,
                without,
            } => {
                let wanted = |row: &&Row| {
                    let key = row.keys.last().unwrap_or(&Value::Null);
                    only.as_ref().is_none_or(|only| only.contains(key)) && !without.contains(key)
                };
                let mut rows: Vec<Row> = rows.iter().filter(wanted).cloned().collect();
                rows.retain(|row| row.documents >= self.min_documents);
                rows.sort_by(|a, b| compare(order, a, b, by_metric));
                let others: u64 = rows.iter().skip(*size).map(|row| row.documents).sum();
                rows.truncate(*size);
                let data_type = over.data_type(&self.field);
                let list = rows
                    .into_iter()
                    .map(|row| (self.head(&row, data_type), row));
                let around =
                    json!({ "doc_count_error_upper_bound": 0, "sum_other_doc_count": others });
                Some((around, list.collect()))
            }
            Kind::Dates(interval) => {
                let rows = self.without_gaps(*interval, rows);
                let list = rows
                    .into_iter()
                    .map(|row| (self.head(&row, Some(DataType::Date)), row));
                Some((json!({}), list.collect()))
            }
        }
    }

    /// As a list, or by the keys' texts.
    pub fn listed(&self, buckets: Vec<Map<String, Value>>) -> Value {
        if !self.keyed {
            return Value::Array(buckets.into_iter().map(Value::Object).collect());
        }
        let by_key = buckets.into_iter().map(|bucket| {
            let text = bucket.get("key_as_string").or_else(|| bucket.get("key"));
            let text = text.and_then(Value::as_str).unwrap_or_default().to_owned();
            (text, Value::Object(bucket))
        });
        Value::Object(by_key.collect())
    }

    /// In order, with buckets without documents between, unless only others are wanted.
    fn without_gaps(&self, interval: Interval, rows: &[Row]) -> Vec<Row> {
        let mut rows = rows.to_vec();
        let ms = |row: &Row| row.keys.last().and_then(Value::as_i64).unwrap_or(0);
        rows.sort_by_key(ms);
        if self.min_documents > 0 {
            rows.retain(|row| row.documents >= self.min_documents);
            return rows;
        }
        let mut whole: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            let at = ms(&row);
            while let Some(last) = whole.last()
                && let Some(next) = interval.next(ms(last))
                && next < at
                && whole.len() < MAX_BUCKETS
            {
                let mut keys = row.keys.clone();
                keys.pop();
                keys.push(next.into());
                whole.push(Row {
                    keys,
                    ..Row::default()
                });
            }
            whole.push(row);
        }
        whole
    }

    fn head(&self, row: &Row, data_type: Option<DataType>) -> Map<String, Value> {
        let mut head = Map::new();
        let key = row.keys.last().cloned().unwrap_or(Value::Null);
        let mut put = |name: &str, value: Value| head.insert(name.to_owned(), value);
        match (&key, data_type) {
            (Value::Bool(flag), _) => {
                put("key", u8::from(*flag).into());
                put("key_as_string", flag.to_string().into());
            }
            (Value::Number(ms), Some(DataType::Date)) => {
                put("key_as_string", iso(ms.as_i64().unwrap_or(0)).into());
                put("key", key.clone());
            }
            (Value::String(text), Some(DataType::Date)) => {
                put("key", epoch_ms(text).into());
                put("key_as_string", key.clone());
            }
            _ => {
                put("key", key.clone());
            }
        }
        put("doc_count", row.documents.into());
        head
    }
}

fn terms(given: &Value) -> Result<Kind, Refusal> {
    let size = match &given["size"] {
        Value::Null => DEFAULT_SIZE,
        value => value
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=MAX_BUCKETS).contains(size))
            .ok_or_else(|| {
                Refusal::illegal(format!(
                    "[size] must be greater than 0 and at most {MAX_BUCKETS}. Found [{value}] in [terms]"
                ))
            })?,
    };
    let list = |name: &str| match &given[name] {
        Value::Null => Ok(None),
        Value::Array(values) => Ok(Some(values.clone())),
        _ => Err(Refusal::illegal(format!(
            "[{name}] of [terms]: the embedded store takes a list of values"
        ))),
    };
    let items = match &given["order"] {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let mut order = Vec::new();
    for item in &items {
        for (name, direction) in item.as_object().into_iter().flatten() {
            order.push((name.clone(), direction.as_str() == Some("desc")));
        }
    }
    if order.is_empty() {
        order.push(("_count".to_owned(), true));
    }
    Ok(Kind::Terms {
        size,
        order,
        only: list("include")?,
        without: list("exclude")?.unwrap_or_default(),
    })
}

fn dates(given: &Value) -> Result<Interval, Refusal> {
    let zone = given["time_zone"].as_str().unwrap_or("UTC");
    if !["UTC", "Z", "+00:00", "Etc/UTC"].contains(&zone) {
        return Err(Refusal::illegal(format!(
            "[time_zone] [{zone}] of [date_histogram]: the embedded store knows UTC"
        )));
    }
    if !given["order"].is_null() && given["order"] != json!({ "_key": "asc" }) {
        return Err(Refusal::illegal(
            "[order] of [date_histogram]: the embedded store orders by [_key], ascending",
        ));
    }
    match (
        given["fixed_interval"].as_str(),
        given["calendar_interval"].as_str(),
    ) {
        (Some(text), None) => match esql::body::time_ms("fixed_interval", text)? {
            0 => Err(Refusal::illegal("[fixed_interval] must be greater than 0")),
            ms => Ok(Interval::Fixed(i64::try_from(ms).unwrap_or(i64::MAX))),
        },
        (None, Some(text)) => match text {
            "minute" | "1m" => Ok(Interval::Fixed(60_000)),
            "hour" | "1h" => Ok(Interval::Fixed(3_600_000)),
            "day" | "1d" => Ok(Interval::Fixed(86_400_000)),
            "week" | "1w" => Ok(Interval::Weeks),
            "month" | "1M" => Ok(Interval::Months(1)),
            "quarter" | "1q" => Ok(Interval::Months(3)),
            "year" | "1y" => Ok(Interval::Months(12)),
            other => Err(Refusal::illegal(format!(
                "The supplied interval [{other}] could not be parsed as a calendar interval."
            ))),
        },
        _ => Err(Refusal::illegal(
            "Invalid interval specified, must be non-null and non-empty: one of [fixed_interval] and [calendar_interval]",
        )),
    }
}

fn compare(order: &[(String, bool)], a: &Row, b: &Row, by_metric: ByMetric<'_>) -> Ordering {
    for (name, descending) in order {
        let ordering = match name.as_str() {
            "_count" => a.documents.cmp(&b.documents),
            "_key" | "_term" => by_key(a, b),
            metric => {
                let number = |row| by_metric(row, metric).unwrap_or(f64::NEG_INFINITY);
                number(a).total_cmp(&number(b))
            }
        };
        let ordering = if *descending {
            ordering.reverse()
        } else {
            ordering
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    by_key(a, b)
}

fn by_key(a: &Row, b: &Row) -> Ordering {
    match (a.keys.last(), b.keys.last()) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            let number = |value: &serde_json::Number| value.as_f64().unwrap_or(f64::NAN);
            number(a).total_cmp(&number(b))
        }
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_between_dates_are_buckets() {
        let given = json!({ "field": "@timestamp", "calendar_interval": "month" });
        let buckets = Buckets::read("date_histogram", &given)
            .ok()
            .flatten()
            .expect("buckets");
        let at = |text: &str| Row {
            keys: vec![epoch_ms(text).into()],
            documents: 1,
            ..Row::default()
        };
        let rows = [at("2026-03-01T00:00:00Z"), at("2025-12-01T00:00:00Z")];
        let whole = buckets.without_gaps(Interval::Months(1), &rows);
        let shown: Vec<String> = whole
            .iter()
            .map(|row| iso(row.keys[0].as_i64().unwrap_or(0)))
            .collect();
        let months = ["2025-12", "2026-01", "2026-02", "2026-03"];
        assert_eq!(
            shown,
            months.map(|month| format!("{month}-01T00:00:00.000Z"))
        );
    }
}
