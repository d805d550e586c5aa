//! `cargo xtask tune`: crates/model/tuning.toml made anew by the fixed search of `datapulse eval tune`,
//! and what each suite gives where the numbers never saw it, for docs/truth.md.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::page;
use crate::step::{perform, root, target};
use crate::truth;

const FILE: &str = "crates/model/tuning.toml";
const SECTION: &str = "left-out";

#[derive(Default)]
struct Asked {
    leave_out: Option<String>,
    each_left_out: bool,
    quick: bool,
    out: Option<PathBuf>,
    /// Handed on as they are.
    rest: Vec<String>,
}

pub fn run(arguments: &[String]) -> Result<bool> {
    let asked = read(arguments)?;
    let cases = root().join("../shared/cases");
    if !cases.is_dir() {
        eprintln!("tune: skipped: the recorded cases aren't on this machine");
        return Ok(true);
    }
    let (binary, profile) = truth::binary(asked.quick)?;
    if asked.each_left_out {
        let mut tune = tune(&binary, &cases, &asked);
        let told = truth::told("eval tune", tune.args(["--each-left-out", "-o", "json"]))?;
        truth::write(SECTION, &section(&told, profile)?)?;
        return Ok(true);
    }
    let out = out(&asked)?;
    let mut tune = tune(&binary, &cases, &asked);
    tune.arg("--write").arg(&out);
    if let Some(suite) = &asked.leave_out {
        tune.args(["--leave-out", suite]);
    }
    perform("tune", &mut tune)?;
    eprintln!("── written to {}", out.display());
    Ok(true)
}

fn read(arguments: &[String]) -> Result<Asked> {
    let mut asked = Asked::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            let value = rest.next().cloned();
            value.with_context(|| format!("{argument}: expected a value behind it"))
        };
        match argument.as_str() {
            "--leave-out" => asked.leave_out = Some(value()?),
            "--out" => asked.out = Some(value()?.into()),
            "--each-left-out" => asked.each_left_out = true,
            "--quick" => asked.quick = true,
            "--seed" | "--rounds" | "--simulator-seeds" | "--part" => {
                let value = value()?;
                asked.rest.extend([argument.clone(), value]);
            }
            other => bail!(
                "{other:?}: expected --leave-out SUITE, --each-left-out, --out FILE, --part, --seed, \
                 --rounds, --simulator-seeds or --quick (the development build)"
            ),
        }
    }
    if asked.each_left_out && (asked.leave_out.is_some() || asked.out.is_some()) {
        bail!(
            "--each-left-out writes to docs/truth.md: it goes with neither --leave-out nor --out"
        );
    }
    Ok(asked)
}

/// The file that is built in; without a suite, one beside the builds, for `--tuning`.
fn out(asked: &Asked) -> Result<PathBuf> {
    if let Some(out) = &asked.out {
        return Ok(out.clone());
    }
    let Some(suite) = &asked.leave_out else {
        return Ok(root().join(FILE));
    };
    let folder = target().join("tuning");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder.join(format!("without-{suite}.toml")))
}

fn tune(binary: &Path, cases: &Path, asked: &Asked) -> Command {
    let mut tune = Command::new(binary);
    tune.args(["eval", "tune"]).arg(cases).args(&asked.rest);
    tune
}

/// Of each suite: with the numbers that are built in, with those found on all, and with those found
/// without it.
fn section(told: &Value, profile: &str) -> Result<String> {
    let found = told["found"].as_array().context("found")?;
    let all = found
        .iter()
        .find(|one| one["left_out"].is_null())
        .context("the numbers of all suites")?;
    let made = &all["tuning"]["made"];
    let mut text = format!(
        "Measured by `cargo xtask tune --each-left-out`: {}, {profile} build, seed {}, {} candidates each, \
         from round numbers. Of incidents: the share of right first answers, the alert given, with the Brier score; of \
         series: NAB's standard profile over 100, or the F1 of events.\n\n",
        page::circumstances(),
        made["seed"],
        made["rounds"],
    );
    writeln!(
        text,
        "| suite | cases | numbers built in | found on all | found without it |"
    )?;
    writeln!(text, "|{}", " --- |".repeat(5))?;
    for before in told["before"].as_array().context("before")? {
        let suite = &before["suite"];
        let without = found.iter().find(|one| one["left_out"] == *suite);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            suite.as_str().unwrap_or("–"),
            before["cases"],
            shown(Some(before)),
            shown(of(all, suite)),
            shown(without.and_then(|one| of(one, suite))),
        )?;
    }
    Ok(text)
}

fn of<'a>(found: &'a Value, suite: &Value) -> Option<&'a Value> {
    let suites = found["suites"].as_array()?;
    suites.iter().find(|one| one["suite"] == *suite)
}

fn shown(measured: Option<&Value>) -> String {
    measured.map_or_else(
        || "–".to_owned(),
        |one| {
            let figure = one["figure"].as_f64().unwrap_or(f64::NAN);
            match one["brier"].as_f64() {
                Some(brier) => format!("{figure:.3} ({brier:.3})"),
                None => format!("{figure:.3}"),
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_known_is_said() {
        let asked = read(&words("--leave-out petshop --rounds 3 --quick")).expect("is read");
        assert_eq!(asked.leave_out.as_deref(), Some("petshop"));
        assert_eq!(asked.rest, ["--rounds", "3"]);
        assert!(read(&words("--seed")).is_err());
        assert!(read(&words("--nope")).is_err());
        assert!(read(&words("--each-left-out --leave-out petshop")).is_err());
    }

    #[test]
    fn the_table_has_what_was_never_seen() {
        let suite = |figure: f64| serde_json::json!({"suite": "a", "cases": 4, "figure": figure, "brier": 0.1});
        let told = serde_json::json!({
            "before": [suite(0.4)],
            "found": [
                {"left_out": null, "suites": [suite(0.3)], "tuning": {"made": {"seed": 7, "rounds": 2}}},
                {"left_out": "a", "suites": [suite(0.2)]},
            ],
        });
        let text = section(&told, "debug").expect("is made");
        assert!(
            text.contains("| a | 4 | 0.400 (0.100) | 0.300 (0.100) | 0.200 (0.100) |"),
            "{text}"
        );
    }
}
