//! `store verify` and `store stats`: what is wrong is named, and nothing is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::Digest;
use serde_json::json;
use store::care::{Care, Inspection};
use store::{Embedded, Operation, embedded};

use crate::damage::{change, files};
use crate::journal::{incident, sql};
use crate::shop::{INDEX, document, open, put, spans};

async fn look(dir: &Path, deep: bool) -> Inspection {
    embedded::inspect(dir, deep, |_, _| ())
        .await
        .expect("looks")
}

/// Two segments, a batch in the log, an incident.
async fn filled(dir: &Path) -> Embedded {
    let store = open(dir).await;
    for start in [0, 10] {
        put(&store, spans(start..start + 10)).await;
        store.flush().await.expect("goes to a segment");
    }
    put(&store, spans(20..25)).await;
    incident(&store, "cart").await;
    store
}

/// Every file with its bytes' digest, but for SQLite's shared memory.
fn bytes(dir: &Path) -> BTreeMap<PathBuf, Digest> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("reads") {
        let path = entry.expect("reads").path();
        if path.is_dir() {
            found.extend(bytes(&path));
        } else if !path.to_string_lossy().contains("truth.db-") {
            let digest = Digest::of(&std::fs::read(&path).expect("reads"));
            found.insert(path, digest);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_folder_is_whole_in_use_and_stopped() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path()).await;
    for deep in [false, true] {
        let found = look(dir.path(), deep).await;
        assert!(found.is_whole(), "{found:?}");
        let checked = found.checked;
        assert_eq!((checked.segments, checked.documents), (2, 20));
        assert_eq!(checked.log_batches, 1, "what no segment covers");
        assert_eq!((checked.records, checked.anchor_lines), (3, 3));
    }
    drop(store);
    let before = bytes(dir.path());
    let found = look(dir.path(), true).await;
    assert!(found.is_whole() && found.notes.is_empty(), "{found:?}");
    assert_eq!(bytes(dir.path()), before, "looking changes nothing");
}

/// Verifies after a change to the folder; the one fault's place and text.
async fn fault(dir: &Path, deep: bool) -> String {
    let before = bytes(dir);
    let found = look(dir, deep).await;
    assert_eq!(bytes(dir), before, "looking changes nothing");
    let [fault] = found.faults.as_slice() else {
        panic!("{found:?}");
    };
    assert!(!fault.advice.is_empty(), "{fault:?}");
    format!("{}: {}", fault.place, fault.what)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_segment_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    let segment = files(dir.path(), "segments").remove(0);
    let name = segment.display().to_string();
    let good = std::fs::read(&segment).expect("reads");
    for (place, says) in [
        (good.len() / 2, "has a wrong checksum"),
        (good.len() - 1, "has a wrong checksum"),
    ] {
        change(&segment, |bytes| bytes[place] ^= 1);
        let said = fault(dir.path(), false).await;
        assert!(said.starts_with(&name) && said.contains(says), "{said}");
        std::fs::write(&segment, &good).expect("writes");
    }
    change(&segment, |bytes| bytes.truncate(100));
    let said = fault(dir.path(), false).await;
    assert!(said.contains("has 100 bytes,"), "{said}");
    std::fs::remove_file(&segment).expect("deletes");
    let said = fault(dir.path(), true).await;
    assert!(said.contains("can't be read: No such file"), "{said}");
    std::fs::write(&segment, &good).expect("writes");
    // What the catalog says of it is held against its rows.
    sql(
        dir.path(),
        "UPDATE segments SET min_ms = min_ms + 1 WHERE id = 1",
    );
    assert!(look(dir.path(), false).await.is_whole(), "only rows tell");
    let said = fault(dir.path(), true).await;
    assert!(said.contains("the catalog says"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_log_anchors_and_journal_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    let log = files(dir.path(), "log").remove(0);
    let good = std::fs::read(&log).expect("reads");
    change(&log, |bytes| bytes[200] ^= 1);
    let said = fault(dir.path(), false).await;
    assert!(
        said.contains(".log") && said.contains("have a wrong checksum"),
        "{said}"
    );
    change(&log, |bytes| *bytes = good[..good.len() - 3].to_vec());
    let found = look(dir.path(), false).await;
    assert!(
        found.is_whole(),
        "a write that never ended is no fault: {found:?}"
    );
    assert!(
        found.notes[0].contains("after the last whole batch"),
        "{found:?}"
    );
    std::fs::write(&log, &good).expect("writes");

    let anchors = dir.path().join("anchors.log");
    let good = std::fs::read(&anchors).expect("reads");
    change(&anchors, |bytes| bytes[30] ^= 1);
    let said = fault(dir.path(), false).await;
    assert!(said.contains("anchors.log: anchor line"), "{said}");
    std::fs::write(&anchors, &good).expect("writes");

    sql(
        dir.path(),
        "UPDATE records SET bytes = x'7b7d' WHERE seq = 2",
    );
    let said = fault(dir.path(), false).await;
    assert!(
        said.contains(":2: its bytes don't give its digest"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_no_more_is_named_and_a_leftover_is_only_noted() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    std::fs::write(
        dir.path().join("segments/000000000077-0000.parquet"),
        "half",
    )
    .expect("writes");
    let found = look(dir.path(), false).await;
    assert!(found.is_whole(), "{found:?}");
    assert!(found.notes[0].contains("000000000077-0000.parquet: no index has this segment"));
    change(&dir.path().join("truth.db"), |bytes| bytes[..16].fill(0));
    let said = fault(dir.path(), false).await;
    assert!(
        said.contains("truth.db") && said.contains("not a database"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_stays_a_fault() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    std::fs::remove_file(files(dir.path(), "segments").remove(0)).expect("deletes");
    drop(open(dir.path()).await);
    let said = fault(dir.path(), false).await;
    assert!(
        said.starts_with("damaged/: ") && said.contains("with 10 documents"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_count_what_counts() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path()).await;
    let again = json!({"value": 1});
    for _ in 0..2 {
        let one = document("deployments-a", Some("d"), Operation::Index, again.clone());
        put(&store, vec![one]).await;
        store.flush().await.expect("goes to a segment");
    }
    put(&store, spans(25..30)).await;
    let beside = Embedded::open_reading(dir.path()).await.expect("opens");
    let mut all = Vec::new();
    for store in [&store, &beside] {
        let stats = store.stats(None).await.expect("counts");
        assert!(stats.damaged.is_empty());
        assert!(stats.log_bytes > Some(0) && stats.database_bytes > Some(4096));
        all.push(stats.indices);
    }
    let found = all.remove(0);
    assert_eq!(found, all[0], "the same from outside");
    let of = |name: &str| {
        found
            .iter()
            .find(|index| index.index == name)
            .expect("is there")
    };
    let spans = of(INDEX);
    assert_eq!((spans.documents, spans.documents_in_memory), (30, 5));
    assert_eq!(spans.newest.map(|at| at.ms()), Some(1_790_000_029_000));
    assert_eq!(spans.fields, Some(3));
    let on_disk = files(dir.path(), "segments")
        .iter()
        .map(|path| path.metadata().expect("is there").len())
        .sum::<u64>();
    let told: u64 = found.iter().map(|index| index.bytes).sum();
    assert_eq!(told, on_disk, "bytes are those of the files");
    assert_eq!(
        of("deployments-a").documents,
        1,
        "a replaced one doesn't count"
    );
    assert_eq!(of("agent-audit-2026.09").documents, 3);
    let some = store
        .stats(Some("traces-*,incidents"))
        .await
        .expect("counts");
    let names: Vec<&str> = some
        .indices
        .iter()
        .map(|index| index.index.as_str())
        .collect();
    assert_eq!(names, ["incidents", INDEX]);
}
