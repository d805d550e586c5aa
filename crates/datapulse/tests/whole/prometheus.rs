//! Prometheus remote write on the real server, from messages made by hand.

use prost::Message;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::command::Place;
use crate::intake::ask;
use crate::server::{Answer, Server};
use crate::shows;

/// The few fields of `prompb.WriteRequest` that are sent here.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Request2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeries2>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

/// 2026-01-10T13:00:00Z
const AT_MS: i64 = 1_768_050_000_000;
const VERSION_2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

fn series(name: &str, values: &[f64]) -> TimeSeries {
    let label = |name: &str, value: &str| Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let samples = values.iter().zip(0..).map(|(value, number)| Sample {
        value: *value,
        timestamp: AT_MS + number * 1_000,
    });
    TimeSeries {
        labels: vec![
            label("__name__", name),
            label("instance", "10.0.0.1:80"),
            label("job", "shop"),
        ],
        samples: samples.collect(),
    }
}

fn snappy(message: &[u8]) -> Vec<u8> {
    let mut encoder = snap::raw::Encoder::new();
    encoder.compress_vec(message).expect("is compressed")
}

async fn write(server: &Server, kind: &str, encoding: &str, body: Vec<u8>) -> Answer {
    let request = server
        .bare(Method::POST, "/api/v1/write")
        .bearer_auth(&server.token)
        .header("content-type", kind)
        .header("content-encoding", encoding);
    Answer::of(request.body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_metrics_once_each() {
    let place = Place::new();
    let server = Server::start(&place);
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let request = WriteRequest {
        timeseries: vec![
            series("up", &[1.0, 0.0, stale]),
            series("load", &[0.5, 2.5]),
        ],
    };
    for _ in 0..2 {
        let body = snappy(&request.encode_to_vec());
        let answer = write(&server, "application/x-protobuf", "snappy", body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer}");
        assert_eq!(
            answer.header("x-prometheus-remote-write-samples-written"),
            "4"
        );
    }
    let query = "FROM metrics-prometheus-default | SORT @timestamp | KEEP @timestamp, service.name, service.node.name, labels.job, metrics.up, metrics.load";
    assert_eq!(
        ask(&server, query).await,
        json!([
            [
                "2026-01-10T13:00:00.000Z",
                "shop",
                "10.0.0.1:80",
                "shop",
                1.0,
                0.5
            ],
            [
                "2026-01-10T13:00:01.000Z",
                "shop",
                "10.0.0.1:80",
                "shop",
                0.0,
                2.5
            ],
        ])
    );
    let words = ["", "__name__", "up", "service", "cart"].map(str::to_owned);
    let second = Request2 {
        symbols: words.to_vec(),
        timeseries: vec![TimeSeries2 {
            labels_refs: vec![1, 2, 3, 4],
            samples: vec![Sample {
                value: 7.0,
                timestamp: AT_MS,
            }],
        }],
    };
    let body = snappy(&second.encode_to_vec());
    let answer = write(&server, VERSION_2, "snappy", body).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer}");
    let query =
        "FROM metrics-prometheus-default | WHERE service.name == \"cart\" | KEEP metrics.up";
    assert_eq!(ask(&server, query).await, json!([[7.0]]));
    let counted = server
        .http
        .get(format!("{}/metrics", server.url))
        .send()
        .await;
    let counted = counted.expect("metrics").text().await.expect("a text");
    let stale = r#"intake_rejected_total{intake="prometheus",reason="stale"} 2"#;
    assert!(counted.contains(stale), "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_write_request() {
    let place = Place::new();
    let server = Server::start(&place);
    let good = WriteRequest {
        timeseries: vec![series("up", &[1.0])],
    };
    let good = good.encode_to_vec();
    let bomb = snappy(&vec![0u8; gateway::intake::prometheus::MAX_BODY + 1]);
    let half = Request2 {
        symbols: vec![String::new()],
        timeseries: vec![TimeSeries2 {
            labels_refs: vec![0, 9],
            samples: Vec::new(),
        }],
    };
    let protobuf = "application/x-protobuf";
    let mut said = String::new();
    for (name, kind, encoding, body) in [
        ("not compressed", protobuf, "", good.clone()),
        ("gzip", protobuf, "gzip", good.clone()),
        ("JSON", "application/json", "snappy", snappy(b"{}")),
        (
            "another message",
            "application/x-protobuf;proto=x.Y",
            "snappy",
            snappy(&good),
        ),
        ("no snappy", protobuf, "snappy", b"nonsense".to_vec()),
        ("no protobuf", protobuf, "snappy", snappy(b"nonsense")),
        ("too large", protobuf, "snappy", bomb),
        (
            "no such text",
            VERSION_2,
            "snappy",
            snappy(&half.encode_to_vec()),
        ),
    ] {
        let answer = write(&server, kind, encoding, body).await;
        said.push_str(&format!(
            "{name}: {} {}\n",
            answer.status.as_u16(),
            answer.detail()
        ));
    }
    shows!("what is no write request", said);
}
