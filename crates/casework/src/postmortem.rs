//! A draft of a post-mortem in Markdown, made from the journal alone: what is known is filled in,
//! what only people know is asked for.
//!
//! Its parts are those that the SRE book's example has (Beyer et al., Site Reliability
//! Engineering, 2016, appendix D).

mod words;

use std::fmt::Write;

use model::evidence::Evidence;
use model::{Cause, Digest, Incident, IncidentId, Record, Report, Timestamp, chain};

use crate::case::Casework;
use crate::error::Error;
use model::render::{markdown, markdown_block as code};

/// Records of the timeline at most; the journal holds all.
const MAX_LINES: usize = 500;
/// Characters of one text at most.
const MAX_CHARS: usize = 2_000;
/// Rows of evidence that are shown.
const MAX_ROWS: usize = 6;

/// `head` is the digest of the last record: the state of the journal that this was made from.
pub fn draft(incident: &Incident, records: &[Record], head: Digest) -> String {
    let mut text = String::new();
    // Writing to a string doesn't fail.
    let _ = heading(&mut text, incident)
        .and_then(|()| impact(&mut text, incident))
        .and_then(|()| cause(&mut text, incident))
        .and_then(|()| done(&mut text, incident))
        .and_then(|()| timeline(&mut text, records))
        .and_then(|()| asked_of_people(&mut text))
        .and_then(|()| evidence(&mut text, incident))
        .and_then(|()| origin(&mut text, incident, head));
    text
}

impl Casework {
    /// The draft of this incident as its journal is now.
    pub async fn postmortem(&self, id: &IncidentId) -> Result<String, Error> {
        let stored = self.journal().records(id).await?;
        let Some(last) = stored.last() else {
            return Err(Error::NoIncident(id.to_string()));
        };
        let damaged = |fault: String| Error::Damaged(fault);
        let incident = chain::verify(id, &stored).map_err(|fault| damaged(fault.to_string()))?;
        let records: Vec<Record> = stored
            .iter()
            .map(|line| line.record().map_err(|fault| damaged(fault.to_string())))
            .collect::<Result<_, _>>()?;
        Ok(draft(&incident, &records, last.digest))
    }
}

/// Text of telemetry and of people, on one line: it is shown, and does nothing.
fn inline(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => markdown(text),
        Some((end, _)) => format!("{}…", markdown(&text[..end])),
    }
}

type Written = std::fmt::Result;

fn heading(text: &mut String, incident: &Incident) -> Written {
    writeln!(text, "# {}\n", inline(&incident.title))?;
    writeln!(
        text,
        "*Draft. What is in italics is for people to fill in.*\n"
    )?;
    writeln!(text, "| | |\n| --- | --- |")?;
    let mut row = |name: &str, value: &str| writeln!(text, "| {name} | {} |", inline(value));
    row("Incident", incident.id.as_str())?;
    row("Status", &incident.status.name().replace('_', " "))?;
    let severity = format!("{}: {}", incident.severity.name(), incident.severity_reason);
    row("Severity", &severity)?;
    row("Service", &incident.service)?;
    row("Owner", incident.owner.as_deref().unwrap_or("nobody"))?;
    row("Opened", &incident.opened_at.to_string())?;
    let begun = incident.findings.iter().filter_map(|one| one.since).min();
    if let Some(begun) = begun {
        let late = lasted(begun, incident.opened_at);
        row(
            "Began (estimated)",
            &format!("{begun}, noticed after {late}"),
        )?;
    }
    let mut ended = |name: &str, at: Option<Timestamp>| match at {
        Some(at) => {
            let since = lasted(incident.opened_at, at);
            row(name, &format!("{at}, {since} after it was opened"))
        }
        None => row(name, "not yet"),
    };
    if incident.mitigated_at.is_some() || incident.resolved_at.is_none() {
        ended("Mitigated", incident.mitigated_at)?;
    }
    ended("Resolved", incident.resolved_at)?;
    if incident.reopened > 0 {
        row("Reopened", &format!("{} times", incident.reopened))?;
    }
    writeln!(text)
}

fn impact(text: &mut String, incident: &Incident) -> Written {
    writeln!(text, "## Impact\n")?;
    if let Some(impact) = &incident.impact {
        writeln!(text, "{}\n", inline(impact))?;
    }
    writeln!(text, "*Who felt it, and how? What was measured:*\n")?;
    for (number, finding) in incident.findings.iter().enumerate() {
        let says = inline(&finding.evidence.says);
        writeln!(text, "* {says} `{}`", incident.finding_id(number))?;
    }
    writeln!(text)
}

fn cause(text: &mut String, incident: &Incident) -> Written {
    writeln!(text, "## Root cause\n")?;
    let Some(report) = &incident.report else {
        return writeln!(text, "*DataPulse made no report. What was it?*\n");
    };
    writeln!(text, "{}\n", inline(&report.conclusion))?;
    if !report.known {
        writeln!(text, "*DataPulse doesn't know. What was it?*\n")?;
    }
    for hypothesis in &report.hypotheses {
        let supports = hypothesis.supports.join("`, `");
        write!(
            text,
            "* **{}**, {:.0} %: {} (`{supports}`",
            hypothesis.id,
            hypothesis.confidence * 100.0,
            inline(&hypothesis.says),
        )?;
        if !hypothesis.contradicts.is_empty() {
            write!(
                text,
                "; against it `{}`",
                hypothesis.contradicts.join("`, `")
            )?;
        }
        writeln!(text, ")")?;
    }
    writeln!(text)?;
    let Some(feedback) = &incident.feedback else {
        return writeln!(text, "*Was the first one right? Nobody has said so yet.*\n");
    };
    let by = inline(&feedback.by);
    let named = |cause: &Cause| inline(&cause.to_string());
    match (&feedback.right, &feedback.cause) {
        (true, _) => writeln!(text, "{by} says that this was right.")?,
        (false, Some(cause)) => {
            writeln!(
                text,
                "{by} says that it was wrong: it was {}.",
                named(cause)
            )?;
        }
        (false, None) => writeln!(text, "{by} says that it was wrong. *What was it?*")?,
    }
    if let Some(note) = &feedback.note {
        writeln!(text, "\n> {}", inline(note))?;
    }
    writeln!(text)
}

fn done(text: &mut String, incident: &Incident) -> Written {
    writeln!(text, "## What was done\n")?;
    if incident.proposals.is_empty() {
        writeln!(text, "Nothing was proposed. *Who did what?*")?;
    }
    for state in &incident.proposals {
        let proposal = &state.proposal;
        let kind = proposal.action.kind.name().replace('_', " ");
        let target = inline(&proposal.action.target);
        let stage = state.stage.name();
        writeln!(text, "* **{}** {kind} {target}: {stage}", proposal.id)?;
        for made in &state.decisions {
            let verb = if made.approve { "approved" } else { "rejected" };
            let by = inline(made.actor.label());
            write!(text, "  * {verb} by {by} at {}", made.at)?;
            match made.reason.trim() {
                "" => writeln!(text)?,
                reason => writeln!(text, ": {}", inline(reason))?,
            }
        }
        if let Some(note) = &state.note {
            writeln!(text, "  * {}", inline(note))?;
        }
    }
    writeln!(text)
}

fn timeline(text: &mut String, records: &[Record]) -> Written {
    writeln!(text, "## Timeline\n")?;
    writeln!(text, "| when | who | what |\n| --- | --- | --- |")?;
    for record in records.iter().take(MAX_LINES) {
        let who = inline(record.actor.label());
        let what = inline(&words::of(&record.event));
        writeln!(text, "| {} | {who} | {what} |", record.at)?;
    }
    if records.len() > MAX_LINES {
        let more = records.len() - MAX_LINES;
        writeln!(text, "\n{more} more records are in the journal.")?;
    }
    writeln!(text)
}

fn asked_of_people(text: &mut String) -> Written {
    let questions = "## Lessons\n\n* What went well? *…*\n* What went wrong? *…*\n* Where were we lucky? *…*\n\n\
        ## Action items\n\n| what | who | until |\n| --- | --- | --- |\n| *…* | *…* | *…* |\n";
    writeln!(text, "{questions}")
}

fn evidence(text: &mut String, incident: &Incident) -> Written {
    writeln!(text, "## Evidence\n")?;
    for (number, finding) in incident.findings.iter().enumerate() {
        one_evidence(text, &incident.finding_id(number), &finding.evidence)?;
    }
    let cited = |report: &Report, id: &str| {
        let mut all = report.hypotheses.iter();
        all.any(|one| {
            one.supports
                .iter()
                .chain(&one.contradicts)
                .any(|cited| cited == id)
        })
    };
    if let Some(report) = &incident.report {
        for evidence in report.evidence.iter().filter(|one| cited(report, &one.id)) {
            one_evidence(text, &evidence.id, evidence)?;
        }
    }
    Ok(())
}

fn one_evidence(text: &mut String, id: &str, evidence: &Evidence) -> Written {
    writeln!(text, "### {id}: {}\n", inline(&evidence.says))?;
    writeln!(text, "{}\n", code(&evidence.query))?;
    let parameters: Vec<String> = evidence
        .parameters
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    if !parameters.is_empty() {
        writeln!(text, "With {}.\n", inline(&parameters.join(", ")))?;
    }
    let names: Vec<String> = evidence.columns.iter().map(|name| inline(name)).collect();
    if names.is_empty() || evidence.rows.is_empty() {
        return writeln!(text, "No rows.\n");
    }
    writeln!(text, "| {} |", names.join(" | "))?;
    writeln!(text, "|{}", " --- |".repeat(names.len()))?;
    for row in evidence.rows.iter().take(MAX_ROWS) {
        let cells: Vec<String> = row.iter().map(|cell| inline(&plain(cell))).collect();
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    let more = evidence
        .row_count
        .saturating_sub(evidence.rows.len().min(MAX_ROWS) as u64);
    if more > 0 {
        writeln!(text, "\n{more} more rows; the query gives them again.")?;
    }
    writeln!(text)
}

fn plain(cell: &serde_json::Value) -> String {
    match cell {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn origin(text: &mut String, incident: &Incident, head: Digest) -> Written {
    writeln!(
        text,
        "---\n\nMade from records 1 to {} of {}; the last one's digest is `{head}`. \
         `datapulse audit verify` says whether the journal is still that one.",
        incident.last_seq, incident.id
    )
}

/// `1 h 4 min`, `12 s`.
fn lasted(from: Timestamp, to: Timestamp) -> String {
    let seconds = (to.ms() - from.ms()).max(0) / 1000;
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
