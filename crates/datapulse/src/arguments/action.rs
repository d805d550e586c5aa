//! `datapulse action` and `datapulse policy`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// Proposals of an incident: what they are, what they wait for, their seals
    List { id: String },
    /// Say yes to one sealed proposal
    Approve {
        id: String,
        proposal: String,
        /// The seal that was read; without it, the current one is shown and taken
        #[arg(long)]
        seal: Option<String>,
        #[arg(long, default_value = "")]
        reason: String,
        /// Decide alone, past quorum and freeze: for the role break_glass, with a reason; all are
        /// told, and somebody else reviews it
        #[arg(long, requires = "reason")]
        break_glass: bool,
    },
    /// Say no, with a reason
    Reject {
        id: String,
        proposal: String,
        #[arg(long)]
        seal: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// Ask for an action, or for a changed one; it is offered for approval by others
    Request {
        id: String,
        /// rollback, scale, restart, config_change, flag_off, flag_on, cache_clear, traffic_shift,
        /// rate_limit
        kind: String,
        /// The service to act on
        target: String,
        /// A parameter as the kind takes it, such as to_version=v41 or replicas=6; none: what
        /// follows from the target's state
        #[arg(long = "param", value_name = "NAME=VALUE")]
        parameters: Vec<String>,
        #[arg(long)]
        why: String,
        /// The proposal that this is an edit of: it is voided where this is offered
        #[arg(long, value_name = "PROPOSAL")]
        edits: Option<String>,
    },
    /// Take an offer off the table
    Withdraw {
        id: String,
        proposal: String,
        #[arg(long)]
        reason: String,
    },
    /// Say afterwards whether somebody else's break-glass was justified
    Review {
        id: String,
        proposal: String,
        /// It was not
        #[arg(long)]
        unjustified: bool,
        #[arg(long)]
        note: String,
    },
    /// Stop every execution and all automation until a responder lifts it
    StopAll {
        #[arg(long)]
        reason: String,
    },
    /// Lift the stop
    Resume {
        #[arg(long)]
        reason: String,
    },
    /// Whether everything is stopped, by whom and why
    Status,
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// The policy in force, with its version
    Show,
    /// The schema of a policy file, as JSON Schema
    Schema,
    /// Hold a policy against examples; exit 3 where one of them comes out otherwise
    Test {
        /// TOML: [[example]] tables, and a `policy` path or a [policy] table of its own; without
        /// either, the configuration's
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Person {
    /// People who were here, and what they may do
    List,
    /// Let a person do nothing any more: their sessions end, their decisions count no more
    Disable {
        /// As `person list` shows it
        subject: String,
        #[arg(long)]
        reason: String,
    },
    /// Let a disabled person back
    Enable {
        subject: String,
        #[arg(long)]
        reason: String,
    },
}
