//! A disk that takes no more: the system itself refuses a child process's writes.

use std::path::Path;
use std::process::Command;

use store::{Embedded, Error, Telemetry};

use crate::shop::{INDEX, ids, manual, put, spans};

const FOLDER: &str = "DATAPULSE_DISK_FOLDER";

/// Blocks of 512 bytes that a file of the child may have at most.
const BLOCKS: u32 = 600;

/// Not a test: runs where no file may grow beyond the limit.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `a_write_that_the_system_refuses_costs_nothing_acknowledged`"]
async fn child_on_a_full_disk() {
    let folder = std::env::var(FOLDER).expect("run by the test beside it only");
    let store = Embedded::open(Path::new(&folder), manual())
        .await
        .expect("opens");
    put(&store, spans(0..100)).await;
    let refused = store.ingest(spans(100..20_000)).await;
    let Err(Error::Unavailable(text)) = refused else {
        panic!("{refused:?}");
    };
    assert!(text.contains("free space on the disk"), "{text}");
    assert_eq!(
        ids(&store, INDEX, None).await.len(),
        100,
        "what is stored can be asked"
    );
    put(&store, spans(100..200)).await;
    assert_eq!(
        ids(&store, INDEX, None).await.len(),
        200,
        "a batch for which there is room"
    );
    // Ends without a word, as a process does whose machine is switched off.
    std::process::abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_system_refuses_costs_nothing_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("is known");
    // Without the trap the first write beyond the limit would kill the child.
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .args([
            "--ignored",
            "--exact",
            "disk::child_on_a_full_disk",
            "--nocapture",
        ])
        .env(FOLDER, dir.path())
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(output.status.code(), None, "it reached its end: {output:?}");
    let store = Embedded::open(dir.path(), manual()).await.expect("opens");
    assert_eq!(ids(&store, INDEX, None).await.len(), 200);
    assert!(store.health().damaged.is_empty(), "{:?}", store.health());
    put(&store, spans(200..20_000)).await;
}

const SMALL_DISK: &str = "DATAPULSE_SMALL_DISK";

/// Not a test: runs on a file system of a few megabytes, which it fills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `a_disk_that_is_full_takes_again_when_there_is_room`"]
async fn child_on_a_small_disk() {
    let folder = std::env::var(SMALL_DISK).expect("run by the test beside it only");
    let (filler, data) = (
        Path::new(&folder).join("filler"),
        Path::new(&folder).join("data"),
    );
    std::fs::write(&filler, vec![0; 2 << 20]).expect("there is room");
    let store = Embedded::open(&data, manual()).await.expect("opens");
    let mut stored = 0;
    let refused = loop {
        match store.ingest(spans(stored..stored + 500)).await {
            Ok(_) => stored += 500,
            Err(error) => break error,
        }
    };
    let text = refused.to_string();
    assert!(
        matches!(refused, Error::Unavailable(_)) && text.contains("free space on the disk"),
        "{text}"
    );
    let count = async |store: &Embedded| ids(store, INDEX, None).await.len() as i64;
    assert_eq!(count(&store).await, stored, "what is stored can be asked");
    let flushed = store.flush().await;
    assert!(flushed.is_err(), "no room for segments either");
    assert!(
        store.health().flush_error.is_some(),
        "and doctor can say so"
    );
    assert_eq!(count(&store).await, stored);
    drop(store);
    let store = Embedded::open(&data, manual()).await;
    // A start needs room for a file of the log.
    if let Ok(store) = &store {
        assert_eq!(count(store).await, stored);
    }
    drop(store);
    std::fs::remove_file(&filler).expect("makes room");
    let store = Embedded::open(&data, manual()).await.expect("opens");
    assert_eq!(count(&store).await, stored, "nothing acknowledged is lost");
    put(&store, spans(stored..stored + 500)).await;
    store.flush().await.expect("goes to segments now");
    drop(store);
    let store = Embedded::open(&data, manual()).await.expect("opens");
    assert_eq!(count(&store).await, stored + 500);
    assert!(store.health().damaged.is_empty(), "{:?}", store.health());
    println!("came to its end with {stored} documents");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_takes_again_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let script = "mount -t tmpfs -o size=8m tmpfs \"$1\" || exit 77; shift; exec \"$0\" \"$@\"";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().expect("is known"))
        .arg(dir.path())
        .args([
            "--ignored",
            "--exact",
            "disk::child_on_a_small_disk",
            "--nocapture",
        ])
        .env(SMALL_DISK, dir.path())
        .output();
    let output = match output {
        Ok(output)
            if output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare:") =>
        {
            output
        }
        other => {
            // Where no file system can be mounted, the test above stands for it.
            eprintln!("no small file system can be mounted here: {other:?}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("came to its end"),
        "{output:?}"
    );
}
