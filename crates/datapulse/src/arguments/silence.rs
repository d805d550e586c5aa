//! `datapulse route` and `datapulse silence`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Route {
    /// Which channels would hear of an incident, when and why; or hold the routes against the
    /// examples of a file, exit 3 where one of them comes out otherwise
    Test(Box<RouteTest>),
}

#[derive(Debug, Args)]
pub struct RouteTest {
    /// TOML: [[example]] tables, and a [notifier] table of its own; without that, the
    /// configuration's
    #[arg(conflicts_with = "service", required_unless_present = "service")]
    pub file: Option<PathBuf>,
    #[arg(long)]
    pub service: Option<String>,
    /// Without team, tier and on-call: as lookup-services says
    #[arg(long, requires = "service")]
    pub team: Option<String>,
    /// The service's criticality, 1 is the most critical
    #[arg(long, requires = "service")]
    pub tier: Option<u8>,
    /// Names with commas
    #[arg(long, requires = "service")]
    pub on_call: Option<String>,
    #[arg(long, requires = "service", default_value = "high")]
    pub severity: String,
    #[arg(long, requires = "service", default_value = "incident")]
    pub topic: String,
    #[arg(long, requires = "service", default_value = "")]
    pub rule: String,
    /// What the raising query was asked with, as label.NAME asks for it
    #[arg(long = "label", requires = "service", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// When it opens, RFC 3339; without it, now
    #[arg(long, requires = "service", value_name = "TIME")]
    pub at: Option<String>,
    /// Somebody takes it after so many minutes
    #[arg(long, requires = "service", value_name = "MINUTES")]
    pub taken_after: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum Silence {
    /// Hide notices for a while; detection and the journal go on
    Add {
        /// All must hold, such as 'service = "cart"'; also team, tier, on_call, severity, topic,
        /// rule, signal, status and label.NAME, with !=, =~ or !~
        #[arg(required = true, value_name = "MATCHER")]
        matchers: Vec<String>,
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
        /// From when, RFC 3339; without it, from now on
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// A maintenance window: only in these hours of every week, such as
        /// 'sat,sun 22:00-06:00 Europe/Berlin'
        #[arg(long, value_name = "HOURS")]
        weekly: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// Silences, and how they stand
    List {
        /// active, waiting, over; several with commas
        #[arg(long)]
        phase: Option<String>,
        /// Words in matchers, reason, owner or id
        #[arg(long)]
        text: Option<String>,
        /// made_at, from, until, owner or phase; with - before it, the last first
        #[arg(long, allow_hyphen_values = true)]
        sort: Option<String>,
        #[arg(long, default_value_t = 0)]
        offset: u32,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One silence, and the notices that it hid
    Show { id: String },
    /// End it before its time
    End {
        id: String,
        #[arg(long)]
        reason: String,
    },
}
