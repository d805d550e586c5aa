//! What was typed. What is true is worked out in [`crate::configuration`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Notices that a service fails, says why with evidence, proposes what to do, asks a person, does
/// it, and checks that it helped.
#[derive(Debug, Parser)]
#[command(name = "datapulse", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong use, 3 a check says no.\nFirst steps: datapulse demo"
)]
pub struct Arguments {
    #[command(flatten)]
    pub everywhere: Everywhere,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct Everywhere {
    /// Folder that holds everything; without it, as the configuration says, else data
    #[arg(long, global = true, value_name = "DIR", env = "DATAPULSE_DATA")]
    pub data: Option<PathBuf>,
    /// Configuration file; without it, datapulse.toml in this folder where there is one
    #[arg(long, global = true, value_name = "FILE", env = "DATAPULSE_CONFIG")]
    pub config: Option<PathBuf>,
    /// For people or for programs
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Token for the server's API
    #[arg(
        long,
        global = true,
        env = "DATAPULSE_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// A shop of services that fails, and DataPulse at work on it
    Demo(Demo),
    /// Run the server: all roles, or those named
    Serve(Serve),
    /// Say what is configured, what is reachable, and every limit
    Doctor,
    /// Explain one failure without any server
    Investigate(Investigate),
    /// List and read incidents, and mark them
    #[command(subcommand)]
    Incident(Incident),
    /// Approve or reject proposals
    #[command(subcommand)]
    Action(Action),
    /// Verify the record that nobody can alter unseen
    #[command(subcommand)]
    Audit(Audit),
    /// Run ES|QL on the store, or on documents of a folder
    Query(Query),
    /// List and run the ES|QL tools
    #[command(subcommand)]
    Tools(Tools),
    /// List, read and search runbooks
    #[command(subcommand)]
    Runbook(Runbook),
    /// Score answers on recorded incidents, series and logs
    #[command(subcommand)]
    Eval(Eval),
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(Token),
    /// Anomaly detection jobs of Elastic's machine learning, whose findings Sentinel takes in
    #[command(subcommand)]
    Ml(Ml),
    /// What a cluster needs before it can hold the store
    #[command(subcommand)]
    Store(Store),
    /// Print a shell's completion script
    Completion { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Tell the whole story unattended, then exit
    #[arg(long)]
    pub headless: bool,
    /// Decide as the demo's responder, on proposals in the order offered
    #[arg(long, requires = "headless")]
    pub approve: bool,
    /// Which failure; without it, the seed's story
    #[arg(long, value_name = "NAME")]
    pub fault: Option<String>,
    /// Another seed, another history
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the faults' names, one a line
    #[arg(long)]
    pub list: bool,
    /// Where the UI and API listen
    #[arg(long, default_value = "127.0.0.1:5610", value_name = "ADDR:PORT")]
    pub listen: String,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// sentinel, analyst, resolver, executor, notifier, gateway; none: all of them
    pub roles: Vec<String>,
    /// Where it listens; without it, as the configuration says, else 127.0.0.1:5610
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Let every caller in; only on loopback
    #[arg(long)]
    pub no_auth: bool,
}

#[derive(Debug, Args)]
pub struct Investigate {
    /// Folders of NDJSON documents, one file an index; without it, the store's documents
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub import: Vec<PathBuf>,
    /// The service that fails
    #[arg(long)]
    pub service: Option<String>,
    /// When it was noticed, RFC 3339
    #[arg(long, value_name = "T")]
    pub at: Option<String>,
}

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
}

#[derive(Debug, Subcommand)]
pub enum Action {
    /// Proposals of an incident, with their seals
    List { id: String },
    /// Say yes to one sealed proposal
    Approve {
        id: String,
        proposal: String,
        /// The seal that was read; without it, the current one is shown and asked for
        #[arg(long)]
        seal: Option<String>,
        #[arg(long, default_value = "")]
        reason: String,
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
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Walk every chain and its anchors; exit 3 naming the record that was altered
    Verify {
        /// Print every incident's anchored head too
        #[arg(long)]
        anchors: bool,
    },
}

#[derive(Debug, Args)]
pub struct Query {
    /// ES|QL
    pub text: String,
    /// name=value; a value that is JSON is taken as such
    #[arg(long = "param", value_name = "K=V")]
    pub parameters: Vec<String>,
    #[arg(long, value_enum, default_value_t = Format::Txt)]
    pub format: Format,
    /// Folders of NDJSON documents, one file an index
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub import: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Txt,
    Csv,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Tools {
    List,
    Show {
        id: String,
    },
    /// Run a tool about a window
    Run {
        id: String,
        /// RFC 3339; without it, an hour before --to
        #[arg(long)]
        from: Option<String>,
        /// RFC 3339; without it, now
        #[arg(long)]
        to: Option<String>,
        #[arg(long = "param", value_name = "K=V")]
        parameters: Vec<String>,
    },
    /// Put the tools, and an agent that asks them, into Elastic Agent Builder; again, nothing changes
    Register(Register),
}

/// As whom: as `[elasticsearch]` says.
#[derive(Debug, Args)]
pub struct Register {
    /// Kibana's URL, with its base path where it has one
    #[arg(long, value_name = "URL")]
    pub kibana: String,
    /// A space's id; without it, the default space
    #[arg(long)]
    pub space: Option<String>,
    /// Only say what would change, and how
    #[arg(long)]
    pub dry_run: bool,
    /// Delete tools of ours that are no more
    #[arg(long)]
    pub prune: bool,
}

#[derive(Debug, Subcommand)]
pub enum Runbook {
    /// List them
    List,
    /// One runbook, with the actions that it proposes
    Show { id: String },
    /// Search by words and meaning
    Search { text: String },
}

#[derive(Debug, Subcommand)]
pub enum Eval {
    /// Recorded incidents, as cases/FORMAT.md says
    Incidents {
        dir: PathBuf,
        #[arg(long)]
        suite: Option<String>,
        /// The alert is given, or must be found; both with a comma
        #[arg(long, value_enum, default_value = "given", value_delimiter = ',')]
        mode: Vec<Mode>,
        /// Write answers here, one JSON object a line
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
    },
    /// Metric series: where are the anomalies, as cases/FORMAT.md says
    Series {
        /// A suite's folder, or the folder of several
        dir: PathBuf,
        /// Write answers here: <name>.csv, for several suites within a folder each
        #[arg(long, value_name = "DIR")]
        answers: Option<PathBuf>,
    },
    /// Log lines: what are their templates, as cases/FORMAT.md says
    Logs {
        /// The folder of suite.json and <system>.log.gz
        dir: PathBuf,
        /// Write answers here, as <system>.csv
        #[arg(long, value_name = "DIR")]
        answers: Option<PathBuf>,
    },
}

/// How a recorded incident is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Given,
    Found,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Found => "found",
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub enum Store {
    /// Make index templates and indices where they are missing; again, nothing changes
    Setup {
        /// Only say what would be made
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum Ml {
    /// Make jobs and datafeeds for error rate and latency of each service, and start them
    Install {
        /// Only say what would be made, and how
        #[arg(long)]
        dry_run: bool,
    },
    /// How our jobs and their datafeeds are
    Status,
    /// Take our jobs and datafeeds away
    Remove {
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token; its secret is printed once
    Create {
        name: String,
        /// viewer, responder, admin, agent, shipper
        #[arg(long, default_value = "viewer")]
        role: String,
        /// Its bearer is a person, whose decisions count
        #[arg(long)]
        person: bool,
        /// How long it lives, in days
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    List,
    Revoke {
        id: String,
    },
    /// A one-time link that logs a browser in
    LoginLink,
}
