//! `datapulse eval`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// What is asked of recorded cases.
#[derive(Debug, clap::Args)]
pub struct Evaluation {
    /// With the tuned numbers of this file instead of those that are built in
    #[arg(long, global = true, value_name = "FILE")]
    pub tuning: Option<PathBuf>,
    #[command(subcommand)]
    pub what: Eval,
}

/// `datapulse eval tune`.
#[derive(Debug, clap::Args)]
pub struct Tune {
    /// The folder with incidents/<suite>/<case> and series/<suite>
    pub dir: PathBuf,
    /// What this suite says is not looked at; it is only measured with what the others gave
    #[arg(long, value_name = "SUITE")]
    pub leave_out: Option<String>,
    /// Leave out each suite once, and tell what the numbers found without it give on it
    #[arg(long, conflicts_with_all = ["leave_out", "write"])]
    pub each_left_out: bool,
    /// The numbers of incidents, those of series, or both
    #[arg(
        long,
        value_enum,
        default_value = "incidents,series",
        value_delimiter = ','
    )]
    pub part: Vec<Tuned>,
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Candidates that are tried, of each part
    #[arg(long, value_name = "NUMBER")]
    pub rounds: Option<usize>,
    /// Runs of the simulator that count as a suite: every failure with each of these seeds
    #[arg(long, default_value = "101..102")]
    pub simulator_seeds: String,
    /// Write the numbers here
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

/// Numbers that are found together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Tuned {
    Incidents,
    Series,
}

#[derive(Debug, Subcommand)]
pub enum Eval {
    /// Find the tuned numbers anew, by a fixed search over recorded cases and runs of the simulator
    Tune(Tune),

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
    /// Recorded incidents told in other ways (other order, names, day, a part lost, the alert
    /// later): does the first answer stay? Exit 3 where it stays less often than it has to
    Robustness {
        dir: PathBuf,
        #[arg(long)]
        suite: Option<String>,
        /// Only so many cases, chosen by the seed
        #[arg(long, value_name = "CASES")]
        sample: Option<usize>,
        #[arg(long, default_value_t = 7)]
        seed: u64,
    },
    /// The demo's failures through the whole pipeline, on the shop's own clock
    Demo {
        /// Numbers and ranges, both ends counting: 1..20
        #[arg(long, default_value = "1..20")]
        seeds: String,
        /// Only this failure; may be given again
        #[arg(long, value_name = "NAME")]
        fault: Vec<String>,
    },
    /// Instructions planted in telemetry, documents and comments: does any of them change an answer
    /// or an action, echo a secret, or become a link or a mention? Exit 3 where one does
    Injection {
        /// JSON lines `{"place","text"}` instead of the plants that come with DataPulse
        #[arg(long, value_name = "FILE")]
        plants: Option<PathBuf>,
        /// With this guard off: shows that the suite would see it missing
        #[arg(long, value_enum, value_name = "GUARD")]
        without: Option<Guard>,
    },
    /// Answers of this installation that people judged: how often right, by confidence
    Feedback,
}

/// What keeps texts of strangers from doing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guard {
    /// Secrets are taken out of what is read, written and shown
    Redaction,
    /// Values reach queries as parameters
    Parameters,
    /// Markdown is escaped
    Markdown,
    /// Slack's markup is escaped
    Mrkdwn,
    /// Texts of Jira's documents are broken where they would become links
    Adf,
    /// Jira's wiki markup is escaped
    Wiki,
    /// HTML is escaped
    Html,
    /// Terminals get no control codes
    Terminal,
    /// Spreadsheets get no formulas
    Csv,
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
