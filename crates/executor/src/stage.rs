//! The shell: verdicts, drift, execution, recovery, one step a look.

use std::sync::Arc;

use async_trait::async_trait;
use casework::{Casework, Error, Stage};
use integrations::run::Runner;
use model::incident::{ProposalStage, ProposalState};
use model::policy::Terms;
use model::{Actor, Agent, Event, Incident, IncidentId, Proposal, TargetState};
use tokio::sync::Mutex;

use crate::settings::Settings;
use crate::verdict;

mod act;
mod automatic;
mod check;

/// The agent.
pub struct Executor {
    casework: Casework,
    runner: Arc<dyn Runner>,
    settings: Settings,
    looked: Mutex<check::Looked>,
    asked: Mutex<automatic::Asked>,
}

impl Executor {
    pub fn new(casework: Casework, runner: Arc<dyn Runner>, settings: Settings) -> Self {
        Self {
            casework,
            runner,
            settings,
            looked: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    async fn record(&self, id: &IncidentId, event: Event) -> Result<Incident, Error> {
        let actor = Actor::agent(Agent::Executor);
        self.casework.record(id, actor, event).await
    }

    /// Whether a decision or verdict on it wasn't written by whoever may write such a one: then
    /// nothing is done, and a person is told, once.
    async fn is_unsound(&self, incident: &Incident, proposal: &str) -> Result<bool, Error> {
        let Some(why) = self.casework.unsound(&incident.id, proposal).await? else {
            return Ok(false);
        };
        metrics::counter!("unsound_records_total").increment(1);
        tracing::error!(incident = %incident.id, proposal, why, "nothing is executed");
        let reason = format!(
            "nothing is executed on {proposal}: {why}. Somebody wrote to the journal who may not: `datapulse audit verify`"
        );
        if incident.person_needed.as_ref() != Some(&reason) {
            self.record(&incident.id, Event::PersonNeeded { reason })
                .await?;
        }
        Ok(true)
    }

    /// Verdicts that are due.
    async fn verdicts(&self, mut incident: Incident) -> Result<Incident, Error> {
        let ids: Vec<String> = incident
            .proposals
            .iter()
            .map(|state| state.proposal.id.clone())
            .collect();
        for proposal in ids {
            // Who may still decide is asked of the store: not about what is over.
            let open = incident.proposal(&proposal);
            let Some(state) = open.filter(|state| state.stage.is_open()) else {
                continue;
            };
            let standing = self.casework.deciders(state).await?;
            let now = self.casework.clock().now();
            let Some(event) = verdict::due(state, self.casework.policy(), &standing, now) else {
                continue;
            };
            if lets_run(&event) && self.is_unsound(&incident, &proposal).await? {
                continue;
            }
            let decided_at = incident
                .proposal(&proposal)
                .and_then(|state| state.decisions.last().map(|made| made.at));
            let sufficient = matches!(event, Event::VerdictReached { .. });
            incident = self.record(&incident.id.clone(), event).await?;
            if let (true, Some(at)) = (sufficient, decided_at)
                && let Some(state) = incident.proposal(&proposal)
            {
                waited(state, at);
            }
        }
        Ok(incident)
    }
}

/// Whether it would let an action run.
fn lets_run(event: &Event) -> bool {
    matches!(
        event,
        Event::VerdictReached {
            sufficient: true,
            ..
        }
    )
}

/// How long people took, from the offer's making (its expiry less the policy's time is not kept,
/// so from when its target was observed) to the last decision.
fn waited(state: &ProposalState, decided: model::Timestamp) {
    let ms = decided.ms() - state.proposal.observed.observed_at.ms();
    metrics::histogram!("action_approval_time_seconds").record(ms.max(0) as f64 / 1000.0);
}

#[async_trait]
impl Stage for Executor {
    fn name(&self) -> &'static str {
        Agent::Executor.name()
    }

    async fn look(&self, incident: Incident) -> Result<(), Error> {
        let incident = if incident.status.is_over() {
            incident
        } else {
            let incident = self.verdicts(incident).await?;
            self.automation(incident).await?
        };
        // What was begun is brought to an end even where somebody has closed the incident.
        let stage_of = |wanted: ProposalStage| {
            incident
                .proposals
                .iter()
                .find(|state| state.stage == wanted)
                .cloned()
        };
        if let Some(state) = stage_of(ProposalStage::Executing) {
            return self.finish_begun(&incident, &state).await;
        }
        if let Some(state) = stage_of(ProposalStage::Executed) {
            return self.check_recovery(&incident, &state).await;
        }
        if incident.status.is_over() {
            return Ok(());
        }
        if let Some(state) = stage_of(ProposalStage::Approved) {
            return self.start(&incident, &state).await;
        }
        Ok(())
    }
}

/// The same offer on the target as it is now, under the policy as it is now: what drift and undo
/// ask again with.
fn offered_again(
    incident: &Incident,
    proposal: &Proposal,
    observed: TargetState,
    terms: Terms,
) -> Event {
    let proposal = Proposal {
        id: incident.next_proposal_id(),
        observed,
        request: None,
        ..proposal.clone()
    };
    let proposal = proposal.on(terms);
    Event::Proposed {
        seal: proposal.seal(&incident.id),
        proposal: Box::new(proposal),
    }
}
