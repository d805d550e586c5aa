//! `datapulse incident`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Incident {
    /// List incidents, the latest first
    List {
        #[arg(long)]
        status: Option<String>,
        #[arg(long)]
        severity: Option<String>,
        #[arg(long)]
        service: Option<String>,
        /// Words in title, service or cause
        #[arg(long)]
        text: Option<String>,
        /// opened_at, updated_at, severity, status; `-` before it: descending
        #[arg(long, allow_hyphen_values = true)]
        sort: Option<String>,
        #[arg(long, default_value_t = 0)]
        offset: usize,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One incident: findings, causes, proposals
    Show { id: String },
    /// Its records, one a line
    Records { id: String },
    /// Run a piece of evidence again and say whether it still holds
    Evidence { id: String, evidence: String },
    /// Declare an incident by hand
    Declare {
        #[arg(long)]
        service: String,
        #[arg(long)]
        title: String,
        #[arg(long, default_value = "high")]
        severity: String,
        #[arg(long)]
        reason: String,
    },
    /// Take it on, or give it to somebody
    Acknowledge {
        id: String,
        /// Who has it now; without a name, you
        #[arg(long)]
        owner: Option<String>,
        #[arg(long)]
        note: Option<String>,
    },
    /// No reminder and no escalation for a while
    Snooze {
        id: String,
        /// How long: 30m, 2h, 7d
        #[arg(
            long = "for",
            value_name = "LENGTH",
            conflicts_with = "until",
            required_unless_present = "until"
        )]
        length: Option<String>,
        /// Until when, RFC 3339
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// Add a note
    Note { id: String, text: String },
    /// Change the severity
    Severity {
        id: String,
        severity: String,
        #[arg(long)]
        reason: String,
    },
    /// Close as a false alarm, or as a duplicate of another
    Close {
        id: String,
        #[arg(long, value_name = "INCIDENT")]
        duplicate_of: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// Open it again
    Reopen {
        id: String,
        #[arg(long)]
        reason: String,
    },
    /// Change its title or say whom it hurts; what was there before stays in the records
    Edit {
        id: String,
        #[arg(long)]
        title: Option<String>,
        /// Whom it hurts and how; empty takes it away
        #[arg(long)]
        impact: Option<String>,
    },
    /// Give it to a person or a team
    Assign {
        id: String,
        /// A person's name, or team:NAME
        to: String,
        #[arg(long)]
        reason: String,
    },
    /// Hand over what you have to a person or a team
    HandOver {
        id: String,
        /// A person's name, or team:NAME
        to: String,
        /// Where things stand
        #[arg(long)]
        note: String,
    },
    /// Merge it into another incident, which takes in its findings
    Merge {
        id: String,
        #[arg(long, value_name = "INCIDENT")]
        into: String,
        #[arg(long)]
        reason: String,
    },
    /// Split findings off into an incident of their own
    Split {
        id: String,
        /// Their names, such as F2; the first finding stays
        #[arg(required = true, value_name = "FINDING")]
        findings: Vec<String>,
        /// What the new incident is called
        #[arg(long)]
        title: String,
        #[arg(long)]
        reason: String,
    },
    /// Void what was declared by mistake: it stays in the journal and is in no list
    Void {
        id: String,
        #[arg(long)]
        reason: String,
    },
    /// Say whether the report's first cause is right; answers are scored by it
    Feedback {
        id: String,
        #[arg(value_enum)]
        answer: Judgement,
        /// What it was: a hypothesis of the report (H2), service:NAME, load:NAME or outside:NAME
        #[arg(long, value_name = "CAUSE", value_parser = named_cause)]
        cause: Option<String>,
        #[arg(long)]
        note: Option<String>,
    },
    /// Resolved incidents that look alike, and what helped then
    Similar { id: String },
    /// A draft of a post-mortem from the journal, in Markdown
    Postmortem {
        id: String,
        /// Write it here instead of printing it; a file that is there stays as it is
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Kinds of causes that a person may name with a colon and a name.
const NAMED_CAUSES: [&str; 3] = ["service", "load", "outside"];

fn named_cause(text: &str) -> Result<String, String> {
    let fits = match text.split_once(':') {
        Some((kind, name)) => NAMED_CAUSES.contains(&kind) && !name.trim().is_empty(),
        None => text.starts_with('H'),
    };
    if fits {
        return Ok(text.to_owned());
    }
    Err(
        "expected service:NAME, load:NAME, outside:NAME, or a hypothesis of the report such as H2"
            .to_owned(),
    )
}

/// What a person says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Judgement {
    Right,
    Wrong,
}
