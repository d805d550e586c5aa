//! What the past teaches: answers judged, post-mortems, the past replayed.

use crate::command::Place;
use crate::server::Server;
use crate::{shows, story};

/// A person says whether the answer was right; answers are scored, and a post-mortem holds it.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_judged_and_drafted() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let agent = server.token("bot", "admin", false).await;
    let refused = place.run(&["incident", "feedback", &id, "right", "--token", &agent]);
    assert_eq!(refused.code, 1, "{refused}");
    let mut said = String::new();
    for command in [
        &["eval", "feedback"][..],
        &["incident", "feedback", &id, "wrong", "--cause", "H7"],
        &["incident", "feedback", &id, "wrong", "--cause", "H1"],
        &["incident", "feedback", &id, "wrong", "--cause", "god:x"],
        &[
            "incident",
            "feedback",
            &id,
            "wrong",
            "--cause",
            "outside:the bank",
            "--note",
            "their status page said so",
        ],
        &["eval", "feedback"],
        &["incident", "similar", &id],
        &["incident", "postmortem", &id],
    ] {
        let done = place.run(command);
        said.push_str(&format!("$ {}\n{done}\n", command.join(" ")));
    }
    // The feedback's time is now, and with it its record's digest.
    let (before, digest) = said.split_once("digest is `").expect("is told");
    let after = digest.split_once('`').expect("ends").1;
    shows!(
        "answers judged",
        format!("{before}digest is `[digest]`{after}")
    );
    let file = place.path().join("review.md");
    let file = file.to_str().expect("a path");
    place.done(&["incident", "postmortem", &id, "--out", file]);
    let again = place.run(&["incident", "postmortem", &id, "--out", file]);
    assert_eq!(again.code, 1, "a file that is there stays: {again}");
    assert!(again.err.contains("can't be made"), "{again}");
    let text = std::fs::read_to_string(file).expect("was written");
    assert!(text.starts_with("# checkout: error rate"), "{text}");
}

/// The past is replayed with the configured rules and with changed ones, and nothing of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_replayed() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    place.write("rule.toml", "[error_rate]\nglobal = 0.5\n");
    let span = [
        "--since",
        "2001-01-10T12:50:00Z",
        "--until",
        "2001-01-10T13:10:00Z",
    ];
    let whole = [&["backtest", "--rule", "rule.toml"][..], &span].concat();
    shows!("the past replayed", place.run(&whole).to_string());
    let json = place.json(&[&["backtest", "-o", "json"][..], &span].concat());
    let opened = &json["rules"][0]["opened"];
    assert_eq!(opened[0]["known"], id);
    assert_eq!(opened[0]["judged"], "found");
    let listed = place.json(&["incident", "list", "-o", "json"]);
    assert_eq!(listed["total"], 1, "reading made nothing: {listed}");
    for wrong in [
        &["backtest", "--since", "soon"][..],
        &["backtest", "--rule", "nowhere.toml"],
        &["backtest", "--since", "1h", "--until", "2h"],
    ] {
        let said = place.run(wrong);
        assert_ne!(said.code, 0, "{said}");
        assert!(said.err.starts_with("datapulse: --"), "{said}");
    }
}
