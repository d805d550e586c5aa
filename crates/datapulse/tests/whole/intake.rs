//! Telemetry in: `_bulk` and OTLP over HTTP, asked for with ES|QL as it lies in its indices.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server};
use crate::shows;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

pub fn resource(more: &[(&str, &str)]) -> Value {
    let mut attributes = vec![attribute("service.name", "cart")];
    attributes.extend(more.iter().map(|(key, value)| attribute(key, value)));
    json!({ "attributes": attributes })
}

/// 2026-01-10T13:00:00.000001Z
const NANOS: &str = "1768050000000001000";
const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";

pub fn logs(resource: Value) -> Value {
    json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "logRecords": [{
        "timeUnixNano": NANOS, "severityNumber": 17, "body": { "stringValue": "no stock" },
        "traceId": TRACE, "spanId": SPAN, "attributes": [attribute("exception.type", "OutOfStock")],
    }] }] }] })
}

pub fn metrics(resource: Value) -> Value {
    let point = |more: Value| {
        let mut point = json!({ "timeUnixNano": NANOS, "startTimeUnixNano": NANOS });
        point
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        point
    };
    json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "metrics": [
        { "name": "queue.length", "gauge": { "dataPoints": [point(json!({ "asInt": "7" }))] } },
        { "name": "http.server.request.duration", "unit": "s", "histogram": { "aggregationTemporality": 1, "dataPoints": [
            point(json!({ "count": "4", "sum": 0.5, "bucketCounts": ["4"], "explicitBounds": [],
                "attributes": [{ "key": "http.response.status_code", "value": { "intValue": "503" } }] })),
        ] } },
    ] }] }] })
}

pub fn traces(resource: Value) -> Value {
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "spans": [{
        "traceId": TRACE, "spanId": SPAN, "parentSpanId": "", "name": "GET /cart", "kind": 2,
        "startTimeUnixNano": NANOS, "endTimeUnixNano": "1768050000250001000", "status": { "code": 2 },
    }] }] }] })
}

pub fn protobuf<T: Message + DeserializeOwned>(body: &Value) -> Vec<u8> {
    serde_json::from_value::<T>(body.clone())
        .expect("is OTLP")
        .encode_to_vec()
}

pub fn zipped(body: &[u8]) -> Vec<u8> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(body).expect("is written");
    zip.finish().expect("is finished")
}

async fn send(server: &Server, path: &str, kind: &str, zip: bool, body: Vec<u8>) -> Answer {
    let mut request = server
        .bare(Method::POST, path)
        .bearer_auth(&server.token)
        .header("content-type", kind);
    if zip {
        request = request.header("content-encoding", "gzip");
    }
    Answer::of(request.body(if zip { zipped(&body) } else { body })).await
}

pub async fn ask(server: &Server, query: &str) -> Value {
    let request = server
        .bare(Method::POST, "/_query")
        .bearer_auth(&server.token);
    let answer = Answer::of(request.json(&json!({ "query": query }))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer.body["values"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn otlp_in_both_forms_and_gzipped() {
    let place = Place::new();
    let server = Server::start(&place);
    let plain = || resource(&[]);
    let bodies = [
        (
            "/v1/logs",
            logs(plain()),
            protobuf::<ExportLogsServiceRequest>(&logs(plain())),
        ),
        (
            "/v1/metrics",
            metrics(plain()),
            protobuf::<ExportMetricsServiceRequest>(&metrics(plain())),
        ),
        (
            "/v1/traces",
            traces(plain()),
            protobuf::<ExportTraceServiceRequest>(&traces(plain())),
        ),
    ];
    for (path, json, protobuf) in bodies {
        for zip in [false, true] {
            for (kind, body) in [
                (JSON, json.to_string().into_bytes()),
                (PROTOBUF, protobuf.clone()),
            ] {
                let answer = send(&server, path, kind, zip, body).await;
                assert_eq!(
                    (answer.status, answer.header("content-type")),
                    (StatusCode::OK, kind),
                    "{path} {answer}"
                );
            }
        }
    }
    let rows = ask(&server, "FROM logs-application | KEEP @timestamp, service.name, log.level, message, error.type, trace.id, span.id").await;
    let row = json!([
        "2026-01-10T13:00:00.000Z",
        "cart",
        "ERROR",
        "no stock",
        "OutOfStock",
        TRACE,
        SPAN
    ]);
    assert_eq!(rows, json!([row, row, row, row]));
    let rows = ask(&server, "FROM metrics-system | STATS n = COUNT(*), length = MAX(`metrics.queue.length`), requests = MAX(request_count), errors = MAX(error_count), ms = MAX(latency) BY service.name").await;
    assert_eq!(rows, json!([[8, 7.0, 4.0, 4.0, 125.0, "cart"]]));
    let rows = ask(&server, "FROM traces-application | STATS n = COUNT(*) BY service.name, span.name, span.kind, event.outcome, span.duration.us, trace.id").await;
    assert_eq!(
        rows,
        json!([[4, "cart", "GET /cart", "server", "failure", 250_000, TRACE]])
    );
}

/// 100, then 160 since the process began: of the first nothing is known, the second is 60 more.
#[tokio::test(flavor = "multi_thread")]
async fn cumulative_histograms_count_each_request_once() {
    let place = Place::new();
    let server = Server::start(&place);
    for (at, fast, slow) in [(1_000, 90, 10), (61_000, 144, 16), (61_000, 144, 16)] {
        let body = json!({ "resourceMetrics": [{ "resource": resource(&[]), "scopeMetrics": [{ "metrics": [{
            "name": "http.server.request.duration",
            "histogram": { "aggregationTemporality": 2, "dataPoints": [{
                "startTimeUnixNano": NANOS, "timeUnixNano": ((1_768_050_000_000_u64 + at) * 1_000_000).to_string(),
                "count": (fast + slow).to_string(), "sum": (fast + slow) as f64 / 4.0,
                "explicitBounds": [0.1, 0.5], "bucketCounts": [fast.to_string(), slow.to_string(), "0"],
            }] },
        }] }] }] });
        let body = protobuf::<ExportMetricsServiceRequest>(&body);
        let answer = send(&server, "/v1/metrics", PROTOBUF, false, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
    }
    let rows = ask(&server, "FROM metrics-system | STATS n = COUNT(*), sent = MAX(metrics.http.server.request.duration.count), requests = SUM(request_count), errors = SUM(error_count), ms = MAX(latency), p99 = ROUND(PERCENTILE(latency_values, 99))").await;
    // 54 fast and 6 slow ones, at 133, 200 … 400 and 467 ms: 0.41 of the way between the last two.
    assert_eq!(rows, json!([[3, 160.0, 60.0, 0.0, 250.0, 427.0]]));
}

async fn sent(server: &Server, metric: Value) {
    let body = json!({ "resourceMetrics": [{ "resource": resource(&[]), "scopeMetrics": [{ "metrics": [metric] }] }] });
    let body = protobuf::<ExportMetricsServiceRequest>(&body);
    let answer = send(server, "/v1/metrics", PROTOBUF, false, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
}

/// Whatever the temporality, `_increase` says what came since; a process that began anew counts
/// from nothing.
#[tokio::test(flavor = "multi_thread")]
async fn sums_tell_what_came_since() {
    let place = Place::new();
    let server = Server::start(&place);
    let at = |s: u64| ((1_768_050_000 + s) * 1_000_000_000).to_string();
    for (began, s, value) in [(0, 60, 100), (0, 120, 160), (130, 180, 7), (130, 240, 9)] {
        let point = json!({ "startTimeUnixNano": at(began), "timeUnixNano": at(s), "asInt": value.to_string() });
        let sum =
            json!({ "isMonotonic": true, "aggregationTemporality": 2, "dataPoints": [point] });
        sent(&server, json!({ "name": "jobs", "sum": sum })).await;
    }
    for value in [5.5, 6.5] {
        let point =
            json!({ "startTimeUnixNano": at(0), "timeUnixNano": at(60), "asDouble": value });
        let sum =
            json!({ "isMonotonic": true, "aggregationTemporality": 1, "dataPoints": [point] });
        sent(&server, json!({ "name": "pages", "sum": sum })).await;
    }
    let point = json!({ "timeUnixNano": at(60), "asInt": "-3" });
    let sum = json!({ "aggregationTemporality": 2, "dataPoints": [point] });
    sent(&server, json!({ "name": "open", "sum": sum })).await;
    let quantiles = [
        json!({ "quantile": 0.5, "value": 2.0 }),
        json!({ "quantile": 0.999, "value": 9.0 }),
    ];
    let point =
        json!({ "timeUnixNano": at(60), "count": "4", "sum": 10.0, "quantileValues": quantiles });
    sent(
        &server,
        json!({ "name": "old", "summary": { "dataPoints": [point] } }),
    )
    .await;
    let query = "FROM metrics-system | STATS SUM(metrics.jobs_increase), MAX(metrics.jobs), SUM(metrics.pages_increase), MIN(metrics.open), MAX(metrics.old.p50), MAX(metrics.old.p99_9), MAX(metrics.old.count)";
    assert_eq!(
        ask(&server, query).await,
        json!([[69.0, 160.0, 12.0, -3.0, 2.0, 9.0, 4.0]])
    );
}

/// Scale 0: buckets (1, 2], (2, 4] and (4, 8] s; then coarser, at scale -1, (1, 4] and (4, 16].
#[tokio::test(flavor = "multi_thread")]
async fn percentiles_are_read_from_exponential_buckets() {
    let place = Place::new();
    let server = Server::start(&place);
    let at = |s: u64| ((1_768_050_000 + s) * 1_000_000_000).to_string();
    for (s, scale, counts) in [
        (60, 0, vec!["10", "20", "30"]),
        (120, -1, vec!["120", "31"]),
    ] {
        let count: u64 = counts
            .iter()
            .map(|n| n.parse::<u64>().expect("a number"))
            .sum();
        let point = json!({
            "startTimeUnixNano": at(0), "timeUnixNano": at(s), "count": count.to_string(), "sum": count as f64 * 3.0,
            "scale": scale, "zeroCount": "0", "positive": { "offset": 0, "bucketCounts": counts }, "min": 1.5, "max": 7.5,
        });
        let histogram = json!({ "aggregationTemporality": 2, "dataPoints": [point] });
        sent(&server, json!({ "name": "http.server.request.duration", "unit": "s", "exponentialHistogram": histogram })).await;
    }
    let query = "FROM metrics-system | STATS requests = SUM(request_count), ms = MAX(latency), p50 = ROUND(PERCENTILE(latency_values, 50)), p100 = ROUND(PERCENTILE(latency_values, 100)), max = MAX(metrics.http.server.request.duration.max)";
    // 91 came since: 90 between 1 and 4 s, one between 4 and 16 s, at the middle of its bucket.
    let answer = ask(&server, query).await;
    let row = answer[0].as_array().expect("a row");
    assert_eq!(row[..2], [json!(91.0), json!(3_000.0)], "{answer}");
    let p50 = row[2].as_f64().expect("a percentile");
    assert!((2_400.0..2_600.0).contains(&p50), "{answer}");
    assert!(
        row[3].as_f64().is_some_and(|p100| p100 > 4_000.0),
        "{answer}"
    );
    assert_eq!(row[4], 7.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_stream_attributes_name_the_index() {
    let place = Place::new();
    let server = Server::start(&place);
    let named = [
        (
            vec![
                ("data_stream.dataset", "shop"),
                ("data_stream.namespace", "prod"),
            ],
            "logs-shop-prod",
        ),
        (vec![("data_stream.dataset", "shop")], "logs-shop-default"),
        (
            vec![("data_stream.namespace", "prod")],
            "logs-application-prod",
        ),
        (vec![], "logs-application"),
    ];
    for (attributes, _) in &named {
        let body = logs(resource(attributes)).to_string().into_bytes();
        let answer = send(&server, "/v1/logs", JSON, false, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
    }
    let rows = ask(
        &server,
        "FROM logs-* METADATA _index | STATS n = COUNT(*) BY _index | KEEP _index, n | SORT _index",
    )
    .await;
    let mut names: Vec<&str> = named.iter().map(|(_, name)| *name).collect();
    names.sort_unstable();
    assert_eq!(
        rows,
        names.iter().map(|name| json!([name, 1])).collect::<Value>()
    );
    // A name that no index may have is refused as such, not as a path.
    let body = logs(resource(&[("data_stream.dataset", "../../x")]))
        .to_string()
        .into_bytes();
    let answer = send(&server, "/v1/logs", JSON, false, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(
        answer.body["partialSuccess"]["rejectedLogRecords"], 1,
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_isnt_otlp() {
    let place = Place::new();
    let server = Server::start(&place);
    let json = logs(resource(&[])).to_string().into_bytes();
    let mut said = String::new();
    for (name, kind, body) in [
        ("no protobuf", PROTOBUF, b"not protobuf at all".to_vec()),
        ("no json", JSON, b"[".to_vec()),
        (
            "json that is something else",
            JSON,
            br#"{"resourceLogs": 3}"#.to_vec(),
        ),
        ("another type", "text/plain", json),
    ] {
        for path in ["/v1/logs", "/v1/metrics", "/v1/traces"] {
            if name == "json that is something else" && path != "/v1/logs" {
                continue;
            }
            let answer = send(&server, path, kind, false, body.clone()).await;
            let message = if kind == JSON {
                answer.body["message"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            } else {
                // google.rpc.Status: a code and a message of less than 128 bytes.
                answer
                    .body
                    .as_str()
                    .unwrap_or_default()
                    .chars()
                    .filter(|c| !c.is_control())
                    .collect()
            };
            said.push_str(&format!(
                "{name} {path}: {} {} {message}\n",
                answer.status.as_u16(),
                answer.header("content-type")
            ));
        }
    }
    shows!("what isnt otlp", said);
    let unzipped = server
        .bare(Method::POST, "/v1/logs")
        .bearer_auth(&server.token);
    let unzipped = unzipped
        .header("content-type", JSON)
        .header("content-encoding", "gzip")
        .body("{}");
    let answer = Answer::of(unzipped).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.body["message"]
            .as_str()
            .unwrap_or_default()
            .contains("isn't gzip"),
        "{answer}"
    );
}

/// A line that isn't JSON, a document without `@timestamp`, a value of a wrong type and an id that
/// exists are each said of their item; what is right beside them is stored.
#[tokio::test(flavor = "multi_thread")]
async fn bulk_says_of_each_item_what_became_of_it() {
    let place = Place::new();
    let server = Server::start(&place);
    let body = [
        r#"{"create":{"_index":"logs-application","_id":"a"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z","message":"one","n":1}"#,
        r#"{"create":{"_index":"logs-application","_id":"b"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z","message":"#,
        r#"{"create":{"_index":"logs-application","_id":"c"}}"#,
        r#"{"message":"when?"}"#,
        r#"{"create":{"_index":"logs-application","_id":"d"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z","n":"many"}"#,
        r#"{"create":{"_index":"logs-application","_id":"a"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z","message":"again"}"#,
        r#"{"index":{"_index":"metrics-system","_id":"e"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z","n":2}"#,
        r#"{"create":{"_index":"Logs Of Mine"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z"}"#,
        r#"{"create":{"_index":"incidents"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z"}"#,
        "",
    ]
    .join("\n");
    let answer = server.bulk(&body).await;
    shows!("bulk items", answer.to_string());
    assert_eq!(
        ask(&server, "FROM logs-*,metrics-* | STATS n = COUNT(*)").await,
        json!([[1]])
    );
    let few = server
        .bare(
            Method::PUT,
            "/_bulk?filter_path=errors,items.*.error.type&refresh=wait_for",
        )
        .bearer_auth(&server.token);
    let few =
        Answer::of(few.body("{\"create\":{\"_index\":\"logs-application\"}}\n\n{\"n\":\"x\"}\n\n"))
            .await;
    let kind = json!({ "create": { "error": { "type": "document_parsing_exception" } } });
    assert_eq!(few.body, json!({ "errors": true, "items": [kind] }));
    let again = server.bulk(&body).await;
    assert_eq!(
        again.body["items"][0]["create"]["status"], 409,
        "an id is never doubled"
    );
    let zip = server
        .bare(Method::POST, "/metrics-x/_bulk")
        .bearer_auth(&server.token);
    let zip = zip.header("content-encoding", "gzip").body(zipped(
        b"{\"create\":{}}\n{\"@timestamp\":1768050000000,\"n\":3}\n",
    ));
    let answer = Answer::of(zip).await;
    assert_eq!(answer.body["errors"], false, "{answer}");
    assert_eq!(
        ask(&server, "FROM metrics-x | STATS n = COUNT(*)").await,
        json!([[1]])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_request_that_cant_be_read() {
    let place = Place::new();
    let server = Server::start(&place);
    let mut said = String::new();
    for body in [
        "",
        "nonsense\n",
        "{\"create\":{}}\n{}\n",
        "{\"delete\":{\"_index\":\"a\"}}\n",
        "{\"index\":{\"_index\":\"a\",\"_type\":\"_doc\"}}\n{}\n",
        "{\"index\":{\"_index\":\"a\"}}\n{}",
        "{\"create\":{\"_index\":\"a\"}}\n",
        "{}\n{}\n",
    ] {
        let answer = server.bulk(body).await;
        let reason = answer.body["error"]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        said.push_str(&format!("{body:?}: {} {reason}\n", answer.status.as_u16()));
    }
    shows!("bulk requests", said);
}

/// Senders that are many keep what they have: their requests are refused before they are read, and
/// taken again when others are done.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_senders_are_told_to_come_again() {
    use std::io::Read;
    use std::net::TcpStream;
    let place = Place::new();
    let server = Server::start(&place);
    let address = server.url.trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n",
        server.token
    );
    // All have a place but one.
    let most = gateway::intake::MAX_AT_ONCE + gateway::intake::MAX_WAITING;
    let mut senders: Vec<TcpStream> = (0..=most)
        .map(|_| {
            let mut sender = TcpStream::connect(&address).expect("connects");
            sender.write_all(head.as_bytes()).expect("is written");
            sender.set_nonblocking(true).expect("can be looked at");
            sender
        })
        .collect();
    let began = std::time::Instant::now();
    let mut told = vec![0; 4_096];
    let length = 'told: loop {
        for sender in &mut senders {
            if let Ok(length) = sender.read(&mut told) {
                break 'told length;
            }
        }
        assert!(began.elapsed().as_secs() < 60, "nobody was told");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let told = String::from_utf8_lossy(&told[..length]);
    assert!(told.starts_with("HTTP/1.1 429"), "{told}");
    assert!(told.contains("retry-after: 1"), "{told}");
    assert!(told.contains("es_rejected_execution_exception"), "{told}");
    let body = "{\"create\":{\"_index\":\"logs-a\"}}\n{\"@timestamp\":\"2026-01-10T13:00:00Z\"}\n";
    drop(senders);
    // The places are free when the server has seen that those senders are gone.
    let stored = loop {
        let answer = server.bulk(body).await;
        if answer.status != 429 {
            break answer;
        }
        assert!(
            began.elapsed().as_secs() < 60,
            "no place became free: {answer}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!(stored.body["errors"], false, "{stored}");
}
