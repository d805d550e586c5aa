//! The alert: one message for an incident, updated in place as the incident moves.

use model::Incident;
use model::incident::{ProposalStage, ProposalState};
use serde_json::Value;

use super::decision::Wanted;
use super::limits::{MAX_HEADER, MAX_NAME, MAX_SENTENCE};
use super::pieces::{button, context, fields, header, name, section, shout};
use super::text::{percent, theirs, units};
use super::{ACKNOWLEDGE, APPROVE, Composer, Form, Message, REJECT};
use crate::bulletin::{measured, standing};

impl Composer {
    /// The alert as the incident stands now. The same incident gives the same alert.
    pub fn alert(&self, incident: &Incident) -> Message {
        let mut blocks = vec![
            header(&title(incident, MAX_HEADER)),
            fields(&facts(incident)),
        ];
        if let Some(finding) = incident.findings.first() {
            blocks.push(section(&theirs(&finding.evidence.says, MAX_SENTENCE)));
        }
        if let Some(impact) = &incident.impact {
            let impact = theirs(impact, MAX_SENTENCE);
            blocks.push(section(&format!("*Whom it hurts*\n{impact}")));
        }
        blocks.extend(cause(incident));
        if let Some(reason) = &incident.person_needed
            && !incident.status.is_over()
        {
            let reason = theirs(reason, MAX_SENTENCE);
            blocks.push(section(&format!("*A person is needed*\n{reason}")));
        }
        blocks.extend(latest(incident).map(|state| section(&stands(state))));
        blocks.push(context(&small_print(incident)));
        blocks.push(self.way(incident, self.alert_buttons(incident)));
        Message {
            text: title(incident, MAX_SENTENCE),
            blocks,
        }
    }

    fn alert_buttons(&self, incident: &Incident) -> Vec<Value> {
        let mut buttons = Vec::new();
        if self.form == Form::LinkOnly || incident.status.is_over() {
            return buttons;
        }
        if incident.owner.is_none() {
            let id = incident.id.as_str();
            buttons.push(button("Acknowledge", ACKNOWLEDGE, id, None));
        }
        if let Some(state) = latest(incident) {
            buttons.extend(decision_buttons(incident, state));
        }
        buttons
    }
}

/// `[CRITICAL] payment fails`: rendered, at most `most` units.
pub(super) fn title(incident: &Incident, most: usize) -> String {
    let severity = shout(incident.severity);
    let room = most.saturating_sub(units(&severity) + 1);
    format!("{severity} {}", theirs(&incident.title, room))
}

/// Approve and reject, each with what it is about; where it is to run without a person, a no
/// alone; where nobody can decide any more, none.
pub(super) fn decision_buttons(incident: &Incident, state: &ProposalState) -> Vec<Value> {
    let wanted = Wanted::of(incident, state).to_text();
    let id = name(&state.proposal.id);
    if state.can_be_stopped() {
        return vec![button(
            &format!("Stop {id}…"),
            REJECT,
            &wanted,
            Some("danger"),
        )];
    }
    if state.stage != ProposalStage::Pending {
        return Vec::new();
    }
    vec![
        button(&format!("Approve {id}…"), APPROVE, &wanted, Some("primary")),
        button(&format!("Reject {id}…"), REJECT, &wanted, Some("danger")),
    ]
}

/// The proposal that counts: the last one that isn't superseded, else the last.
fn latest(incident: &Incident) -> Option<&ProposalState> {
    let open = |state: &&ProposalState| {
        !matches!(
            state.stage,
            ProposalStage::Voided | ProposalStage::Withdrawn | ProposalStage::Rejected
        )
    };
    let mut newest_first = incident.proposals.iter().rev();
    newest_first
        .clone()
        .find(open)
        .or_else(|| newest_first.next())
}

/// Where a proposal stands, in one line.
pub(super) fn stands(state: &ProposalState) -> String {
    let proposal = &state.proposal;
    let word = match state.stage {
        ProposalStage::Pending => "waits for a decision",
        ProposalStage::Approved if state.can_be_stopped() => "runs without a person",
        ProposalStage::Approved => "approved",
        ProposalStage::Rejected => "rejected",
        ProposalStage::Voided => "void",
        ProposalStage::Withdrawn => "withdrawn",
        ProposalStage::Executing => "being executed",
        ProposalStage::Executed => "executed, being checked",
        ProposalStage::Checked => "executed and checked",
    };
    let mut line = format!(
        "*{}* · {} on {} · {} risk · *{word}*",
        name(&proposal.id),
        proposal.action.kind.name().replace('_', " "),
        name(&proposal.action.target),
        proposal.risk.name(),
    );
    if let Some(note) = &state.note {
        line.push_str(" · ");
        line.push_str(&theirs(note, MAX_SENTENCE));
    }
    line
}

fn facts(incident: &Incident) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Service", name(&incident.service)),
        ("Status", standing(incident)),
    ];
    if let Some(finding) = incident.findings.first()
        && let Some(measured) = measured(finding)
    {
        facts.push(("Measured", name(&measured)));
        facts.push(("Expected", name(&finding.bound())));
    }
    let owner = incident.owner.as_deref().map(name);
    facts.push(("Owner", owner.unwrap_or_else(|| "nobody yet".to_owned())));
    if let Some(team) = &incident.team {
        facts.push(("Team", name(team)));
    }
    facts.push(("Open since", incident.opened_at.to_string()));
    facts
}

/// The first cause, where there is a report.
fn cause(incident: &Incident) -> Option<Value> {
    let report = incident.report.as_ref()?;
    let text = match report.first().filter(|_| report.known) {
        Some(first) => format!(
            "*Likely cause* ({} sure{})\n{}",
            percent(first.confidence),
            match incident.is_report_doubtful() {
                true => ", doubtful since",
                false => "",
            },
            theirs(&first.says, MAX_SENTENCE)
        ),
        None => format!(
            "*The cause isn't known*\n{}",
            theirs(&report.conclusion, MAX_SENTENCE)
        ),
    };
    Some(section(&text))
}

fn small_print(incident: &Incident) -> Vec<String> {
    let mut print = vec![
        incident.id.to_string(),
        format!("rule {}", theirs(&incident.rule, MAX_NAME)),
        format!(
            "{} severity because {}",
            incident.severity.name(),
            theirs(&incident.severity_reason, MAX_NAME)
        ),
    ];
    if incident.findings.len() > 1 {
        print.push(format!("{} findings", incident.findings.len()));
    }
    print
}
