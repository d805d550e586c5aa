//! What is said in the alert's thread: the report, offers, and how it went.

use model::incident::ProposalState;
use model::{Event, Evidence, ExecutionResult, Hypothesis, Incident, Record, Recovery, Report};

use super::alert::{decision_buttons, stands};
use super::decision::summary_lines;
use super::limits::{
    MAX_CONTRADICTS, MAX_DECISIONS, MAX_EVIDENCE_LINE, MAX_HYPOTHESES, MAX_NAME, MAX_SECTION,
    MAX_SENTENCE, MAX_SUPPORTS,
};
use super::pieces::{context, name, section, shout};
use super::text::{percent, theirs, units};
use super::{Composer, Form, Message};

impl Composer {
    /// What a record calls for in the thread; `None`: the alert alone moves, if anything does.
    ///
    /// `opened` calls for nothing here: it is the alert itself.
    pub fn told(&self, incident: &Incident, record: &Record) -> Option<Message> {
        match &record.event {
            Event::ReportRecorded { report, .. } => Some(self.report(incident, report)),
            Event::Proposed { proposal, .. } => {
                let state = incident.proposal(&proposal.id)?;
                Some(self.offer(incident, state))
            }
            _ => {
                let line = outcome(incident, record)?;
                let severity = shout(incident.severity);
                let mut blocks = vec![section(&format!("{severity} {line}"))];
                if self.form == Form::LinkOnly {
                    blocks.push(self.way(incident, Vec::new()));
                }
                Some(Message {
                    text: format!("{severity} {line}"),
                    blocks,
                })
            }
        }
    }

    /// The report: its conclusion, its hypotheses with confidence, and what they rest on.
    pub fn report(&self, incident: &Incident, report: &Report) -> Message {
        let conclusion = theirs(&report.conclusion, MAX_SENTENCE);
        let mut blocks = vec![section(&format!("*Report* · {conclusion}"))];
        let shown = report.hypotheses.iter().take(MAX_HYPOTHESES);
        blocks.extend(shown.map(|hypothesis| section(&of_hypothesis(report, hypothesis))));
        if let Some(ask) = &report.ask {
            let ask = theirs(ask, MAX_SENTENCE);
            blocks.push(section(&format!("*Please look at*\n{ask}")));
        }
        let mut print = vec![
            format!("{} questions asked", report.ledger.len()),
            format!("from {} to {}", report.window.from, report.window.to),
            theirs(&report.confidence_basis, MAX_EVIDENCE_LINE),
        ];
        let hidden = report.hypotheses.len().saturating_sub(MAX_HYPOTHESES);
        if hidden > 0 {
            print.push(format!("{hidden} more hypotheses in DataPulse"));
        }
        if report.out_of_time {
            print.push("the time ran out before all was asked".to_owned());
        }
        blocks.push(context(&print));
        blocks.push(self.way(incident, Vec::new()));
        Message {
            text: format!("{} {conclusion}", shout(incident.severity)),
            blocks,
        }
    }

    /// An offer as it stands now: while it waits, with buttons; afterwards with what became of it.
    pub fn offer(&self, incident: &Incident, state: &ProposalState) -> Message {
        let line = stands(state);
        let why = theirs(&state.proposal.why, MAX_SENTENCE);
        let mut blocks = vec![section(&line), section(&format!("*Why*\n{why}"))];
        if !state.proposal.risk_note.is_empty() {
            let note = theirs(&state.proposal.risk_note, MAX_SENTENCE);
            blocks.push(section(&format!("*What may go wrong*\n{note}")));
        }
        blocks.push(section(&fitting_lines(&summary_lines(state))));
        if !state.decisions.is_empty() {
            blocks.push(section(&decided(state)));
        }
        let may = self.form == Form::Buttons && !incident.status.is_over();
        let buttons = match may {
            true => decision_buttons(incident, state),
            false => Vec::new(),
        };
        blocks.push(self.way(incident, buttons));
        Message {
            text: format!("{} {line}", shout(incident.severity)),
            blocks,
        }
    }
}

/// As many lines as fit into a section, with a word on the rest. The modal shows all.
fn fitting_lines(lines: &[String]) -> String {
    const REST: &str = "the rest is in DataPulse";
    let mut text = String::new();
    for line in lines {
        let line = super::text::cut(line, MAX_SENTENCE);
        if units(&text) + units(&line) + REST.len() + 2 > MAX_SECTION {
            text.push_str(REST);
            return text;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

fn decided(state: &ProposalState) -> String {
    let lines: Vec<String> = state
        .decisions
        .iter()
        .rev()
        .take(MAX_DECISIONS)
        .map(|made| {
            let word = match (made.approve, made.break_glass) {
                (true, true) => "approved alone, past the quorum",
                (true, false) => "approved",
                (false, _) => "rejected",
            };
            let who = name(made.actor.label());
            match made.reason.trim() {
                "" => format!("*{who}* {word}"),
                reason => format!("*{who}* {word} · {}", theirs(reason, MAX_EVIDENCE_LINE)),
            }
        })
        .collect();
    lines.join("\n")
}

fn of_hypothesis(report: &Report, hypothesis: &Hypothesis) -> String {
    let mut text = format!(
        "*{}* · {} · {}\n{}",
        name(&hypothesis.id),
        percent(hypothesis.confidence),
        theirs(&hypothesis.cause.to_string(), MAX_NAME),
        theirs(&hypothesis.says, MAX_SENTENCE)
    );
    let mut list = |word: &str, ids: &[String], most: usize| {
        let found: Vec<&Evidence> = ids.iter().filter_map(|id| report.evidence(id)).collect();
        for evidence in found.iter().take(most) {
            let says = theirs(&evidence.says, MAX_EVIDENCE_LINE);
            text.push_str(&format!("\n{word} {} · {says}", name(&evidence.id)));
        }
    };
    list("for", &hypothesis.supports, MAX_SUPPORTS);
    list("against", &hypothesis.contradicts, MAX_CONTRADICTS);
    text
}

/// One line for a record that isn't a report or an offer; `None`: nobody is told.
fn outcome(incident: &Incident, record: &Record) -> Option<String> {
    let service = name(&incident.service);
    let said = |text: &str| theirs(text, MAX_SENTENCE);
    let who = name(record.actor.label());
    Some(match &record.event {
        Event::Acknowledged { owner, .. } => format!("*{}* took it", name(owner)),
        Event::SeverityChanged { severity, reason } => {
            format!("the severity is {} now · {}", severity.name(), said(reason))
        }
        Event::Decided {
            proposal,
            approve,
            reason,
            break_glass,
            ..
        } => {
            let verb = match (approve, break_glass) {
                (true, true) => "broke the glass for",
                (true, false) => "approved",
                (false, _) => "rejected",
            };
            format!("*{who}* {verb} {} · {}", name(proposal), said(reason))
        }
        Event::ExecutionFinished {
            proposal,
            result,
            says,
            ..
        } => {
            let verb = match result {
                ExecutionResult::Succeeded => "was executed",
                ExecutionResult::Failed => "failed",
                ExecutionResult::Unknown => "may have been executed, nobody can tell",
            };
            format!("{} {verb} · {}", name(proposal), said(says))
        }
        Event::RecoveryChecked {
            proposal,
            recovery,
            says,
            ..
        } => {
            let word = match recovery {
                Recovery::Recovered => "helped",
                Recovery::NoEffect => "had no effect",
                Recovery::Worse => "made it worse",
                Recovery::Unknown => "may have helped, that can't be told",
            };
            format!("{} {word} · {}", name(proposal), said(says))
        }
        Event::ApprovalVoided {
            proposal, reason, ..
        } => format!("{} is void · {}", name(proposal), said(reason)),
        Event::Withdrawn { proposal, reason } => {
            format!("*{who}* withdrew {} · {}", name(proposal), said(reason))
        }
        Event::RequestRefused { reason, .. } => {
            format!("what was asked for can't be offered · {}", said(reason))
        }
        Event::Resolved { says, .. } => format!("{service} is resolved · {}", said(says)),
        Event::Reopened { reason, .. } => format!("{service} is open again · {}", said(reason)),
        Event::Closed { reason, .. } => format!("{service} is closed · {}", said(reason)),
        Event::PersonNeeded { reason } | Event::InvestigationFailed { reason, .. } => {
            format!("a person is needed · {}", said(reason))
        }
        Event::NothingToPropose { reason } => {
            format!("there is nothing to propose · {}", said(reason))
        }
        _ => return of_people(&service, &who, &record.event),
    })
}

/// Whose it is, where its story goes on, and what runs without anybody.
fn of_people(service: &str, who: &str, event: &Event) -> Option<String> {
    let said = |text: &str| theirs(text, MAX_SENTENCE);
    Some(match event {
        Event::AutomationDecided {
            proposal,
            rule,
            shadow: false,
            reasons,
            ..
        } => format!(
            "{} runs without a person, by the rule {} · {} · a no before it begins stops it",
            name(proposal),
            name(rule),
            said(&reasons.join("; "))
        ),
        Event::Assigned { to, reason } => {
            let to = name(to.name());
            format!("*{who}* gave {service} to *{to}* · {}", said(reason))
        }
        Event::HandedOver { to, note, .. } => {
            let to = name(to.name());
            format!("*{who}* handed {service} over to *{to}* · {}", said(note))
        }
        Event::MergedInto { into, reason } => {
            format!("{service} goes on in {into} · {}", said(reason))
        }
        Event::Voided { reason } => format!(
            "{service} was declared by mistake, says *{who}* · {}",
            said(reason)
        ),
        _ => return None,
    })
}
