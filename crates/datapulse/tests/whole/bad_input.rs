//! What is damaged, wrong, in use or full: each says what, where and what to do, with its exit code.

use std::fs;
use std::os::unix::fs::FileExt;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::command::{Place, Said};
use crate::server::{Answer, Server, read};
use crate::{shows, story};

#[test]
fn a_configuration_that_cant_be_meant_so() {
    let place = Place::new();
    let mut said = String::new();
    for text in [
        "[backends]\nstore = embedded:data\n",
        "[backends]\nstor = \"embedded:data\"\n",
        "[backends]\n\nstore = \"elastic\"\n",
        "[backends]\nbus = \"kafka://kafka:9092\"\n",
        "[server]\nlisten = \"5610\"\n",
        "[sentinel]\ninterval_ms = \"often\"\n",
        "[sentinel]\nneeded = 9\n",
        "[policy]\ntier = { rollback = \"tiny\" }\n",
        "[runner]\nkind = \"control-api\"\nurl = \"shop\"\n",
        "[[webhook]]\nname = \"chat\"\nurl = \"ftp://chat\"\nsecret_env = \"S\"\n",
        "[[webhook]]\nname = \"chat\"\n",
    ] {
        place.write("datapulse.toml", text);
        let run = place.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(run.code, 2, "{run}");
        assert!(run.err.contains("datapulse.toml:"), "{run}");
        said.push_str(&format!("{}\n{}\n", text.trim_end(), run.err));
    }
    shows!("configurations refused", said);
    place.write("datapulse.toml", "[[webhook]]\nname = \"chat\"\nurl = \"http://127.0.0.1:1/\"\nsecret_env = \"NOT_SET_ANYWHERE\"\n");
    shows!(
        "secret not set",
        place.run(&["serve", "--listen", "127.0.0.1:0"]).to_string()
    );
    shows!(
        "no such configuration",
        place.run(&["doctor", "--config", "none.toml"]).to_string()
    );
}

#[test]
fn wrong_use() {
    let place = Place::new();
    let mut said = String::new();
    for command in [
        &["serve", "--listen", "localhost"][..],
        &["serve", "--no-auth", "--listen", "0.0.0.0:0"],
        &["serve", "sentinel"],
        &["serve", "sentinal"],
        &["demo", "--fault", "gremlins"],
        &["token", "create", "x", "--role", "king"],
        &["token", "create", "x", "--role", "agent", "--person"],
        &["token", "create", "x", "--days", "0"],
        &["investigate", "--at", "yesterday"],
        &["query", "ROW a = ?x", "--param", "x"],
        &["tools", "run", "service_check", "--from", "noon"],
        &["incident", "lst"],
        &["incident", "close", "INC-200101-000000000000"],
    ] {
        let run = place.run(command);
        assert_eq!(run.code, 2, "{run}");
        said.push_str(&format!("{run}\n"));
    }
    shows!("wrong use", said);
    assert!(!place.data().exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_cant_be_answered() {
    let place = Place::new();
    story::write(&place).await;
    let commands: [(&[&str], i32); 8] = [
        (&["query", "FROM metrics-system | WHER x == 1"], 2),
        (
            &["query", "FROM metrics-system | WHERE service.nam == \"a\""],
            2,
        ),
        (&["query", "ROW a = ?b"], 2),
        (
            &["tools", "run", "service_check", "--param", "service=7"],
            2,
        ),
        (&["tools", "run", "none"], 1),
        (&["incident", "show", "INC-200101-000000000000"], 1),
        (&["incident", "show", "42"], 1),
        (&["incident", "list", "--status", "odd"], 2),
    ];
    let ask = |said: &mut String| {
        for (command, code) in commands {
            let run = place.run(command);
            assert_eq!(run.code, code, "{run}");
            said.push_str(&format!("{run}\n"));
        }
    };
    let (mut alone, mut served) = (String::new(), String::new());
    ask(&mut alone);
    shows!("questions refused", alone.clone());
    let server = Server::start(&place);
    ask(&mut served);
    drop(server);
    assert_eq!(alone, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_or_a_port_in_use() {
    let place = Place::new();
    let server = Server::start(&place);
    let second = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 1, "{second}");
    assert!(
        second
            .err
            .contains("the data folder is in use by the datapulse process"),
        "{second}"
    );
    assert!(second.err.contains(&server.pid().to_string()), "{second}");
    // The first one is still found: the second has touched nothing of it.
    assert_eq!(server.get("/me").await.status, StatusCode::OK);
    place.done(&["incident", "list", "-o", "json"]);
    let address = server.url.strip_prefix("http://").expect("http");
    let other = Place::new();
    let taken = other.run(&["serve", "--listen", address]);
    assert_eq!(taken.code, 1, "{taken}");
    shows!("port in use", taken.to_string());
    // A token is made by the server where there is one, and audit reads beside it.
    place.done(&["token", "create", "x"]);
    place.done(&["audit", "verify"]);
}

#[test]
fn a_folder_of_another_version_or_of_something_else() {
    let place = Place::new();
    fs::create_dir(place.data()).expect("is made");
    fs::write(place.data().join("format"), "datapulse 9\n").expect("is written");
    let mut said = String::new();
    let mut run = |arguments: &[&str], code: i32| {
        let run = place.run(arguments);
        assert_eq!(run.code, code, "{run}");
        said.push_str(&format!("{run}\n"));
    };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    run(&serve, 1);
    fs::remove_file(place.data().join("format")).expect("is removed");
    fs::write(place.data().join("truth.db"), "somebody's own file").expect("is written");
    run(&serve, 1);
    fs::write(
        place.data().join("format"),
        format!("{}\n", store::embedded::FORMAT),
    )
    .expect("is written");
    run(&serve, 1);
    run(&["incident", "list"], 1);
    run(&["doctor"], 3);
    shows!("folders refused", said);
}

#[test]
fn documents_of_a_folder_that_cant_be_read() {
    let place = Place::new();
    let mut said = String::new();
    for (name, text) in [
        (
            "metrics-system.ndjson",
            "{\"@timestamp\":\"2001-01-10T13:00:00Z\",\"n\":1}\n{\"@timestamp\":\n",
        ),
        ("metrics-system.ndjson", "{\"n\":1}\n"),
        ("metrics-system.ndjson", "[1]\n"),
        ("metrics-system.ndjson.gz", "not gzip"),
        ("notes.txt", "no documents"),
    ] {
        let docs = place.path().join("docs");
        let _ = fs::remove_dir_all(&docs);
        fs::create_dir(&docs).expect("is made");
        fs::write(docs.join(name), text).expect("is written");
        let run = place.run(&["query", "FROM metrics-*", "--import", "docs"]);
        assert_eq!(run.code, 1, "{run}");
        said.push_str(&format!("{name} {text:?}\n{}\n", run.err));
    }
    shows!("imports refused", said);
}

/// Ends the server without a word after it has acknowledged documents.
async fn killed_after(place: &Place, documents: usize) {
    let server = Server::start(place);
    for number in 0..documents {
        let line = format!(
            "{{\"create\":{{\"_index\":\"logs-application\",\"_id\":\"d{number}\"}}}}\n{{\"@timestamp\":\"2001-01-10T13:00:00Z\",\"n\":{number}}}\n"
        );
        assert_eq!(server.bulk(&line).await.body["errors"], false);
    }
    server.kill();
}

fn count(place: &Place) -> Said {
    place.done(&[
        "query",
        "FROM logs-application | STATS n = COUNT(*)",
        "--format",
        "csv",
    ])
}

fn newest_file(place: &Place, folder: &str) -> std::path::PathBuf {
    let entries = fs::read_dir(place.data().join(folder)).expect("is a folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("is read").path())
        .collect();
    files.sort();
    files.pop().expect("holds a file")
}

fn keep_old_telemetry(place: &Place) {
    place.write("datapulse.toml", "[retention]\ntelemetry_days = 0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_log_costs_nothing_acknowledged() {
    let place = Place::new();
    keep_old_telemetry(&place);
    killed_after(&place, 3).await;
    let log = newest_file(&place, "log");
    let whole = fs::read(&log).expect("is read");
    // Half a record after the last one that was acknowledged.
    let file = fs::OpenOptions::new()
        .append(true)
        .open(&log)
        .expect("opens");
    file.write_all_at(&whole[..40], whole.len() as u64)
        .expect("is written");
    assert_eq!(count(&place).out, "n\r\n3\r\n");
    let server = Server::start(&place);
    assert_eq!(count(&place).out, "n\r\n3\r\n");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_named_and_set_aside() {
    let place = Place::new();
    keep_old_telemetry(&place);
    killed_after(&place, 3).await;
    let log = newest_file(&place, "log");
    let bytes = fs::read(&log).expect("is read");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&log)
        .expect("opens");
    let middle = bytes.len() / 2;
    file.write_all_at(&[bytes[middle] ^ 0xff], middle as u64)
        .expect("is written");
    drop(file);
    let server = Server::start(&place);
    let said = read(&place.path().join("serve.err"));
    assert!(
        said.contains("DAMAGED") && said.contains("set aside"),
        "{said}"
    );
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 3, "{doctor}");
    assert!(
        doctor.out.contains("BAD   data folder") && doctor.out.contains("set aside"),
        "{doctor}"
    );
    assert_eq!(
        count(&place).out,
        "n\r\n2\r\n",
        "what is whole is still there"
    );
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_named_and_the_rest_is_answered() {
    let place = Place::new();
    story::write(&place).await;
    let segment = newest_file(&place, "segments");
    let length = fs::metadata(&segment).expect("is there").len();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&segment)
        .expect("opens");
    file.set_len(length / 2).expect("is cut");
    drop(file);
    let server = Server::start(&place);
    let said = read(&place.path().join("serve.err"));
    assert!(
        said.contains("DAMAGED") && said.contains("segment of metrics-system"),
        "{said}"
    );
    let page = server.get("/incidents").await;
    assert_eq!(page.body["total"], 1, "{page}");
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 3, "{doctor}");
    drop(server);
}

/// The system itself refuses to let a file grow: what was acknowledged stays, what comes is
/// refused so that shippers keep it, and small things go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let place = Place::new();
    keep_old_telemetry(&place);
    let server = Server::start_in(&place, "trap '' XFSZ; ulimit -f 4000; exec \"$0\" \"$@\"");
    let document = |number: usize, filler: &str| {
        format!(
            "{{\"create\":{{\"_index\":\"logs-application\",\"_id\":\"d{number}\"}}}}\n{{\"@timestamp\":\"2001-01-10T13:00:00Z\",\"message\":\"{filler}\"}}\n"
        )
    };
    assert_eq!(
        server.bulk(&document(0, "small")).await.body["errors"],
        false
    );
    let large: String = (1..20_000)
        .map(|number| document(number, &format!("{number:0200}")))
        .collect();
    let refused = server.bulk(&large).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused}");
    let reason = refused.body["error"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("free space on the disk"), "{reason}");
    let otlp = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": (0..9_000).map(|number| json!({
        "timeUnixNano": "1768050000000000000", "body": { "stringValue": format!("{number:0400}") } })).collect::<Vec<_>>() }] }] });
    let otlp = server
        .bare(Method::POST, "/v1/logs")
        .bearer_auth(&server.token)
        .json(&otlp);
    let otlp = Answer::of(otlp).await;
    assert_eq!(otlp.status, StatusCode::SERVICE_UNAVAILABLE, "{otlp}");
    assert_eq!(
        server.bulk(&document(1, "small")).await.body["errors"],
        false
    );
    server.kill();
    assert_eq!(
        count(&place).out,
        "n\r\n2\r\n",
        "all that was acknowledged, and nothing else"
    );
}
