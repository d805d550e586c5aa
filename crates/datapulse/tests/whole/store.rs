//! `datapulse store`, on a folder by itself and beside the server that holds it.

use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Server, wait};
use crate::{shows, story};

fn documents(numbers: std::ops::Range<u64>) -> String {
    let lines = numbers.map(|number| {
        let action = json!({"create": {"_index": "logs-application", "_id": format!("l{number}")}});
        let document =
            json!({"@timestamp": "2001-01-10T13:00:00Z", "message": format!("line {number}")});
        format!("{action}\n{document}\n")
    });
    lines.collect()
}

fn count(place: &Place, data: &str) -> String {
    let query = [
        "query",
        "FROM logs-* | STATS n = COUNT(*)",
        "--format",
        "csv",
        "--data",
        data,
    ];
    place.done(&query).out
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_verifies_backs_up_and_restores_while_it_serves() {
    let place = Place::new();
    story::write(&place).await;
    let server = Server::start(&place);
    let answer = server.bulk(&documents(0..500)).await;
    assert_eq!(answer.body["errors"], false, "{answer}");
    for deep in [&["store", "verify"][..], &["store", "verify", "--deep"]] {
        let said = place.done(deep);
        assert!(said.out.starts_with("whole: looked at "), "{said}");
        assert!(said.out.contains("batches in "), "{said}");
    }
    let first = place.json(&["store", "backup", "saved", "-o", "json"]);
    assert_eq!(first["missing"], json!([]));
    server.bulk(&documents(500..600)).await;
    place.done(&["store", "backup", "saved"]);
    server.bulk(&documents(600..700)).await;
    let before = count(&place, "data");
    server.kill();
    assert!(before.contains("700"), "{before}");
    let restored = place.json(&["store", "restore", "saved", "--data", "back", "-o", "json"]);
    assert_eq!(restored["restored"], true);
    assert!(count(&place, "back").contains("600"), "as of the backup");
    place.done(&["audit", "verify", "--data", "back"]);
    place.done(&["store", "verify", "--data", "back", "--deep"]);
    place.done(&["store", "verify", "--data", "saved"]);
    let again = place.run(&["store", "restore", "saved", "--data", "back"]);
    assert_eq!(again.code, 1, "{again}");
    shows!("restore into what is there", again.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_are_the_same_with_and_without_a_server() {
    let place = Place::new();
    story::write(&place).await;
    let commands: [&[&str]; 3] = [
        &["store", "stats", "-o", "json"],
        &[
            "store",
            "stats",
            "--sort",
            "-documents",
            "--limit",
            "2",
            "-o",
            "json",
        ],
        &[
            "store",
            "stats",
            "--index",
            "metrics-*,incidents",
            "-o",
            "json",
        ],
    ];
    let indices = |place: &Place| commands.map(|command| place.json(command)["items"].clone());
    let server = Server::start(&place);
    let served = indices(&place);
    assert_eq!(served[1].as_array().map(Vec::len), Some(2));
    let wrong = place.run(&["store", "stats", "--sort", "size"]);
    assert_eq!(wrong.code, 2, "{wrong}");
    server.kill();
    assert_eq!(indices(&place), served);
    let said = place.done(&["store", "stats", "--index", "metrics-*,incidents"]);
    assert!(said.out.contains("2 of 2 indices"), "{said}");
    let again = place.run(&["store", "stats", "--sort", "size"]);
    assert_eq!((again.code, again.err), (2, wrong.err));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_what_is_wrong_and_ends_with_3() {
    let place = Place::new();
    story::write(&place).await;
    shows!("verify whole", place.done(&["store", "verify"]).to_string());
    let anchors = place.data().join("anchors.log");
    let text = std::fs::read_to_string(&anchors).expect("reads");
    std::fs::write(&anchors, text.replacen("\"seq\":1", "\"seq\":9", 1)).expect("writes");
    std::fs::write(place.data().join("segments/7.parquet"), "half").expect("writes");
    let said = place.run(&["store", "verify"]);
    assert_eq!(said.code, 3, "{said}");
    shows!("verify faults", said.to_string());
    let said = place.run(&["store", "verify", "-o", "json"]);
    assert_eq!(said.code, 3, "{said}");
    let found: Value = said.json();
    assert_eq!(found["whole"], false);
    assert!(
        found["faults"][0]["place"]
            .as_str()
            .is_some_and(|place| place.ends_with("anchors.log")),
        "{found}"
    );
}

#[test]
fn what_can_not_be_is_said() {
    let place = Place::new();
    for command in [&["store", "verify"][..], &["store", "backup", "saved"]] {
        let said = place.run(command);
        assert_eq!(said.code, 1, "{said}");
        assert!(said.err.contains("there is no truth.db in it"), "{said}");
    }
    assert!(!place.path().join("saved").exists(), "nothing was made");
    place.write(
        "datapulse.toml",
        "[backends]\nstore = \"https://elasticsearch:9200\"\n",
    );
    let said = place.run(&["store", "backup", "saved"]);
    assert_eq!(said.code, 2, "{said}");
    shows!("backup of a cluster", said.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_put_together_by_the_server_and_without_one() {
    let place = Place::new();
    story::write(&place).await;
    let server = Server::start(&place);
    for round in 0..3 {
        server
            .bulk(&documents(round * 100..round * 100 + 100))
            .await;
        // Each round of work goes to segments of its own.
        place.json(&["store", "compact", "--index", "traces-*", "-o", "json"]);
        let body = json!({ "index": "nothing" });
        server.post("/store/compact", &body).await;
    }
    let segments = |place: &Place| {
        let page = place.json(&["store", "stats", "--index", "logs-*", "-o", "json"]);
        (
            page["items"][0]["segments"].as_u64(),
            page["documents"].as_u64(),
        )
    };
    let before = segments(&place);
    assert!(before.0 > Some(1), "{before:?}");
    let viewer = server.token("reads", "viewer", false).await;
    let refused = server
        .bare(reqwest::Method::POST, "/api/datapulse/v1/store/compact")
        .bearer_auth(viewer);
    let refused = crate::server::Answer::of(refused.json(&json!({}))).await;
    assert_eq!(refused.status, 403, "{refused}");
    let done = place.json(&["store", "compact", "-o", "json"]);
    assert!(
        done["segments_after"].as_u64() < done["segments_before"].as_u64(),
        "{done}"
    );
    assert_eq!(segments(&place), (Some(1), before.1));
    server.bulk(&documents(300..400)).await;
    server.kill();
    let said = place.done(&["store", "compact", "--index", "logs-*"]);
    assert!(said.out.contains("are 1 now"), "{said}");
    assert!(count(&place, "data").contains("400"));
    place.done(&["store", "verify", "--deep"]);
    let said = place.done(&["store", "compact"]);
    assert!(said.out.contains("in order already"), "{said}");
}

/// The clock is the machine's; what differs is what it said before.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumped_deletes_nothing_and_doctor_says_so() {
    let place = Place::new();
    story::write(&place).await;
    place.write(
        "datapulse.toml",
        "[[retention.index]]\npattern = \"metrics-*\"\ndays = 7\n",
    );
    let documents = |place: &Place| {
        let page = place.json(&["store", "stats", "--index", "metrics-*", "-o", "json"]);
        page["documents"].as_u64().expect("a number")
    };
    let told = |place: &Place| {
        let said = place.run(&["doctor"]);
        let lines = said.out.lines().map(str::to_owned);
        lines
            .filter(|line| line.contains(" retention: "))
            .collect::<String>()
    };
    let before = documents(&place);
    assert!(before > 0);
    // All documents are of 2001, and so was the clock, as far as anybody knows.
    let server = Server::start(&place);
    let said = wait(|| Some(told(&place)).filter(|said| said.contains("last looked at")));
    assert!(said.contains("nothing is deleted by it"), "{said}");
    assert!(
        said.starts_with("note") && said.contains("metrics-* is kept for 7 days"),
        "{said}"
    );
    assert_eq!(documents(&place), before);
    server.kill();
    // Documents of today confirm it.
    let server = Server::start(&place);
    let now = casework::Clock::wall().now();
    let action = json!({"create": {"_index": "logs-application"}});
    let today = json!({"@timestamp": now.to_string(), "message": "today"});
    let answer = server.bulk(&format!("{action}\n{today}\n")).await;
    assert_eq!(answer.body["errors"], false, "{answer}");
    server.kill();
    let server = Server::start(&place);
    wait(|| Some(told(&place)).filter(|said| said.contains("documents of metrics-*")));
    assert_eq!(documents(&place), 0, "seven days old");
    server.kill();
    place.done(&["audit", "verify"]);
}

/// Bytes that go bad under a server: the rest answers, and says what it lacks.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_told_by_answers_doctor_and_stats() {
    let place = Place::new();
    story::write(&place).await;
    let server = Server::start(&place);
    server.bulk(&documents(0..100)).await;
    place.done(&["store", "compact"]);
    server.kill();
    let catalog = rusqlite::Connection::open(place.data().join("truth.db")).expect("opens");
    let named = "SELECT file FROM segments WHERE index_name = 'logs-application'";
    let file: String = catalog
        .query_row(named, [], |row| row.get(0))
        .expect("is there");
    drop(catalog);
    let of_logs = place.data().join("segments").join(file);
    let mut bytes = std::fs::read(&of_logs).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&of_logs, bytes).expect("writes");
    let server = Server::start(&place);
    for _ in 0..2 {
        let body = json!({ "query": "FROM logs-*,metrics-* | STATS n = COUNT(*)" });
        let request = server
            .bare(reqwest::Method::POST, "/_query")
            .bearer_auth(&server.token);
        let answer = crate::server::Answer::of(request.json(&body)).await;
        assert_eq!(answer.status, 200, "{answer}");
        let warning = answer.header("warning");
        assert!(
            warning.contains("the answer lacks documents") && warning.contains("wrong checksum"),
            "{warning}"
        );
        assert_eq!(answer.body["is_partial"], true, "{answer}");
        assert_eq!(answer.body["values"], json!([[5]]), "the rest answers");
    }
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 3, "{doctor}");
    let bad = doctor
        .out
        .lines()
        .find(|line| line.starts_with("BAD"))
        .expect("a line");
    assert!(
        bad.contains("damaged: ") && bad.contains("with 100 documents"),
        "{bad}"
    );
    let stats = place.json(&["store", "stats", "-o", "json"]);
    assert_eq!(
        stats["damaged"].as_array().map(Vec::len),
        Some(1),
        "{stats}"
    );
    let backup = place.json(&["store", "backup", "saved", "-o", "json"]);
    assert_eq!(
        backup["missing"],
        json!([]),
        "what was set aside is no part of the store any more"
    );
}
