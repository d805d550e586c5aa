//! Runs queries that a real Elasticsearch has answered, and compares.
//!
//! `cargo run -p esql --example conformance -- FILE… --data DIR [--server URL] [--failures FILE] [--only TEXT]`
//!
//! Prints what fails and why, grouped by area; the last line is `N passed, N failed, N skipped`.

mod harness;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "usage: conformance FILE… --data DIR [--server URL] [--failures FILE] [--only TEXT]";

struct Options {
    files: Vec<PathBuf>,
    data: PathBuf,
    /// The address of a server that answers, in place of the engine in this process.
    server: Option<String>,
    failures: Option<PathBuf>,
    /// Only cases whose name holds this.
    only: Option<String>,
}

fn options() -> Option<Options> {
    let mut files = Vec::new();
    let (mut data, mut server, mut failures, mut only) = (None, None, None, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--data" => data = Some(PathBuf::from(words.next()?)),
            "--server" => server = Some(words.next()?),
            "--failures" => failures = Some(PathBuf::from(words.next()?)),
            "--only" => only = Some(words.next()?),
            file => files.push(PathBuf::from(file)),
        }
    }
    Some(Options {
        files,
        data: data?,
        server,
        failures,
        only,
    })
    .filter(|options| !options.files.is_empty())
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match harness::run(
        &options.files,
        &options.data,
        options.only.as_deref(),
        options.server.as_deref(),
    ) {
        Ok(outcome) => {
            print!("{}", outcome.report());
            if let Some(path) = options.failures
                && let Err(error) = std::fs::write(&path, outcome.failures())
            {
                eprintln!("{}: {error}", path.display());
                return ExitCode::FAILURE;
            }
            println!("{}", outcome.last_line());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
