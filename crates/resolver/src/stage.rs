//! The shell: search, look at targets, propose.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use casework::{Casework, Error, Stage};
use indexmap::IndexMap;
use integrations::run::Runner;
use model::proposal::Check;
use model::{
    Actor, Agent, Event, Finding, Incident, Proposal, Report, Runbook, Status, TargetState, Window,
};
use serde_json::Value;

use crate::fusion::fuse;
use crate::offer::{Candidate, MAX_OFFERED, candidates, search_text};
use crate::parameters::fill;

mod requests;

/// The tool that finds runbooks by their words.
const BY_WORDS: &str = "search_runbooks_by_words";
/// Runbooks of one search by meaning: as many as the tools give.
const MAX_NEAR: usize = 20;

/// The agent.
pub struct Resolver {
    casework: Casework,
    /// `None`: nothing can be executed here, so nothing is proposed, and a person is told.
    runner: Option<Arc<dyn Runner>>,
}

impl Resolver {
    pub fn new(casework: Casework, runner: Option<Arc<dyn Runner>>) -> Self {
        Self { casework, runner }
    }

    /// Runbooks that fit the report, by words and by meaning, fused by rank.
    async fn ranked(&self, report: &Report) -> Result<Vec<(Runbook, f64)>, Error> {
        let text = search_text(report);
        let now = self.casework.clock().now();
        let window = Window::new(now, now);
        let words = IndexMap::from([("text".to_owned(), Value::from(text.clone()))]);
        let mut rankings = Vec::new();
        match self.casework.ask(BY_WORDS, window, words).await {
            Ok(asked) => rankings.push(
                asked
                    .rows
                    .iter()
                    .filter_map(|row| asked.text(row, "id").map(str::to_owned))
                    .collect(),
            ),
            Err(error) => tracing::warn!(%error, "the search for runbooks by words failed"),
        }
        // No tool: Elasticsearch takes no list of numbers as an ES|QL parameter.
        let vector = store::embedding::embed(&text);
        let knowledge = self.casework.knowledge();
        match knowledge.nearest_runbooks(&vector, MAX_NEAR).await {
            Ok(near) => rankings.push(near),
            Err(error) => tracing::warn!(%error, "the search for runbooks by meaning failed"),
        }
        let mut books: BTreeMap<String, Runbook> = self
            .casework
            .runbooks()
            .await?
            .into_iter()
            .map(|book| (book.id.clone(), book))
            .collect();
        Ok(fuse(&rankings)
            .into_iter()
            .filter_map(|(id, score)| Some((books.remove(&id)?, score)))
            .collect())
    }

    async fn propose(&self, incident: &Incident, report: &Report) -> Result<(), Error> {
        let Some(runner) = &self.runner else {
            let reason = "no runner is configured: act by hand, the report says where".to_owned();
            return self.nothing(incident, reason).await;
        };
        let ranked = self.ranked(report).await?;
        let services = self.casework.knowledge().services().await?;
        let mut targets: BTreeMap<String, Option<TargetState>> = BTreeMap::new();
        let mut proposed = 0;
        for candidate in candidates(report, &ranked, &services) {
            if proposed == MAX_OFFERED {
                break;
            }
            if !targets.contains_key(&candidate.target) {
                let observed = self.observe(runner.as_ref(), &candidate.target).await;
                targets.insert(candidate.target.clone(), observed);
            }
            let Some(Some(observed)) = targets.get(&candidate.target) else {
                continue;
            };
            if self.offer(incident, report, &candidate, observed).await? {
                proposed += 1;
            }
        }
        if proposed == 0 && !incident.proposals.is_empty() {
            let reason = "looked again: nothing beyond what was offered before".to_owned();
            return self.nothing(incident, reason).await;
        }
        if proposed == 0 {
            let reason = "no runbook's action fits what was observed of the targets".to_owned();
            return self.nothing(incident, reason).await;
        }
        Ok(())
    }

    async fn nothing(&self, incident: &Incident, reason: String) -> Result<(), Error> {
        let actor = Actor::agent(Agent::Resolver);
        let event = Event::NothingToPropose { reason };
        self.casework.record(&incident.id, actor, event).await?;
        Ok(())
    }

    async fn observe(&self, runner: &dyn Runner, target: &str) -> Option<TargetState> {
        match runner.observe(target).await {
            Ok(state) => {
                let now = self.casework.clock().now();
                Some(self.casework.target_state(target, state, now))
            }
            Err(error) => {
                tracing::info!(target, %error, "not a target");
                None
            }
        }
    }

    /// Records one proposal; false where its parameters can't be filled from what was observed.
    async fn offer(
        &self,
        incident: &Incident,
        report: &Report,
        candidate: &Candidate,
        observed: &TargetState,
    ) -> Result<bool, Error> {
        let hint = hint(candidate, report);
        let Some(filled) = fill(candidate.kind, &candidate.target, &observed.state, &hint) else {
            return Ok(false);
        };
        let filled = filled.with_what_is_known();
        let terms = self.casework.terms(&filled.action).await?;
        let hypothesis = &candidate.hypothesis;
        let proposal = Proposal {
            id: String::new(),
            action: filled.action,
            why: format!("{} {}", hypothesis.says, candidate.action.when),
            risk: terms.risk,
            risk_note: candidate.action.risk_note.clone(),
            eta_s: candidate.action.eta_s,
            undo: filled.undo,
            check: check(&incident.findings[0]),
            runbook: candidate.runbook.clone(),
            hypothesis: Some(hypothesis.id.clone()),
            evidence: hypothesis.supports.clone(),
            observed: observed.clone(),
            policy_version: terms.policy_version.clone(),
            quorum: terms.quorum,
            expires: terms.expires,
            requesters: Vec::new(),
            not_the_requester: terms.not_the_requester,
            on_call: terms.on_call,
            request: None,
            replaces: None,
            automation: terms.automation,
        };
        let offer = |incident: &Incident| {
            let known = incident.proposals.iter().any(|state| {
                state.proposal.action == proposal.action
                    && state.proposal.observed.revision == proposal.observed.revision
            });
            if known || incident.status.is_over() {
                return None;
            }
            let proposal = Proposal {
                id: incident.next_proposal_id(),
                ..proposal.clone()
            };
            Some(Event::Proposed {
                seal: proposal.seal(&incident.id),
                proposal: Box::new(proposal),
            })
        };
        let actor = Actor::agent(Agent::Resolver);
        let written = self
            .casework
            .record_when(&incident.id, actor, offer)
            .await?;
        Ok(written.is_some())
    }
}

/// Text that may name the flag or setting meant: the hypothesis and its evidence's rows.
fn hint(candidate: &Candidate, report: &Report) -> String {
    let hypothesis = &candidate.hypothesis;
    let mut text = hypothesis.says.clone();
    let Some(change) = &hypothesis.blamed_change else {
        return text;
    };
    for evidence in &report.evidence {
        for row in &evidence.rows {
            if row.iter().any(|cell| cell.as_str() == Some(change)) {
                for cell in row.iter().filter_map(Value::as_str) {
                    text.push(' ');
                    text.push_str(cell);
                }
            }
        }
    }
    text
}

/// The query that raised the alarm, to the letter.
fn check(finding: &Finding) -> Check {
    Check {
        tool: finding.evidence.tool.clone(),
        query: finding.evidence.query.clone(),
        parameters: finding.evidence.parameters.clone(),
        says: format!(
            "{} of {} is {}",
            finding.rule,
            finding.subject,
            finding.bound()
        ),
    }
}

#[async_trait]
impl Stage for Resolver {
    fn name(&self) -> &'static str {
        Agent::Resolver.name()
    }

    async fn look(&self, incident: Incident) -> Result<(), Error> {
        // What people asked for comes beside Resolver's own offers, not in their place.
        let only_asked = incident
            .proposals
            .iter()
            .all(|state| state.proposal.request.is_some());
        let waits = matches!(
            incident.status,
            Status::Explained | Status::AwaitingApproval
        ) && incident.nothing_to_propose.is_none()
            && only_asked;
        // After a reopening, what was offered before is void: offer anew.
        let offered_before_reopening = incident.status == Status::Explained
            && incident.reopened > 0
            && incident.nothing_to_propose.is_none()
            && incident.proposals.iter().all(|state| {
                state.proposal.observed.observed_at < incident_opened_again(&incident)
            });
        let anew = incident.nothing_to_propose.is_none() && looked_again(&incident);
        if !incident.status.is_over() && self.answer_request(&incident).await? {
            return Ok(());
        }
        match &incident.report {
            Some(report) if waits || offered_before_reopening || anew => {
                self.propose(&incident, report).await
            }
            _ => Ok(()),
        }
    }
}

/// Whether the report is newer than an action that didn't help, and than all that was offered.
fn looked_again(incident: &Incident) -> bool {
    let over = incident.status.is_over() || incident.status == Status::Mitigated;
    incident.report.as_ref().is_some_and(|report| {
        let made = report.window.to;
        !over
            && incident.in_vain().any(|at| at <= made)
            && incident
                .proposals
                .iter()
                .all(|state| state.proposal.observed.observed_at <= made)
    })
}

/// When the present course of the incident began: the last finding's tick at the latest.
fn incident_opened_again(incident: &Incident) -> model::Timestamp {
    incident
        .findings
        .last()
        .map_or(incident.opened_at, |finding| finding.tick)
}
