//! One failure, one incident: whoever sees it, in whatever order, on either side of an edge.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bus::Bus;
use casework::open::Heading;
use casework::{Casework, Clock, Opened, Toolbox};
use indexmap::IndexMap;
use model::evidence::answer_digest;
use model::finding::{Signal, Subject};
use model::identity::BUCKET_MS;
use model::incident::REOPEN_WITHIN_MS;
use model::{
    Actor, Agent, ClosedAs, Event, Evidence, Finding, Incident, IncidentId, Policy, Projection,
    Severity, Status, StoredRecord, Timestamp, Window,
};
use proptest::prelude::*;
use store::journal::SummaryPage;
use store::{Embedded, Error, Journal, SummaryFilter};

use crate::world::World;

const RULE: &str = "error-rate";
const TICK_MS: i64 = 60_000;

/// A journal whose calls take as long as a list says, so that two writers meet in every order.
struct Slow {
    store: Embedded,
    delays_ms: Mutex<VecDeque<u64>>,
}

impl Slow {
    async fn wait(&self) {
        let next = self.delays_ms.lock().expect("whole").pop_front();
        if let Some(ms) = next {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }
}

#[async_trait]
impl Journal for Slow {
    async fn append(&self, record: &StoredRecord, shown: Option<&Projection>) -> Result<(), Error> {
        self.wait().await;
        self.store.append(record, shown).await
    }

    async fn records_after(
        &self,
        incident: &IncidentId,
        after: u64,
    ) -> Result<Vec<StoredRecord>, Error> {
        self.wait().await;
        self.store.records_after(incident, after).await
    }

    async fn incidents(&self) -> Result<Vec<IncidentId>, Error> {
        self.store.incidents().await
    }

    async fn project(&self, shown: &Projection) -> Result<(), Error> {
        self.store.project(shown).await
    }

    async fn summaries(&self, filter: &SummaryFilter) -> Result<SummaryPage, Error> {
        self.wait().await;
        self.store.summaries(filter).await
    }
}

/// A process that watches, with a clock of its own.
fn sentinel(world: &World, now: Timestamp, delays_ms: Vec<u64>) -> Casework {
    let journal = Slow {
        store: world.store.clone(),
        delays_ms: Mutex::new(delays_ms.into()),
    };
    let store = Arc::new(world.store.clone());
    Casework::new(
        Arc::new(journal),
        store.clone(),
        store,
        Bus::memory(),
        Clock::manual(now),
        Policy::default(),
        Toolbox::embedded().expect("all tools can be read"),
    )
}

fn evidence(id: &str) -> Evidence {
    Evidence {
        id: id.to_owned(),
        tool: "service_check".to_owned(),
        query: "FROM metrics-*".to_owned(),
        parameters: IndexMap::new(),
        window: Window::new(Timestamp(0), Timestamp(TICK_MS)),
        asked_at: Timestamp(TICK_MS),
        says: "error rate 12 %".to_owned(),
        columns: Vec::new(),
        rows: Vec::new(),
        row_count: 0,
        answer_digest: answer_digest(&[], &[]),
    }
}

/// What a tick saw; late data moves `observed` and the estimated onset, never the tick.
fn finding(service: &str, tick: Timestamp, late_ms: i64) -> Finding {
    Finding {
        rule: RULE.to_owned(),
        subject: Subject::service(service),
        tick,
        window: Window::new(tick.plus_ms(-TICK_MS), tick),
        signal: Signal::ErrorRate,
        observed: 0.1 + late_ms as f64 / 1e9,
        threshold: 0.05,
        unit: "share".to_owned(),
        held_against: "threshold".to_owned(),
        requests: Some(500.0),
        since: Some(tick.plus_ms(-late_ms)),
        notes: Vec::new(),
        evidence: evidence("F1"),
    }
}

fn heading() -> Heading {
    Heading {
        title: "errors".to_owned(),
        severity: Severity::High,
        severity_reason: "criticality 1".to_owned(),
    }
}

async fn see(casework: &Casework, finding: Finding) -> Opened {
    let opened = casework
        .open(Actor::agent(Agent::Sentinel), finding, heading())
        .await;
    opened.expect("opens or attaches")
}

/// All incidents of the service, folded.
async fn incidents(casework: &Casework, service: &str) -> Vec<Incident> {
    let filter = SummaryFilter {
        service: Some(service.to_owned()),
        limit: 100,
        ..SummaryFilter::default()
    };
    let page = casework.journal().summaries(&filter).await.expect("reads");
    let mut incidents = Vec::new();
    for summary in page.items {
        incidents.push(
            casework
                .incident(&summary.incident_id)
                .await
                .expect("folds"),
        );
    }
    incidents
}

/// Two processes, some ticks each around a bucket's edge, clocks that differ, calls that take
/// any time.
#[derive(Debug, Clone)]
struct Race {
    ticks: [Vec<i64>; 2],
    late_ms: [i64; 2],
    clocks_ms: [i64; 2],
    delays_ms: [Vec<u64>; 2],
}

fn race() -> impl Strategy<Value = Race> {
    let ticks = || prop::collection::btree_set(-3i64..3, 1..4).prop_map(Vec::from_iter);
    let delays = || prop::collection::vec(0u64..6, 0..16);
    (
        [ticks(), ticks()],
        [0i64..3_600_000, 0i64..3_600_000],
        [-90_000i64..90_000, -90_000i64..90_000],
        [delays(), delays()],
    )
        .prop_map(|(ticks, late_ms, clocks_ms, delays_ms)| Race {
            ticks,
            late_ms,
            clocks_ms,
            delays_ms,
        })
}

/// Runs the race for one service; gives what is in the journal afterwards.
async fn run(world: &World, service: &str, race: &Race) -> Vec<Incident> {
    let edge = Timestamp(500_000 * BUCKET_MS);
    let watch = |who: usize| {
        let now = edge.plus_ms(race.clocks_ms[who]);
        let casework = sentinel(world, now, race.delays_ms[who].clone());
        let ticks = race.ticks[who].clone();
        let (service, late_ms) = (service.to_owned(), race.late_ms[who]);
        async move {
            for tick in ticks {
                see(
                    &casework,
                    finding(&service, edge.plus_ms(tick * TICK_MS), late_ms),
                )
                .await;
            }
        }
    };
    tokio::join!(watch(0), watch(1));
    incidents(&world.casework(edge), service).await
}

fn one_incident(race: &Race, all: &[Incident]) -> Result<(), TestCaseError> {
    let (closed, open): (Vec<_>, Vec<_>) = all
        .iter()
        .partition(|incident| incident.status == Status::Closed);
    prop_assert_eq!(
        open.len(),
        1,
        "{:?}",
        all.iter().map(|one| &one.id).collect::<Vec<_>>()
    );
    for double in closed {
        let of = ClosedAs::Duplicate {
            of: open[0].id.clone(),
        };
        prop_assert_eq!(double.closed_as.as_ref(), Some(&of));
    }
    let mut ticks: Vec<Timestamp> = open[0].findings.iter().map(|one| one.tick).collect();
    ticks.sort();
    let mut wanted: Vec<i64> = race.ticks.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let edge = 500_000 * BUCKET_MS;
    let wanted: Vec<Timestamp> = wanted
        .into_iter()
        .map(|tick| Timestamp(edge + tick * TICK_MS))
        .collect();
    prop_assert_eq!(ticks, wanted, "each tick's finding once");
    Ok(())
}

#[test]
fn two_sentinels_open_one_incident() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("starts");
    let world = runtime.block_on(World::new());
    let mut number = 0;
    let config = ProptestConfig {
        cases: 64,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let world = &world;
    let counter = std::cell::RefCell::new(&mut number);
    let outcome = runner.run(&race(), |race| {
        **counter.borrow_mut() += 1;
        let service = format!("service-{}", counter.borrow());
        one_incident(&race, &runtime.block_on(run(world, &service, &race)))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The order that a comparison of times alone gets wrong: both look, the later one writes and
/// looks again, then the earlier one writes.
#[tokio::test(flavor = "multi_thread")]
async fn the_one_that_writes_last_sees_both() {
    let world = World::new().await;
    let race = Race {
        ticks: [vec![0], vec![-1]],
        late_ms: [0, 0],
        clocks_ms: [0, -60_000],
        delays_ms: [vec![0, 50], vec![0, 200]],
    };
    let all = run(&world, "payment", &race).await;
    assert_eq!(all.len(), 2, "both wrote");
    one_incident(&race, &all).expect("one stays open");
}

#[tokio::test]
async fn the_same_trouble_soon_after_the_end_reopens_and_later_opens_anew() {
    let world = World::new().await;
    let start = Timestamp(500_000 * BUCKET_MS);
    let casework = world.casework(start);
    let Opened::New(first) = see(&casework, finding("payment", start, 0)).await else {
        panic!("nothing was known");
    };
    let resolve = async || {
        let event = Event::Resolved {
            says: "well again".to_owned(),
            evidence: Some(Box::new(evidence("R1"))),
        };
        casework
            .record(&first.id, Actor::agent(Agent::Sentinel), event)
            .await
            .expect("resolves")
    };
    resolve().await;
    let soon = start.plus_ms(REOPEN_WITHIN_MS);
    let Opened::Reopened(again) = see(&casework, finding("payment", soon, 0)).await else {
        panic!("it was resolved within the time");
    };
    assert_eq!((again.id.clone(), again.reopened), (first.id.clone(), 1));
    assert_eq!(again.findings.len(), 2);
    let ended = resolve().await.resolved_at.expect("is over");
    let later = ended.plus_ms(REOPEN_WITHIN_MS + 2 * BUCKET_MS);
    let Opened::New(other) = see(&casework, finding("payment", later, 0)).await else {
        panic!("too late to reopen");
    };
    assert_ne!(other.id, first.id);
}
