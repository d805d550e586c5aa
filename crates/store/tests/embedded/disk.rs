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
