//! The rules about proposals: from a person's request to the end of an execution.

use super::apply::{Ruling, busy, illegal};
use super::*;
use crate::approval;

pub(super) fn apply(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    match event {
        Event::ActionRequested { .. }
        | Event::RequestRefused { .. }
        | Event::Withdrawn { .. }
        | Event::BreakGlassReviewed { .. } => by_people(incident, record),
        Event::Proposed { proposal, seal } => propose(incident, event, proposal, *seal),
        Event::Decided { .. } => decide(incident, record),
        Event::AutomationDecided { .. } => automated::decided(incident, record),
        Event::VerdictReached {
            proposal,
            seal,
            sufficient,
            reason,
        } => {
            let state = pending(incident, event, proposal)?;
            same_seal(event, state, *seal)?;
            if *sufficient && !state.is_automatic() {
                approval::quorum_met(state).map_err(|missing| illegal(event, missing))?;
            }
            state.note = Some(reason.clone());
            if *sufficient {
                state.stage = ProposalStage::Approved;
                incident.status = Status::Approved;
            } else {
                state.stage = ProposalStage::Rejected;
                settle(incident);
            }
            Ok(())
        }
        Event::ApprovalVoided {
            proposal, reason, ..
        } => {
            let state = known(incident, event, proposal)?;
            if !state.stage.is_open() {
                return Err(illegal(
                    event,
                    format!("{proposal} has no approval to void"),
                ));
            }
            state.stage = ProposalStage::Voided;
            state.note = Some(reason.clone());
            settle(incident);
            Ok(())
        }
        _ => execution(incident, record),
    }
}

fn propose(incident: &mut Incident, event: &Event, proposal: &Proposal, seal: Seal) -> Ruling {
    if incident.proposals.len() >= MAX_PROPOSALS {
        return Err(illegal(
            event,
            format!("an incident holds at most {MAX_PROPOSALS} proposals"),
        ));
    }
    if proposal.id != incident.next_proposal_id() {
        let next = incident.next_proposal_id();
        return Err(illegal(
            event,
            format!("proposal {} where {next} is next", proposal.id),
        ));
    }
    if proposal.seal(&incident.id) != seal {
        return Err(illegal(event, "the seal doesn't cover this proposal"));
    }
    if let Some(seq) = proposal.request {
        let request = open_request(incident, event, seq)?;
        request.proposal = Some(proposal.id.clone());
    }
    let mut older_report = false;
    if let Some(replaced) = &proposal.replaces {
        let old = known(incident, event, &replaced.proposal)?;
        older_report = old.older_report;
        if old.stage.is_open() {
            old.stage = ProposalStage::Voided;
            old.note = Some(format!("{} takes its place", proposal.id));
        }
    }
    incident.proposals.push(ProposalState {
        proposal: proposal.clone(),
        seal,
        stage: ProposalStage::Pending,
        decisions: Vec::new(),
        idempotency_key: None,
        started_at: None,
        finished_at: None,
        result: None,
        recovery: None,
        note: None,
        break_glass: None,
        automation: None,
        older_report,
    });
    incident.nothing_to_propose = None;
    if matches!(
        incident.status,
        Status::Open | Status::Investigating | Status::Explained | Status::Verifying
    ) {
        incident.status = Status::AwaitingApproval;
    }
    Ok(())
}

fn decide(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    let Event::Decided {
        proposal,
        seal,
        approve,
        reason,
        break_glass,
    } = event
    else {
        return Ok(());
    };
    let Actor::Person { subject, .. } = &record.actor else {
        return Err(illegal(event, "only a person decides"));
    };
    let late_no = !approve && known(incident, event, proposal)?.can_be_stopped();
    let state = match late_no {
        true => known(incident, event, proposal)?,
        false => pending(incident, event, proposal)?,
    };
    same_seal(event, state, *seal)?;
    if record.at >= state.proposal.expires {
        let expires = state.proposal.expires;
        let text = format!("{proposal} expired at {expires}: decide on what is offered next");
        return Err(illegal(event, text));
    }
    let twice = state.decisions.iter().any(
        |made| matches!(&made.actor, Actor::Person { subject: earlier, .. } if earlier == subject),
    );
    if twice {
        let who = record.actor.label();
        return Err(illegal(
            event,
            format!("{who} has decided on {proposal} already"),
        ));
    }
    if !approve && reason.trim().is_empty() {
        return Err(illegal(event, "a no needs a reason"));
    }
    if *break_glass && (!approve || reason.trim().is_empty()) {
        return Err(illegal(event, "a break-glass is a yes with a reason"));
    }
    if *approve && !break_glass && approval::is_excluded(&state.proposal, subject) {
        let who = record.actor.label();
        let tier = state.proposal.risk.name();
        return Err(illegal(
            event,
            format!("{who} asked for {proposal}: a {tier}-risk action needs somebody else's yes"),
        ));
    }
    if *break_glass {
        state.break_glass = Some(BreakGlass {
            by: record.actor.clone(),
            at: record.at,
            reason: reason.clone(),
            review: None,
        });
    }
    state.decisions.push(DecisionMade {
        actor: record.actor.clone(),
        at: record.at,
        approve: *approve,
        reason: reason.clone(),
        break_glass: *break_glass,
    });
    if !approve {
        let no = format!("{} said no: {reason}", record.actor.label());
        automated::stop(state, &no);
        if late_no {
            state.stage = ProposalStage::Rejected;
            state.note = Some(no);
            settle(incident);
        }
    }
    Ok(())
}

/// What people ask for, take back, and say afterwards.
fn by_people(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    match event {
        Event::ActionRequested { action, why, edits } => {
            if incident.requests.len() >= MAX_REQUESTS {
                let text = format!("an incident holds at most {MAX_REQUESTS} requests");
                return Err(illegal(event, text));
            }
            if why.trim().is_empty() {
                return Err(illegal(event, "a request needs a reason"));
            }
            if let Some(edited) = edits {
                let state = known(incident, event, edited)?;
                if !state.stage.is_open() {
                    let stage = state.stage.name();
                    return Err(illegal(event, format!("{edited} is {stage} already")));
                }
            }
            incident.requests.push(RequestState {
                seq: record.seq,
                by: record.actor.clone(),
                at: record.at,
                action: action.clone(),
                why: why.clone(),
                edits: edits.clone(),
                proposal: None,
                refused: None,
            });
        }
        Event::RequestRefused { request, reason } => {
            open_request(incident, event, *request)?.refused = Some(reason.clone());
        }
        Event::Withdrawn { proposal, reason } => {
            if reason.trim().is_empty() {
                return Err(illegal(event, "withdrawing needs a reason"));
            }
            let state = known(incident, event, proposal)?;
            if !state.stage.is_open() {
                let stage = state.stage.name();
                return Err(illegal(
                    event,
                    format!("{proposal} can't be withdrawn: it is {stage}"),
                ));
            }
            state.stage = ProposalStage::Withdrawn;
            let note = format!("{}: {reason}", record.actor.label());
            automated::stop(state, &note);
            state.note = Some(note);
            settle(incident);
        }
        Event::BreakGlassReviewed { .. } => review(incident, record)?,
        _ => {}
    }
    Ok(())
}

/// By somebody else, once.
fn review(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    let Event::BreakGlassReviewed {
        proposal,
        justified,
        note,
    } = event
    else {
        return Ok(());
    };
    if note.trim().is_empty() {
        return Err(illegal(event, "a review needs a word on why"));
    }
    let state = known(incident, event, proposal)?;
    let Some(broken) = &mut state.break_glass else {
        return Err(illegal(
            event,
            format!("nobody decided on {proposal} by break-glass"),
        ));
    };
    if broken.review.is_some() {
        return Err(illegal(
            event,
            format!("{proposal} has been reviewed already"),
        ));
    }
    if let (Actor::Person { subject: by, .. }, Actor::Person { subject, .. }) =
        (&broken.by, &record.actor)
        && by == subject
    {
        let who = record.actor.label();
        return Err(illegal(
            event,
            format!("{who} broke the glass: somebody else reviews it"),
        ));
    }
    broken.review = Some(Review {
        by: record.actor.clone(),
        at: record.at,
        justified: *justified,
        note: note.clone(),
    });
    Ok(())
}

fn open_request<'a>(
    incident: &'a mut Incident,
    event: &Event,
    seq: u64,
) -> Result<&'a mut RequestState, Illegal> {
    incident
        .requests
        .iter_mut()
        .find(|request| request.seq == seq && request.is_open())
        .ok_or_else(|| illegal(event, format!("there is no open request {seq}")))
}

fn execution(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    match event {
        Event::ExecutionStarted { .. } => start(incident, record)?,
        Event::ExecutionFinished {
            proposal,
            result,
            says,
            ..
        } => {
            let state = known(incident, event, proposal)?;
            if state.stage != ProposalStage::Executing {
                return Err(illegal(event, format!("{proposal} isn't being executed")));
            }
            state.stage = ProposalStage::Executed;
            state.finished_at = Some(record.at);
            state.result = Some(*result);
            state.note = Some(says.clone());
            if *result == ExecutionResult::Succeeded {
                incident.status = Status::Verifying;
            } else {
                state.stage = ProposalStage::Checked;
                settle(incident);
            }
            if *result == ExecutionResult::Unknown {
                incident.person_needed = Some(says.clone());
            }
        }
        Event::RecoveryChecked {
            proposal,
            recovery,
            says,
            evidence,
        } => {
            let state = known(incident, event, proposal)?;
            if state.stage != ProposalStage::Executed {
                return Err(illegal(
                    event,
                    format!("{proposal} has no execution to check"),
                ));
            }
            if *recovery == Recovery::Recovered && evidence.is_empty() {
                return Err(illegal(event, "recovered without evidence"));
            }
            state.stage = ProposalStage::Checked;
            state.recovery = Some(*recovery);
            state.note = Some(says.clone());
            if !incident.status.is_over() {
                settle(incident);
            }
        }
        _ => {}
    }
    Ok(())
}

fn start(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    let Event::ExecutionStarted {
        proposal,
        seal,
        idempotency_key,
    } = event
    else {
        return Ok(());
    };
    if busy(incident) {
        return Err(illegal(event, "another execution is under way"));
    }
    let state = known(incident, event, proposal)?;
    if state.started_at.is_some() {
        return Err(illegal(event, format!("{proposal} was executed before")));
    }
    if state.stage != ProposalStage::Approved {
        let text = format!("{proposal} has no sufficient verdict");
        return Err(illegal(event, text));
    }
    same_seal(event, state, *seal)?;
    if record.at >= state.proposal.expires {
        let text = format!("the approval of {proposal} has expired");
        return Err(illegal(event, text));
    }
    state.stage = ProposalStage::Executing;
    state.started_at = Some(record.at);
    state.idempotency_key = Some(idempotency_key.clone());
    incident.status = Status::Executing;
    Ok(())
}

/// After a proposal ended in some way: back to where the incident waits.
fn settle(incident: &mut Incident) {
    let any = |stage| incident.proposals.iter().any(|state| state.stage == stage);
    incident.status = if any(ProposalStage::Executing) {
        Status::Executing
    } else if any(ProposalStage::Executed) {
        Status::Verifying
    } else if any(ProposalStage::Approved) {
        Status::Approved
    } else if any(ProposalStage::Pending) {
        Status::AwaitingApproval
    } else if incident.report.is_some() {
        Status::Explained
    } else {
        Status::Open
    };
}

pub(super) fn known<'a>(
    incident: &'a mut Incident,
    event: &Event,
    id: &str,
) -> Result<&'a mut ProposalState, Illegal> {
    incident
        .proposals
        .iter_mut()
        .find(|state| state.proposal.id == id)
        .ok_or_else(|| illegal(event, format!("there is no proposal {id}")))
}

pub(super) fn pending<'a>(
    incident: &'a mut Incident,
    event: &Event,
    id: &str,
) -> Result<&'a mut ProposalState, Illegal> {
    let state = known(incident, event, id)?;
    match state.stage {
        ProposalStage::Pending => Ok(state),
        stage => Err(illegal(
            event,
            format!("{id} waits for no decision: it is {stage:?}").to_lowercase(),
        )),
    }
}

pub(super) fn same_seal(event: &Event, state: &ProposalState, seal: Seal) -> Ruling {
    if state.seal == seal {
        Ok(())
    } else {
        let id = &state.proposal.id;
        Err(illegal(
            event,
            format!("the seal isn't that of {id}: read it again"),
        ))
    }
}
