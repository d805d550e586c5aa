//! Torn and flipped bytes, and a disk that is full.

use std::path::{Path, PathBuf};

use store::{Embedded, Error, Options, Telemetry};

use crate::shop::{INDEX, ids, manual, open, put, span, spans};

/// The files of a part of the folder that hold something, by name.
pub fn files(dir: &Path, part: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join(part)).expect("reads");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("reads").path()).collect();
    paths.retain(|path| std::fs::metadata(path).expect("reads").len() > 0);
    paths.sort();
    paths
}

pub fn change(path: &Path, with: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("reads");
    with(&mut bytes);
    std::fs::write(path, bytes).expect("writes");
}

/// Three batches in the log, ten documents each; gives the log's file.
async fn three_batches(dir: &Path) -> PathBuf {
    let store = open(dir).await;
    for start in [0, 10, 20] {
        put(&store, spans(start..start + 10)).await;
    }
    drop(store);
    files(dir, "log").remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_of_the_log_is_cut() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = three_batches(dir.path()).await;
    let whole = std::fs::metadata(&log).expect("reads").len();
    change(&log, |bytes| bytes.truncate(bytes.len() - 7));
    let store = open(dir.path()).await;
    assert_eq!(
        ids(&store, INDEX, None).await.len(),
        20,
        "the batch that was never whole is gone"
    );
    assert!(store.health().damaged.is_empty(), "a crash is no damage");
    assert!(
        std::fs::metadata(&log).expect("reads").len() < whole - 7,
        "cut at the last good checksum"
    );
    put(&store, spans(20..30)).await;
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(ids(&store, INDEX, None).await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_the_log_costs_its_batch_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = three_batches(dir.path()).await;
    change(&log, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
    });
    let store = open(dir.path()).await;
    let found = ids(&store, INDEX, None).await;
    assert_eq!(found.len(), 20);
    assert!(
        found.contains(&"s0".to_owned()) && found.contains(&"s29".to_owned()),
        "{found:?}"
    );
    let health = store.health();
    let [damage] = health.damaged.as_slice() else {
        panic!("{health:?}");
    };
    let name = log
        .file_name()
        .expect("has a name")
        .to_string_lossy()
        .into_owned();
    assert!(
        damage.text.contains(&name) && damage.text.contains("wrong checksum"),
        "{damage}"
    );
    assert_eq!(
        files(dir.path(), "damaged").len(),
        1,
        "the file is kept as it was found"
    );
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(
        ids(&store, INDEX, None).await.len(),
        20,
        "the good records were kept"
    );
    assert_eq!(
        store.health().damaged.len(),
        1,
        "and the damage is still told"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_segment_is_named_and_the_rest_answers() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for start in [0, 10] {
        put(&store, spans(start..start + 10)).await;
        store.flush().await.expect("goes to a segment");
    }
    drop(store);
    let segment = files(dir.path(), "segments").remove(0);
    change(&segment, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    let store = open(dir.path()).await;
    let beside = Embedded::open_reading(dir.path()).await.expect("opens");
    assert_eq!(ids(&beside, INDEX, None).await.len(), 10);
    assert_eq!(
        files(dir.path(), "segments").len(),
        2,
        "who only reads moves nothing"
    );
    let request = esql::Request {
        query: "FROM traces-* | STATS n = COUNT(*)".to_owned(),
        ..esql::Request::default()
    };
    let answer = store.query(&request).await.expect("answers");
    assert_eq!(store::conformance::first_row(&answer), ["10"]);
    let name = segment
        .file_name()
        .expect("has a name")
        .to_string_lossy()
        .into_owned();
    let warned = answer
        .warnings
        .iter()
        .any(|warning| warning.contains(&name));
    assert!(
        warned,
        "an answer that lacks documents says so: {:?}",
        answer.warnings
    );
    assert!(
        store
            .health()
            .damaged
            .iter()
            .any(|damage| damage.text.contains(&name)),
        "{:?}",
        store.health()
    );
    assert_eq!(files(dir.path(), "damaged").len(), 1);
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(ids(&store, INDEX, None).await.len(), 10);
    assert_eq!(store.health().damaged.len(), 1, "told after a restart too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_segment_is_named_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    put(&store, spans(10..20)).await;
    drop(store);
    std::fs::remove_file(files(dir.path(), "segments").remove(0)).expect("deletes");
    let store = open(dir.path()).await;
    assert_eq!(ids(&store, INDEX, None).await.len(), 10);
    assert_eq!(store.health().damaged.len(), 1, "{:?}", store.health());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_no_row_names_are_deleted() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(open(dir.path()).await);
    std::fs::write(
        dir.path().join("segments/000000000009-0000.parquet"),
        "half",
    )
    .expect("writes");
    let store = open(dir.path()).await;
    assert!(
        files(dir.path(), "segments").is_empty(),
        "its transaction never came"
    );
    assert!(store.health().damaged.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_refuses_the_batch_whole_and_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options {
        log_bytes: 64 * 1024,
        ..manual()
    };
    let store = Embedded::open(dir.path(), options).await.expect("opens");
    put(&store, spans(0..10)).await;
    let refused = store.ingest(spans(10..5_000)).await;
    let Err(Error::Unavailable(text)) = refused else {
        panic!("{refused:?}");
    };
    assert!(text.contains("free space on the disk"), "{text}");
    assert_eq!(ids(&store, INDEX, None).await.len(), 10);
    put(&store, vec![span(10)]).await;
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(
        ids(&store, INDEX, None).await.len(),
        11,
        "nothing of the refused batch"
    );
    put(&store, spans(11..5_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_can_not_be_written_leaves_its_rows_in_the_log() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..10)).await;
    let segments = dir.path().join("segments");
    std::fs::remove_dir(&segments).expect("deletes");
    std::fs::write(&segments, "in the way").expect("writes");
    assert!(store.flush().await.is_err());
    assert!(
        store.health().flush_error.is_some(),
        "silence never looks like health"
    );
    put(&store, spans(10..20)).await;
    assert_eq!(ids(&store, INDEX, None).await.len(), 20);
    std::fs::remove_file(&segments).expect("deletes");
    std::fs::create_dir(&segments).expect("makes");
    store.flush().await.expect("goes to a segment now");
    assert_eq!(store.health().flush_error, None);
    store.flush().await.expect("what came later too");
    assert_eq!(store.health().rows_in_memory, 0);
    assert_eq!(ids(&store, INDEX, None).await.len(), 20);
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(ids(&store, INDEX, None).await.len(), 20);
}

const UNREADABLE: &str = "DATAPULSE_UNREADABLE_FOLDER";

/// Not a test: runs as somebody who may not read one of the segments.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `a_segment_that_may_not_be_read_is_set_aside`"]
async fn child_that_may_not_read() {
    let dir = std::env::var(UNREADABLE).expect("run by the test beside it only");
    let dir = Path::new(&dir);
    let store = open(dir).await;
    let request = esql::Request {
        query: "FROM traces-* | STATS n = COUNT(*)".to_owned(),
        ..esql::Request::default()
    };
    let answer = store.query(&request).await.expect("the rest answers");
    assert_eq!(store::conformance::first_row(&answer), ["10"]);
    assert!(
        answer.is_partial && answer.warnings[0].contains("Permission denied"),
        "{:?}",
        answer.warnings
    );
    println!("came to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_may_not_be_read_is_set_aside() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for start in [0, 10] {
        put(&store, spans(start..start + 10)).await;
        store.flush().await.expect("goes to a segment");
    }
    drop(store);
    let segment = files(dir.path(), "segments").remove(0);
    std::fs::set_permissions(&segment, std::fs::Permissions::from_mode(0o000)).expect("changes");
    // Tests can't be read by everybody, so the child runs a copy of them.
    let program = tempfile::Builder::new().tempdir().expect("a folder");
    let copy = program.path().join("tests");
    std::fs::copy(std::env::current_exe().expect("is known"), &copy).expect("copies");
    let mut command = std::process::Command::new(&copy);
    command
        .args([
            "--ignored",
            "--exact",
            "damage::child_that_may_not_read",
            "--nocapture",
        ])
        .current_dir(program.path())
        .env(UNREADABLE, dir.path());
    // Root may read everything: then the child is nobody.
    const NOBODY: u32 = 65_534;
    if chown(dir.path(), Some(NOBODY), Some(NOBODY)).is_ok() {
        let all = ["", "segments", "log"].map(|part| files_and_folders(&dir.path().join(part)));
        for path in all.into_iter().flatten() {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("changes");
        }
        chown(program.path(), Some(NOBODY), Some(NOBODY)).expect("changes");
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().expect("starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("came to its end"),
        "{output:?}"
    );
    assert_eq!(files(dir.path(), "damaged").len(), 1);
}

fn files_and_folders(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("reads");
    entries.map(|entry| entry.expect("reads").path()).collect()
}
