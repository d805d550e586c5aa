//! `datapulse eval incidents` on recorded incidents, with the built binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/incidents");

/// Runs in a folder of its own, where no configuration lies.
fn eval(place: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datapulse"));
    command.args(["eval", "incidents"]).args(arguments);
    command.current_dir(place).env("NO_COLOR", "1");
    for variable in [
        "DATAPULSE_DATA",
        "DATAPULSE_CONFIG",
        "DATAPULSE_TOKEN",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command.output().expect("starts")
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Exit code 0; gives stdout.
fn done(output: &Output) -> String {
    let (code, stdout, stderr) = said(output);
    assert_eq!(code, 0, "{stderr}");
    stdout
}

/// Answers of a file, without what the clock of the wall says.
fn answers(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("answers");
    text.lines()
        .map(|line| {
            let mut answer: Value = serde_json::from_str(line).expect("one JSON object a line");
            let took = answer
                .as_object_mut()
                .and_then(|keys| keys.remove("elapsed_ms"));
            assert!(took.is_some_and(|took| took.is_u64()), "{line}");
            answer
        })
        .collect()
}

/// A copy of the cases (those whose path holds `of`), without the files that are named.
fn copied(of: &str, without: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = vec![PathBuf::from(CASES)];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("cases") {
            let path = entry.expect("an entry").path();
            let below = path.strip_prefix(CASES).expect("below");
            let name = below
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                open.push(path);
            } else if !without.contains(&name.as_str()) && below.to_string_lossy().contains(of) {
                let to = folder.path().join(below);
                fs::create_dir_all(to.parent().expect("a parent")).expect("made");
                fs::copy(&path, &to).expect("copied");
            }
        }
    }
    folder
}

fn is_ranked(list: &Value, name: &str) {
    let list = list.as_array().expect("a list");
    assert!(list.len() <= 10);
    let scores: Vec<f64> = list
        .iter()
        .filter_map(|item| item["score"].as_f64())
        .collect();
    assert_eq!(scores.len(), list.len());
    assert!(scores.is_sorted_by(|a, b| a >= b), "{list:?}");
    assert!(list.iter().all(|item| item[name].is_string()));
}

/// A day of ticks is nothing for a test: Sentinel begins an hour and a half before the alert. What
/// came earlier is there at its first tick.
fn shorten(cases: &Path) {
    let case = cases.join("petshop/petshop-0009/case.json");
    let text = fs::read_to_string(&case).expect("read");
    let later = text.replace(
        "\"from\": \"2023-04-18T04:37",
        "\"from\": \"2023-04-19T03:22",
    );
    assert_ne!(later, text);
    fs::write(case, later).expect("written");
}

#[test]
fn every_case_is_answered_in_both_modes_and_truth_is_not_needed_for_it() {
    let place = tempfile::tempdir().expect("a folder");
    let (with, without) = (
        place.path().join("with.jsonl"),
        place.path().join("without.jsonl"),
    );
    let told = |dir: &Path, file: &Path| {
        let (dir, file) = (dir.to_string_lossy(), file.to_string_lossy());
        done(&eval(
            place.path(),
            &[&dir, "--mode", "given,found", "--answers", &file],
        ))
    };
    let seen = copied("", &[]);
    shorten(seen.path());
    let table = told(seen.path(), &with);
    for column in [
        "AC@1",
        "chance",
        "Brier",
        "found in time",
        "false alarms",
        "nezha-trainticket",
    ] {
        assert!(table.contains(column), "{table}");
    }
    let blind = copied("", &["truth.json"]);
    shorten(blind.path());
    let table = told(blind.path(), &without);
    assert!(table.contains("no truth.json"), "{table}");
    let answers = [answers(&with), answers(&without)];
    assert_eq!(answers[0], answers[1], "truth changes no answer");

    let given: Vec<&Value> = answers[0].iter().filter(|a| a["mode"] == "given").collect();
    let cases: Vec<&str> = given
        .iter()
        .filter_map(|answer| answer["case"].as_str())
        .collect();
    assert_eq!(
        cases,
        [
            "nezha-tt-0010",
            "petshop-0009",
            "rootcausebench-0004",
            "rootcausebench-0011"
        ]
    );
    for case in cases {
        let found = |a: &&Value| a["mode"] == "found" && a["case"] == case;
        assert!(
            answers[0].iter().any(|answer| found(&answer)),
            "{case} in found mode"
        );
    }
    // Numbers that nobody drew a line for are noticed, once, and the change behind them is named.
    let noticed: Vec<&Value> = answers[0]
        .iter()
        .filter(|a| a["mode"] == "found" && a["case"] == "rootcausebench-0011")
        .collect();
    assert_eq!(noticed.len(), 1);
    assert_eq!(noticed[0]["detected_at"], "2026-06-19T10:25:00.000Z");
    assert_eq!(noticed[0]["deployments"][0]["id"], "chg-5642d6b17f");
    for answer in &answers[0] {
        is_ranked(&answer["services"], "name");
        is_ranked(&answer["deployments"], "id");
        let confidence = answer["confidence"].as_f64().expect("a number");
        assert!((0.0..=1.0).contains(&confidence));
        assert!(answer["detected_at"].is_string() || answer["services"] == Value::Array(vec![]));
    }
    // Which service, which change, and that no change is to blame.
    let first = |case: usize, list: &str, name: &str| given[case][list][0][name].clone();
    assert_eq!(first(0, "services", "name"), "ts-travel-service");
    assert_eq!(first(1, "services", "name"), "PetSearch_AWS::ECS::Fargate");
    assert_eq!(given[2]["deployments"], Value::Array(vec![]));
    assert_eq!(first(3, "deployments", "id"), "chg-5642d6b17f");
}

#[test]
fn what_comes_after_the_alert_s_five_minutes_changes_no_given_answer() {
    let place = tempfile::tempdir().expect("a folder");
    let case = copied("rootcausebench-0011", &[]);
    let told = |name: &str| {
        let file = place.path().join(name);
        let (dir, to) = (
            case.path().to_string_lossy().into_owned(),
            file.to_string_lossy().into_owned(),
        );
        done(&eval(place.path(), &[&dir, "--answers", &to]));
        answers(&file)
    };
    let before = told("before.jsonl");
    // The alert is at 10:25. From 10:30 on, errors that speak of another change.
    let flood: String = (0..200)
        .map(|n| format!("{{\"@timestamp\":\"2026-06-19T10:30:00.{n:03}Z\",\"service.name\":\"paymentservice\",\"log.level\":\"ERROR\",\"message\":\"retry without idempotency keys\"}}\n"))
        .collect();
    let docs = case.path().join("rootcausebench/rootcausebench-0011/docs");
    fs::write(docs.join("logs-later.ndjson"), &flood).expect("written");
    assert_eq!(told("after.jsonl"), before);
    // A millisecond earlier it is seen.
    let early = flood.replace("T10:30:00", "T10:29:59");
    fs::write(docs.join("logs-later.ndjson"), early).expect("written");
    assert_ne!(told("early.jsonl"), before);
}

#[test]
fn json_is_one_object_with_answers_and_scores() {
    let place = tempfile::tempdir().expect("a folder");
    let stdout = done(&eval(
        place.path(),
        &[CASES, "--suite", "rootcausebench", "-o", "json"],
    ));
    let told: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(told["answers"].as_array().map(Vec::len), Some(2));
    let all = &told["scores"][0];
    assert_eq!(
        (&all["suite"], &all["fault"], &all["cases"]),
        (&"rootcausebench".into(), &Value::Null, &2.into())
    );
    assert_eq!(all["ac_at_1"], 1.0);
    assert!(
        all["chance"]["ac_at_1"]
            .as_f64()
            .is_some_and(|chance| chance < 0.2),
        "{all}"
    );
    // Without a file, answers are lines of stdout, and the table follows.
    let stdout = done(&eval(place.path(), &[CASES, "--suite", "rootcausebench"]));
    let lines: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(stdout.contains("AC@1"));
}

#[test]
fn wrong_use_says_what_there_is() {
    let place = tempfile::tempdir().expect("a folder");
    let refused = |arguments: &[&str], wanted: &str| {
        let (code, stdout, stderr) = said(&eval(place.path(), arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(wanted), "{stderr}");
    };
    refused(&["nowhere"], "nowhere can't be read");
    let empty = place.path().join("empty");
    fs::create_dir(&empty).expect("made");
    refused(
        &["empty"],
        "empty holds no cases: expected <suite>/<case>/case.json",
    );
    refused(
        &[CASES, "--suite", "petshp"],
        "there are: nezha-trainticket, petshop, rootcausebench",
    );
    refused(
        &[CASES, "--mode", "guessed"],
        "possible values: given, found",
    );
}

#[test]
fn damage_is_named_with_its_place() {
    let place = tempfile::tempdir().expect("a folder");
    let case = copied("rootcausebench-0011", &[]);
    let folder = case.path().join("rootcausebench/rootcausebench-0011");
    let failed = |wanted: &[&str]| {
        let dir = case.path().to_string_lossy().into_owned();
        let (code, _, stderr) = said(&eval(place.path(), &[&dir]));
        assert_eq!(code, 1, "{stderr}");
        for wanted in wanted {
            assert!(stderr.contains(wanted), "{stderr}");
        }
    };
    let whole = fs::read_to_string(folder.join("case.json")).expect("read");
    for (from, to, wanted) in [
        ("\"deployment\"", "\"culprit\"", "unknown variant `culprit`"),
        (
            "\"from\": \"2026-06-19",
            "\"from\": \"2027-06-19",
            "must come after from",
        ),
        ("\"alert\"", "\"alarm\"", "missing field `alert`"),
        ("}", "", "a case has id, from, to"),
    ] {
        assert!(whole.contains(from), "{from}");
        fs::write(folder.join("case.json"), whole.replace(from, to)).expect("written");
        failed(&["rootcausebench-0011/case.json", wanted]);
    }
    fs::write(folder.join("case.json"), whole).expect("written");
    fs::write(folder.join("docs/logs-broken.ndjson"), "{\"@timestamp\":").expect("written");
    failed(&[
        "case rootcausebench-0011",
        "logs-broken.ndjson:1: not a JSON object",
    ]);
    fs::remove_dir_all(folder.join("docs")).expect("removed");
    failed(&["rootcausebench-0011/docs is not there"]);
}
