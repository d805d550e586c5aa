//! Which actions to offer, on what, in which order. Pure.

use std::collections::BTreeSet;

use model::{ActionKind, Cause, Hypothesis, Report, Runbook, RunbookAction, Service};

/// Hypotheses that are treated.
const MAX_TREATED: usize = 3;
/// Runbooks that are drawn upon.
const MAX_RUNBOOKS: usize = 6;
/// Proposals of one report.
pub const MAX_OFFERED: usize = 4;
/// An action that fits its cause less is not offered.
const LEAST_FIT: f64 = 0.15;

/// One action to offer, before its target was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub kind: ActionKind,
    pub target: String,
    pub hypothesis: Hypothesis,
    pub runbook: Option<String>,
    pub action: RunbookAction,
    pub score: f64,
}

/// What kind of trouble a cause is, as far as remedies go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Deploy,
    Configuration,
    Flag,
    Scaling,
    Outside,
    Load,
    Service,
}

fn trouble(hypothesis: &Hypothesis) -> Trouble {
    match &hypothesis.cause {
        Cause::Change { change_kind, .. } => match change_kind.as_str() {
            "config" => Trouble::Configuration,
            "flag" => Trouble::Flag,
            "scale" => Trouble::Scaling,
            _ => Trouble::Deploy,
        },
        Cause::Outside { .. } => Trouble::Outside,
        Cause::Load { .. } => Trouble::Load,
        Cause::Service { .. } => Trouble::Service,
    }
}

/// How well a kind of action treats a kind of trouble, 0 to 1: undoing the change that is to
/// blame comes first; what only eases comes after.
fn fit(kind: ActionKind, trouble: Trouble) -> f64 {
    use ActionKind::*;
    match (trouble, kind) {
        (Trouble::Deploy, Rollback)
        | (Trouble::Configuration, ConfigChange)
        | (Trouble::Flag, FlagOff)
        | (Trouble::Scaling, Scale)
        | (Trouble::Outside, TrafficShift)
        | (Trouble::Load, Scale) => 1.0,
        (Trouble::Load, RateLimit) => 0.6,
        (Trouble::Service, Restart) => 0.5,
        (Trouble::Service, Scale) => 0.4,
        (Trouble::Outside, RateLimit | FlagOff) => 0.3,
        (Trouble::Configuration, Rollback) | (Trouble::Flag, Rollback) => 0.3,
        (Trouble::Deploy | Trouble::Configuration, Restart) => 0.2,
        (Trouble::Service, Rollback | ConfigChange | CacheClear | RateLimit) => 0.3,
        (Trouble::Deploy, FlagOff | ConfigChange | CacheClear) => 0.15,
        (Trouble::Load, CacheClear) => 0.15,
        _ => 0.0,
    }
}

/// Candidates, best first. `ranked` are runbooks with their fused scores; `services` tell who
/// calls a dependency outside: the act is on the caller.
pub fn candidates(
    report: &Report,
    ranked: &[(Runbook, f64)],
    services: &[Service],
) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let best_rank = ranked.first().map_or(1.0, |(_, score)| *score).max(1e-9);
    for hypothesis in report.hypotheses.iter().take(MAX_TREATED) {
        let trouble = trouble(hypothesis);
        for target in targets(hypothesis, report, services) {
            for (runbook, rank) in ranked.iter().take(MAX_RUNBOOKS) {
                for action in &runbook.actions {
                    let fit = fit(action.kind, trouble);
                    if fit < LEAST_FIT {
                        continue;
                    }
                    // The cause decides; the runbook's rank settles what is near.
                    let weight = 0.7 + 0.3 * rank / best_rank;
                    found.push(Candidate {
                        kind: action.kind,
                        target: target.clone(),
                        hypothesis: hypothesis.clone(),
                        runbook: Some(runbook.id.clone()),
                        action: action.clone(),
                        score: hypothesis.confidence * fit * weight,
                    });
                }
            }
        }
    }
    found.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.target.cmp(&b.target))
            .then(a.kind.cmp(&b.kind))
    });
    let mut seen = BTreeSet::new();
    found.retain(|candidate| seen.insert((candidate.kind, candidate.target.clone())));
    found
}

/// Where to act: the cause's place; for what lies outside, those of ours that call it.
fn targets(hypothesis: &Hypothesis, report: &Report, services: &[Service]) -> Vec<String> {
    let Cause::Outside { dependency } = &hypothesis.cause else {
        return vec![hypothesis.cause.place().to_owned()];
    };
    let mut callers: Vec<String> = services
        .iter()
        .filter(|service| service.depends_on.contains(dependency))
        .map(|service| service.name.clone())
        .collect();
    if callers.is_empty() {
        callers = report
            .hypotheses
            .iter()
            .filter_map(|other| match &other.cause {
                Cause::Service { service, .. } => Some(service.clone()),
                _ => None,
            })
            .take(1)
            .collect();
    }
    callers.sort();
    callers
}

/// What people write of a change. It says what they meant to do, not what fails, and whoever may
/// push a commit writes it: no runbook is chosen by it.
const SAID_OF_CHANGES: [&str; 4] = ["description", "author", "diff", "commit.message"];

/// What runbooks are searched by: the causes in words, and the words of the evidence for them.
pub fn search_text(report: &Report) -> String {
    let mut text = String::new();
    for hypothesis in report.hypotheses.iter().take(MAX_TREATED) {
        text.push_str(&hypothesis.says);
        text.push(' ');
        for id in &hypothesis.supports {
            if let Some(evidence) = report.evidence(id) {
                text.push_str(&evidence.says);
                text.push(' ');
            }
        }
    }
    for said in said_of_changes(report) {
        text = text.replace(said, " ");
    }
    text.truncate(text.floor_char_boundary(MAX_SEARCH_TEXT));
    text
}

/// Longest first, for one may be within another.
fn said_of_changes(report: &Report) -> Vec<&str> {
    let mut found = Vec::new();
    for evidence in &report.evidence {
        for (place, column) in evidence.columns.iter().enumerate() {
            if SAID_OF_CHANGES.contains(&column.as_str()) {
                let cells = evidence
                    .rows
                    .iter()
                    .filter_map(|row| row.get(place)?.as_str());
                found.extend(cells.filter(|said| !said.trim().is_empty()));
            }
        }
    }
    found.sort_by_key(|said: &&str| std::cmp::Reverse(said.len()));
    found
}

/// Bytes of the text that runbooks are searched by.
const MAX_SEARCH_TEXT: usize = 2_000;
