//! What the policy lets run without a person: the word on it, and whether it still holds right
//! before it begins.

use std::collections::BTreeMap;

use model::incident::{ProposalStage, ProposalState};
use model::policy::automation::{self, Automation, History};
use model::{Event, Incident, IncidentId, TargetState, Timestamp, approval};

use super::{Error, Executor};

/// An offer that doesn't run by itself is looked at again after so long, in milliseconds: what it
/// takes to look reads the latest incidents.
const ASK_EVERY_MS: i64 = 60_000;
/// Offers that are remembered as looked at; beyond it the first is looked at again.
const MAX_REMEMBERED: usize = 1_000;

/// When an offer was looked at, by incident and proposal.
#[derive(Debug, Default)]
pub(super) struct Asked(BTreeMap<(IncidentId, String), Timestamp>);

impl Asked {
    /// Whether it is to be looked at now, which it then was.
    fn is_due(&mut self, key: (IncidentId, String), now: Timestamp) -> bool {
        let asked = self.0.get(&key);
        if asked.is_some_and(|at| now.ms() - at.ms() < ASK_EVERY_MS) {
            return false;
        }
        while self.0.len() >= MAX_REMEMBERED && !self.0.contains_key(&key) {
            self.0.pop_first();
        }
        self.0.insert(key, now);
        true
    }
}

impl Executor {
    /// Words of rules that are due, of shadow mode too.
    pub(super) async fn automation(&self, mut incident: Incident) -> Result<Incident, Error> {
        if self.casework.policy().automation.is_empty() {
            return Ok(incident);
        }
        let pending =
            |state: &&ProposalState| state.stage == ProposalStage::Pending && !state.is_automatic();
        let waiting = incident.proposals.iter().filter(pending);
        let ids: Vec<String> = waiting.map(|state| state.proposal.id.clone()).collect();
        for id in ids {
            let Some(state) = incident.proposal(&id).filter(pending) else {
                continue;
            };
            let Some((rule, shadow, reasons)) = self.word(&incident, state).await? else {
                continue;
            };
            if !shadow && self.is_unsound(&incident, &id).await? {
                continue;
            }
            let event = Event::AutomationDecided {
                proposal: id,
                seal: state.seal,
                rule,
                shadow,
                reasons,
            };
            incident = self.record(&incident.id, event).await?;
            let mode = if shadow { "shadow" } else { "on" };
            metrics::counter!("automation_decided_total", "mode" => mode).increment(1);
        }
        Ok(incident)
    }

    /// The rule that lets it run, or would have, with why.
    async fn word(
        &self,
        incident: &Incident,
        state: &ProposalState,
    ) -> Result<Option<(String, bool, Vec<String>)>, Error> {
        let policy = self.casework.policy();
        let proposal = &state.proposal;
        let report = incident.report.as_ref();
        let now = self.casework.clock().now();
        let known = History::of(incident, proposal);
        if !automation::is_worth_looking(policy, state, report, &known, now) {
            return Ok(None);
        }
        let key = (incident.id.clone(), proposal.id.clone());
        if !self.asked.lock().await.is_due(key, now) {
            return Ok(None);
        }
        let mut history = self.casework.automatic_history(incident, proposal).await?;
        match self.observe(&proposal.action.target).await {
            Ok(observed) => history.revision = Some(observed.revision),
            Err(error) => {
                tracing::warn!(incident = %incident.id, proposal = proposal.id, %error, "can't read the target");
            }
        }
        let now = self.casework.clock().now();
        Ok(
            match automation::decide(policy, state, report, &history, now) {
                Automation::Run { rule, reasons } => Some((rule, false, reasons)),
                Automation::Shadow { rule, reasons } => Some((rule, true, reasons)),
                Automation::No { reasons } => {
                    let says: Vec<&str> = reasons.iter().map(|one| one.says.as_str()).collect();
                    let says = says.join("; ");
                    tracing::info!(incident = %incident.id, proposal = proposal.id, says, "waits for people");
                    None
                }
            },
        )
    }

    /// Whether what was approved without a person may begin now. What is only held waits; what
    /// holds no more is void, and the same action is offered to people.
    pub(super) async fn is_still_automatic(
        &self,
        incident: &Incident,
        state: &ProposalState,
        observed: &TargetState,
    ) -> Result<bool, Error> {
        let standing = self.casework.deciders(state).await?;
        let yes = approval::counted(state, &|subject: &str| standing.contains(subject));
        if approval::suffices(&state.proposal, &yes).is_ok() {
            return Ok(true);
        }
        let proposal = &state.proposal;
        let mut history = self.casework.automatic_history(incident, proposal).await?;
        history.revision = Some(observed.revision);
        let policy = self.casework.policy();
        let now = self.casework.clock().now();
        let report = incident.report.as_ref();
        let Err(reasons) = automation::still_holds(policy, state, report, &history, now) else {
            return Ok(true);
        };
        let says: Vec<&str> = reasons.iter().map(|one| one.says.as_str()).collect();
        let says = says.join("; ");
        if reasons.iter().all(|reason| reason.key.is_passing()) {
            tracing::info!(incident = %incident.id, proposal = proposal.id, says, "held back");
            return Ok(false);
        }
        let why = format!("it no longer runs without a person: {says}");
        self.ask_again(incident, state, observed.clone(), why)
            .await?;
        Ok(false)
    }
}
