//! Records' parts for the tests of the state machine.

use indexmap::IndexMap;

use super::*;
use crate::action::{ActionKind, TargetState};
use crate::evidence::answer_digest;
use crate::finding::{Signal, Subject};
use crate::policy::RiskTier;
use crate::proposal::Check;
use crate::report::{Cause, Hypothesis};
use crate::time::Window;

pub(crate) fn evidence(id: &str) -> Evidence {
    Evidence {
        id: id.to_owned(),
        tool: "service_check".to_owned(),
        query: "FROM metrics-*".to_owned(),
        parameters: IndexMap::new(),
        window: Window::new(Timestamp(0), Timestamp(60_000)),
        asked_at: Timestamp(60_000),
        says: "error rate 12 %".to_owned(),
        columns: vec!["error_rate".to_owned()],
        rows: vec![vec![serde_json::json!(0.12)]],
        row_count: 1,
        answer_digest: answer_digest(&[], &[]),
    }
}

pub(crate) fn finding(service: &str, tick: Timestamp) -> Finding {
    Finding {
        rule: "error-rate".to_owned(),
        subject: Subject::service(service),
        tick,
        window: Window::new(tick.plus_ms(-60_000), tick),
        signal: Signal::ErrorRate,
        observed: 0.12,
        threshold: 0.05,
        unit: "share".to_owned(),
        held_against: "threshold".to_owned(),
        requests: Some(500.0),
        since: None,
        notes: Vec::new(),
        evidence: evidence("F1"),
    }
}

pub(crate) fn person(name: &str) -> Actor {
    Actor::Person {
        subject: name.to_owned(),
        name: name.to_owned(),
        via: "token".to_owned(),
    }
}

pub(crate) fn report(hypotheses: Vec<Hypothesis>) -> Report {
    Report {
        window: Window::new(Timestamp(0), Timestamp(60_000)),
        timeline: Vec::new(),
        known: !hypotheses.is_empty(),
        hypotheses,
        evidence: vec![evidence("E1")],
        ledger: Vec::new(),
        conclusion: "payment".to_owned(),
        ask: None,
        confidence_basis: "margins".to_owned(),
        elapsed_ms: 5,
        out_of_time: false,
    }
}

pub(crate) fn hypothesis(supports: &[&str]) -> Hypothesis {
    Hypothesis {
        id: "H1".to_owned(),
        cause: Cause::Service {
            service: "payment".to_owned(),
            node: None,
        },
        says: "it starts in payment".to_owned(),
        confidence: 0.8,
        supports: supports.iter().map(|id| (*id).to_owned()).collect(),
        contradicts: Vec::new(),
        blamed_change: None,
    }
}

pub(crate) fn proposed(id: &str, expires: Timestamp, quorum: u32) -> Proposal {
    Proposal {
        id: id.to_owned(),
        action: Action {
            kind: ActionKind::Rollback,
            target: "payment".to_owned(),
            parameters: IndexMap::new(),
        },
        why: "the deploy".to_owned(),
        risk: RiskTier::Medium,
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
        hypothesis: None,
        evidence: Vec::new(),
        observed: TargetState::new("payment".to_owned(), serde_json::json!({}), Timestamp(0)),
        policy_version: "policy-1".to_owned(),
        quorum,
        expires,
        requesters: Vec::new(),
        not_the_requester: false,
        on_call: None,
        request: None,
        replaces: None,
        automation: Vec::new(),
    }
}
