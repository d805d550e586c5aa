//! Recorded cases, and what our engine says to them.

#[path = "harness/cases.rs"]
pub mod cases;
#[path = "harness/compare.rs"]
pub mod compare;
#[path = "harness/data.rs"]
pub mod data;
#[path = "harness/server.rs"]
pub mod server;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use futures::FutureExt;

use cases::{Case, Reply};
use data::{DataSets, IndexData};
use serde_json::Value;
use server::Server;

/// Rows of a failure's text that the report shows.
const SHOWN_CHARS: usize = 400;

pub struct Failure {
    name: String,
    area: String,
    query: String,
    why: String,
}

#[derive(Default)]
pub struct Outcome {
    pub passed: usize,
    pub skipped: usize,
    pub failed: Vec<Failure>,
    areas: BTreeMap<String, (usize, usize)>,
}

impl Outcome {
    /// Passed and all cases of an area.
    pub fn area(&self, name: &str) -> (usize, usize) {
        self.areas.get(name).copied().unwrap_or_default()
    }

    pub fn last_line(&self) -> String {
        let failed = self.failed.len();
        format!(
            "{} passed, {failed} failed, {} skipped",
            self.passed, self.skipped
        )
    }

    pub fn report(&self) -> String {
        let mut text = String::new();
        for area in self.areas.keys() {
            let (passed, all) = self.area(area);
            let _ = writeln!(text, "{area}: {passed} of {all}");
            for failure in self.failed.iter().filter(|failure| failure.area == *area) {
                let why: String = failure.why.chars().take(SHOWN_CHARS).collect();
                let _ = writeln!(text, "  {}: {}\n    {why}", failure.name, failure.query);
            }
        }
        text
    }

    /// Names of what failed, one a line.
    pub fn failures(&self) -> String {
        let mut names: Vec<&str> = self
            .failed
            .iter()
            .map(|failure| failure.name.as_str())
            .collect();
        names.sort_unstable();
        names.join("\n") + "\n"
    }

    fn record(&mut self, case: &Case, verdict: Result<bool, String>) {
        let entry = self.areas.entry(case.area.clone()).or_default();
        match verdict {
            Ok(false) => self.skipped += 1,
            Ok(true) => {
                self.passed += 1;
                entry.0 += 1;
                entry.1 += 1;
            }
            Err(why) => {
                entry.1 += 1;
                self.failed.push(Failure {
                    name: case.name.clone(),
                    area: case.area.clone(),
                    query: case.query.replace('\n', " "),
                    why,
                });
            }
        }
    }
}

/// Who answers.
pub enum Engine {
    /// The engine in this process.
    Here(DataSets),
    There(Server),
}

impl Engine {
    /// Over the data sets of a folder, on a server where there is one; with the names of indices
    /// that are somebody else's there.
    pub async fn over(
        data: &[IndexData],
        server: Option<&str>,
    ) -> Result<(Self, Vec<String>), Box<dyn Error>> {
        match server {
            None => Ok((Self::Here(DataSets::new(data)?), Vec::new())),
            Some(url) => {
                let server = Server::new(url)?;
                let others = server.load(data).await?;
                Ok((Self::There(server), others))
            }
        }
    }

    pub async fn ask(
        &self,
        request: &Value,
        drop_null_columns: bool,
    ) -> Result<Reply, Box<dyn Error>> {
        match self {
            Self::Here(sets) => {
                let asked = AssertUnwindSafe(cases::ask(request, drop_null_columns, sets));
                Ok(asked
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| Reply::panicked()))
            }
            Self::There(server) => server.ask(request, drop_null_columns).await,
        }
    }
}

/// Runs all cases of the files over the data sets of a folder, here or on a server.
pub fn run(
    files: &[PathBuf],
    data: &Path,
    only: Option<&str>,
    server: Option<&str>,
) -> Result<Outcome, Box<dyn Error>> {
    let mut all: Vec<Case> = Vec::new();
    for file in files {
        let cases = cases::read(file)?;
        // A recorded answer holds where a printed example is of the same name.
        all.extend(cases.into_iter().filter(|case| case.recorded));
    }
    for file in files {
        for case in cases::read(file)? {
            let docs_name = format!("docs-{}", case.name);
            let known = all.iter().any(|other| other.name == docs_name);
            if !case.recorded && !known {
                all.push(case);
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (engine, others) = runtime.block_on(Engine::over(&data::read(data)?, server))?;
    for name in &others {
        eprintln!("skipped: what asks {name}, which is another index on this server");
    }
    let mut outcome = Outcome::default();
    for mut case in all {
        case.skip |= others.iter().any(|name| case.query.contains(name.as_str()));
        if only.is_some_and(|only| !case.name.contains(only)) {
            continue;
        }
        let reply = runtime.block_on(engine.ask(&case.request, case.flag("drop_null_columns")))?;
        outcome.record(&case, compare::verdict(&case, &reply));
    }
    Ok(outcome)
}
