//! `datapulse keys` and `datapulse pki`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make the keys that are missing; again, nothing changes
    Init,
    /// Whose they are, since when, until when, and which private halves lie here
    List,
    /// A new key for a role; the old one goes on to verify what it signed
    Rotate {
        /// gateway, sentinel, analyst, resolver, executor, notifier
        role: String,
        /// How long the old one still counts beside it, in seconds; 10 where it was stolen
        #[arg(long, default_value_t = 600, value_name = "SECONDS")]
        overlap: u32,
    },
    /// Seal keys into a file that a passphrase opens: backups of the store hold none
    Export {
        file: PathBuf,
        /// Only this role's private key, for the machine that runs it; may be given again
        #[arg(long, value_name = "ROLE")]
        role: Vec<String>,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Put such keys into a folder that has none
    Import {
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
    },
}

#[derive(Debug, Args)]
pub struct Passphrase {
    /// A file whose first line is the passphrase; without it, DATAPULSE_KEYS_PASSPHRASE
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Pki {
    /// Make an authority, and a certificate for each role, in a folder; again, what is there stays
    Init {
        dir: PathBuf,
        /// A name or address by which the gateway is reached; may be given again
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
        /// How long the roles' certificates hold, in days
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// A new certificate and key for a role, in the place of those it has
    Issue {
        dir: PathBuf,
        /// gateway, sentinel, analyst, resolver, executor, notifier
        role: String,
        /// A name or address by which it is reached; may be given again
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// What each certificate says, and when it ends; exit 3 where one has ended
    Show { dir: PathBuf },
}
