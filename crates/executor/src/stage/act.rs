//! Drift, the act, and what became of an act that was begun.

use integrations::Error as CallError;
use integrations::run::{Known, Order, Receipt};
use model::incident::ProposalState;
use model::{Event, ExecutionResult, Incident, Replaced, TargetState, approval};

use super::{Error, Executor, offered_again};

/// How often an order that was surely not begun is sent, with the same key.
const MAX_SENDS: usize = 5;

impl Executor {
    pub(super) async fn observe(&self, target: &str) -> Result<TargetState, CallError> {
        let state = self.runner.observe(target).await?;
        let now = self.casework.clock().now();
        Ok(self.casework.target_state(target, state, now))
    }

    /// Whether somebody stopped all executions.
    async fn is_stopped(&self, incident: &Incident) -> Result<bool, Error> {
        let Some(stopped) = self.casework.system().await?.stopped else {
            return Ok(false);
        };
        tracing::info!(incident = %incident.id, by = stopped.by.label(), "held back: executions are stopped");
        Ok(true)
    }

    /// Reads the target again; what differs from what was sealed voids the approval, and the same
    /// action is offered anew on the target as it is now.
    pub(super) async fn start(
        &self,
        incident: &Incident,
        state: &ProposalState,
    ) -> Result<(), Error> {
        let proposal = &state.proposal;
        let now = self.casework.clock().now();
        if let Some(why) = approval::held_back(state, self.casework.policy(), now) {
            tracing::info!(incident = %incident.id, proposal = proposal.id, why, "held back");
            return Ok(());
        }
        if self.is_stopped(incident).await? || self.is_unsound(incident, &proposal.id).await? {
            return Ok(());
        }
        let observed = match self.observe(&proposal.action.target).await {
            Ok(observed) => observed,
            Err(error) => {
                counted(self.runner.name());
                tracing::warn!(incident = %incident.id, proposal = proposal.id, %error, "can't read the target");
                return Ok(());
            }
        };
        if observed.revision != proposal.observed.revision {
            let changed = drift(&proposal.observed, &observed);
            return self.ask_again(incident, state, observed, changed).await;
        }
        if state.is_automatic() && !self.is_still_automatic(incident, state, &observed).await? {
            return Ok(());
        }
        let key = format!("{}:{}", incident.id, proposal.id);
        let started = Event::ExecutionStarted {
            proposal: proposal.id.clone(),
            seal: state.seal,
            idempotency_key: key.clone(),
        };
        let incident = self.record(&incident.id, started).await?;
        let order = Order {
            key,
            action: proposal.action.clone(),
        };
        let sent = self.runner.execute(&order).await;
        self.settle(&incident, state, &order, sent, 1).await
    }

    /// What differs from what was sealed voids the approval; the same action is offered on the
    /// target as it is now, with what changed.
    pub(super) async fn ask_again(
        &self,
        incident: &Incident,
        state: &ProposalState,
        observed: TargetState,
        changed: String,
    ) -> Result<(), Error> {
        let voided = Event::ApprovalVoided {
            proposal: state.proposal.id.clone(),
            reason: changed.clone(),
            changed: Some(observed.clone()),
        };
        let incident = self.record(&incident.id, voided).await?;
        let mut proposal = state.proposal.clone();
        proposal.replaces = Some(Replaced {
            proposal: proposal.id.clone(),
            changed,
        });
        let terms = self.casework.terms(&proposal.action).await?;
        let again = offered_again(&incident, &proposal, observed, terms);
        self.record(&incident.id, again).await?;
        Ok(())
    }

    /// Found `ExecutionStarted` without an end: another process began it. It is never begun
    /// again; the runner is asked by its key.
    pub(super) async fn finish_begun(
        &self,
        incident: &Incident,
        state: &ProposalState,
    ) -> Result<(), Error> {
        let Some(key) = state.idempotency_key.clone() else {
            return Err(Error::Internal("an execution without a key".to_owned()));
        };
        let order = Order {
            key,
            action: state.proposal.action.clone(),
        };
        let unsure = Err(CallError::CannotTell(
            "the process that began it ended before it heard the answer".to_owned(),
        ));
        self.settle(incident, state, &order, unsure, 0).await
    }

    /// From the runner's answer to `ExecutionFinished`.
    async fn settle(
        &self,
        incident: &Incident,
        state: &ProposalState,
        order: &Order,
        mut answer: Result<Receipt, CallError>,
        mut sends: usize,
    ) -> Result<(), Error> {
        let receipt = loop {
            let trouble = match answer {
                Ok(receipt) => break receipt,
                Err(CallError::Refused(says) | CallError::Configuration(says)) => {
                    break Receipt {
                        result: ExecutionResult::Failed,
                        says,
                    };
                }
                Err(
                    CallError::NotDone(trouble)
                    | CallError::CannotTell(trouble)
                    | CallError::Later { says: trouble, .. },
                ) => trouble,
            };
            counted(self.runner.name());
            match self.runner.known(&order.key).await {
                Ok(Known::Done(receipt)) => break receipt,
                // Surely not begun: it can wait until the stop is lifted.
                Ok(Known::NotBegun) if self.is_stopped(incident).await? => return Ok(()),
                Ok(Known::NotBegun) if sends < MAX_SENDS => {
                    sends += 1;
                    answer = self.runner.execute(order).await;
                }
                Ok(Known::NotBegun) => {
                    break Receipt {
                        result: ExecutionResult::Failed,
                        says: format!("not begun after {sends} tries: {trouble}"),
                    };
                }
                Ok(Known::CannotTell(why)) => {
                    break Receipt {
                        result: ExecutionResult::Unknown,
                        says: format!(
                            "nobody can tell whether it was done ({why}); look at {} yourself",
                            order.action.target
                        ),
                    };
                }
                // The runner is away: the next look asks again. Nothing is sent meanwhile.
                Err(error) => {
                    tracing::warn!(key = order.key, %error, "the runner can't be asked");
                    return Ok(());
                }
            }
        };
        let target = self.observe(&order.action.target).await.ok();
        let finished = Event::ExecutionFinished {
            proposal: state.proposal.id.clone(),
            result: receipt.result,
            says: receipt.says,
            target,
        };
        self.record(&incident.id, finished).await?;
        Ok(())
    }

    /// Offers the undo of an executed proposal, gated like any other.
    pub(super) async fn offer_undo(
        &self,
        incident: &Incident,
        state: &ProposalState,
    ) -> Result<(), Error> {
        let Some(undo) = state.proposal.undo.clone() else {
            return Ok(());
        };
        if is_undo(incident, state) {
            // Doing it again wouldn't help either.
            return Ok(());
        }
        let observed = match self.observe(&undo.target).await {
            Ok(observed) => observed,
            Err(error) => {
                let reason = format!(
                    "{} did not help and its undo can't be offered: {error}",
                    state.proposal.id
                );
                self.record(&incident.id, Event::PersonNeeded { reason })
                    .await?;
                return Ok(());
            }
        };
        let mut proposal = state.proposal.clone();
        proposal.why = format!("undo of {}, which did not help", state.proposal.id);
        proposal.undo = Some(state.proposal.action.clone());
        proposal.action = undo;
        // Nobody asked for the undo: the policy does.
        proposal.requesters.clear();
        proposal.replaces = None;
        let terms = self.casework.terms(&proposal.action).await?;
        let event = offered_again(incident, &proposal, observed, terms);
        self.record(&incident.id, event).await?;
        Ok(())
    }
}

/// Whether the action is the undo of one that was executed before.
fn is_undo(incident: &Incident, state: &ProposalState) -> bool {
    incident.proposals.iter().any(|other| {
        other.finished_at.is_some()
            && other.finished_at < state.started_at
            && other.proposal.undo.as_ref() == Some(&state.proposal.action)
            && other.proposal.action.target == state.proposal.action.target
    })
}

fn counted(adapter: &str) {
    metrics::counter!("integration_call_failures_total", "adapter" => adapter.to_owned())
        .increment(1);
}

/// Which keys of the target's state differ.
fn drift(sealed: &TargetState, now: &TargetState) -> String {
    let empty = serde_json::Map::new();
    let before = sealed.state.as_object().unwrap_or(&empty);
    let after = now.state.as_object().unwrap_or(&empty);
    let mut changed: Vec<String> = Vec::new();
    for key in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(key), after.get(key));
        if old != new
            && !changed
                .iter()
                .any(|known| known.starts_with(&format!("{key}:")))
        {
            let show = |value: Option<&serde_json::Value>| {
                value.map_or_else(|| "none".to_owned(), ToString::to_string)
            };
            changed.push(format!("{key}: {} is now {}", show(old), show(new)));
        }
    }
    format!(
        "the target changed since it was sealed: {}",
        changed.join("; ")
    )
}
