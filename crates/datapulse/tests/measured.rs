//! `datapulse eval logs` and `datapulse eval series`, with the built binary: on small cases made
//! here, and on the recorded ones where they lie beside the repository.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");

fn eval(place: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datapulse"));
    command.arg("eval").args(arguments);
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

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code 0; gives stdout.
fn done(place: &Path, arguments: &[&str]) -> String {
    let output = eval(place, arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Exit code 2; gives stderr.
fn refused(place: &Path, arguments: &[&str]) -> String {
    let output = eval(place, arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    text(&output.stderr)
}

fn json(place: &Path, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["-o", "json"]].concat();
    serde_json::from_str(&done(place, &arguments)).expect("one JSON object")
}

fn files(files: &[(&str, String)]) -> TempDir {
    let place = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, content).expect("written");
    }
    place
}

/// Two kinds of lines, with labels.
fn shop_logs() -> TempDir {
    let suite = r#"{ "kind": "logs", "header": { "shop": "^\\S+ (?P<content>.*)$" } }"#;
    let (mut log, mut labels) = (String::new(), "LineId,EventId,EventTemplate\n".to_owned());
    for line in 0..20 {
        let name = ["ada", "bob", "cyd"][line % 3];
        let (message, id, label) = match line % 2 {
            0 => (
                format!("order {line} was paid, in {line}ms"),
                "E1",
                "\"order <*> was paid, in <*>\"",
            ),
            _ => (format!("login user={name}"), "E2", "login user=<*>"),
        };
        writeln!(log, "12:00:{line:02} {message}").expect("text");
        writeln!(labels, "{},{id},{label}", line + 1).expect("text");
    }
    files(&[
        ("cases/suite.json", suite.to_owned()),
        ("cases/shop.log", log),
        ("cases/shop.csv", labels),
    ])
}

#[test]
fn templates_are_answered_and_scored() {
    let place = shop_logs();
    let place = place.path();
    let scores = json(place, &["logs", "cases", "--answers", "with"]);
    let shop = &scores["systems"][0];
    assert_eq!(shop["system"], "shop");
    for figure in ["ga", "fga", "pa", "fta"] {
        assert_eq!(shop["scores"][figure], 1.0, "{figure}: {scores}");
    }
    assert!(shop["baseline"]["ga"].as_f64().expect("a figure") < 1.0);
    let answers = fs::read_to_string(place.join("with/shop.csv")).expect("answers");
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!(
        lines[..3],
        [
            "LineId,Template",
            "1,\"order <*> was paid, in <*>\"",
            "2,login user=<*>"
        ]
    );
    let table = done(place, &["logs", "cases"]);
    assert!(table.contains("GA") && table.contains("mean"), "{table}");

    fs::remove_file(place.join("cases/shop.csv")).expect("removed");
    let told = done(place, &["logs", "cases", "--answers", "without"]);
    assert!(told.contains("nothing to score with"), "{told}");
    let blind = fs::read_to_string(place.join("without/shop.csv")).expect("answers");
    assert_eq!(blind, answers, "labels change no answer");
}

const DAYS: usize = 12;
const POINTS: usize = DAYS * 288;
const SPIKE: usize = 11 * 288 + 100;

/// A season of days with one spike.
fn spiked() -> String {
    let mut series = "timestamp,value\n".to_owned();
    for point in 0..POINTS {
        let phase = point as f64 / 288.0 * std::f64::consts::TAU;
        let noise = (point * 7919 % 101) as f64 / 50.0;
        let spike = if (SPIKE..SPIKE + 6).contains(&point) {
            90.0
        } else {
            0.0
        };
        writeln!(
            series,
            "{},{:.3}",
            time(point),
            100.0 + 30.0 * phase.sin() + noise + spike
        )
        .expect("text");
    }
    series
}

fn time(point: usize) -> String {
    let minutes = point * 5;
    format!(
        "2024-01-{:02}T{:02}:{:02}:00Z",
        1 + minutes / 1440,
        minutes / 60 % 24,
        minutes % 60
    )
}

fn shop_series() -> TempDir {
    let suite = |name: &str, measure: &str| {
        format!(
            r#"{{ "kind": "series", "suite": "{name}", "measure": "{measure}", "event_gap": 15, "k": 7,
                 "score_from": {{ "a.csv": "{}" }} }}"#,
            time(288)
        )
    };
    let windows = format!(
        r#"{{ "a.csv": [["{}", "{}"]] }}"#,
        time(SPIKE),
        time(SPIKE + 12)
    );
    files(&[
        ("cases/shop/suite.json", suite("shop", "event")),
        ("cases/shop/a.csv", spiked()),
        ("cases/shop/windows.json", windows.clone()),
        ("cases/town/suite.json", suite("town", "nab")),
        ("cases/town/a.csv", spiked()),
        ("cases/town/windows.json", windows),
    ])
}

#[test]
fn series_are_answered_point_by_point_and_scored() {
    let place = shop_series();
    let place = place.path();
    let scores = json(place, &["series", "cases", "--answers", "with"]);
    let (shop, town) = (&scores["suites"][0], &scores["suites"][1]);
    assert_eq!(shop["figures"][0]["measure"], "event F1");
    assert_eq!(shop["figures"][0]["scores"]["best"], 1.0, "{scores}");
    assert_eq!(town["figures"][0]["measure"], "NAB standard");
    assert!(
        town["figures"][0]["scores"]["best"].as_f64() > Some(90.0),
        "{scores}"
    );

    let answer = |path: &str| fs::read_to_string(place.join(path)).expect("an answer");
    let whole = answer("with/shop/a.csv");
    assert_eq!(
        whole,
        answer("with/town/a.csv"),
        "one configuration for all suites"
    );
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(lines.len(), POINTS + 1);
    assert_eq!(lines[0], "timestamp,value,score");
    let spike = lines[SPIKE + 1];
    let score = spike
        .rsplit(',')
        .next()
        .and_then(|score| score.parse().ok());
    assert!(score >= Some(0.5), "{spike}");

    // One suite by itself, without its labels and without its last day: the same scores so far.
    fs::remove_file(place.join("cases/shop/windows.json")).expect("removed");
    let short: Vec<String> = spiked()
        .lines()
        .take(SPIKE + 50)
        .map(str::to_owned)
        .collect();
    fs::write(place.join("cases/shop/a.csv"), short.join("\n")).expect("written");
    let told = done(place, &["series", "cases/shop", "--answers", "without"]);
    assert!(told.contains("nothing to score with"), "{told}");
    let short = answer("without/a.csv");
    assert_eq!(short.lines().count(), SPIKE + 50);
    assert!(
        whole.starts_with(&short),
        "no score looks ahead, and labels change none"
    );
}

#[test]
fn what_is_no_case_is_refused_with_what_to_do() {
    let place = shop_logs();
    let place = place.path();
    let refusals = [
        (
            &["logs", "nowhere"][..],
            "name the folder that holds suite.json",
        ),
        (
            &["series", "nowhere"],
            "name the folder that holds the suites of series",
        ),
        (
            &["series", "cases"],
            "expected a suite of kind \"series\", got \"logs\"",
        ),
        (
            &["logs", "cases", "--answers", "cases"],
            "answers would overwrite their labels",
        ),
    ];
    for (arguments, expected) in refusals {
        let told = refused(place, arguments);
        assert!(told.contains(expected), "{told}");
    }
    fs::remove_file(place.join("cases/shop.log")).expect("removed");
    let told = refused(place, &["logs", "cases"]);
    assert!(
        told.contains("neither shop.log.gz nor shop.log is there"),
        "{told}"
    );

    let broken = shop_series();
    let at = broken.path().join("cases/shop/a.csv");
    fs::write(at, "timestamp,value\n2024-01-01T00:00:00Z,1\nyesterday,2\n").expect("written");
    let output = eval(broken.path(), &["series", "cases"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("a.csv:3") && told.contains("RFC 3339"),
        "{told}"
    );
}

/// A folder of the recorded cases; none, and it is said, where they are not there.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(SHARED).join(name);
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn templates_of_the_recorded_logs_are_found() {
    let Some(folder) = shared("logs") else { return };
    let place = tempfile::tempdir().expect("a folder");
    let scores = json(place.path(), &["logs", &folder.to_string_lossy()]);
    let mean = &scores["mean"]["scores"];
    for (figure, least) in [("ga", 0.90), ("fga", 0.85), ("pa", 0.60), ("fta", 0.60)] {
        assert!(mean[figure].as_f64() >= Some(least), "{figure}: {mean}");
    }
}

#[test]
fn anomalies_of_the_recorded_series_are_found() {
    let Some(folder) = shared("series/cloud-monitoring") else {
        return;
    };
    let place = tempfile::tempdir().expect("a folder");
    let scores = json(place.path(), &["series", &folder.to_string_lossy()]);
    let figure = &scores["suites"][0]["figures"][0];
    let best = |of: &str| figure[of]["best"].as_f64().expect("a figure");
    assert!(best("scores") > best("baseline") + 0.1, "{figure}");
}
