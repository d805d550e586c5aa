//! The modal of a decision: what is said yes to as a whole, with its seal, and a reason.

use model::incident::ProposalState;
use model::{Incident, IncidentId, Summary};
use serde_json::{Value, json};

use super::decision::{Asked, summary_lines};
use super::limits::{
    MAX_HEADER, MAX_LABEL, MAX_NAME, MAX_PLACEHOLDER, MAX_PRIVATE_METADATA, MAX_REASON,
    MAX_SECTION, MAX_SENTENCE, MAX_SUMMARY_SECTIONS, MAX_VIEW_TITLE,
};
use super::pieces::{name, plain, section, shout};
use super::text::{fitting, percent, theirs, units};
use super::{Composer, DECISION, REASON, REASON_BLOCK};

/// What is to be approved doesn't fit into a modal as a whole: it is decided on in DataPulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is too long to be shown here as a whole: decide in DataPulse")]
pub struct TooLong;

impl Composer {
    /// The modal that asks for a decision; where there is none, [`Composer::no_decision`].
    ///
    /// # Errors
    /// Where not everything fits: nobody approves what they didn't see.
    pub fn modal(
        &self,
        incident: &Incident,
        state: &ProposalState,
        asked: &Asked,
    ) -> Result<Value, TooLong> {
        let verb = match asked.approve {
            true => "Approve",
            false => "Reject",
        };
        let metadata = asked.to_text();
        if units(&metadata) > MAX_PRIVATE_METADATA {
            return Err(TooLong);
        }
        let about = Summary::from(incident);
        let mut blocks = vec![section(&of_incident(&about))];
        blocks.extend(
            whole(&summary_lines(state))?
                .iter()
                .map(|text| section(text)),
        );
        blocks.extend(reasons(state).iter().map(|text| section(text)));
        blocks.push(section(&self.link(&incident.id, "Open in DataPulse")));
        blocks.push(reason_input(asked.approve));
        Ok(json!({
            "type": "modal",
            "callback_id": DECISION,
            "title": plain(&format!("{verb} {}", name(&state.proposal.id)), MAX_VIEW_TITLE),
            "submit": plain(verb, MAX_VIEW_TITLE),
            "close": plain("Cancel", MAX_VIEW_TITLE),
            "private_metadata": metadata,
            "notify_on_close": false,
            "blocks": blocks,
        }))
    }
}

impl Composer {
    /// In place of a modal for a decision: why there is none, and the way to DataPulse.
    pub fn no_decision(&self, incident: &IncidentId, says: &str) -> Value {
        let mut view = notice("No decision here", says);
        let link = section(&self.link(incident, "Open in DataPulse"));
        if let Some(blocks) = view["blocks"].as_array_mut() {
            blocks.push(link);
        }
        view
    }
}

/// A modal that only tells something: why there is nothing to decide on, or who may.
pub fn notice(title: &str, says: &str) -> Value {
    json!({
        "type": "modal",
        "title": plain(title, MAX_VIEW_TITLE),
        "close": plain("Close", MAX_VIEW_TITLE),
        "blocks": [section(&theirs(says, MAX_SENTENCE))],
    })
}

/// What speaks for it and against it, and how it is looked at afterwards: in short.
fn reasons(state: &ProposalState) -> Vec<String> {
    let proposal = &state.proposal;
    let parts = [
        ("Why", &proposal.why),
        ("What may go wrong", &proposal.risk_note),
        ("Checked afterwards", &proposal.check.says),
    ];
    let said = parts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut said: Vec<String> = said
        .map(|(name, text)| format!("*{name}*\n{}", theirs(text, MAX_SENTENCE)))
        .collect();
    if !proposal.automation.is_empty() {
        let rules = theirs(&proposal.automation.join(", "), MAX_SENTENCE);
        said.push(format!("*May run without a person*\nby {rules}"));
    }
    said
}

/// What it is about, in short.
fn of_incident(about: &Summary) -> String {
    let mut text = format!(
        "*{} {}*\n{} · {} · {}",
        shout(about.severity),
        theirs(&about.title, MAX_HEADER),
        about.incident_id,
        name(&about.service),
        about.status.name().replace('_', " "),
    );
    if let Some(cause) = &about.cause {
        let sure = about.confidence.map(percent).unwrap_or_default();
        text.push_str(&format!(
            "\nlikely cause, {sure} sure · {}",
            theirs(cause, MAX_SENTENCE)
        ));
    }
    if let Some(owner) = &about.owner {
        text.push_str(&format!("\nowned by {}", theirs(owner, MAX_NAME)));
    }
    text
}

/// All lines, in as many sections as they take.
fn whole(lines: &[String]) -> Result<Vec<String>, TooLong> {
    let mut sections: Vec<String> = Vec::new();
    for piece in lines.iter().flat_map(|line| in_pieces(line)) {
        let full = sections.len() == MAX_SUMMARY_SECTIONS;
        match sections.last_mut() {
            Some(last) if units(last) + 1 + units(&piece) <= MAX_SECTION => {
                last.push('\n');
                last.push_str(&piece);
            }
            _ if full => return Err(TooLong),
            _ => sections.push(piece),
        }
    }
    Ok(sections)
}

/// A line that is longer than a section, in several, each but the first with a sign before it: so
/// that nothing of others begins a section.
fn in_pieces(line: &str) -> Vec<String> {
    const GOES_ON: char = '…';
    let mut pieces = Vec::new();
    let mut rest = line;
    while units(rest) > MAX_SECTION - GOES_ON.len_utf16() {
        let kept = match fitting(rest, MAX_SECTION - 2 * GOES_ON.len_utf16()) {
            // One character that is longer than a section: it is parted after all.
            0 => rest.chars().next().map_or(rest.len(), char::len_utf8),
            kept => kept,
        };
        pieces.push(&rest[..kept]);
        rest = &rest[kept..];
    }
    pieces.push(rest);
    let begins = |at: usize| if at == 0 { "" } else { "…" };
    let numbered = pieces.into_iter().enumerate();
    numbered
        .map(|(at, piece)| format!("{}{piece}", begins(at)))
        .collect()
}

fn reason_input(approve: bool) -> Value {
    let hint = match approve {
        true => "What you looked at before you said yes",
        false => "What speaks against it",
    };
    json!({
        "type": "input",
        "block_id": REASON_BLOCK,
        "label": plain("Reason", MAX_LABEL),
        "optional": false,
        "element": {
            "type": "plain_text_input",
            "action_id": REASON,
            "multiline": true,
            "min_length": 1,
            "max_length": MAX_REASON,
            "placeholder": plain(hint, MAX_PLACEHOLDER),
        },
    })
}
