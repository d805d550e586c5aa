//! Who may open a folder, and which.

use store::{Embedded, Error, Journal, Options, Telemetry};

use crate::shop::{INDEX, ids, open, put, spans};

async fn refusal(dir: &std::path::Path) -> Error {
    match Embedded::open(dir, Options::default()).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opener_is_told_who_holds_the_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let error = refusal(dir.path()).await;
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    let text = error.to_string();
    let holder = format!("in use by the datapulse process {}", std::process::id());
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    assert!(
        text.contains(&holder) && text.contains("stop it, or use another folder"),
        "{text}"
    );
    drop(store);
    open(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(open(dir.path()).await);
    std::fs::write(dir.path().join("format"), "datapulse 7\n").expect("writes");
    let error = refusal(dir.path()).await;
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert!(
        error.to_string().contains("has format \"datapulse 7\""),
        "{error}"
    );
    let error = Embedded::open_reading(dir.path())
        .await
        .err()
        .expect("is refused");
    assert!(
        error.to_string().contains("has format \"datapulse 7\""),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_can_be_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    put(&store, spans(10..15)).await;
    let beside = Embedded::open_reading(dir.path()).await.expect("opens");
    assert_eq!(
        ids(&beside, INDEX, None).await.len(),
        15,
        "segments and the log"
    );
    assert!(beside.incidents().await.expect("reads").is_empty());
    let refused = beside.ingest(spans(20..21)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    put(&store, spans(20..30)).await;
    assert_eq!(
        ids(&store, INDEX, None).await.len(),
        25,
        "the writer isn't disturbed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_none_can_not_be_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let error = Embedded::open_reading(dir.path())
        .await
        .err()
        .expect("is refused");
    assert!(matches!(error, Error::NotFound(_)), "{error:?}");
    assert!(
        std::fs::read_dir(dir.path())
            .expect("reads")
            .next()
            .is_none(),
        "nothing was made"
    );
}
