//! Batches of histograms, through to the documents that are stored.

use serde_json::{Value, json};

use super::*;

/// Minutes after the process began; the count's quarter are slow.
fn batch(temporality: i32, began: u64, minute: u64, count: u64) -> ExportMetricsServiceRequest {
    let at = |minute: u64| (minute * 60_000_000_000).to_string();
    let request = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [{
        "name": "http.server.request.duration",
        "histogram": { "aggregationTemporality": temporality, "dataPoints": [{
            "startTimeUnixNano": at(began), "timeUnixNano": at(minute),
            "count": count.to_string(), "sum": count as f64 / 4.0,
            "explicitBounds": [0.1, 0.5], "bucketCounts": [(count / 2).to_string(), (count / 2).to_string(), "0"],
            "attributes": [{ "key": "http.response.status_code", "value": { "intValue": "500" } }],
        }] },
    }] }] }] });
    serde_json::from_value(request).expect("OTLP")
}

/// Count as it was sent, then requests, errors, mean and P99 of the interval.
async fn stores(
    deltas: &Mutex<Deltas>,
    request: &ExportMetricsServiceRequest,
    answer: Result<(), ()>,
) -> Value {
    let mut seen = Value::Null;
    let stored = through(deltas, request, async |documents| {
        assert_eq!(documents.len(), 1);
        let source = &documents[0].source;
        let field = |name: &str| match source.get(name) {
            Some(Value::Array(values)) => Value::from(values.len()),
            other => other.cloned().unwrap_or_default(),
        };
        seen = [
            "metrics.http.server.request.duration.count",
            "request_count",
            "error_count",
            "latency",
            "latency_values",
        ]
        .map(field)
        .into_iter()
        .collect();
        answer
    });
    assert_eq!(stored.await, answer);
    seen
}

const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;
const UNSPECIFIED: i32 = 0;

#[tokio::test]
async fn cumulative_points_count_each_request_once() {
    for temporality in [CUMULATIVE, UNSPECIFIED] {
        let deltas = Mutex::default();
        let nothing = |count| json!([count, null, null, null, null]);
        for (began, minute, count, expected) in [
            (1, 2, 100, nothing(100)),
            (1, 3, 160, json!([160, 60, 60, 250.0, 60])),
            (1, 3, 160, nothing(160)),
            (4, 5, 20, json!([20, 20, 20, 250.0, 20])),
            (4, 6, 20, json!([20, 0, 0, null, null])),
        ] {
            let request = batch(temporality, began, minute, count);
            assert_eq!(stores(&deltas, &request, Ok(())).await, expected);
        }
    }
}

#[tokio::test]
async fn delta_points_are_as_they_are() {
    let deltas = Mutex::default();
    for (minute, count) in [(2, 100), (3, 60), (3, 60)] {
        let stored = stores(&deltas, &batch(DELTA, minute - 1, minute, count), Ok(())).await;
        assert_eq!(stored, json!([count, count, count, 250.0, count]));
    }
}

#[tokio::test]
async fn a_refused_batch_that_comes_again_is_counted() {
    let deltas = Mutex::default();
    stores(&deltas, &batch(CUMULATIVE, 1, 2, 100), Ok(())).await;
    let next = batch(CUMULATIVE, 1, 3, 160);
    for answer in [Err(()), Err(()), Ok(())] {
        let stored = stores(&deltas, &next, answer).await;
        assert_eq!(stored[1], 60);
    }
    assert_eq!(stores(&deltas, &next, Ok(())).await[1], Value::Null);
}

#[tokio::test]
async fn a_mark_of_an_ended_series_is_no_restart() {
    let deltas = Mutex::default();
    stores(&deltas, &batch(CUMULATIVE, 1, 2, 100), Ok(())).await;
    let mut ended = batch(CUMULATIVE, 1, 3, 0);
    let data = &mut ended.resource_metrics[0].scope_metrics[0].metrics[0].data;
    let Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Histogram(histogram)) = data
    else {
        panic!("a histogram");
    };
    histogram.data_points[0].flags = 1;
    assert_eq!(stores(&deltas, &ended, Ok(())).await[1], Value::Null);
    let stored = stores(&deltas, &batch(CUMULATIVE, 1, 4, 160), Ok(())).await;
    assert_eq!(stored[1], 60);
}

/// Batches at once take turns: what was counted by one isn't by the other.
#[tokio::test(flavor = "multi_thread")]
async fn batches_at_once_count_each_request_once() {
    let deltas = Mutex::default();
    stores(&deltas, &batch(CUMULATIVE, 1, 2, 100), Ok(())).await;
    let counted = async |minute, count| {
        let request = batch(CUMULATIVE, 1, minute, count);
        through(&deltas, &request, async |documents| {
            tokio::task::yield_now().await;
            Ok::<_, ()>(documents[0].source["request_count"].as_u64())
        })
        .await
    };
    let both = tokio::join!(counted(3, 160), counted(4, 220));
    assert_eq!(both, (Ok(Some(60)), Ok(Some(60))));
}
