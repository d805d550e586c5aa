//! Aggregations: a tree of buckets and metrics. Each level of buckets is one query, grouped by the
//! keys of all levels above it.

use std::collections::HashMap;

use axum::http::StatusCode;
use esql::answer::rows;
use esql::{Answer, DataType};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::super::refusal::Refusal;
use super::buckets::Buckets;
use super::sorting::no_field_data;
use super::{Commands, MAX_BUCKETS, Over, quoted};

/// Levels of buckets, and aggregations of one level.
const MAX_DEPTH: usize = 5;
const MAX_WIDTH: usize = 64;

/// One aggregation by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    pub name: String,
    pub kind: Kind,
    pub inner: Vec<Aggregation>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Metric(Metric),
    Buckets(Buckets),
}

/// A number about the documents of a bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    function: Function,
    field: String,
    missing: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Min,
    Max,
    Avg,
    Sum,
    Stats,
    Cardinality,
    ValueCount,
}

impl Function {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" => Self::Avg,
            "sum" => Self::Sum,
            "stats" => Self::Stats,
            "cardinality" => Self::Cardinality,
            "value_count" => Self::ValueCount,
            _ => return None,
        })
    }

    /// The functions of ES|QL whose values it needs.
    fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Min => &["MIN"],
            Self::Max => &["MAX"],
            Self::Avg => &["AVG"],
            Self::Sum => &["SUM"],
            Self::Stats => &["COUNT", "MIN", "MAX", "AVG", "SUM"],
            Self::Cardinality => &["COUNT_DISTINCT"],
            Self::ValueCount => &["COUNT"],
        }
    }

    /// It only makes sense of numbers and dates.
    fn is_arithmetic(self) -> bool {
        !matches!(self, Self::Cardinality | Self::ValueCount)
    }
}

/// Reads `aggs`.
pub fn read(value: &Value) -> Result<Vec<Aggregation>, Refusal> {
    read_level(value, 0)
}

fn read_level(value: &Value, depth: usize) -> Result<Vec<Aggregation>, Refusal> {
    let object = value
        .as_object()
        .ok_or_else(|| Refusal::illegal("[aggs]: expected an object of names"))?;
    if depth > MAX_DEPTH || object.len() > MAX_WIDTH {
        return Err(Refusal::illegal(format!(
            "[aggs]: at most {MAX_WIDTH} of one level and {MAX_DEPTH} levels of buckets"
        )));
    }
    let each = object.iter().map(|(name, body)| one(name, body, depth));
    each.collect()
}

fn one(name: &str, body: &Value, depth: usize) -> Result<Aggregation, Refusal> {
    let parts = body.as_object().into_iter().flatten();
    let mut kinds =
        parts.filter(|(key, _)| !["aggs", "aggregations", "meta"].contains(&key.as_str()));
    let (Some((kind, given)), None) = (kinds.next(), kinds.next()) else {
        return Err(Refusal::illegal(format!(
            "Expected exactly one aggregation type for [{name}]"
        )));
    };
    let inner = body.get("aggs").or_else(|| body.get("aggregations"));
    let inner = match inner {
        Some(inner) => read_level(inner, depth + 1)?,
        None => Vec::new(),
    };
    let kind = match Function::of(kind) {
        Some(function) => Kind::Metric(metric(name, function, given)?),
        None => match Buckets::read(kind, given)? {
            Some(buckets) => Kind::Buckets(buckets),
            None => {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "parsing_exception",
                    format!(
                        "[{kind}] of [{name}] is no aggregation that the embedded store knows: it knows terms, date_histogram, min, max, avg, sum, stats, cardinality, value_count"
                    ),
                ));
            }
        },
    };
    if matches!(kind, Kind::Metric(_)) && !inner.is_empty() {
        return Err(Refusal::illegal(format!(
            "Aggregator [{name}] cannot accept sub-aggregations"
        )));
    }
    Ok(Aggregation {
        name: name.to_owned(),
        kind,
        inner,
    })
}

fn metric(name: &str, function: Function, given: &Value) -> Result<Metric, Refusal> {
    let known = ["field", "missing", "precision_threshold", "format"];
    let mut keys = given.as_object().into_iter().flatten();
    if let Some((unknown, _)) = keys.find(|(key, _)| !known.contains(&key.as_str())) {
        return Err(Refusal::illegal(format!(
            "[{unknown}] of [{name}] isn't supported by the embedded store"
        )));
    }
    let field = given["field"].as_str();
    let field = field.ok_or_else(|| {
        Refusal::illegal(format!(
            "Required [field] of aggregation [{name}] is missing"
        ))
    })?;
    Ok(Metric {
        function,
        field: field.to_owned(),
        missing: given.get("missing").cloned(),
    })
}

impl Metric {
    /// The expression over a document; `None`: no index has the field.
    fn expression(&self, over: &Over, commands: &mut Commands) -> Result<Option<String>, Refusal> {
        let Some(data_type) = over.data_type(&self.field) else {
            return Ok(None);
        };
        if data_type == DataType::Text {
            return Err(no_field_data(&self.field));
        }
        let fits = data_type.is_numeric() || data_type.is_date() || data_type == DataType::Boolean;
        if self.function.is_arithmetic() && !fits {
            return Err(Refusal::illegal(format!(
                "Field [{}] of type [{}] is not supported for aggregation of numbers",
                self.field,
                data_type.name()
            )));
        }
        let mut value = quoted(&self.field);
        if self.function.is_arithmetic() {
            value = match data_type {
                DataType::Date | DataType::Boolean => format!("{value}::long"),
                DataType::DateNanos => format!("({value}::datetime)::long"),
                DataType::UnsignedLong => format!("{value}::double"),
                _ => value,
            };
        }
        if let Some(missing) = &self.missing {
            let place = commands.value(missing.clone());
            value = format!("COALESCE({value}, {place})");
        }
        Ok(Some(value))
    }

    /// From the values of [`Function::parts`].
    fn shown(&self, over: &Over, values: &[Value]) -> Value {
        let real = |value: &Value| value.as_f64().map_or(Value::Null, Value::from);
        let is_date = over.data_type(&self.field).is_some_and(DataType::is_date);
        let [first, rest @ ..] = values else {
            return Value::Null;
        };
        match self.function {
            Function::Cardinality | Function::ValueCount => {
                json!({ "value": first.as_u64().unwrap_or(0) })
            }
            Function::Stats => {
                let [min, max, avg, sum] = rest else {
                    return Value::Null;
                };
                json!({
                    "count": first.as_u64().unwrap_or(0),
                    "min": real(min), "max": real(max), "avg": real(avg),
                    "sum": sum.as_f64().unwrap_or(0.0),
                })
            }
            Function::Sum => json!({ "value": first.as_f64().unwrap_or(0.0) }),
            Function::Min | Function::Max | Function::Avg => {
                let mut shown = json!({ "value": real(first) });
                if let Some(ms) = first.as_f64().filter(|_| is_date) {
                    shown["value_as_string"] = super::buckets::iso(ms as i64).into();
                }
                shown
            }
        }
    }
}

/// The documents of one bucket.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Of this bucket and those around it.
    pub keys: Vec<Value>,
    pub documents: u64,
    /// By the level's metrics, each with its parts.
    pub metrics: Vec<Vec<Value>>,
}

/// The buckets of one level, and those below.
struct Level<'a> {
    aggregations: &'a [Aggregation],
    /// By the keys of the buckets around.
    rows: HashMap<String, Vec<Row>>,
    /// By the place of the aggregation that makes them.
    below: Vec<Option<Level<'a>>>,
}

/// `aggregations` of the answer.
pub async fn answer(over: &Over, aggregations: &[Aggregation]) -> Result<Value, Refusal> {
    let level = level(over, aggregations, Vec::new()).await?;
    let whole = Row::default();
    let rows = level.rows.get(&name_of(&[]));
    let row = rows.and_then(|rows| rows.first()).unwrap_or(&whole);
    Ok(Value::Object(level.shown(over, row)))
}

fn name_of(keys: &[Value]) -> String {
    Value::from(keys.to_vec()).to_string()
}

/// `path`: the buckets around, outermost first.
fn level<'a>(
    over: &'a Over,
    aggregations: &'a [Aggregation],
    path: Vec<&'a Buckets>,
) -> BoxFuture<'a, Result<Level<'a>, Refusal>> {
    async move {
        let rows = grouped(over, aggregations, &path).await?;
        let mut below = Vec::with_capacity(aggregations.len());
        for aggregation in aggregations {
            below.push(match &aggregation.kind {
                Kind::Metric(_) => None,
                Kind::Buckets(buckets) => {
                    let mut path = path.clone();
                    path.push(buckets);
                    Some(level(over, &aggregation.inner, path).await?)
                }
            });
        }
        Ok(Level {
            aggregations,
            rows,
            below,
        })
    }
    .boxed()
}

/// Counts and metrics by the keys of the path.
async fn grouped(
    over: &Over,
    aggregations: &[Aggregation],
    path: &[&Buckets],
) -> Result<HashMap<String, Vec<Row>>, Refusal> {
    let mut grouped: HashMap<String, Vec<Row>> = HashMap::new();
    let mut commands = Commands::default();
    for (place, buckets) in path.iter().enumerate() {
        let Some(key) = buckets.key(over, &mut commands)? else {
            // A field that no index has makes no bucket.
            return Ok(grouped);
        };
        commands.add(format!("EVAL __key{place} = {key}"));
        commands.add(format!("WHERE __key{place} IS NOT NULL"));
    }
    let mut values = vec!["__documents = COUNT(*)".to_owned()];
    // A metric whose field no index has has no columns.
    let mut widths = Vec::new();
    for aggregation in aggregations {
        let Kind::Metric(metric) = &aggregation.kind else {
            continue;
        };
        let expression = metric.expression(over, &mut commands)?;
        let parts = metric.function.parts();
        widths.push((parts.len(), expression.is_some()));
        for part in expression
            .iter()
            .flat_map(|value| parts.iter().map(move |part| (part, value)))
        {
            let (part, value) = part;
            values.push(format!("__value{} = {part}({value})", values.len()));
        }
    }
    let by: Vec<String> = (0..path.len())
        .map(|place| format!("__key{place}"))
        .collect();
    let by = if by.is_empty() {
        String::new()
    } else {
        format!(" BY {}", by.join(", "))
    };
    commands.add(format!("STATS {}{by}", values.join(", ")));
    let Some(answer) = over.ask(&commands, MAX_BUCKETS + 1, false).await? else {
        return Ok(grouped);
    };
    for row in read_rows(&answer, values.len(), path, &widths)? {
        let around = row.keys.len().saturating_sub(1);
        let around = name_of(&row.keys[..around]);
        grouped.entry(around).or_default().push(row);
    }
    Ok(grouped)
}

fn read_rows(
    answer: &Answer,
    values: usize,
    path: &[&Buckets],
    widths: &[(usize, bool)],
) -> Result<Vec<Row>, Refusal> {
    let found = rows(answer);
    if found.len() > MAX_BUCKETS {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "too_many_buckets_exception",
            format!(
                "Trying to create too many buckets. Must be less than or equal to: [{MAX_BUCKETS}] but was [{}].",
                found.len()
            ),
        )
        .with("max_buckets", MAX_BUCKETS));
    }
    let each = found.into_iter().map(|cells| {
        let (numbers, keys) = cells.split_at(values.min(cells.len()));
        let mut numbers = numbers.iter().cloned();
        let documents = numbers.next().and_then(|count| count.as_u64()).unwrap_or(0);
        let metrics = widths.iter().map(|(width, is_there)| match is_there {
            true => numbers.by_ref().take(*width).collect(),
            false => vec![Value::Null; *width],
        });
        Row {
            documents,
            metrics: metrics.collect(),
            keys: path
                .iter()
                .zip(keys)
                .map(|(buckets, key)| buckets.read_key(key))
                .collect(),
        }
    });
    Ok(each.collect())
}

impl Level<'_> {
    fn shown(&self, over: &Over, row: &Row) -> Map<String, Value> {
        let mut metrics = row.metrics.iter();
        let each = self.aggregations.iter().zip(&self.below);
        let each = each.map(|(aggregation, below)| {
            let shown = match (&aggregation.kind, below) {
                (Kind::Metric(metric), _) => match metrics.next() {
                    Some(values) => metric.shown(over, values),
                    None => metric.shown(over, &vec![Value::Null; metric.function.parts().len()]),
                },
                (Kind::Buckets(buckets), Some(below)) => {
                    let found = below.rows.get(&name_of(&row.keys));
                    let found = found.map_or(&[][..], Vec::as_slice);
                    let order = |row: &Row, name: &str| below.metric(row, name);
                    let (mut shown, chosen) = buckets.chosen(over, found, &order)?;
                    let list = chosen.into_iter().map(|(mut head, row)| {
                        head.extend(below.shown(over, &row));
                        head
                    });
                    shown["buckets"] = buckets.listed(list.collect());
                    shown
                }
                (Kind::Buckets(_), None) => Value::Null,
            };
            Some((aggregation.name.clone(), shown))
        });
        each.flatten().collect()
    }

    /// The number of a bucket's metric, to sort buckets by.
    fn metric(&self, row: &Row, name: &str) -> Option<f64> {
        let metrics = self.aggregations.iter();
        let mut metrics = metrics.filter(|one| matches!(one.kind, Kind::Metric(_)));
        let (name, part) = name.split_once('.').unwrap_or((name, ""));
        let place = metrics.clone().position(|one| one.name == name)?;
        let Kind::Metric(metric) = &metrics.nth(place)?.kind else {
            return None;
        };
        let parts = metric.function.parts();
        let wanted = part.to_uppercase();
        let place_of_part = parts.iter().position(|part| *part == wanted).unwrap_or(0);
        row.metrics.get(place)?.get(place_of_part)?.as_f64()
    }
}
