//! The suite that every backend passes.

use crate::shop::{manual, open};
use store::Options;

#[tokio::test(flavor = "multi_thread")]
async fn embedded_store_keeps_every_promise() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut number = 0;
    store::conformance::run(async || {
        number += 1;
        open(&dir.path().join(number.to_string())).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_them_when_every_batch_goes_to_a_segment() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut number = 0;
    store::conformance::run(async || {
        number += 1;
        let options = Options {
            flush_rows: 1,
            ..manual()
        };
        let path = dir.path().join(number.to_string());
        store::Embedded::open(&path, options).await.expect("opens")
    })
    .await;
}
