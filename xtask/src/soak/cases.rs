//! Recorded incidents in both modes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::demos::fresh;
use super::ledger::Ledger;
use super::{Ended, Until};
use crate::step::{datapulse, root};

/// All recorded incidents lie beside the repository; one suite lies in it.
const SHARED: &str = "../shared/cases/incidents";
const OWN: &str = "xtask/cases/incidents";
const MODES: [&str; 2] = ["given", "found"];

/// Where the cases are, and what to say of it.
pub fn source() -> (PathBuf, &'static str) {
    let shared = root().join(SHARED);
    if shared.is_dir() {
        (shared, "../shared/cases/incidents")
    } else {
        (
            root().join(OWN),
            "xtask/cases/incidents, for ../shared isn't there",
        )
    }
}

/// Every suite in every mode; a suite in a mode is what a call that was cut goes on after.
pub fn full(until: Until) -> Result<Ended> {
    let (source, from) = source();
    let mut ledger = Ledger::open("cases", true)?;
    let suites: Vec<PathBuf> = folders(&source)?.into_iter().collect();
    for mode in MODES {
        for suite in &suites {
            let name = name(suite);
            let key = format!("{mode}/{name}");
            if ledger.has(&key) || until.over() {
                continue;
            }
            let cases = folders(suite)?;
            let answers = fresh("answers")?.join("answers.jsonl");
            let output = eval(&source, mode, &answers)
                .args(["--suite", &name])
                .stdout(Stdio::piped())
                .output()
                .context("datapulse eval incidents")?;
            let missing = missing(&cases, &[mode], &answers)?;
            ledger.add(json!({
                "key": key, "cases": cases.len(), "missing": missing,
                "ended_well": output.status.success() && missing.is_empty(),
                "table": String::from_utf8_lossy(&output.stdout),
            }))?;
        }
    }
    let (done, well) = (ledger.done()?, ledger.count("ended_well"));
    let cases = ledger.sum("cases");
    let tables: Vec<String> = ledger
        .lines
        .iter()
        .map(|line| {
            let table = line["table"].as_str().unwrap_or_default().trim_end();
            format!(
                "{}\n\n```\n{table}\n```",
                line["key"].as_str().unwrap_or_default()
            )
        })
        .collect();
    let says = format!(
        "{cases} answers asked for from {from}; {well} of {done} suites and modes were answered whole ({} planned).\n\n{}",
        suites.len() * MODES.len(),
        tables.join("\n\n"),
    );
    Ok(Ended {
        well: well == done,
        says,
    })
}

/// `count` cases, evenly spread over the suites, in both modes at once.
pub fn sample(count: usize) -> Result<bool> {
    let (source, from) = source();
    eprintln!("   from {from}");
    let (folder, cases) = some_of(&source, count)?;
    let answers = fresh("answers")?.join("answers.jsonl");
    let status = eval(&folder, &MODES.join(","), &answers).status()?;
    let missing = missing(&cases, &MODES, &answers)?;
    for answer in &missing {
        eprintln!("   no answer: {answer}");
    }
    eprintln!("── {} cases in {} modes", cases.len(), MODES.len());
    Ok(status.success() && missing.is_empty() && cases.len() >= count)
}

fn eval(folder: &Path, modes: &str, answers: &Path) -> Command {
    let mut command = Command::new(datapulse());
    command
        .args(["eval", "incidents"])
        .arg(folder)
        .args(["--mode", modes, "--answers"])
        .arg(answers)
        .current_dir(root());
    command
}

/// Cases without an answer in a mode.
fn missing(cases: &BTreeSet<PathBuf>, modes: &[&str], answers: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(answers).unwrap_or_default();
    let mut answered = BTreeSet::new();
    for line in text.lines() {
        let answer: Value =
            serde_json::from_str(line).with_context(|| format!("{}: {line}", answers.display()))?;
        let word = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        answered.insert((word("case"), word("mode")));
    }
    let mut missing = Vec::new();
    for case in cases {
        let text = fs::read_to_string(case.join("case.json"))?;
        let case: Value = serde_json::from_str(&text)?;
        let id = case["id"].as_str().unwrap_or_default();
        for mode in modes {
            if !answered.contains(&(id.to_owned(), (*mode).to_owned())) {
                missing.push(format!("{id} in {mode} mode"));
            }
        }
    }
    Ok(missing)
}

/// A folder with links to evenly spread cases of each suite, and those cases.
fn some_of(source: &Path, count: usize) -> Result<(PathBuf, BTreeSet<PathBuf>)> {
    let folder = fresh("cases")?;
    let mut taken = BTreeSet::new();
    for (suite, share) in shares(source, count)? {
        let to = folder.join(name(&suite));
        fs::create_dir_all(&to)?;
        fs::copy(suite.join("suite.json"), to.join("suite.json"))?;
        let cases = folders(&suite)?;
        let stride = (cases.len() / share.max(1)).max(1);
        for case in cases.iter().step_by(stride).take(share) {
            std::os::unix::fs::symlink(case.canonicalize()?, to.join(name(case)))?;
            taken.insert(case.clone());
        }
    }
    Ok((folder, taken))
}

/// How many cases each suite gives: the same from all, but one only where a case is so long that
/// looking at every minute of it takes minutes.
fn shares(source: &Path, count: usize) -> Result<Vec<(PathBuf, usize)>> {
    let mut long = Vec::new();
    let mut short = Vec::new();
    for suite in folders(source)? {
        let case = folders(&suite)?.first().cloned();
        let case = case.with_context(|| format!("{} holds no case", suite.display()))?;
        let asked: Value = serde_json::from_str(&fs::read_to_string(case.join("case.json"))?)?;
        let day = |key: &str| {
            asked[key]
                .as_str()
                .unwrap_or_default()
                .get(..10)
                .map(str::to_owned)
        };
        if day("from") == day("to") {
            short.push(suite)
        } else {
            long.push(suite)
        }
    }
    if short.is_empty() {
        bail!("{} holds no suite of short cases", source.display());
    }
    let left = count.saturating_sub(long.len());
    let (each, over) = (left / short.len(), left % short.len());
    let short = short
        .into_iter()
        .enumerate()
        .map(|(at, suite)| (suite, each + usize::from(at < over)));
    Ok(long
        .into_iter()
        .map(|suite| (suite, 1))
        .chain(short)
        .collect())
}

fn folders(of: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(of).with_context(|| of.display().to_string())?;
    Ok(entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect())
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::{missing, shares, some_of};
    use crate::step::target;

    fn suites(name: &str) -> std::path::PathBuf {
        let folder = target().join("soak-tests").join(name);
        let _ = fs::remove_dir_all(&folder);
        for (suite, to) in [
            ("days", "2026-01-02"),
            ("one", "2026-01-01"),
            ("two", "2026-01-01"),
        ] {
            for case in 0..6 {
                let id = format!("{suite}-{case}");
                let asked = json!({
                    "id": id, "from": "2026-01-01T01:00:00Z", "to": format!("{to}T02:00:00Z"),
                });
                let dir = folder.join(suite).join(id);
                fs::create_dir_all(&dir).expect("is made");
                fs::write(dir.join("case.json"), asked.to_string()).expect("is written");
                fs::write(folder.join(suite).join("suite.json"), "{}").expect("is written");
            }
        }
        folder
    }

    #[test]
    fn long_recordings_give_one_case_and_the_count_is_kept() {
        let shares = shares(&suites("shares"), 8).expect("are shared");
        let counts: Vec<usize> = shares.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 4, 3]);
    }

    #[test]
    fn a_case_without_an_answer_is_named() {
        let (_, taken) = some_of(&suites("answers"), 3).expect("are taken");
        assert_eq!(taken.len(), 3);
        let answers = suites("answers").join("answers.jsonl");
        let lines =
            ["days-0", "one-0"].map(|case| json!({ "case": case, "mode": "given" }).to_string());
        fs::write(&answers, lines.join("\n")).expect("is written");
        assert_eq!(
            missing(&taken, &["given"], &answers).expect("are read"),
            ["two-0 in given mode"]
        );
    }
}
