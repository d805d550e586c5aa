//! Folders of older formats, as those versions left them, are brought on; newer ones are refused.

use std::path::{Path, PathBuf};

use serde_json::json;
use store::embedded::{self, FORMAT};
use store::{Embedded, Journal, Operation};

use crate::journal::sql;
use crate::shop::{document, ids, open, put};

/// A folder that a version with format 1 served, stopped, served again, and was killed: segments,
/// a document that was replaced, rows in the log, an incident, a write-ahead log of SQLite's.
fn format_1(dir: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/embedded/formats/1");
    let to = dir.join("data");
    copy(&from, &to);
    to
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("makes");
    for entry in std::fs::read_dir(from).expect("reads") {
        let path = entry.expect("reads").path();
        let target = to.join(path.file_name().expect("has a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("copies")),
        }
    }
}

fn format(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("format")).expect("reads")
}

/// All that was acknowledged is there.
async fn check(store: &Embedded) {
    assert_eq!(ids(store, "logs-application", None).await.len(), 45);
    assert_eq!(ids(store, "deployments-shop", None).await, ["d1"]);
    assert_eq!(store.incidents().await.expect("reads").len(), 1);
    assert!(store.verify().await.expect("verifies").is_intact());
    let names: Vec<String> = store
        .describe("lookup-*")
        .into_iter()
        .map(|index| index.name)
        .collect();
    assert_eq!(names, ["lookup-teams"]);
    assert!(store.health().damaged.is_empty(), "{:?}", store.health());
}

#[tokio::test(flavor = "multi_thread")]
async fn format_1_is_brought_on_and_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = format_1(dir.path());
    let beside = Embedded::open_reading(&data)
        .await
        .expect("can be read as it is");
    check(&beside).await;
    assert_eq!(
        format(&data),
        "datapulse 1\n",
        "who only reads changes nothing"
    );
    drop(beside);
    let found = embedded::inspect(&data, true, |_, _| ())
        .await
        .expect("looks");
    assert!(found.is_whole(), "{found:?}");
    let store = open(&data).await;
    check(&store).await;
    assert_eq!(format(&data), format!("{FORMAT}\n"));
    let again = document(
        "deployments-shop",
        Some("d1"),
        Operation::Index,
        json!({"@timestamp": 1}),
    );
    put(&store, vec![again]).await;
    store.flush().await.expect("goes to a segment");
    drop(store);
    let found = embedded::inspect(&data, true, |_, _| ())
        .await
        .expect("looks");
    assert!(found.is_whole(), "{found:?}");
    check(&open(&data).await).await;
}

/// Before it had index definitions and templates, format 1 had fewer tables and columns.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_folders_of_format_1_are_brought_on_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = format_1(dir.path());
    sql(
        &data,
        "DROP TABLE indices; DROP TABLE templates; DROP TABLE dropped; \
         DELETE FROM fields WHERE index_name = 'lookup-teams'; ALTER TABLE fields DROP COLUMN parameters",
    );
    let store = open(&data).await;
    assert_eq!(ids(&store, "logs-application", None).await.len(), 45);
    assert!(store.verify().await.expect("verifies").is_intact());
    drop(store);
    let found = embedded::inspect(&data, true, |_, _| ())
        .await
        .expect("looks");
    assert!(found.is_whole(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_interrupted_is_done_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = format_1(dir.path());
    drop(open(&data).await);
    std::fs::write(data.join("format"), "datapulse 1\n").expect("writes");
    check(&open(&data).await).await;
    assert_eq!(format(&data), format!("{FORMAT}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_format_1_is_restored_as_such() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = format_1(dir.path());
    let (saved, back) = (dir.path().join("saved"), dir.path().join("back"));
    let now = model::Timestamp(0);
    embedded::backup(&data, &saved, false, now, |_, _| ())
        .await
        .expect("backs up");
    embedded::restore(&saved, &back, |_, _| ())
        .await
        .expect("restores");
    assert_eq!(format(&back), "datapulse 1\n");
    check(&open(&back).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_format_is_refused_by_every_door() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = format_1(dir.path());
    std::fs::write(data.join("format"), "datapulse 3\n").expect("writes");
    let saved = dir.path().join("saved");
    let now = model::Timestamp(0);
    for error in [
        Embedded::open(&data, embedded::Options::default())
            .await
            .map(drop),
        Embedded::open_reading(&data).await.map(drop),
        embedded::inspect(&data, false, |_, _| ()).await.map(drop),
        embedded::backup(&data, &saved, false, now, |_, _| ())
            .await
            .map(drop),
    ] {
        let text = error.expect_err("is refused").to_string();
        assert!(text.contains("has format \"datapulse 3\""), "{text}");
    }
    assert_eq!(format(&data), "datapulse 3\n");
}
