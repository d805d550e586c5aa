//! The shop's failures through the real agents on a clock that is set by hand: what the demo shows
//! in a minute, step by step and the same every time.

use std::sync::Arc;

use casework::{Clock, Stage as _};
use model::incident::ProposalStage;
use model::proposal::Check;
use model::{
    Action, ActionKind, Actor, Agent, Cause, Event, Incident, Proposal, Recovery, Status,
    TargetState, Timestamp,
};
use sentinel::Sentinel;
use serde_json::{Value, json};
use simulator::telemetry::documents;
use simulator::world::HISTORY_MS;
use simulator::{Fault, Naming, Setting, Shop, Truth, control};
use store::embedded::{Embedded, Options};
use store::{Document, ItemResult, Operation};

use crate::configuration::Configuration;
use crate::wire::{self, Parts};

mod approvals;
mod automatic;

const START_MS: i64 = 1_790_000_000_000;
const SEED: u64 = 3;
/// A fault that isn't noticed after so long, in the shop's time, isn't noticed.
const PATIENCE_MS: i64 = 12 * 60_000;

/// Every failure has its full strength after so long.
const GROWN_MS: i64 = 5 * 60_000;

/// A shop, the store that its telemetry goes to, and the agents' parts.
struct Bench {
    shop: Shop,
    parts: Parts,
    clock: Clock,
    sentinel: Sentinel,
    /// Documents before this moment are in.
    fed_ms: i64,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn set(seed: u64, fault: Option<Fault>, naming: Naming) -> Self {
        Self::set_under(seed, fault, naming, Configuration::default()).await
    }

    async fn set_under(
        seed: u64,
        fault: Option<Fault>,
        naming: Naming,
        configuration: Configuration,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let setting = Setting {
            seed,
            fault,
            start_ms: START_MS,
            naming,
        };
        let shop = Shop::open(&folder.path().join("shop"), setting).expect("a shop");
        let store = Embedded::open(&folder.path().join("store"), Options::throwaway())
            .await
            .expect("a store");
        let begin = START_MS - HISTORY_MS;
        let clock = Clock::manual(Timestamp(begin));
        let mut parts = Parts::new(store, &configuration, clock.clone())
            .await
            .expect("parts");
        super::shorten(&mut parts);
        let (url, token) = platform(&shop, &clock).await;
        parts.runner = Some(wire::control_api(&url, &token).expect("a runner"));
        let sentinel = Sentinel::new(parts.casework.clone(), parts.sentinel.clone());
        let bench = Self {
            shop,
            parts,
            clock,
            sentinel,
            fed_ms: begin,
            _folder: folder,
        };
        bench.catalog().await;
        bench
    }

    async fn catalog(&self) {
        let rows = self.shop.world().lookup();
        let documents = rows.into_iter().map(|row| Document {
            index: "lookup-services".to_owned(),
            operation: Operation::Index,
            id: row["service.name"].as_str().map(str::to_owned),
            source: object(row),
        });
        self.ingest(documents.collect()).await;
    }

    async fn ingest(&self, documents: Vec<Document>) {
        for result in self
            .parts
            .store
            .telemetry()
            .ingest(documents)
            .await
            .expect("taken in")
        {
            assert!(!matches!(result, ItemResult::Refused { .. }), "{result:?}");
        }
    }

    /// Lets time pass: what the shop sends until then comes in.
    async fn pass(&mut self, to_ms: i64) {
        let world = self.shop.world();
        let made = documents(&world, self.fed_ms, to_ms)
            .into_iter()
            .map(|document| Document {
                index: document.index.to_owned(),
                operation: Operation::Create,
                id: Some(document.id),
                source: object(document.source),
            });
        self.ingest(made.collect()).await;
        self.fed_ms = to_ms;
        self.clock.set(Timestamp(to_ms));
    }

    /// One of Sentinel's intervals.
    async fn tick(&mut self) {
        self.pass(self.clock.now().ms() + self.parts.sentinel.interval_ms)
            .await;
        self.sentinel.look().await.expect("a tick");
    }

    async fn incidents(&self) -> Vec<Incident> {
        super::incidents(&self.parts.casework)
            .await
            .expect("listed")
    }

    async fn incident(&self) -> Incident {
        self.incidents()
            .await
            .into_iter()
            .next()
            .expect("an incident")
    }

    /// Ticks from a little before the fault until an incident is open.
    async fn found(&mut self) -> Incident {
        let fault_ms = self.shop.world().fault_ms();
        self.pass(fault_ms - 60_000).await;
        while self.incidents().await.is_empty() {
            assert!(
                self.clock.now().ms() < fault_ms + PATIENCE_MS,
                "nothing was noticed"
            );
            self.tick().await;
        }
        self.incident().await
    }

    /// Until the failure is at its full strength, and everything that it touches is known.
    async fn grown(&mut self) -> Incident {
        self.explained().await;
        let until = self.clock.now().ms() + GROWN_MS;
        while self.clock.now().ms() < until {
            self.tick().await;
        }
        self.incident().await
    }

    async fn explained(&mut self) -> Incident {
        let incident = self.found().await;
        let analyst = analyst::Analyst::new(self.parts.casework.clone());
        analyst.look(incident).await.expect("explained");
        self.incident().await
    }

    /// The Executor looks at each tick until the proposal's recovery was judged.
    async fn judged(&mut self, proposal: &str) -> Incident {
        let runner = self.parts.runner.clone().expect("a runner");
        let executor = executor::Executor::new(
            self.parts.casework.clone(),
            runner,
            self.parts.executor.clone(),
        );
        let until = self.clock.now().ms() + PATIENCE_MS;
        loop {
            executor.look(self.incident().await).await.expect("looked");
            let incident = self.incident().await;
            if incident
                .proposal(proposal)
                .is_some_and(|state| state.recovery.is_some())
            {
                return incident;
            }
            assert!(self.clock.now().ms() < until, "{proposal} was never judged");
            self.tick().await;
        }
    }

    async fn approve(&self, incident: &Incident, proposal: &str) {
        super::responders::agree(&self.parts.casework, &incident.id, proposal)
            .await
            .expect("decided");
    }

    /// Approves the latest offer, and waits until its recovery was judged.
    async fn tried(&mut self, incident: &Incident) -> (String, Incident) {
        let offered = incident.proposals.last().expect("offered");
        let id = offered.proposal.id.clone();
        self.approve(incident, &id).await;
        let judged = self.judged(&id).await;
        (id, judged)
    }

    /// Offers an action that no runbook would.
    async fn offer(
        &self,
        incident: &Incident,
        kind: ActionKind,
        does: Value,
        undoes: Option<Value>,
    ) -> Incident {
        let target = self.shop.world().naming.services[Fault::DbConnections.service()].clone();
        let action = |parameters: Value| Action {
            kind,
            target: target.clone(),
            parameters: object(parameters).into_iter().collect(),
        };
        let runner = self.parts.runner.clone().expect("a runner");
        let state = runner.observe(&target).await.expect("observed");
        let now = self.clock.now();
        let policy = self.parts.casework.policy();
        let risk = policy.tier_of(kind);
        let raised = &incident.findings[0].evidence;
        let proposal = Proposal {
            id: incident.next_proposal_id(),
            action: action(does),
            why: "somebody thinks so".to_owned(),
            risk,
            risk_note: "it may be wrong".to_owned(),
            eta_s: 60,
            undo: undoes.map(action),
            check: Check {
                tool: raised.tool.clone(),
                query: raised.query.clone(),
                parameters: raised.parameters.clone(),
                says: String::new(),
            },
            runbook: None,
            hypothesis: None,
            evidence: Vec::new(),
            observed: TargetState::new(target.clone(), state, now),
            policy_version: policy.version(),
            quorum: policy.quorum_of(risk),
            expires: now.plus_ms(3_600_000),
            requesters: Vec::new(),
            not_the_requester: false,
            on_call: None,
            request: None,
            replaces: None,
            automation: Vec::new(),
        };
        let event = Event::Proposed {
            seal: proposal.seal(&incident.id),
            proposal: Box::new(proposal),
        };
        let resolver = Actor::agent(Agent::Resolver);
        self.parts
            .casework
            .record(&incident.id, resolver, event)
            .await
            .expect("offered")
    }
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("expected an object, got {other}"),
    }
}

/// The control API on a real socket.
async fn platform(shop: &Shop, clock: &Clock) -> (String, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let clock = clock.clone();
    let router = control::router(shop.clone(), "platform", Arc::new(move || clock.now().ms()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, "platform".to_owned())
}

/// A cause with the shop's names taken out: which kind, and the index of the service.
fn place(cause: &Cause, naming: &Naming) -> String {
    let place = cause.place();
    let known = naming.index(place).map(|index| format!("service {index}"));
    let known = known.or_else(|| (naming.provider == place).then(|| "the provider".to_owned()));
    let kind = match cause {
        Cause::Change { .. } => "a change",
        Cause::Outside { .. } => "outside",
        Cause::Load { .. } => "load",
        Cause::Service { .. } => "a service",
    };
    format!("{kind}: {}", known.unwrap_or_else(|| place.to_owned()))
}

fn is_right(truth: &Truth, cause: &Cause) -> bool {
    super::story::is_right(Some(truth), cause)
}

#[tokio::test]
async fn names_and_words_do_not_matter() {
    for fault in Fault::ALL {
        let mut causes = Vec::new();
        for naming in [Naming::default(), Naming::opaque()] {
            let mut bench = Bench::set(SEED, Some(fault), naming.clone()).await;
            let incident = bench.explained().await;
            let report = incident.report.expect("a report");
            let first = report
                .first()
                .unwrap_or_else(|| panic!("{fault:?}: no cause; {}", report.conclusion));
            let truth = bench.shop.world().truth().expect("a fault has one");
            assert!(
                is_right(&truth, &first.cause),
                "{fault:?}: {} where {truth:?} is true",
                report.conclusion
            );
            causes.push(place(&first.cause, &naming));
        }
        assert_eq!(causes[0], causes[1], "{fault:?}");
    }
}

#[tokio::test]
async fn two_hours_of_decoys_and_load_swings_open_no_incident() {
    let mut bench = Bench::set(SEED, None, Naming::default()).await;
    // A baseline takes some history to learn from; then two hours are looked at.
    bench.pass(START_MS - HISTORY_MS + 30 * 60_000).await;
    bench.parts.sentinel = sentinel::Settings::default();
    bench.sentinel = Sentinel::new(bench.parts.casework.clone(), bench.parts.sentinel.clone());
    while bench.clock.now().ms() < START_MS + 30 * 60_000 {
        bench.tick().await;
    }
    let opened: Vec<String> = bench
        .incidents()
        .await
        .into_iter()
        .map(|incident| incident.title)
        .collect();
    assert!(opened.is_empty(), "{opened:?}");
}

/// Spans of a service that sends nothing else, one every two seconds.
async fn spans(bench: &Bench, from_ms: i64, to_ms: i64, duration_us: i64) {
    let span = |at: i64| Document {
        index: "traces-application".to_owned(),
        operation: Operation::Create,
        id: None,
        source: object(json!({
            "@timestamp": Timestamp(at).to_string(), "service.name": "only-traced",
            "trace.id": format!("{at:032x}"), "span.id": format!("{at:016x}"), "span.name": "GET /",
            "span.kind": "server", "span.duration.us": duration_us + at % 7_000, "event.outcome": "success",
        })),
    };
    let moments = (from_ms..to_ms).step_by(2_000);
    bench.ingest(moments.map(span).collect()).await;
}

#[tokio::test]
async fn a_service_that_only_sends_spans_is_found_by_its_learned_line() {
    let mut bench = Bench::set(SEED, None, Naming::default()).await;
    spans(&bench, START_MS - HISTORY_MS, START_MS, 20_000).await;
    bench.pass(START_MS).await;
    bench.sentinel.look().await.expect("a first look");
    let step = bench.parts.sentinel.interval_ms;
    while bench.incidents().await.is_empty() {
        let now = bench.clock.now().ms();
        assert!(now < START_MS + PATIENCE_MS, "nothing was noticed");
        spans(&bench, now, now + step, 900_000).await;
        bench.tick().await;
    }
    let incident = bench.incident().await;
    assert_eq!(incident.service, "only-traced");
    assert_eq!(incident.rule, "latency-p99");
}

#[tokio::test]
async fn a_wrong_action_is_not_taken_for_a_repair_and_its_undo_is_offered() {
    let mut bench = Bench::set(SEED, Some(Fault::DbConnections), Naming::default()).await;
    let incident = bench.grown().await;
    let more = Some(json!({ "share": 1.0 }));
    let incident = bench
        .offer(
            &incident,
            ActionKind::RateLimit,
            json!({ "share": 0.95 }),
            more,
        )
        .await;
    let (wrong, incident) = bench.tried(&incident).await;
    let state = incident.proposal(&wrong).expect("there");
    assert_eq!(state.recovery, Some(Recovery::NoEffect));
    assert_ne!(incident.status, Status::Mitigated);
    let undo = incident.proposals.last().expect("an offer");
    assert_eq!(Some(&undo.proposal.action), state.proposal.undo.as_ref());
    assert_eq!(
        undo.stage,
        ProposalStage::Pending,
        "an undo is gated like any other"
    );
    assert_eq!(bench.shop.actions().expect("counted"), 1);
    // What was done in vain makes the report doubtful: it is looked again, and offered anew.
    assert!(incident.is_report_doubtful());
    let before = incident.proposals.len();
    let analyst = analyst::Analyst::new(bench.parts.casework.clone());
    analyst.look(incident).await.expect("looked again");
    let incident = bench.incident().await;
    assert!(!incident.is_report_doubtful());
    let resolver =
        resolver::Resolver::new(bench.parts.casework.clone(), bench.parts.runner.clone());
    resolver.look(incident).await.expect("offered anew");
    let incident = bench.incident().await;
    assert!(incident.proposals.len() > before);
    assert_eq!(
        incident.proposals[before].proposal.action.kind,
        ActionKind::Rollback
    );
}

#[tokio::test]
async fn what_makes_it_worse_is_called_worse_and_its_undo_is_offered() {
    let mut bench = Bench::set(SEED, Some(Fault::DbConnections), Naming::default()).await;
    let incident = bench.explained().await;
    let less = Some(json!({ "replicas": 2 }));
    let incident = bench
        .offer(&incident, ActionKind::Scale, json!({ "replicas": 6 }), less)
        .await;
    let (wrong, incident) = bench.tried(&incident).await;
    assert_eq!(
        incident.proposal(&wrong).and_then(|state| state.recovery),
        Some(Recovery::Worse)
    );
    let undo = incident.proposals.last().expect("an offer");
    assert_eq!(
        undo.proposal.action.parameters.get("replicas"),
        Some(&json!(2))
    );
}
