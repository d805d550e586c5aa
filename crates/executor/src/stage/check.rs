//! The recovery check: the raising query again, on windows after the act.

use std::collections::BTreeMap;

use casework::Asked;
use model::incident::ProposalState;
use model::{Event, Evidence, Finding, Incident, IncidentId, Recovery, Signal, Timestamp, Window};
use serde_json::Value;

use super::{Error, Executor};
use crate::recovery::{self, Health, Seen};

/// Proposals whose windows are remembered at once; beyond it the first is asked about again.
const MAX_REMEMBERED: usize = 32;

/// What one window showed of one finding.
#[derive(Debug, Clone)]
struct Look {
    seen: Seen,
    evidence: Evidence,
}

/// By a window's start, a finding's rule and its service.
type Looks = BTreeMap<(Timestamp, String, String), Look>;

/// The windows that were asked about, by incident and proposal, until they are judged.
#[derive(Debug, Default)]
pub(super) struct Looked(BTreeMap<(IncidentId, String), Looks>);

impl Looked {
    fn of(&mut self, key: &(IncidentId, String)) -> &mut Looks {
        while self.0.len() >= MAX_REMEMBERED && !self.0.contains_key(key) {
            self.0.pop_first();
        }
        self.0.entry(key.clone()).or_default()
    }

    fn forget(&mut self, key: &(IncidentId, String)) {
        self.0.remove(key);
    }
}

impl Executor {
    pub(super) async fn check_recovery(
        &self,
        incident: &Incident,
        state: &ProposalState,
    ) -> Result<(), Error> {
        let Some(finished) = state.finished_at else {
            return Err(Error::Internal(
                "an executed proposal without an end".to_owned(),
            ));
        };
        let now = self.casework.clock().now();
        let ripe: Vec<Window> = recovery::windows(finished, &self.settings)
            .into_iter()
            .filter(|window| recovery::ripe(window, now, &self.settings))
            .collect();
        let findings = one_each(incident);
        let key = (incident.id.clone(), state.proposal.id.clone());
        let mut looked = self.looked.lock().await;
        let known = looked.of(&key);
        let mut before = Vec::with_capacity(findings.len());
        if !ripe.is_empty() {
            let window = recovery::window_before(finished, &self.settings);
            for finding in &findings {
                let asked = self.look_at(finding, window, known).await;
                before.push(asked.and_then(|look| look.seen.value));
            }
        }
        let mut seen = Vec::with_capacity(ripe.len());
        let mut evidence = Vec::new();
        for window in &ripe {
            let mut healths = Vec::with_capacity(findings.len());
            for (finding, before) in findings.iter().zip(&before) {
                let Some(look) = self.look_at(finding, *window, known).await else {
                    healths.push(Health::Silent);
                    continue;
                };
                let health = recovery::health(finding, &look.seen, *before, &self.settings);
                healths.push(health);
                let id = format!("C{}", evidence.len() + 1);
                evidence.push(Evidence {
                    id,
                    ..look.evidence
                });
            }
            seen.push(healths);
        }
        let worse = recovery::new_trouble(incident, finished, &self.settings);
        let judged = match &worse {
            Some(_) => Some(Recovery::Worse),
            None => recovery::judge(&seen, &self.settings),
        };
        let Some(recovery) = judged else {
            return Ok(());
        };
        looked.forget(&key);
        drop(looked);
        let says = says(recovery, worse.as_deref(), &seen);
        let checked = Event::RecoveryChecked {
            proposal: state.proposal.id.clone(),
            recovery,
            says: says.clone(),
            evidence: keep(evidence),
        };
        let incident = self.record(&incident.id, checked).await?;
        if incident.status.is_over() {
            return Ok(());
        }
        self.follow(&incident, state, recovery, says).await
    }

    /// What comes of a judgement.
    async fn follow(
        &self,
        incident: &Incident,
        state: &ProposalState,
        recovery: Recovery,
        says: String,
    ) -> Result<(), Error> {
        match recovery {
            Recovery::Recovered => {
                self.record(&incident.id, Event::Mitigated { says }).await?;
            }
            Recovery::Worse | Recovery::NoEffect => {
                self.offer_undo(incident, state).await?;
            }
            Recovery::Unknown => {
                let reason = format!("whether {} helped can't be told: {says}", state.proposal.id);
                self.record(&incident.id, Event::PersonNeeded { reason })
                    .await?;
            }
        }
        Ok(())
    }

    /// What a window shows of a finding: a window that is ripe is asked about once.
    async fn look_at(&self, finding: &Finding, window: Window, known: &mut Looks) -> Option<Look> {
        let subject = &finding.subject.service;
        let key = (window.from, finding.rule.clone(), subject.clone());
        if let Some(look) = known.get(&key) {
            return Some(look.clone());
        }
        let (seen, asked) = self.ask(finding, window).await?;
        let evidence = shown(finding, &seen, &asked);
        let look = Look { seen, evidence };
        known.insert(key, look.clone());
        Some(look)
    }

    /// The finding's own query text and parameters, on another window; `None` where it fails.
    async fn ask(&self, finding: &Finding, window: Window) -> Option<(Seen, Asked)> {
        let raised = &finding.evidence;
        let mut parameters = raised.parameters.clone();
        parameters.insert("from".to_owned(), Value::from(window.from.to_string()));
        parameters.insert("to".to_owned(), Value::from(window.to.to_string()));
        let asked = self
            .casework
            .run(&raised.tool, raised.query.clone(), parameters, window)
            .await;
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(%error, "a recovery check's query failed");
                return None;
            }
        };
        let service = &finding.subject.service;
        let row = asked
            .rows
            .iter()
            .find(|row| asked.text(row, "service.name") == Some(service));
        let number_of = |name: &str| row.and_then(|row| asked.number(row, name));
        let value = match finding.signal {
            Signal::ErrorRate => number_of("error_rate"),
            Signal::Latency => number_of("p99_ms"),
            Signal::Metric => number_of("value"),
            Signal::Silence | Signal::Declared => None,
        };
        let seen = Seen {
            window,
            value,
            requests: number_of("requests"),
            documents: number_of("documents").unwrap_or(0.0),
        };
        Some((seen, asked))
    }
}

/// What one window showed, as evidence.
fn shown(finding: &Finding, seen: &Seen, asked: &Asked) -> Evidence {
    let value = seen
        .value
        .map_or_else(|| "no value".to_owned(), |value| format!("{value:.4}"));
    let says = format!(
        "{}: {} {value} against the line of {:.4}",
        finding.subject.service, finding.rule, finding.threshold
    );
    asked.evidence("C", says)
}

/// The first finding of each rule and subject.
fn one_each(incident: &Incident) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in &incident.findings {
        let known = kept
            .iter()
            .any(|other| other.rule == finding.rule && other.subject == finding.subject);
        if !known && finding.signal != Signal::Declared {
            kept.push(finding.clone());
        }
    }
    kept
}

/// Evidence that one record keeps.
const MAX_KEPT: usize = 24;

/// The last ones: those that the judgement fell on.
fn keep(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    let excess = evidence.len().saturating_sub(MAX_KEPT);
    evidence.drain(..excess);
    evidence
}

fn says(recovery: Recovery, worse: Option<&str>, seen: &[Vec<Health>]) -> String {
    let findings = seen.iter().map(Vec::len).max().unwrap_or(0);
    let well_in = |finding: usize| {
        seen.iter()
            .filter(|window| window.get(finding) == Some(&Health::Well))
            .count()
    };
    // Of the finding that was well least often.
    let well = (0..findings).map(well_in).min().unwrap_or(0);
    let all = seen.len();
    match (recovery, worse) {
        (Recovery::Recovered, _) => {
            format!(
                "all that deviated was well in at least {well} of {all} windows after the action"
            )
        }
        (Recovery::NoEffect, _) => {
            format!(
                "of what deviated, some was well in only {well} of {all} windows after the action"
            )
        }
        (Recovery::Worse, Some(service)) => format!("{service} began to deviate after the action"),
        (Recovery::Worse, None) => "it is worse than before the action".to_owned(),
        (Recovery::Unknown, _) => {
            format!("{all} windows after the action, and not enough traffic in them to tell")
        }
    }
}
