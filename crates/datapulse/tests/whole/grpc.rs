//! OTLP over gRPC on the real server, by hand over HTTP/2.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::json;
use tokio::net::TcpStream;

use crate::command::Place;
use crate::intake::{ask, logs, metrics, protobuf, resource, traces, zipped};
use crate::server::Server;

const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// `grpc-status`, `grpc-message` and the message of an answer.
#[derive(Debug, PartialEq)]
struct Answer {
    status: String,
    message: String,
    body: Bytes,
}

async fn call(url: &str, path: &str, token: &str, zip: bool, message: &[u8]) -> Answer {
    let address = url.trim_start_matches("http://");
    let socket = TcpStream::connect(address).await.expect("connects");
    let (mut client, connection) = h2::client::handshake(socket).await.expect("speaks HTTP/2");
    tokio::spawn(connection);
    let mut request = http::Request::post(format!("{url}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if zip {
        request = request.header("grpc-encoding", "gzip");
    }
    let message = if zip {
        zipped(message)
    } else {
        message.to_vec()
    };
    let mut frame = BytesMut::new();
    frame.put_u8(u8::from(zip));
    frame.put_u32(message.len() as u32);
    frame.put_slice(&message);
    let request = request.body(()).expect("a request");
    let (answer, mut body) = client.send_request(request, false).expect("is sent");
    // Who is refused by the head alone may have been answered before this goes out.
    let _ = body.send_data(frame.freeze(), true);
    let answer = answer.await.expect("is answered");
    let (head, mut body) = answer.into_parts();
    assert_eq!(head.status, 200);
    let mut read = BytesMut::new();
    while let Some(part) = body.data().await {
        let part = part.expect("is read");
        let _ = body.flow_control().release_capacity(part.len());
        read.extend_from_slice(&part);
    }
    let trailers = body.trailers().await.expect("trailers").unwrap_or_default();
    let text = |name: &str| {
        let found = trailers.get(name).or_else(|| head.headers.get(name));
        found
            .map_or("", |value| value.to_str().unwrap_or_default())
            .to_owned()
    };
    if !read.is_empty() {
        read.advance(5);
    }
    Answer {
        status: text("grpc-status"),
        message: text("grpc-message").replace("%20", " "),
        body: read.freeze(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_signals_gzipped_and_not() {
    let place = Place::new();
    let server = Server::start(&place);
    let plain = || resource(&[]);
    for zip in [false, true] {
        for (path, message) in [
            (LOGS, protobuf::<ExportLogsServiceRequest>(&logs(plain()))),
            (
                METRICS,
                protobuf::<ExportMetricsServiceRequest>(&metrics(plain())),
            ),
            (
                TRACES,
                protobuf::<ExportTraceServiceRequest>(&traces(plain())),
            ),
        ] {
            let answer = call(&server.url, path, &server.token, zip, &message).await;
            assert_eq!(
                (answer.status.as_str(), answer.body.len()),
                ("0", 0),
                "{path} {answer:?}"
            );
        }
    }
    let query = "FROM logs-application,traces-application,metrics-system METADATA _index | STATS n = COUNT(*) BY _index | SORT _index | KEEP _index, n";
    let rows = ask(&server, query).await;
    let expected = json!([
        ["logs-application", 2],
        ["metrics-system", 4],
        ["traces-application", 2]
    ]);
    assert_eq!(rows, expected);
    let counted = server
        .http
        .get(format!("{}/metrics", server.url))
        .send()
        .await;
    let counted = counted.expect("metrics").text().await.expect("a text");
    assert!(
        counted.contains(r#"intake_accepted_total{intake="otlp_logs"} 2"#),
        "{counted}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_so_in_grpcs_words() {
    let place = Place::new();
    let server = Server::start(&place);
    let reader = server.token("reader", "viewer", false).await;
    let good = protobuf::<ExportLogsServiceRequest>(&logs(resource(&[])));
    let huge = vec![0u8; gateway::intake::otlp::MAX_BODY + 1];
    for (name, token, zip, message, status) in [
        ("nobody", "", false, &good[..], "16"),
        ("a stranger", "dp_x_y", false, &good[..], "16"),
        ("who only reads", &reader, false, &good[..], "7"),
        ("no protobuf", &server.token, false, b"nonsense", "13"),
        ("a bomb", &server.token, true, &huge[..], "8"),
    ] {
        let answer = call(&server.url, LOGS, token, zip, message).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert!(!answer.message.is_empty(), "{name}");
    }
    let named = logs(resource(&[("data_stream.dataset", "../../x")]));
    let message = protobuf::<ExportLogsServiceRequest>(&named);
    let answer = call(&server.url, LOGS, &server.token, false, &message).await;
    let told = ExportLogsServiceResponse::decode(answer.body).expect("an answer");
    let partial = told.partial_success.expect("a part was refused");
    assert_eq!(partial.rejected_log_records, 1, "{partial:?}");
    // The other protocol at this path is told which one it is.
    let answer = server
        .http
        .post(format!("{}{LOGS}", server.url))
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status(), 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_its_own_takes_grpc_alone() {
    let place = Place::new();
    let server = Server::start_with(&place, &["--otlp-grpc", "127.0.0.1:0"], &[]);
    let said = server.said();
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("OTLP over gRPC at "));
    let url = line
        .and_then(|line| line.strip_suffix(" too"))
        .expect("is said")
        .to_owned();
    let message = protobuf::<ExportLogsServiceRequest>(&logs(resource(&[])));
    let answer = call(&url, LOGS, &server.token, true, &message).await;
    assert_eq!(answer.status, "0", "{answer:?}");
    let other = server.http.get(format!("{url}/healthz")).send().await;
    assert_eq!(other.expect("an answer").status(), 404);
}

/// Back-pressure is what senders retry.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_senders_are_told_to_come_again() {
    use std::io::Write as _;
    let place = Place::new();
    let server = Server::start(&place);
    let address = server.url.trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n",
        server.token
    );
    let most = gateway::intake::MAX_AT_ONCE + gateway::intake::MAX_WAITING;
    let sender = || {
        let mut sender = std::net::TcpStream::connect(&address).expect("connects");
        sender.write_all(head.as_bytes()).expect("is written");
        sender
    };
    let mut senders: Vec<_> = (0..most).map(|_| sender()).collect();
    let message = protobuf::<ExportLogsServiceRequest>(&logs(resource(&[])));
    let began = std::time::Instant::now();
    loop {
        // One that comes before all places are taken waits until they are free.
        let asked = call(&server.url, LOGS, &server.token, false, &message);
        match tokio::time::timeout(std::time::Duration::from_secs(2), asked).await {
            Ok(answer) if answer.status == "14" => break,
            _ => assert!(began.elapsed().as_secs() < 60, "nobody was told"),
        }
        // It may have held a place that a sender was refused for.
        senders.push(sender());
    }
    drop(senders);
}
