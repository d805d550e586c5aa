//! OTLP's metric points: one document a resource, moment and set of attributes.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Sum};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Map, Value};
use store::Document;

use super::ecs::{attributes, document, resource, time};
use super::requests;
use super::temporality::Batch;

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
    let mut counted = |at, of: &[KeyValue], count: u64, sum: Option<f64>| {
        rows.add(base, at, of, format!("{field}.count"), Value::from(count));
        if let Some(sum) = sum {
            rows.add(base, at, of, format!("{field}.sum"), Value::from(sum));
        }
    };
    match data {
        Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }) => {
            for point in data_points {
                let (at, value) = (point.time_unix_nano, number(point.value.as_ref()));
                rows.add(base, at, &point.attributes, field.clone(), value);
            }
        }
        Data::Histogram(histogram) => {
            for point in &histogram.data_points {
                counted(
                    point.time_unix_nano,
                    &point.attributes,
                    point.count,
                    point.sum,
                );
            }
        }
        Data::ExponentialHistogram(histogram) => {
            for point in &histogram.data_points {
                counted(
                    point.time_unix_nano,
                    &point.attributes,
                    point.count,
                    point.sum,
                );
            }
        }
        Data::Summary(summary) => {
            for point in &summary.data_points {
                counted(
                    point.time_unix_nano,
                    &point.attributes,
                    point.count,
                    Some(point.sum),
                );
            }
        }
    }
}

fn number(value: Option<&Number>) -> Value {
    match value {
        Some(Number::AsDouble(number)) => Value::from(*number),
        Some(Number::AsInt(whole)) => Value::from(*whole),
        None => Value::Null,
    }
}
