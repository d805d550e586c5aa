//! What was typed. What is true is worked out in [`crate::configuration`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod action;
mod eval;
mod incident;
mod trust;

pub use action::{Action, Person, Policy};
pub use eval::{Eval, Evaluation, Guard, Mode, Tune, Tuned};
pub use incident::{Incident, Judgement};
pub use trust::{Keys, Pki};

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
    /// Server to talk to, such as https://datapulse.example; without it, the one that holds the
    /// folder
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "DATAPULSE_SERVER",
        hide_env_values = true
    )]
    pub server: Option<String>,
    /// Authority of the server's certificate, in PEM; without it, those that the system trusts
    #[arg(long, global = true, value_name = "FILE", env = "DATAPULSE_CA")]
    pub ca: Option<PathBuf>,
    /// Certificate to show the server, in PEM: the command is a machine then
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "DATAPULSE_CERT",
        requires = "key"
    )]
    pub cert: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "DATAPULSE_KEY",
        requires = "cert"
    )]
    pub key: Option<PathBuf>,
    /// Token for the server's API; without it, that of `datapulse login`
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
    /// Approve, reject and ask for actions; stop all of them
    #[command(subcommand)]
    Action(Action),
    /// Who must agree to what: show it, and hold it against examples
    #[command(subcommand)]
    Policy(Policy),
    /// People who decided here, and who may no more
    #[command(subcommand)]
    Person(Person),
    /// Verify the record that nobody can alter unseen
    #[command(subcommand)]
    Audit(Audit),
    /// Tell of deployments and other changes
    #[command(subcommand)]
    Deployment(Deployment),
    /// Put documents of files into an index
    Import(Import),
    /// Write an index, or the answer of a query, into a file
    Export(Export),
    /// Run ES|QL on the store, or on documents of a folder
    Query(Query),
    /// List and run the ES|QL tools
    #[command(subcommand)]
    Tools(Tools),
    /// List, read and search runbooks
    #[command(subcommand)]
    Runbook(Runbook),
    /// Score answers on recorded incidents, series and logs
    Eval(Evaluation),
    /// Replay the store's past: what would have been noticed, missed, and cried out for nothing
    Backtest(Backtest),
    /// Log in as a person through the server's identity provider
    Login(Login),
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(Token),
    /// Anomaly detection jobs of Elastic's machine learning, whose findings Sentinel takes in
    #[command(subcommand)]
    Ml(Ml),
    /// The keys that each role signs its records with: list, replace, move to another place
    #[command(subcommand)]
    Keys(Keys),
    /// An authority of one's own, and certificates for each role
    #[command(subcommand)]
    Pki(Pki),
    /// Verify, measure, back up and restore what is kept
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
    /// Another address for OTLP over gRPC, such as 127.0.0.1:4317; --listen has it too
    #[arg(long, value_name = "ADDR:PORT")]
    pub otlp_grpc: Option<String>,
    /// Let every caller in; only on loopback
    #[arg(long)]
    pub no_auth: bool,
}

#[derive(Debug, Args)]
pub struct Backtest {
    /// How far back: 30d, 12h, or a moment
    #[arg(long, default_value = "30d", value_name = "SPAN")]
    pub since: String,
    /// Up to when, in the same form; without it, now
    #[arg(long, value_name = "SPAN")]
    pub until: Option<String>,
    /// A file with the lines of [sentinel] that differ: shown beside the configured ones
    #[arg(long, value_name = "FILE")]
    pub rule: Option<PathBuf>,
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

#[derive(Debug, Args)]
pub struct Login {
    /// By a code that is entered in a browser on any device
    #[arg(long)]
    pub device: bool,
    /// Forget the login at this server
    #[arg(long, conflicts_with = "device")]
    pub forget: bool,
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Walk every chain and its anchors; exit 3 naming the record that was altered
    Verify {
        /// Print every incident's anchored head too
        #[arg(long)]
        anchors: bool,
    },
    /// Write every record into a file, a line each, with a signature beside it (FILE.sig)
    Export { file: PathBuf },
    /// Hold such a file against its signature; exit 3 where it differs
    Check { file: PathBuf },
    /// What was done outside of incidents: stops, tokens, logins, people, policies
    System {
        /// Six digits such as 202611; without it, the present month
        #[arg(long)]
        month: Option<String>,
        #[arg(long, default_value_t = 0)]
        offset: usize,
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

#[derive(Debug, Subcommand)]
pub enum Deployment {
    /// Record what was changed; told again, it is replaced
    Record(Box<Change>),
}

#[derive(Debug, Args)]
pub struct Change {
    #[arg(long)]
    pub service: String,
    #[arg(long)]
    pub version: Option<String>,
    /// deploy, config, flag, scale
    #[arg(long, default_value = "deploy")]
    pub kind: String,
    #[arg(long, value_name = "SHA")]
    pub commit: Option<String>,
    /// A file with the change as a unified diff; its files are read from it; -: standard input
    #[arg(long, value_name = "FILE")]
    pub diff: Option<PathBuf>,
    #[arg(long)]
    pub author: Option<String>,
    #[arg(long)]
    pub description: Option<String>,
    #[arg(long)]
    pub environment: Option<String>,
    /// success or failure
    #[arg(long)]
    pub outcome: Option<String>,
    /// When it took effect, RFC 3339; without it, now
    #[arg(long, value_name = "T")]
    pub at: Option<String>,
    /// The id that it is known by; without it, made from what is told
    #[arg(long)]
    pub id: Option<String>,
    #[command(flatten)]
    pub elsewhere: Elsewhere,
}

/// A server that isn't on this machine's folder.
#[derive(Debug, Clone, Args)]
pub struct Elsewhere {
    /// The server's address; without it, the one that holds the folder, else the folder itself
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

#[derive(Debug, Args)]
pub struct Import {
    /// NDJSON (.gz: gzipped; -: standard input) or .parquet; a document's _id is its id
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The index that they go to
    #[arg(long, value_name = "NAME")]
    pub index: String,
    #[command(flatten)]
    pub elsewhere: Elsewhere,
}

#[derive(Debug, Args)]
pub struct Export {
    /// An index, or ES|QL
    pub what: String,
    /// ndjson, parquet or csv; without it, as the file's name ends
    #[arg(long, value_enum)]
    pub format: Option<Form>,
    /// The file; -: standard output
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    #[command(flatten)]
    pub elsewhere: Elsewhere,
}

/// What documents are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Ndjson,
    Parquet,
    Csv,
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

#[derive(Debug, Clone, Subcommand)]
pub enum Store {
    /// Look at every file, also beside a server that runs; exit 3 naming what is wrong and what to do
    Verify {
        /// Decode every page of every segment, and go through the whole database
        #[arg(long)]
        deep: bool,
    },
    /// What each index holds: documents, bytes, span of time
    Stats {
        /// Names and wildcards, with commas; without it, all
        #[arg(long, value_name = "PATTERN")]
        index: Option<String>,
        /// index, documents, bytes, segments, oldest, newest; `-` before it: the largest first
        #[arg(long, default_value = "index", allow_hyphen_values = true)]
        sort: String,
        #[arg(long, default_value_t = 0)]
        offset: usize,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Put segments together, by time and without replaced documents; through the server where one runs
    Compact {
        /// Names and wildcards, with commas; without it, all
        #[arg(long, value_name = "PATTERN")]
        index: Option<String>,
    },
    /// Copy the data folder, also while a server writes to it
    Backup {
        /// A new folder, or an earlier backup: of it, segments are kept
        #[arg(value_name = "DEST")]
        destination: PathBuf,
        /// Hard links instead of copies: made at once, but on the same disk
        #[arg(long)]
        link: bool,
    },
    /// Make a new data folder (--data DIR) of a backup, whole or not at all
    Restore { backup: PathBuf },
    /// Make index templates and indices where they are missing; again, nothing changes
    Setup {
        /// Only say what would be made
        #[arg(long)]
        dry_run: bool,
    },
    /// Print what to make API keys of Elasticsearch with, a line for each: bodies of POST
    /// /_security/api_key
    Keys {
        /// all, gateway, sentinel, analyst, resolver, executor, notifier, reader; none: each of them
        role: Option<String>,
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
