//! `cargo xtask truth`: docs/truth.md's section on incidents, made from a run over all recorded
//! suites: scores beside chance, a simple baseline and the best published figure, calibration, and
//! every failure by name.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::page;
use crate::step::{cargo, perform, root, target};

mod by_hand;

const PAGE: &str = "docs/truth.md";
const SECTION: &str = "incidents";

/// A suite's figures of others, as the issue that set the aims names them.
struct Published {
    suite: &'static str,
    measure: &'static str,
    baseline: &'static str,
    best: &'static str,
    aim: &'static str,
}

const PUBLISHED: [Published; 4] = [
    Published {
        suite: "nezha-trainticket",
        measure: "AC@1 / 3 / 5",
        baseline: ".69 / .76 / .91",
        best: ".87 / .98 / .98 (Nezha, FSE'23; lenient ties)",
        aim: ".87 / .95 / .98",
    },
    Published {
        suite: "petshop",
        measure: "AC@1 / 3",
        baseline: ".60 / .83",
        best: ".65 / .83",
        aim: ".75 / .94",
    },
    Published {
        suite: "rcd-sockshop",
        measure: "AC@1 / Avg@5",
        baseline: ".94 / .99",
        best: ".96 / .99 (BARO, FSE'24)",
        aim: ".98 / .99",
    },
    Published {
        suite: "rootcausebench",
        measure: "right change, or rightly none, of 12",
        baseline: "3 to 4",
        best: "12 (a large language model)",
        aim: "10",
    },
];

pub fn run(arguments: &[String]) -> Result<bool> {
    let quick = match arguments {
        [one] if one == "--by-hand" => {
            write(by_hand::SECTION, &by_hand::section(&root())?)?;
            return Ok(true);
        }
        [] => false,
        [one] if one == "--quick" => true,
        _ => bail!(
            "expected nothing, --quick (the development build) or --by-hand (the list of constants alone), got {arguments:?}"
        ),
    };
    let cases = root().join("../shared/cases/incidents");
    if !cases.is_dir() {
        eprintln!("truth: skipped: the recorded cases aren't on this machine");
        return Ok(true);
    }
    let (binary, profile) = binary(quick)?;
    let mut asked = Command::new(binary);
    asked.args(["eval", "incidents"]).arg(&cases);
    asked.args(["--mode", "given,found", "-o", "json"]);
    let told = told("eval incidents", &mut asked)?;
    write(SECTION, &section(&told, &cases, profile)?)?;
    write(by_hand::SECTION, &by_hand::section(&root())?)?;
    Ok(true)
}

/// The binary, built, and the name of its profile: the development one where it is to be quick.
pub fn binary(quick: bool) -> Result<(PathBuf, &'static str)> {
    let profile = if quick { "debug" } else { "release" };
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", "datapulse"]);
    if !quick {
        build.arg("--release");
    }
    perform("build", &mut build)?;
    Ok((target().join(profile).join("datapulse"), profile))
}

/// What a command of the binary prints, which is JSON.
pub fn told(name: &str, command: &mut Command) -> Result<Value> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context(name.to_owned())?;
    if !output.status.success() {
        bail!("{name} ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("what {name} printed"))
}

fn section(told: &Value, cases: &Path, profile: &str) -> Result<String> {
    let mut text = format!(
        "Measured by `cargo xtask truth`: {}, {profile} build, one configuration for all. Ties take the worst rank.\n\n",
        page::circumstances()
    );
    accuracy(&mut text, told)?;
    detection(&mut text, told)?;
    calibration(&mut text, told)?;
    failures(&mut text, told, cases)?;
    Ok(text)
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// The scores of whole suites in one mode.
fn suites<'a>(told: &'a Value, mode: &'a str) -> impl Iterator<Item = &'a Value> {
    items(told, "scores").filter(move |score| score["mode"] == mode && score["fault"].is_null())
}

fn two(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(|| "–".to_owned(), |number| format!("{number:.2}"))
}

fn accuracy(text: &mut String, told: &Value) -> Result<()> {
    writeln!(text, "### The alert is given\n")?;
    writeln!(
        text,
        "| suite | cases | AC@1 | AC@3 | AC@5 | Avg@5 | chance AC@1 | measured elsewhere | baseline | best published | aim | p95 ms |"
    )?;
    writeln!(text, "|{}", " --- |".repeat(12))?;
    for score in suites(told, "given") {
        let known = PUBLISHED.iter().find(|one| score["suite"] == one.suite);
        let of = |get: fn(&Published) -> &'static str| known.map_or("–", get);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            score["suite"].as_str().unwrap_or("–"),
            score["cases"],
            two(&score["ac_at_1"]),
            two(&score["ac_at_3"]),
            two(&score["ac_at_5"]),
            two(&score["avg_at_5"]),
            two(&score["chance"]["ac_at_1"]),
            of(|one| one.measure),
            of(|one| one.baseline),
            of(|one| one.best),
            of(|one| one.aim),
            score["p95_ms"],
        )?;
    }
    writeln!(text)?;
    Ok(())
}

fn detection(text: &mut String, told: &Value) -> Result<()> {
    writeln!(text, "### Nobody tells: Sentinel must notice\n")?;
    writeln!(
        text,
        "| suite | cases | found within 5 minutes | false alarms a case | AC@1 of all |"
    )?;
    writeln!(text, "|{}", " --- |".repeat(5))?;
    for score in suites(told, "found") {
        let count = score["cases"].as_f64().unwrap_or(1.0).max(1.0);
        let alarms = score["false_alarms"].as_f64().unwrap_or_default() / count;
        writeln!(
            text,
            "| {} | {} | {} | {alarms:.2} | {} |",
            score["suite"].as_str().unwrap_or("–"),
            score["cases"],
            two(&score["detected"]),
            two(&score["ac_at_1"]),
        )?;
    }
    writeln!(text)?;
    Ok(())
}

fn estimate(value: &Value) -> String {
    match value["value"].as_f64() {
        Some(_) => format!(
            "{} ({} to {})",
            three(&value["value"]),
            three(&value["low"]),
            three(&value["high"])
        ),
        None => "–".to_owned(),
    }
}

fn three(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(|| "–".to_owned(), |number| format!("{number:.3}"))
}

fn calibration(text: &mut String, told: &Value) -> Result<()> {
    writeln!(text, "### What a confidence means\n")?;
    writeln!(
        text,
        "Brier score (less is better) with a 95 % interval by the bootstrap over cases; `constant` says of every case the hit rate of the\nother suites. In the bands: mean confidence → share that was right (cases).\n"
    )?;
    writeln!(
        text,
        "| suite | right | Brier | constant | area under ROC | 0 to .2 | .2 to .4 | .4 to .6 | .6 to .8 | .8 to 1 |"
    )?;
    writeln!(text, "|{}", " --- |".repeat(10))?;
    for one in items(told, "calibration").filter(|one| one["mode"] == "given") {
        let bands: Vec<String> = items(one, "bands")
            .map(|band| match band["judged"].as_u64() {
                Some(0) | None => "–".to_owned(),
                Some(count) => format!("{} → {} ({count})", two(&band["said"]), two(&band["was"])),
            })
            .collect();
        writeln!(
            text,
            "| {} | {} of {} | {} | {} | {} | {} |",
            one["suite"].as_str().unwrap_or("all"),
            one["right"],
            one["cases"],
            estimate(&one["brier"]),
            three(&one["brier_of_others_rate"]),
            estimate(&one["auroc"]),
            bands.join(" | "),
        )?;
    }
    writeln!(text)?;
    Ok(())
}

fn failures(text: &mut String, told: &Value, cases: &Path) -> Result<()> {
    writeln!(text, "### Where it was wrong, with the alert given\n")?;
    writeln!(text, "| case | what was true | what it said | confidence |")?;
    writeln!(text, "| --- | --- | --- | --- |")?;
    for answer in items(told, "answers").filter(|answer| answer["mode"] == "given") {
        let id = answer["case"].as_str().unwrap_or_default();
        let Some(folder) = folder(cases, id)? else {
            continue;
        };
        let read = |name: &str| -> Result<Value> {
            let path = folder.join(name);
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
        };
        let (case, truth) = (read("case.json")?, read("truth.json")?);
        let (right, said, wanted) = held_against(answer, &case, &truth);
        if !right {
            writeln!(
                text,
                "| {id} | {wanted} ({}) | {said} | {} |",
                truth["fault"].as_str().unwrap_or("–"),
                two(&answer["confidence"])
            )?;
        }
    }
    Ok(())
}

/// Whether the first answer is right, what it is, and what was true.
fn held_against(answer: &Value, case: &Value, truth: &Value) -> (bool, String, String) {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    if case["ask"] == "deployment" {
        let said = name(&answer["deployments"][0]["id"]);
        let wanted = name(&truth["deployment"]);
        let shown = |one: &Option<String>| one.clone().unwrap_or_else(|| "no change".to_owned());
        return (said == wanted, shown(&said), shown(&wanted));
    }
    let said = name(&answer["services"][0]["name"]).unwrap_or_else(|| "nothing".to_owned());
    let wanted: Vec<&str> = items(truth, "services").filter_map(Value::as_str).collect();
    let right = wanted.contains(&said.as_str());
    (right, said, wanted.join(" or "))
}

/// The folder of a case, in whichever suite it is.
fn folder(cases: &Path, id: &str) -> Result<Option<std::path::PathBuf>> {
    for suite in fs::read_dir(cases).context("the suites")? {
        let folder = suite?.path().join(id);
        if folder.is_dir() {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Into docs/truth.md, between the markers of `section`.
pub fn write(section: &str, text: &str) -> Result<()> {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("{PAGE} can't be read"))?;
    let page = page::replace(&page, section, text)
        .with_context(|| format!("{PAGE}: expected the markers of section {section}"))?;
    fs::write(&path, page).with_context(|| format!("{PAGE} can't be written"))?;
    eprintln!("── written to {PAGE}, section {section}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::held_against;

    #[test]
    fn any_true_service_is_right_and_no_change_is_an_answer() {
        let answer = json!({"services": [{"name": "b"}], "deployments": []});
        let service = json!({"ask": "service"});
        let truth = json!({"services": ["a", "b"], "deployment": null});
        assert!(held_against(&answer, &service, &truth).0);
        let change = json!({"ask": "deployment"});
        assert!(held_against(&answer, &change, &truth).0);
        let guilty = json!({"services": ["a"], "deployment": "d-1"});
        let (right, said, wanted) = held_against(&answer, &change, &guilty);
        assert_eq!(
            (right, said.as_str(), wanted.as_str()),
            (false, "no change", "d-1")
        );
    }
}
