//! OTLP's metric points: one document a resource, moment and set of attributes.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{DataPointFlags, Gauge, Sum};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Map, Value};
use store::Document;

use super::ecs::{attributes, document, resource, time};
use super::requests;
use super::temporality::{Batch, Counts, Point, series};

/// Points of the same moment and attributes are fields of one document.
#[derive(Default)]
struct Rows {
    rows: BTreeMap<(u64, String), Map<String, Value>>,
}

impl Rows {
    fn add(
        &mut self,
        base: &Map<String, Value>,
        nanos: u64,
        of: &[KeyValue],
        name: String,
        value: Value,
    ) {
        let mut fields = base.clone();
        attributes(&mut fields, of);
        let key = (nanos, serde_json::to_string(&fields).unwrap_or_default());
        let row = self.rows.entry(key).or_insert(fields);
        row.insert("@timestamp".to_owned(), Value::from(time(nanos)));
        row.insert(name, value);
    }
}

/// Where a metric's points come from.
pub(super) struct Origin<'a> {
    pub resource: Option<&'a Resource>,
    pub scope: &'a str,
    pub metric: &'a str,
}

/// Documents of all points; what they change of the deltas waits in the batch.
pub(super) fn documents(
    request: &ExportMetricsServiceRequest,
    batch: &mut Batch<'_>,
) -> Vec<Document> {
    let mut documents = Vec::new();
    for group in &request.resource_metrics {
        let base = resource(group.resource.as_ref());
        let mut rows = Rows::default();
        for scope in &group.scope_metrics {
            for metric in &scope.metrics {
                let Some(data) = &metric.data else { continue };
                add(&mut rows, &base, &metric.name, data);
                let origin = Origin {
                    resource: group.resource.as_ref(),
                    scope: scope.scope.as_ref().map_or("", |scope| &scope.name),
                    metric: &metric.name,
                };
                if let Data::Sum(sum) = data {
                    increases(&mut rows, &base, &origin, sum, batch);
                }
                requests::of(&origin, data, batch, |at, of, name, value| {
                    rows.add(&base, at, of, name.to_owned(), value);
                });
            }
        }
        let sources = rows.rows.into_values();
        documents.extend(sources.map(|source| document(("metrics", "system"), source)));
    }
    documents
}

/// The points as they were sent, under `metrics.<name>`.
fn add(rows: &mut Rows, base: &Map<String, Value>, name: &str, data: &Data) {
    let field = format!("metrics.{name}");
    let mut put = |at, of: &[KeyValue], part: &str, value: Value| {
        if !value.is_null() {
            rows.add(base, at, of, format!("{field}{part}"), value);
        }
    };
    match data {
        Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }) => {
            for point in data_points {
                let (at, value) = (point.time_unix_nano, number(point.value.as_ref()));
                put(at, &point.attributes, "", value);
            }
        }
        Data::Histogram(histogram) => {
            for of in &histogram.data_points {
                let told = [Some(of.count as f64), of.sum, of.min, of.max];
                counted(told, |part, value| {
                    put(of.time_unix_nano, &of.attributes, part, value)
                });
            }
        }
        Data::ExponentialHistogram(histogram) => {
            for of in &histogram.data_points {
                let told = [Some(of.count as f64), of.sum, of.min, of.max];
                counted(told, |part, value| {
                    put(of.time_unix_nano, &of.attributes, part, value)
                });
            }
        }
        Data::Summary(summary) => {
            for of in &summary.data_points {
                let told = [Some(of.count as f64), Some(of.sum), None, None];
                counted(told, |part, value| {
                    put(of.time_unix_nano, &of.attributes, part, value)
                });
                for at in &of.quantile_values {
                    let part = format!(".p{}", (at.quantile * 100_000.0).round() / 1_000.0);
                    let part = format!(".{}", part[1..].replace('.', "_"));
                    put(of.time_unix_nano, &of.attributes, &part, finite(at.value));
                }
            }
        }
    }
}

/// What is told of many values: count, sum, least and most.
fn counted(told: [Option<f64>; 4], mut put: impl FnMut(&str, Value)) {
    for (part, value) in [".count", ".sum", ".min", ".max"].into_iter().zip(told) {
        match value {
            Some(value) if part == ".count" => put(part, Value::from(value as u64)),
            Some(value) => put(part, finite(value)),
            None => {}
        }
    }
}

/// What came since the point before, whatever the sender's temporality: `metrics.<name>_increase`,
/// which may be summed.
fn increases(
    rows: &mut Rows,
    base: &Map<String, Value>,
    origin: &Origin<'_>,
    sum: &Sum,
    batch: &mut Batch<'_>,
) {
    if !sum.is_monotonic {
        return;
    }
    let name = format!("metrics.{}_increase", origin.metric);
    let deltas = requests::is_delta(sum.aggregation_temporality);
    for of in &sum.data_points {
        let ended = of.flags & DataPointFlags::NoRecordedValueMask as u32 != 0;
        let value = number(of.value.as_ref()).as_f64();
        let Some(value) = value.filter(|_| !ended) else {
            continue;
        };
        let increase = if deltas {
            Some(value)
        } else {
            let point = Point {
                start_ns: of.start_time_unix_nano,
                time_ns: of.time_unix_nano,
                counts: Counts {
                    sum: Some(value),
                    ..Counts::default()
                },
            };
            let series = series(origin.resource, origin.scope, origin.metric, &of.attributes);
            batch.interval(series, point).and_then(|counts| counts.sum)
        };
        if let Some(increase) = increase {
            let value = finite(increase);
            rows.add(base, of.time_unix_nano, &of.attributes, name.clone(), value);
        }
    }
}

/// JSON has no infinity, and none that isn't a number.
fn finite(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn number(value: Option<&Number>) -> Value {
    match value {
        Some(Number::AsDouble(number)) => finite(*number),
        Some(Number::AsInt(whole)) => Value::from(*whole),
        None => Value::Null,
    }
}
