//! Recorded cases, and what our engine says to them.

#[path = "harness/cases.rs"]
mod cases;
#[path = "harness/compare.rs"]
mod compare;
#[path = "harness/data.rs"]
mod data;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use cases::Case;
use data::DataSets;

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

/// Runs all cases of the files over the data sets of a folder.
pub fn run(files: &[PathBuf], data: &Path, only: Option<&str>) -> Result<Outcome, Box<dyn Error>> {
    let sets = DataSets::load(data)?;
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
    let mut outcome = Outcome::default();
    for case in all {
        if only.is_some_and(|only| !case.name.contains(only)) {
            continue;
        }
        let answer = runtime.block_on(case.ask(&sets));
        outcome.record(&case, compare::verdict(&case, &answer));
    }
    Ok(outcome)
}
