//! A query that would need more memory than it may have is refused with what to do.

use serde_json::json;
use store::{Document, Embedded, Operation, Telemetry};

use crate::shop::{document, open, put};

const START_MS: i64 = 1_790_000_040_000;
const ROWS: i64 = 40_000;
/// Less than the groups of any of the queries need.
const LITTLE: usize = 1 << 19;

fn log(number: i64) -> Document {
    let source = json!({
        "@timestamp": START_MS + number * 100,
        "service.name": format!("service-{:02}", number % 11),
        "trace.id": format!("{number:032x}"),
        "message": format!("request {number} of somebody with a message of its own"),
    });
    document("logs-application", None, Operation::Create, source)
}

async fn ask(store: &Embedded, query: &str, memory_bytes: usize) -> Result<esql::Answer, String> {
    let mut request = esql::Request {
        query: query.to_owned(),
        ..esql::Request::default()
    };
    request.limits.memory_bytes = memory_bytes;
    let answer = store.query(&request).await;
    answer.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_too_much_is_refused_and_the_store_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for from in (0..ROWS).step_by(5_000) {
        put(&store, (from..from + 5_000).map(log).collect()).await;
    }
    for query in [
        "FROM logs-application | STATS n = COUNT(*) BY trace.id | SORT n | LIMIT 1",
        "FROM logs-application | STATS m = VALUES(message) BY service.name | LIMIT 1",
        "FROM logs-application | STATS m = COUNT_DISTINCT(message, 40000)",
        "FROM logs-application | STATS p = PERCENTILE(LENGTH(message), 99) BY trace.id | LIMIT 1",
        "FROM logs-application | INLINE STATS n = COUNT(*) BY trace.id | LIMIT 1",
    ] {
        let refused = ask(&store, query, LITTLE).await.expect_err(query);
        assert!(refused.contains("Data too large"), "{query}: {refused}");
        let answer = ask(&store, query, 1 << 30).await;
        answer.unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}
