//! The suite that every backend passes.

use crate::server::fresh;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn elasticsearch_keeps_every_promise() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut number = 0;
    store::conformance::run(async || {
        number += 1;
        fresh(&dir.path().join(number.to_string())).await
    })
    .await;
}
