//! A month of incidents by hand: four kinds of trouble in turn, each explained, acted on and
//! judged; then what a new incident is told of them, how the answers scored, and a post-mortem.

use casework::Casework;
use casework::open::Heading;
use indexmap::IndexMap;
use model::evidence::answer_digest;
use model::finding::{Signal, Subject};
use model::proposal::Check;
use model::report::Hypothesis;
use model::{
    Action, ActionKind, Actor, Agent, Cause, Event, Evidence, ExecutionResult, Finding, IncidentId,
    Proposal, Recovery, Report, RiskTier, Severity, TargetState, Timestamp, Window,
};

use crate::world::World;

const HOUR_MS: i64 = 3_600_000;
const START: Timestamp = Timestamp(1_790_000_000_000);
/// One every eight hours.
const INCIDENTS: i64 = 90;

struct Kind {
    rule: &'static str,
    service: &'static str,
    cause: &'static str,
    metric: &'static str,
    action: ActionKind,
    confidence: f64,
    /// Every how manieth answer is wrong.
    wrong_every: i64,
}

const KINDS: [Kind; 4] = [
    Kind {
        rule: "error-rate",
        service: "checkout",
        cause: "payment",
        metric: "connections_in_use",
        action: ActionKind::Rollback,
        confidence: 0.9,
        wrong_every: 10,
    },
    Kind {
        rule: "latency-p99",
        service: "checkout",
        cause: "inventory",
        metric: "cpu",
        action: ActionKind::Scale,
        confidence: 0.7,
        wrong_every: 3,
    },
    Kind {
        rule: "latency-p99",
        service: "search",
        cause: "search",
        metric: "heap_bytes",
        action: ActionKind::Restart,
        confidence: 0.5,
        wrong_every: 2,
    },
    Kind {
        rule: "error-rate",
        service: "mail",
        cause: "mail",
        metric: "queue_length",
        action: ActionKind::FlagOff,
        confidence: 0.3,
        wrong_every: 1,
    },
];

fn evidence(id: &str, tool: &str, service: &str, metric: Option<&str>, at: Timestamp) -> Evidence {
    let mut parameters: IndexMap<String, serde_json::Value> = IndexMap::new();
    parameters.insert("from".to_owned(), at.plus_ms(-HOUR_MS).to_string().into());
    parameters.insert("service".to_owned(), service.into());
    if let Some(metric) = metric {
        parameters.insert("metric".to_owned(), metric.into());
    }
    Evidence {
        id: id.to_owned(),
        tool: tool.to_owned(),
        query: "FROM metrics-* | WHERE service.name == ?service".to_owned(),
        parameters,
        window: Window::new(at.plus_ms(-HOUR_MS), at),
        asked_at: at,
        says: format!("{service} strays"),
        columns: vec!["value".to_owned()],
        rows: vec![vec![serde_json::json!("<b>[x](http://evil.example)</b>")]],
        row_count: 1,
        answer_digest: answer_digest(&[], &[]),
    }
}

async fn open(casework: &Casework, kind: &Kind, at: Timestamp) -> IncidentId {
    let finding = Finding {
        rule: kind.rule.to_owned(),
        subject: Subject::service(kind.service),
        tick: at,
        window: Window::new(at.plus_ms(-60_000), at),
        signal: Signal::ErrorRate,
        observed: 0.2,
        threshold: 0.05,
        unit: "share".to_owned(),
        held_against: "threshold".to_owned(),
        requests: Some(500.0),
        since: Some(at.plus_ms(-60_000)),
        notes: Vec::new(),
        evidence: evidence("F1", "service_check", kind.service, None, at),
    };
    let heading = Heading {
        title: format!("{} strays", kind.service),
        severity: Severity::High,
        severity_reason: "criticality 1".to_owned(),
    };
    let opened = casework
        .open(Actor::agent(Agent::Sentinel), finding, heading)
        .await;
    let id = opened.expect("opens").incident().id.clone();
    let claim = "by hand".to_owned();
    let until = at.plus_ms(60_000);
    let started = Event::InvestigationStarted {
        claim: claim.clone(),
        until,
    };
    by(casework, &id, Agent::Analyst, started).await;
    let explained = Event::ReportRecorded {
        claim: Some(claim),
        report: Box::new(report(kind, at)),
    };
    by(casework, &id, Agent::Analyst, explained).await;
    id
}

fn report(kind: &Kind, at: Timestamp) -> Report {
    Report {
        window: Window::new(at.plus_ms(-HOUR_MS), at),
        timeline: Vec::new(),
        hypotheses: vec![Hypothesis {
            id: "H1".to_owned(),
            cause: Cause::Service {
                service: kind.cause.to_owned(),
                node: None,
            },
            says: format!("it starts in {}", kind.cause),
            confidence: kind.confidence,
            supports: vec!["E1".to_owned()],
            contradicts: Vec::new(),
            blamed_change: None,
        }],
        evidence: vec![evidence(
            "E1",
            "metric_before_after",
            kind.cause,
            Some(kind.metric),
            at,
        )],
        ledger: Vec::new(),
        known: true,
        conclusion: format!("it starts in {}", kind.cause),
        ask: None,
        confidence_basis: "by hand".to_owned(),
        elapsed_ms: 0,
        out_of_time: false,
    }
}

async fn by(casework: &Casework, id: &IncidentId, agent: Agent, event: Event) {
    let done = casework.record(id, Actor::agent(agent), event).await;
    done.expect("is recorded");
}

async fn person(casework: &Casework, id: &IncidentId, event: Event) {
    let ada = Actor::Person {
        subject: "ada".to_owned(),
        name: "Ada".to_owned(),
        via: "session".to_owned(),
    };
    casework.record(id, ada, event).await.expect("is recorded");
}

fn rollback(kind: &Kind, at: Timestamp) -> Proposal {
    Proposal {
        id: "P1".to_owned(),
        action: Action {
            kind: kind.action,
            target: kind.cause.to_owned(),
            parameters: IndexMap::new(),
        },
        why: "it helped before".to_owned(),
        risk: RiskTier::Low,
        risk_note: String::new(),
        eta_s: 60,
        undo: None,
        check: Check {
            tool: "service_check".to_owned(),
            query: "FROM metrics-*".to_owned(),
            parameters: IndexMap::new(),
            says: "under its line".to_owned(),
        },
        runbook: None,
        hypothesis: Some("H1".to_owned()),
        evidence: vec!["E1".to_owned()],
        observed: TargetState::new(kind.cause.to_owned(), serde_json::json!({}), at),
        policy_version: "by hand".to_owned(),
        quorum: 1,
        expires: at.plus_ms(HOUR_MS),
        requesters: Vec::new(),
        not_the_requester: false,
        on_call: None,
        request: None,
        replaces: None,
        automation: Vec::new(),
    }
}

/// Proposed, approved, done, and it helped.
async fn repair(casework: &Casework, kind: &Kind, id: &IncidentId, at: Timestamp) {
    let proposal = rollback(kind, at);
    let seal = proposal.seal(id);
    let name = || "P1".to_owned();
    let proposed = Event::Proposed {
        proposal: Box::new(proposal),
        seal,
    };
    by(casework, id, Agent::Resolver, proposed).await;
    let decided = Event::Decided {
        proposal: name(),
        seal,
        approve: true,
        reason: "as @everyone said".to_owned(),
        break_glass: false,
    };
    person(casework, id, decided).await;
    let steps = [
        Event::VerdictReached {
            proposal: name(),
            seal,
            sufficient: true,
            reason: String::new(),
        },
        Event::ExecutionStarted {
            proposal: name(),
            seal,
            idempotency_key: format!("{id}:P1"),
        },
        Event::ExecutionFinished {
            proposal: name(),
            result: ExecutionResult::Succeeded,
            says: "done".to_owned(),
            target: None,
        },
        Event::RecoveryChecked {
            proposal: name(),
            recovery: Recovery::Recovered,
            says: "under its line again".to_owned(),
            evidence: vec![evidence("C1", "service_check", kind.service, None, at)],
        },
        Event::Resolved {
            says: "quiet".to_owned(),
            evidence: Some(Box::new(evidence(
                "C2",
                "service_check",
                kind.service,
                None,
                at,
            ))),
        },
    ];
    for step in steps {
        by(casework, id, Agent::Executor, step).await;
    }
}

async fn judge(casework: &Casework, id: &IncidentId, right: bool) {
    let cause = (!right).then(|| Cause::Outside {
        dependency: "the bank".to_owned(),
    });
    let word = Event::FeedbackGiven {
        right,
        cause,
        note: None,
    };
    person(casework, id, word).await;
}

#[tokio::test]
async fn a_month_of_incidents_teaches() {
    let world = World::new().await;
    for number in 0..INCIDENTS {
        let at = START.plus_ms(number * 8 * HOUR_MS);
        let casework = world.casework(at);
        let kind = &KINDS[number as usize % KINDS.len()];
        let id = open(&casework, kind, at).await;
        repair(&casework, kind, &id, at).await;
        let of_its_kind = number / KINDS.len() as i64 + 1;
        judge(&casework, &id, of_its_kind % kind.wrong_every != 0).await;
    }
    let now = START.plus_ms((INCIDENTS + 1) * 8 * HOUR_MS);
    let casework = world.casework(now);
    let id = open(&casework, &KINDS[0], now).await;

    let similar = casework.similar(&id).await.expect("is asked");
    assert_eq!(similar.len(), casework::similar::MAX_SHOWN);
    for one in &similar {
        assert_eq!(one.helped.as_deref(), Some("rollback payment (P1)"));
        assert!((one.likeness - 1.0).abs() < 1e-9, "{}", one.likeness);
        assert!(one.shared[0].contains("payment"), "{:?}", one.shared);
    }
    // The same service and rule with another cause are not enough.
    let summary = model::Summary::from(&casework.incident(&id).await.expect("is there"));
    let past = casework.latest(Vec::new(), 10_000).await.expect("reads");
    assert_eq!(past.len() as i64, INCIDENTS + 1);
    let others: Vec<_> = past
        .into_iter()
        .filter(|other| other.signature != summary.signature)
        .collect();
    let incident = casework.incident(&id).await.expect("is there");
    assert_eq!(casework::similar::similar(&incident, &others), []);

    let score = casework.answer_score().await.expect("is asked");
    assert_eq!((score.answered, score.judged), (91, 90));
    // 23, 23, 22 and 22 of the kinds; wrong every 10th, 3rd, 2nd and each.
    let bands: Vec<_> = score.bands.iter().map(|b| (b.judged, b.right)).collect();
    assert_eq!(bands, [(0, 0), (22, 0), (22, 11), (23, 16), (23, 21)]);
    assert_eq!(score.right, 48);
    let constant = score.brier_of_constant.expect("were judged");
    assert!(score.brier.expect("were judged") < constant);

    let text = casework.postmortem(&similar[0].incident_id).await;
    let text = text.expect("is drafted");
    for part in [
        "# checkout strays",
        "## Impact",
        "it starts in payment",
        "rollback payment: checked",
        "approved by Ada",
        "under its line again",
        "## Action items",
        "```\nFROM metrics-* | WHERE service.name == ?service\n```",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    for markup in ["://", " <b>", "@everyone"] {
        assert!(!text.contains(markup), "{markup} in\n{text}");
    }
}
