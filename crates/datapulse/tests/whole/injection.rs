//! `eval injection` finds nothing with all guards up, and something with each of them down: a suite
//! that can't fail proves nothing.

use std::process::Output;

use serde_json::{Value, json};

use crate::command::Place;

/// One plant that each guard must hold, where it stands in what many channels show.
const PLANTS: [&str; 2] = [
    "<https://evil.example|open> [x](https://evil.example/y) <img src=x> @channel \u{1b}[2J [login|https://evil.example]",
    "=HYPERLINK(\"https://evil.example\") password=Tr0ub4dor&3x",
];
/// Breaks out of a query's text.
const BREAKS_OUT: &str = "x\" OR true | LIMIT 1000 //";

fn run(place: &Place, plants: &str, more: &[&str]) -> Output {
    place.write("plants.jsonl", plants);
    let mut arguments = vec![
        "eval",
        "injection",
        "--plants",
        "plants.jsonl",
        "-o",
        "json",
    ];
    arguments.extend(more);
    place.datapulse(&arguments).output().expect("runs")
}

fn last_line(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|_| {
        panic!("{said}{}", String::from_utf8_lossy(&output.stderr));
    })
}

fn lines(place: &str, texts: &[&str]) -> String {
    let line = |text: &&str| format!("{}\n", json!({ "place": place, "text": text }));
    texts.iter().map(line).collect()
}

fn harms(summary: &Value) -> u64 {
    let counts = summary["without_llm"].as_object().expect("counts");
    counts.values().filter_map(Value::as_u64).sum()
}

#[test]
fn with_all_guards_up_nothing_comes_of_plants() {
    let place = Place::new();
    let mut plants = lines("ticket_comment", &PLANTS);
    plants.push_str(&lines("service_name", &[BREAKS_OUT]));
    let output = run(&place, &plants, &[]);
    let summary = last_line(&output);
    assert_eq!(output.status.code(), Some(0), "{summary}");
    assert_eq!(summary["plants"], 3);
    assert_eq!(summary["reached_sink"], 3);
    assert_eq!(harms(&summary), 0, "{summary}");
    assert_eq!(summary["with_llm"], Value::Null);
}

/// Each in a test of its own, so that they run beside others.
macro_rules! without {
    ($name:ident, $guard:literal, $place:literal, $texts:expr) => {
        #[test]
        fn $name() {
            let place = Place::new();
            let output = run(&place, &lines($place, $texts), &["--without", $guard]);
            let summary = last_line(&output);
            assert_eq!(output.status.code(), Some(3), "{summary}");
            assert!(harms(&summary) > 0, "{summary}");
            assert_eq!(summary["reached_sink"], summary["plants"]);
        }
    };
}

without!(redaction_is_missed, "redaction", "ticket_comment", &PLANTS);
without!(markdown_is_missed, "markdown", "ticket_comment", &PLANTS);
without!(mrkdwn_is_missed, "mrkdwn", "ticket_comment", &PLANTS);
without!(documents_are_missed, "adf", "ticket_comment", &PLANTS);
without!(wiki_is_missed, "wiki", "ticket_comment", &PLANTS);
without!(html_is_missed, "html", "ticket_comment", &PLANTS);
without!(terminal_is_missed, "terminal", "ticket_comment", &PLANTS);
without!(csv_is_missed, "csv", "ticket_comment", &PLANTS);
without!(
    parameters_are_missed,
    "parameters",
    "service_name",
    &[BREAKS_OUT]
);

#[test]
fn bad_plants_are_named() {
    let place = Place::new();
    for (plants, says) in [
        ("", "no plants"),
        ("{\"place\":\"moon\",\"text\":\"x\"}", "plants.jsonl:1"),
    ] {
        let output = run(&place, plants, &[]);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{said}");
    }
}
