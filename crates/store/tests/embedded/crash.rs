//! A real process that ingests is killed, again and again, and its folder opened after each.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use store::{Document, Embedded, ItemResult, Operation, Options, Telemetry};

use crate::shop::{INDEX, count_and_sum, document, ids, manual, put};

/// Kills in `cargo test`; `DATAPULSE_SOAK_KILLS` names another number.
const KILLS: u64 = 10;

/// Where the child works, from its parent.
const FOLDER: &str = "DATAPULSE_CRASH_FOLDER";
const ROUND: &str = "DATAPULSE_CRASH_ROUND";

/// Callers that ingest at once in the child.
const CALLERS: u64 = 3;

/// Segments are written every few batches, so that kills meet that too.
fn options() -> Options {
    Options {
        flush_rows: 400,
        ..manual()
    }
}

/// How many documents a batch has: anybody can tell from its name.
fn size(batch: u64) -> u64 {
    1 + batch * 37 % 90
}

fn batch_of(caller: u64, round: u64, batch: u64) -> Vec<Document> {
    let documents = (0..size(batch)).map(|number| {
        let source = json!({
            "@timestamp": 1_790_000_000_000_i64 + (batch * 100 + number) as i64,
            "service.name": format!("service-{}", number % 5),
            "span.duration.us": number,
        });
        let id = format!("{caller}/{round}/{batch}/{number}");
        document(INDEX, Some(&id), Operation::Create, source)
    });
    documents.collect()
}

fn counter(value: u64) -> Document {
    let source = json!({"value": value});
    document(
        "deployments-counter",
        Some("counter"),
        Operation::Index,
        source,
    )
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("the parent listens");
}

/// Not a test: what the test's child process runs until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by `acknowledged_batches_survive_kill_9` in a process of its own"]
async fn child_that_is_killed() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else {
        panic!("run by acknowledged_batches_survive_kill_9 only");
    };
    let round: u64 = round.parse().expect("a number");
    let store = Embedded::open(Path::new(&folder), options())
        .await
        .expect("opens");
    say("ready");
    let callers = (0..CALLERS).map(|caller| tokio::spawn(work(store.clone(), caller, round)));
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("works until it is killed");
    }
}

async fn work(store: Embedded, caller: u64, round: u64) {
    for batch in 0.. {
        put(&store, batch_of(caller, round, batch)).await;
        say(&format!("stored {caller} {round} {batch}"));
        if caller == 0 {
            let value = round * 1_000_000 + batch;
            put(&store, vec![counter(value)]).await;
            say(&format!("counted {value}"));
        }
        if caller == 1 && batch % 6 == 5 {
            store.compact("*").await.expect("is put together");
        }
        if batch % 5 == 4 {
            let again = store
                .ingest(batch_of(caller, round, batch - 3))
                .await
                .expect("answers");
            let known = again
                .iter()
                .all(|result| matches!(result, ItemResult::Conflict { .. }));
            assert!(known, "sent again, it must be known: {again:?}");
        }
    }
}

/// What the child acknowledged in all rounds.
#[derive(Default)]
struct Acknowledged {
    batches: Vec<(u64, u64, u64)>,
    counter: u64,
}

impl Acknowledged {
    fn listen(&mut self, child: &mut Child) {
        let out = child.stdout.take().expect("is piped");
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: &str| word.parse::<u64>().expect("a number");
            match words.as_slice() {
                ["stored", caller, round, batch] => {
                    self.batches
                        .push((number(caller), number(round), number(batch)));
                }
                ["counted", value] => self.counter = number(value),
                _ => {}
            }
        }
    }
}

/// Random enough, and the same for a seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_batches_survive_kill_9() {
    let kills = std::env::var("DATAPULSE_SOAK_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(KILLS);
    let seed = std::env::var("DATAPULSE_SOAK_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(7);
    let dir = tempfile::tempdir().expect("a folder");
    let mut dice = Dice(seed);
    let mut acknowledged = Acknowledged::default();
    for round in 1..=kills {
        let wait = Duration::from_millis(dice.below(1_000));
        let mut child = Command::new(std::env::current_exe().expect("is known"))
            .args([
                "--ignored",
                "--exact",
                "crash::child_that_is_killed",
                "--nocapture",
            ])
            .env(FOLDER, dir.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(wait);
        child.kill().expect("is killed");
        acknowledged.listen(&mut child);
        child.wait().expect("is over");
        let store = Embedded::open(dir.path(), options())
            .await
            .expect("opens after a kill");
        check(&store, &acknowledged, round).await;
        let health = store.health();
        println!(
            "kill {round} of {kills} (seed {seed}): {} batches acknowledged, {} segments, {} rows in memory",
            acknowledged.batches.len(),
            health.segments,
            health.rows_in_memory
        );
    }
    assert!(
        acknowledged.batches.len() as u64 > kills,
        "the child did hardly anything"
    );
}

async fn check(store: &Embedded, acknowledged: &Acknowledged, round: u64) {
    let stored = ids(store, INDEX, None).await;
    let mut batches: BTreeMap<(u64, u64, u64), u64> = BTreeMap::new();
    let mut times: HashMap<&str, u32> = HashMap::new();
    for id in &stored {
        *times.entry(id).or_default() += 1;
        let mut words = id
            .split('/')
            .map(|word| word.parse::<u64>().expect("a number"));
        let mut next = || words.next().expect("four numbers");
        *batches.entry((next(), next(), next())).or_default() += 1;
    }
    let doubled: Vec<_> = times.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "round {round}: doubled: {doubled:?}");
    for (name, count) in &batches {
        assert_eq!(
            *count,
            size(name.2),
            "round {round}: batch {name:?} is not whole"
        );
    }
    for name in &acknowledged.batches {
        assert!(
            batches.contains_key(name),
            "round {round}: batch {name:?} was acknowledged"
        );
    }
    let health = store.health();
    assert!(
        health.damaged.is_empty(),
        "round {round}: a kill is no damage: {health:?}"
    );
    if acknowledged.counter > 0 {
        let (rows, value) = count_and_sum(store, "deployments-counter", "value").await;
        assert_eq!(rows, 1, "round {round}: one document, replaced each time");
        assert!(
            value as u64 >= acknowledged.counter,
            "round {round}: {value} is older than acknowledged"
        );
    }
}
