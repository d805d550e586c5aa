//! Backups of stores at work, and what becomes of them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use model::Timestamp;
use store::embedded::{BackedUp, Restored};
use store::{Embedded, Error, Options, embedded};

use crate::crash::Dice;
use crate::damage::{change, files};
use crate::journal::incident;
use crate::shop::{INDEX, ids, manual, open, put, spans};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

async fn back_up(folder: &Path, to: &Path) -> Result<BackedUp, Error> {
    embedded::backup(folder, to, false, NOW, |_, _| ()).await
}

async fn restored(backup: &Path, to: &Path) -> Restored {
    embedded::restore(backup, to, |_, _| ())
        .await
        .expect("restores or says why")
}

async fn reopened(backup: &Path, to: &Path) -> Embedded {
    assert!(matches!(restored(backup, to).await, Restored::Done(_)));
    let found = embedded::inspect(to, true, |_, _| ()).await.expect("looks");
    assert!(found.is_whole(), "{found:?}");
    open(to).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_folder_in_use_comes_back_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, saved) = (dir.path().join("data"), dir.path().join("saved"));
    let store = open(&data).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    put(&store, spans(10..15)).await;
    let id = incident(&store, "cart").await;
    let done = back_up(&data, &saved).await.expect("backs up");
    assert_eq!((done.manifest.documents, done.manifest.records), (10, 3));
    assert_eq!(done.kept_bytes, 0);
    put(&store, spans(15..20)).await;
    let back = reopened(&saved, &dir.path().join("back")).await;
    assert_eq!(ids(&back, INDEX, None).await.len(), 15, "as it was then");
    let verified = back.verify().await.expect("verifies");
    assert!(
        verified.is_intact() && verified.uncovered().count() == 0,
        "{verified:?}"
    );
    assert_eq!(verified.incidents[0].incident, id);
    put(&back, spans(15..16)).await;
    assert_eq!(
        ids(&store, INDEX, None).await.len(),
        20,
        "the store goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_copies_what_is_new_and_drops_what_is_gone() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, saved) = (dir.path().join("data"), dir.path().join("saved"));
    let store = open(&data).await;
    for start in [0, 10] {
        put(&store, spans(start..start + 10)).await;
        store.flush().await.expect("goes to a segment");
    }
    let first = back_up(&data, &saved).await.expect("backs up");
    let bytes = |done: &BackedUp| {
        done.manifest
            .segments
            .iter()
            .map(|file| file.bytes)
            .collect::<Vec<_>>()
    };
    put(&store, spans(20..30)).await;
    store.flush().await.expect("goes to a segment");
    let second = back_up(&data, &saved).await.expect("backs up");
    assert_eq!(second.kept_bytes, bytes(&first).iter().sum::<u64>());
    assert_eq!(bytes(&second).len(), 3);
    let gone = store
        .retain("traces-*", Timestamp(NOW.ms() + 15_000))
        .await
        .expect("deletes");
    assert_eq!(gone, 10);
    let third = back_up(&data, &saved).await.expect("backs up");
    assert_eq!(files(&saved, "segments").len(), 2, "{third:?}");
    let states = files(&saved, "")
        .into_iter()
        .filter(|path| path.is_dir())
        .count();
    assert_eq!(states, 2, "segments and one state");
    let back = reopened(&saved, &dir.path().join("back")).await;
    assert_eq!(ids(&back, INDEX, None).await.len(), 20);
    // A segment that was altered in the backup is copied anew.
    change(&files(&saved, "segments").remove(0), |bytes| bytes[9] ^= 1);
    assert!(matches!(
        restored(&saved, &dir.path().join("no")).await,
        Restored::Damaged(_)
    ));
    back_up(&data, &saved).await.expect("backs up");
    drop(reopened(&saved, &dir.path().join("again")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_share_the_files_and_outlive_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, saved) = (dir.path().join("data"), dir.path().join("saved"));
    let store = open(&data).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    embedded::backup(&data, &saved, true, NOW, |_, _| ())
        .await
        .expect("backs up");
    let inode =
        |path: &Path| std::os::unix::fs::MetadataExt::ino(&path.metadata().expect("is there"));
    assert_eq!(
        inode(&files(&data, "segments")[0]),
        inode(&files(&saved, "segments")[0])
    );
    store
        .retain("*", Timestamp(i64::MAX))
        .await
        .expect("deletes");
    assert!(files(&data, "segments").is_empty());
    let back = reopened(&saved, &dir.path().join("back")).await;
    assert_eq!(ids(&back, INDEX, None).await.len(), 10);
}

async fn refusal(outcome: Result<BackedUp, Error>) -> String {
    match outcome {
        Err(Error::Refused(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_place_for_a_backup_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let store = open(&data).await;
    store.cluster_uuid().await.expect("has one");
    let other = dir.path().join("other");
    std::fs::create_dir(&other).expect("makes");
    std::fs::write(other.join("letter"), "dear").expect("writes");
    let text = refusal(back_up(&data, &other).await).await;
    assert!(
        text.contains("holds something else than a backup"),
        "{text}"
    );
    assert_eq!(files(&other, "").len(), 1);
    let text = refusal(back_up(&data, &data.join("saved")).await).await;
    assert!(text.contains("lies in the data folder itself"), "{text}");
    assert!(!data.join("saved").exists());
    let second = open(&dir.path().join("second")).await;
    second.cluster_uuid().await.expect("has one");
    let saved = dir.path().join("saved");
    back_up(&data, &saved).await.expect("backs up");
    let text = refusal(back_up(&dir.path().join("second"), &saved).await).await;
    assert!(text.contains("is the backup of another store"), "{text}");
    drop(reopened(&saved, &dir.path().join("back")).await);
    let refused = embedded::restore(&saved, &data, |_, _| ()).await;
    assert!(
        matches!(&refused, Err(Error::Refused(text)) if text.contains("isn't empty")),
        "{refused:?}"
    );
    let refused = embedded::restore(&other, &dir.path().join("no"), |_, _| ()).await;
    assert!(
        matches!(&refused, Err(Error::Refused(text)) if text.contains("not a backup")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_anywhere_in_a_backup_stops_a_restore() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, saved, back) = (
        dir.path().join("data"),
        dir.path().join("saved"),
        dir.path().join("back"),
    );
    let store = open(&data).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    put(&store, spans(10..15)).await;
    incident(&store, "cart").await;
    let done = back_up(&data, &saved).await.expect("backs up");
    let mut paths: Vec<_> = done
        .manifest
        .all()
        .map(|file| saved.join(&file.path))
        .collect();
    paths.push(saved.join("manifest.json"));
    let mut dice = Dice(11);
    for path in paths {
        for _ in 0..4 {
            let good = std::fs::read(&path).expect("reads");
            let bit = dice.below(good.len() as u64 * 8) as usize;
            change(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let outcome = embedded::restore(&saved, &back, |_, _| ()).await;
            let stopped = match &outcome {
                Ok(Restored::Damaged(found)) => !found.is_whole(),
                // Bits of blanks and of the manifest's own words.
                Err(error) => matches!(error, Error::Damaged(_)),
                Ok(Restored::Done(_)) => false,
            };
            // JSON has blanks: one that becomes a tab or so says the same.
            let same = path.ends_with("manifest.json") && matches!(outcome, Ok(Restored::Done(_)));
            assert!(
                stopped || same,
                "bit {bit} of {}: {outcome:?}",
                path.display()
            );
            if same {
                std::fs::remove_dir_all(&back).expect("deletes");
            }
            assert!(!back.exists(), "nothing half-done stays");
            assert!(!dir.path().join(".back.restoring").exists());
            std::fs::write(&path, good).expect("writes");
        }
    }
    drop(reopened(&saved, &back).await);
}

/// Segments are made and merged all the time.
fn busy() -> Options {
    Options {
        flush_rows: 100,
        ..manual()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_backup_of_a_busy_store_holds_what_was_acknowledged_before_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, saved) = (dir.path().join("data"), dir.path().join("saved"));
    let store = Embedded::open(&data, busy()).await.expect("opens");
    put(&store, spans(0..10)).await;
    let (stored, stop) = (
        Arc::new(AtomicU64::new(1)),
        Arc::new(AtomicBool::new(false)),
    );
    let writer = {
        let (store, stored, stop) = (store.clone(), stored.clone(), stop.clone());
        tokio::spawn(async move {
            for batch in 1.. {
                put(&store, spans(batch * 10..batch * 10 + 10)).await;
                stored.store(batch as u64 + 1, Ordering::SeqCst);
                if batch % 7 == 0 {
                    store.flush().await.expect("goes to a segment");
                }
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        })
    };
    for number in 0..6 {
        tokio::time::sleep(Duration::from_millis(120)).await;
        let before = stored.load(Ordering::SeqCst);
        back_up(&data, &saved).await.expect("backs up");
        let back = dir.path().join(format!("back{number}"));
        let back = reopened(&saved, &back).await;
        let found = ids(&back, INDEX, None).await;
        let mut once = found.clone();
        once.dedup();
        assert_eq!(once.len(), found.len(), "backup {number}: none doubled");
        assert_eq!(found.len() % 10, 0, "backup {number}: batches are whole");
        assert!(
            found.len() as u64 >= before * 10,
            "backup {number}: {} of {before} batches",
            found.len()
        );
        for document in 0..before * 10 {
            assert!(
                found.binary_search(&format!("s{document}")).is_ok(),
                "backup {number}: s{document}"
            );
        }
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.expect("ends");
    assert!(stored.load(Ordering::SeqCst) > 20, "the store was busy");
}

const FOLDER: &str = "DATAPULSE_BACKUP_FOLDER";

/// Kills in `cargo test`.
const KILLS: u64 = 8;

/// Not a test: backs up again and again, until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `a_backup_that_is_killed_leaves_the_one_before`"]
async fn child_that_backs_up() {
    let dir = std::env::var(FOLDER).expect("run by the test beside it only");
    let dir = Path::new(&dir);
    let store = Embedded::open(&dir.join("data"), busy())
        .await
        .expect("opens");
    let first = ids(&store, INDEX, None).await.len() as i64;
    let mut out = std::io::stdout();
    for batch in 0.. {
        let start = first + batch * 10;
        put(&store, spans(start..start + 10)).await;
        if batch % 3 == 0 {
            store.flush().await.expect("goes to a segment");
        }
        back_up(&dir.join("data"), &dir.join("saved"))
            .await
            .expect("backs up");
        writeln!(out, "saved {}", start + 10)
            .and_then(|()| out.flush())
            .expect("the parent listens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_leaves_the_one_before() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut dice = Dice(5);
    let mut saved = 0;
    for kill in 0..KILLS {
        let wait = Duration::from_millis(200 + dice.below(900));
        let mut child = Command::new(std::env::current_exe().expect("is known"))
            .args([
                "--ignored",
                "--exact",
                "backup::child_that_backs_up",
                "--nocapture",
            ])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(wait);
        child.kill().expect("is killed");
        let out = child.stdout.take().expect("is piped");
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if let Some(count) = line.strip_prefix("saved ") {
                saved = count.parse().expect("a number");
            }
        }
        child.wait().expect("is over");
        if saved == 0 {
            continue;
        }
        let back = dir.path().join(format!("back{kill}"));
        let back = reopened(&dir.path().join("saved"), &back).await;
        let found = ids(&back, INDEX, None).await.len();
        assert!(found >= saved, "kill {kill}: {found} of {saved}");
        assert_eq!(found % 10, 0, "kill {kill}: batches are whole");
    }
    assert!(saved > 0, "no backup was ever made");
}

/// Not a test: restores once, and may be killed meanwhile.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `a_restore_that_is_killed_leaves_all_or_nothing`"]
async fn child_that_restores() {
    let dir = std::env::var(FOLDER).expect("run by the test beside it only");
    let dir = Path::new(&dir);
    let mut out = std::io::stdout();
    writeln!(out, "begins")
        .and_then(|()| out.flush())
        .expect("the parent listens");
    restored(&dir.join("saved"), &dir.join("back")).await;
    writeln!(out, "restored")
        .and_then(|()| out.flush())
        .expect("the parent listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_leaves_all_or_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, back) = (dir.path().join("data"), dir.path().join("back"));
    let store = open(&data).await;
    for segment in 0..40 {
        put(&store, spans(segment * 500..segment * 500 + 500)).await;
        // Compaction keeps a few of them.
        store.flush().await.expect("goes to a segment");
    }
    back_up(&data, &dir.path().join("saved"))
        .await
        .expect("backs up");
    let mut dice = Dice(3);
    let (mut whole, mut nothing) = (0, 0);
    for kill in 0..24 {
        let mut child = Command::new(std::env::current_exe().expect("is known"))
            .args([
                "--ignored",
                "--exact",
                "backup::child_that_restores",
                "--nocapture",
            ])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let out = child.stdout.take().expect("is piped");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        lines.find(|line| line == "begins").expect("begins");
        std::thread::sleep(Duration::from_millis(dice.below(40)));
        child.kill().expect("is killed");
        let said_done = lines.any(|line| line == "restored");
        child.wait().expect("is over");
        if !back.exists() {
            assert!(
                !said_done,
                "kill {kill}: what was said to be restored is there"
            );
            nothing += 1;
            continue;
        }
        let found = embedded::inspect(&back, true, |_, _| ())
            .await
            .expect("looks");
        assert!(found.is_whole(), "kill {kill}: {found:?}");
        let back_store = open(&back).await;
        assert_eq!(ids(&back_store, INDEX, None).await.len(), 20_000);
        drop(back_store);
        std::fs::remove_dir_all(&back).expect("deletes");
        whole += 1;
    }
    println!("{whole} whole, {nothing} not there");
    // Whatever the last one left, the next goes on.
    assert!(matches!(
        restored(&dir.path().join("saved"), &back).await,
        Restored::Done(_)
    ));
    assert!(!dir.path().join(".back.restoring").exists());
}
