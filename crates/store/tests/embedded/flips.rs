//! Bits that flip and files that are cut, anywhere: what was acknowledged is answered, or its
//! absence is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use store::{Embedded, Journal, Operation, Options, Telemetry, embedded};

use crate::damage::{change, files};
use crate::journal::incident;
use crate::shop::{INDEX, document, ids, manual, open, put, spans};

/// Folders that are damaged in one `cargo test`.
const CASES: u32 = 48;

/// Of each folder: its documents, and how its catalog and journal lie (in SQLite's file, or in its
/// write-ahead log).
const DOCUMENTS: usize = 40;

/// A folder at rest: segments, one replaced document, rows in two files of the log, a journal.
/// With `hot`, as a killed process leaves it.
async fn folder(dir: &Path, hot: bool) {
    let live = dir.with_extension("live");
    let store = open(&live).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    put(&store, spans(10..20)).await;
    put(&store, vec![deploy(1)]).await;
    store.flush().await.expect("goes to a segment");
    put(&store, vec![deploy(2)]).await;
    incident(&store, "cart").await;
    put(&store, spans(20..30)).await;
    if !hot {
        drop(store);
        let store = open(&live).await;
        put(&store, spans(30..40)).await;
        drop(store);
    } else {
        put(&store, spans(30..40)).await;
        copy(&live, dir);
        drop(store);
        std::fs::remove_dir_all(&live).expect("deletes");
        return;
    }
    std::fs::rename(&live, dir).expect("renames");
}

fn deploy(value: u64) -> store::Document {
    document(
        "deployments-a",
        Some("d"),
        Operation::Index,
        json!({"value": value}),
    )
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("makes");
    for entry in std::fs::read_dir(from).expect("reads") {
        let path = entry.expect("reads").path();
        let target = to.join(path.file_name().expect("has a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            // SQLite makes its shared memory anew.
            false if path.to_string_lossy().ends_with("-shm") => {}
            false => drop(std::fs::copy(&path, &target).expect("copies")),
        }
    }
}

/// What may be damaged.
fn targets(dir: &Path) -> Vec<PathBuf> {
    let mut found = files(dir, "segments");
    found.extend(files(dir, "log"));
    for name in ["truth.db", "truth.db-wal", "anchors.log"] {
        let path = dir.join(name);
        if path.metadata().is_ok_and(|file| file.len() > 0) {
            found.push(path);
        }
    }
    found
}

/// What the folder says of itself after it was opened: `None` where all is there.
async fn missing(dir: &Path) -> Result<Option<String>, String> {
    let store = match Embedded::open(dir, Options { ..manual() }).await {
        Ok(store) => store,
        // Refused as a whole, by name.
        Err(error) => return Err(error.to_string()),
    };
    let request = esql::Request {
        query: format!("FROM {INDEX},deployments-a METADATA _id | KEEP _id | LIMIT 1000"),
        ..esql::Request::default()
    };
    let answer = store.query(&request).await;
    let told = match &answer {
        Ok(answer) => answer
            .warnings
            .iter()
            .any(|text| text.contains("lacks documents")),
        Err(_) => true,
    };
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut count = 0;
    if told {
        // The rest answers.
        return Ok(None);
    }
    for id in ids(&store, INDEX, None).await {
        count += 1;
        found.insert(id);
    }
    let deployed = ids(&store, "deployments-a", None).await;
    if found.len() != DOCUMENTS || count != DOCUMENTS || deployed != ["d"] {
        return Ok(Some(format!(
            "{count} documents, {} ids, deploys {deployed:?}",
            found.len()
        )));
    }
    let records = match store.incidents().await {
        Ok(incidents) => incidents,
        Err(_) => return Ok(None),
    };
    let verified = store.verify().await;
    let intact = verified.as_ref().is_ok_and(|found| found.is_intact());
    if intact && records.len() != 1 {
        return Ok(Some(format!(
            "{} incidents, and the journal is intact",
            records.len()
        )));
    }
    if intact {
        let stored = store.records(&records[0]).await.expect("reads");
        if stored.len() != 3 {
            return Ok(Some(format!(
                "{} records, and the journal is intact",
                stored.len()
            )));
        }
    }
    Ok(None)
}

#[derive(Debug, Clone)]
enum Harm {
    Flip(usize),
    /// A bit of the database in or near a word of the catalog: few of its bytes mean something.
    Near(usize),
    /// The file ends there. The end of the log can't be told from a write that never came.
    Cut(usize),
}

fn harm(path: &Path, harm: &Harm) -> bool {
    let length = path.metadata().expect("is there").len() as usize;
    match harm {
        Harm::Flip(place) => {
            let bit = place % (length * 8);
            change(path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        }
        Harm::Near(place) => {
            let bytes = std::fs::read(path).expect("reads");
            let bits = near(&bytes);
            if bits.is_empty() {
                return false;
            }
            let bit = bits[place % bits.len()];
            change(path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        }
        Harm::Cut(place) => {
            let name = path.to_string_lossy();
            if name.ends_with(".log") || name.ends_with("-wal") {
                return false;
            }
            change(path, |bytes| bytes.truncate(place % length));
        }
    }
    true
}

/// Words of the catalog's rows.
const WORDS: [&[u8]; 4] = [
    b"traces-application",
    b".parquet",
    b"log_from",
    b"service.name",
];

/// Bytes before and after a word that belong to its row, mostly.
const ROW: usize = 24;

/// Bits in and around those words.
fn near(bytes: &[u8]) -> Vec<usize> {
    let mut found = BTreeSet::new();
    for word in WORDS {
        for (place, window) in bytes.windows(word.len()).enumerate() {
            if window == word {
                let end = (place + word.len() + ROW).min(bytes.len());
                found.extend(place.saturating_sub(ROW) * 8..end * 8);
            }
        }
    }
    found.into_iter().collect()
}

/// Opens a damaged copy; what was lost without a word.
fn lost(whole: &Path, target: usize, what: &Harm) -> Option<String> {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    copy(whole, &data);
    let targets = targets(&data);
    let database = |path: &&PathBuf| path.to_string_lossy().contains("truth.db");
    let path = match what {
        Harm::Near(_) => targets
            .iter()
            .filter(database)
            .max_by_key(|path| path.metadata().expect("is there").len()),
        _ => targets.get(target % targets.len()),
    };
    let path = path.expect("there are files");
    if !harm(path, what) {
        return None;
    }
    let name = path
        .strip_prefix(&data)
        .expect("lies in it")
        .display()
        .to_string();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runs");
    runtime.block_on(async {
        match missing(&data).await {
            Ok(None) => None,
            Ok(Some(lost)) => Some(format!("{name}: {lost}")),
            Err(refused) if refused.contains("database") || refused.contains("truth.db") => None,
            Err(refused) => Some(format!("{name}: refused without its name: {refused}")),
        }
    })
}

fn run(hot: bool, places: impl Strategy<Value = (usize, Harm)>) {
    let dir = tempfile::tempdir().expect("a folder");
    let whole = dir.path().join("whole");
    let runtime = tokio::runtime::Runtime::new().expect("runs");
    runtime.block_on(folder(&whole, hot));
    assert_eq!(lost(&whole, 0, &Harm::Cut(usize::MAX)), None);
    let cases = std::env::var("DATAPULSE_SOAK_FLIPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CASES);
    let seed: u8 = std::env::var("DATAPULSE_SOAK_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(7);
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&places, |(target, what)| {
        prop_assert_eq!(lost(&whole, target, &what), None);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn harms() -> impl Strategy<Value = (usize, Harm)> {
    let what = prop_oneof![
        4 => any::<usize>().prop_map(Harm::Near),
        4 => any::<usize>().prop_map(Harm::Flip), 1 => any::<usize>().prop_map(Harm::Cut)];
    (any::<usize>(), what)
}

#[test]
fn nothing_acknowledged_is_lost_silently_from_a_folder_at_rest() {
    run(false, harms());
}

#[test]
fn nothing_acknowledged_is_lost_silently_from_a_folder_that_was_killed() {
    run(true, harms());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_set_aside_is_told_by_every_answer_about_its_index() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..10)).await;
    put(&store, vec![deploy(1)]).await;
    store.flush().await.expect("goes to a segment");
    drop(store);
    let segments = files(dir.path(), "segments");
    let of_spans = segments
        .iter()
        .max_by_key(|path| path.metadata().expect("is there").len());
    change(of_spans.expect("is there"), |bytes| bytes[20] ^= 1);
    let warned = |store: Embedded, index: &'static str| async move {
        let request = esql::Request {
            query: format!("FROM {index} | STATS n = COUNT(*)"),
            ..esql::Request::default()
        };
        let answer = store.query(&request).await.expect("answers");
        answer
            .warnings
            .iter()
            .any(|text| text.contains("lacks documents"))
            && answer.is_partial
    };
    let store = open(dir.path()).await;
    for _ in 0..2 {
        assert!(warned(store.clone(), INDEX).await);
        assert!(
            !warned(store.clone(), "deployments-a").await,
            "it lacks nothing"
        );
    }
    drop(store);
    let store = open(dir.path()).await;
    assert!(warned(store.clone(), INDEX).await, "after a restart too");
    let found = embedded::inspect(dir.path(), false, |_, _| ())
        .await
        .expect("looks");
    assert!(!found.is_whole());
    drop(store);
    for path in files(dir.path(), "damaged") {
        std::fs::remove_file(path).expect("deletes");
    }
    let store = open(dir.path()).await;
    assert!(!warned(store, INDEX).await, "somebody knows, and said so");
    let found = embedded::inspect(dir.path(), false, |_, _| ())
        .await
        .expect("looks");
    assert!(found.is_whole(), "{found:?}");
}
