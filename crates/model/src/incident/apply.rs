//! Every rule of the state machine.

use super::*;
use crate::report::Hypothesis;

pub(super) type Ruling = Result<(), Illegal>;

pub(super) fn illegal(event: &Event, reason: impl Into<String>) -> Illegal {
    Illegal {
        event: event.name(),
        reason: reason.into(),
    }
}

pub(super) fn open(record: &Record) -> Result<Incident, Illegal> {
    let event = &record.event;
    let Event::Opened {
        title,
        severity,
        severity_reason,
        finding,
        split_from,
        others,
    } = event
    else {
        return Err(illegal(event, "an incident begins with `opened`"));
    };
    if record.seq != 1 {
        return Err(illegal(event, "the first record has seq 1"));
    }
    if !may_write(&record.actor, event) {
        return Err(illegal(event, refused_writer(&record.actor)));
    }
    if split_from.as_ref() == Some(&record.incident) {
        return Err(illegal(event, "it can't be split off from itself"));
    }
    if split_from.is_none() && !others.is_empty() {
        let text = "it begins with one finding, unless it was split off";
        return Err(illegal(event, text));
    }
    if others.len() >= MAX_FINDINGS {
        return Err(illegal(event, too_many_findings()));
    }
    let mut findings = vec![finding.as_ref().clone()];
    findings.extend(others.iter().cloned());
    Ok(Incident {
        id: record.incident.clone(),
        title: title.clone(),
        status: Status::Open,
        severity: *severity,
        severity_reason: severity_reason.clone(),
        rule: finding.rule.clone(),
        service: finding.subject.service.clone(),
        findings,
        owner: None,
        owner_subject: None,
        team: None,
        impact: None,
        snoozed: None,
        claim: None,
        report: None,
        doubt: None,
        report_from: None,
        proposals: Vec::new(),
        requests: Vec::new(),
        person_needed: None,
        nothing_to_propose: None,
        closed_as: None,
        merged_into: None,
        absorbed: Vec::new(),
        split_from: split_from.clone(),
        split_into: Vec::new(),
        voided: None,
        resolved_evidence: None,
        feedback: None,
        opened_at: record.at,
        updated_at: record.at,
        mitigated_at: None,
        resolved_at: None,
        reopened: 0,
        last_seq: 1,
    })
}

fn too_many_findings() -> String {
    format!("an incident holds at most {MAX_FINDINGS} findings")
}

fn refused_writer(actor: &Actor) -> String {
    format!("{} may not write this kind of record", actor.label())
}

pub(super) fn apply(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    if record.incident != incident.id {
        return Err(illegal(event, "it belongs to another incident"));
    }
    if record.seq != incident.last_seq + 1 {
        let expected = incident.last_seq + 1;
        return Err(illegal(
            event,
            format!("seq {} where {expected} is next", record.seq),
        ));
    }
    if record.seq > MAX_RECORDS {
        return Err(illegal(
            event,
            format!("an incident holds at most {MAX_RECORDS} records"),
        ));
    }
    if record.at < incident.updated_at {
        return Err(illegal(event, "its time lies before the record before it"));
    }
    if !may_write(&record.actor, event) {
        return Err(illegal(event, refused_writer(&record.actor)));
    }
    let mut next = incident.clone();
    step(&mut next, record)?;
    next.last_seq = record.seq;
    next.updated_at = record.at;
    *incident = next;
    Ok(())
}

fn step(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    if let Event::Opened { .. } = event {
        return Err(illegal(event, "the incident is open already"));
    }
    ties::final_word(incident, event)?;
    let after_the_end = matches!(
        event,
        Event::NoteAdded { .. }
            | Event::NoticeSent { .. }
            | Event::NoticeHeld { .. }
            | Event::Reopened { .. }
            | Event::Acknowledged { .. }
            | Event::ExecutionFinished { .. }
            | Event::RecoveryChecked { .. }
            | Event::Closed { .. }
            | Event::FeedbackGiven { .. }
            | Event::BreakGlassReviewed { .. }
            | Event::Edited { .. }
            | Event::Assigned { .. }
            | Event::HandedOver { .. }
            | Event::MergedInto { .. }
            | Event::SplitOff { .. }
            | Event::Voided { .. }
    );
    if incident.status.is_over() && !after_the_end {
        let status = incident.status.name();
        return Err(illegal(
            event,
            format!("the incident is {status}; reopen it first"),
        ));
    }
    match event {
        Event::Opened { .. } => Ok(()),
        Event::InvestigationStarted { .. }
        | Event::InvestigationFailed { .. }
        | Event::ReportRecorded { .. } => investigation(incident, record),
        Event::Proposed { .. }
        | Event::ActionRequested { .. }
        | Event::RequestRefused { .. }
        | Event::Withdrawn { .. }
        | Event::BreakGlassReviewed { .. }
        | Event::Decided { .. }
        | Event::AutomationDecided { .. }
        | Event::VerdictReached { .. }
        | Event::ApprovalVoided { .. }
        | Event::ExecutionStarted { .. }
        | Event::ExecutionFinished { .. }
        | Event::RecoveryChecked { .. } => proposals::apply(incident, record),
        Event::Edited { .. }
        | Event::Assigned { .. }
        | Event::HandedOver { .. }
        | Event::Snoozed { .. } => marks::apply(incident, record),
        Event::MergedInto { .. }
        | Event::Absorbed { .. }
        | Event::SplitOff { .. }
        | Event::Voided { .. } => ties::apply(incident, record),
        _ => course(incident, record),
    }
}

/// Findings, people's marks, and the end.
fn course(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    match event {
        Event::FindingAttached { finding, .. } => attach(incident, event, finding)?,
        Event::SeverityChanged { severity, reason } => {
            incident.severity = *severity;
            incident.severity_reason = reason.clone();
        }
        Event::Acknowledged { owner, .. } => {
            incident.owner = Some(owner.clone());
            incident.owner_subject = None;
        }
        Event::NoteAdded { text } if text.trim().is_empty() => {
            return Err(illegal(event, "an empty note"));
        }
        Event::NothingToPropose { reason } => {
            incident.nothing_to_propose = Some(reason.clone());
        }
        Event::PersonNeeded { reason } => incident.person_needed = Some(reason.clone()),
        Event::FeedbackGiven { .. } => incident.feedback = Some(feedback::given(incident, record)?),
        Event::Mitigated { .. } => {
            if busy(incident) {
                return Err(illegal(event, "an execution is under way"));
            }
            incident.status = Status::Mitigated;
            incident.mitigated_at = Some(record.at);
        }
        Event::Resolved { evidence, .. } => {
            if busy(incident) {
                return Err(illegal(event, "an execution is under way"));
            }
            if evidence.is_none() && !record.actor.is_person() {
                return Err(illegal(event, "an agent resolves only with evidence"));
            }
            incident.status = Status::Resolved;
            incident.resolved_at = Some(record.at);
            incident.resolved_evidence = evidence.as_deref().cloned();
            incident.person_needed = None;
        }
        Event::Reopened { finding, .. } => reopen(incident, event, finding.as_deref())?,
        Event::Closed { r#as, reason } => {
            if reason.trim().is_empty() {
                return Err(illegal(event, "closing needs a reason"));
            }
            if incident.status == Status::Closed {
                return Err(illegal(event, "the incident is closed already"));
            }
            if busy(incident) {
                return Err(illegal(event, "an execution is under way"));
            }
            incident.status = Status::Closed;
            incident.closed_as = Some(r#as.clone());
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn attach(incident: &mut Incident, event: &Event, finding: &Finding) -> Ruling {
    if incident.findings.len() >= MAX_FINDINGS {
        return Err(illegal(event, too_many_findings()));
    }
    incident.findings.push(finding.clone());
    Ok(())
}

pub(super) fn busy(incident: &Incident) -> bool {
    incident
        .proposals
        .iter()
        .any(|state| state.stage == ProposalStage::Executing)
}

fn reopen(incident: &mut Incident, event: &Event, finding: Option<&Finding>) -> Ruling {
    if !incident.status.is_over() && incident.status != Status::Mitigated {
        return Err(illegal(event, "the incident isn't resolved or closed"));
    }
    if let Some(finding) = finding {
        attach(incident, event, finding)?;
    }
    incident.status = Status::Open;
    incident.reopened += 1;
    incident.snoozed = None;
    incident.claim = None;
    incident.report = None;
    incident.doubt = None;
    incident.report_from = None;
    incident.closed_as = None;
    incident.nothing_to_propose = None;
    incident.person_needed = None;
    incident.mitigated_at = None;
    incident.resolved_at = None;
    incident.resolved_evidence = None;
    // What was offered for the earlier trouble can't be approved for this one.
    for state in &mut incident.proposals {
        if state.stage.is_open() {
            state.stage = ProposalStage::Voided;
            state.note = Some("the incident was reopened".to_owned());
        }
    }
    Ok(())
}

fn investigation(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    match event {
        Event::InvestigationStarted { claim, until } => {
            if let Some(held) = &incident.claim
                && held.until > record.at
            {
                let until = held.until;
                return Err(illegal(
                    event,
                    format!("claimed by {} until {until}", held.claim),
                ));
            }
            incident.claim = Some(Claim {
                claim: claim.clone(),
                until: *until,
            });
            if incident.status == Status::Open {
                incident.status = Status::Investigating;
            }
        }
        Event::InvestigationFailed { claim, reason, .. } => {
            holds_claim(incident, event, claim)?;
            incident.claim = None;
            incident.person_needed = Some(reason.clone());
            incident.doubt = incident.doubt.map(|_| Doubt::Remains);
            if incident.status == Status::Investigating {
                incident.status = Status::Open;
            }
        }
        Event::ReportRecorded { claim, report } => {
            if let Some(claim) = claim {
                holds_claim(incident, event, claim)?;
                incident.claim = None;
            }
            sound_report(event, report)?;
            incident.person_needed = report.ask.clone();
            incident.report = Some(report.as_ref().clone());
            incident.doubt = None;
            automated::note_report(incident, &record.actor);
            if matches!(incident.status, Status::Open | Status::Investigating) {
                incident.status = Status::Explained;
            }
        }
        _ => {}
    }
    Ok(())
}

fn holds_claim(incident: &Incident, event: &Event, claim: &str) -> Ruling {
    match &incident.claim {
        Some(held) if held.claim == claim => Ok(()),
        _ => Err(illegal(
            event,
            "the investigation's claim is not held by this writer",
        )),
    }
}

/// A claim without evidence can't be stored.
fn sound_report(event: &Event, report: &Report) -> Ruling {
    if report.known && report.hypotheses.is_empty() {
        return Err(illegal(event, "it says it knows the cause and names none"));
    }
    for hypothesis in &report.hypotheses {
        sound_hypothesis(event, report, hypothesis)?;
    }
    for (index, evidence) in report.evidence.iter().enumerate() {
        if report.evidence[..index]
            .iter()
            .any(|other| other.id == evidence.id)
        {
            return Err(illegal(event, format!("evidence {} twice", evidence.id)));
        }
    }
    let sorted = report
        .hypotheses
        .windows(2)
        .all(|pair| pair[0].confidence >= pair[1].confidence);
    if !sorted {
        return Err(illegal(event, "hypotheses are not in order of confidence"));
    }
    Ok(())
}

fn sound_hypothesis(event: &Event, report: &Report, hypothesis: &Hypothesis) -> Ruling {
    let id = &hypothesis.id;
    if hypothesis.supports.is_empty() {
        return Err(illegal(event, format!("hypothesis {id} has no evidence")));
    }
    let cited = hypothesis.supports.iter().chain(&hypothesis.contradicts);
    for evidence in cited {
        if report.evidence(evidence).is_none() {
            return Err(illegal(
                event,
                format!("hypothesis {id} cites evidence {evidence}, which is not in the report"),
            ));
        }
    }
    if !(0.0..=1.0).contains(&hypothesis.confidence) {
        let confidence = hypothesis.confidence;
        return Err(illegal(
            event,
            format!("hypothesis {id}: confidence {confidence} is no probability"),
        ));
    }
    Ok(())
}
