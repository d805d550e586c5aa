//! OTLP's words to ECS': resources, spans and log records.

use chrono::{DateTime, SecondsFormat};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Map, Value};
use store::{Document, Operation};

/// Nested lists and maps of one attribute, at most.
const MAX_DEPTH: usize = 8;

pub(super) fn plain(value: Option<&AnyValue>, depth: usize) -> Value {
    let Some(value) = value.and_then(|value| value.value.as_ref()) else {
        return Value::Null;
    };
    match value {
        Any::StringValue(text) => Value::from(text.clone()),
        Any::BoolValue(flag) => Value::from(*flag),
        Any::IntValue(whole) => Value::from(*whole),
        Any::DoubleValue(number) => Value::from(*number),
        Any::ArrayValue(list) if depth < MAX_DEPTH => list
            .values
            .iter()
            .map(|item| plain(Some(item), depth + 1))
            .collect(),
        Any::KvlistValue(list) if depth < MAX_DEPTH => {
            let entries = list.values.iter();
            Value::Object(
                entries
                    .map(|kv| (kv.key.clone(), plain(kv.value.as_ref(), depth + 1)))
                    .collect(),
            )
        }
        _ => Value::Null,
    }
}

/// RFC 3339 with microseconds: the order within a millisecond matters.
pub(super) fn time(nanos: u64) -> String {
    let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
    DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// OpenTelemetry's names where ECS has another.
fn ecs_name(name: &str) -> &str {
    match name {
        "service.instance.id" => "service.node.name",
        "exception.type" => "error.type",
        "exception.message" => "error.message",
        "exception.stacktrace" => "error.stack_trace",
        "peer.service" => "destination.service.name",
        "deployment.environment" | "deployment.environment.name" => "service.environment",
        other => other,
    }
}

pub(super) fn attributes(into: &mut Map<String, Value>, attributes: &[KeyValue]) {
    for attribute in attributes {
        let value = plain(attribute.value.as_ref(), 0);
        if !value.is_null() {
            into.insert(ecs_name(&attribute.key).to_owned(), value);
        }
    }
}

pub(super) fn resource(resource: Option<&Resource>) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(resource) = resource {
        attributes(&mut fields, &resource.attributes);
    }
    fields
}

/// `data_stream.*` attributes name another stream than the default, `logs-application` for logs.
/// A dataset without a namespace is in `default`, as in Elasticsearch.
pub(super) fn document(default: (&str, &str), mut source: Map<String, Value>) -> Document {
    let mut part = |name: &str| {
        let value = source.remove(&format!("data_stream.{name}"));
        value.and_then(|value| value.as_str().map(str::to_owned))
    };
    let kind = part("type").filter(|kind| matches!(kind.as_str(), "logs" | "metrics" | "traces"));
    let kind = kind.as_deref().unwrap_or(default.0);
    let index = match (part("dataset"), part("namespace")) {
        (None, None) => format!("{kind}-{}", default.1),
        (dataset, namespace) => {
            let dataset = dataset.as_deref().unwrap_or(default.1);
            format!(
                "{kind}-{dataset}-{}",
                namespace.as_deref().unwrap_or("default")
            )
        }
    };
    Document {
        index,
        operation: Operation::Create,
        id: None,
        source,
    }
}

pub(super) fn logs(request: ExportLogsServiceRequest) -> Vec<Document> {
    let mut documents = Vec::new();
    for group in &request.resource_logs {
        let base = resource(group.resource.as_ref());
        for record in group.scope_logs.iter().flat_map(|scope| &scope.log_records) {
            let mut fields = base.clone();
            attributes(&mut fields, &record.attributes);
            let nanos = match record.time_unix_nano {
                0 => record.observed_time_unix_nano,
                nanos => nanos,
            };
            fields.insert("@timestamp".to_owned(), Value::from(time(nanos)));
            let body = plain(record.body.as_ref(), 0);
            let message = body
                .as_str()
                .map_or_else(|| body.to_string(), str::to_owned);
            fields.insert("message".to_owned(), Value::from(message));
            if !record.severity_text.is_empty() {
                fields.insert(
                    "log.level".to_owned(),
                    Value::from(record.severity_text.clone()),
                );
            } else if let Some(level) = level(record.severity_number) {
                fields.insert("log.level".to_owned(), Value::from(level));
            }
            identity(&mut fields, "trace.id", &record.trace_id);
            identity(&mut fields, "span.id", &record.span_id);
            documents.push(document(("logs", "application"), fields));
        }
    }
    documents
}

/// OpenTelemetry's severity numbers, four to a name.
fn level(number: i32) -> Option<&'static str> {
    Some(match number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => return None,
    })
}

fn identity(fields: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    if !bytes.is_empty() {
        fields.insert(name.to_owned(), Value::from(hex::encode(bytes)));
    }
}

pub(super) fn spans(request: ExportTraceServiceRequest) -> Vec<Document> {
    let mut documents = Vec::new();
    for group in &request.resource_spans {
        let base = resource(group.resource.as_ref());
        for span in group.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let mut fields = base.clone();
            attributes(&mut fields, &span.attributes);
            let exception = span.events.iter().find(|event| event.name == "exception");
            if let Some(event) = exception {
                attributes(&mut fields, &event.attributes);
            }
            fields.insert(
                "@timestamp".to_owned(),
                Value::from(time(span.start_time_unix_nano)),
            );
            let nanos = span
                .end_time_unix_nano
                .saturating_sub(span.start_time_unix_nano);
            fields.insert("span.duration.us".to_owned(), Value::from(nanos / 1000));
            fields.insert("span.name".to_owned(), Value::from(span.name.clone()));
            if let Some(kind) = kind(span.kind) {
                fields.insert("span.kind".to_owned(), Value::from(kind));
            }
            // OpenTelemetry leaves the status unset where nothing went wrong.
            let failed = span.status.as_ref().is_some_and(|status| status.code == 2);
            let outcome = if failed { "failure" } else { "success" };
            fields.insert("event.outcome".to_owned(), Value::from(outcome));
            identity(&mut fields, "trace.id", &span.trace_id);
            identity(&mut fields, "span.id", &span.span_id);
            identity(&mut fields, "parent.id", &span.parent_span_id);
            documents.push(document(("traces", "application"), fields));
        }
    }
    documents
}

fn kind(kind: i32) -> Option<&'static str> {
    Some(match kind {
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => return None,
    })
}
