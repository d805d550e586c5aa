//! Help, output and exit codes, as people see them.

use crate::command::Place;
use crate::server::{Server, wait};
use crate::{shows, story};

/// Every command, and the groups' own commands.
const HELP: [&[&str]; 23] = [
    &[],
    &["demo"],
    &["serve"],
    &["doctor"],
    &["investigate"],
    &["incident"],
    &["action"],
    &["audit"],
    &["query"],
    &["tools"],
    &["runbook"],
    &["eval"],
    &["eval", "logs"],
    &["eval", "series"],
    &["token"],
    &["store"],
    &["store", "verify"],
    &["store", "stats"],
    &["store", "compact"],
    &["store", "backup"],
    &["store", "restore"],
    &["store", "setup"],
    &["completion"],
];

#[test]
fn help() {
    let place = Place::new();
    for command in HELP {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let name = format!("help {}", command.join(" "));
        shows!(name.trim(), place.done(&arguments).to_string());
    }
}

#[test]
fn a_completion_script_needs_no_configuration() {
    let place = Place::new();
    place.write("datapulse.toml", "damaged [");
    for shell in ["bash", "zsh", "fish"] {
        let said = place.done(&["completion", shell]);
        assert!(said.out.contains("datapulse"), "{said}");
    }
}

#[test]
fn without_a_folder_reading_says_what_to_do() {
    let place = Place::new();
    for command in [
        &["incident", "list"][..],
        &["query", "FROM incidents"],
        &["audit", "verify"],
        &["token", "list"],
        &["tools", "run", "detect_anomalies"],
    ] {
        let said = place.run(command);
        assert_eq!(said.code, 1, "{said}");
        assert!(said.err.contains("there is no data folder data"), "{said}");
    }
    shows!("no folder", place.run(&["incident", "list"]).to_string());
    shows!(
        "no server",
        place
            .run(&["incident", "note", "INC-200101-000000000000", "x"])
            .to_string()
    );
    assert!(!place.data().exists(), "reading makes nothing");
}

/// What is read, from the folder itself and through the server that holds it, is the same.
#[tokio::test(flavor = "multi_thread")]
async fn reading_with_and_without_a_server_is_the_same() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let commands: Vec<Vec<&str>> = vec![
        vec!["incident", "list"],
        vec!["incident", "list", "--status", "resolved"],
        vec!["incident", "show", &id],
        vec!["incident", "records", &id],
        vec!["incident", "evidence", &id, "F1"],
        vec!["action", "list", &id],
        vec![
            "tools",
            "run",
            "service_check",
            "--from",
            story::FROM,
            "--to",
            story::TO,
            "--param",
            "service=checkout",
        ],
        vec![
            "query",
            "FROM metrics-system | STATS n = COUNT(*), at = MAX(@timestamp) BY service.name",
        ],
        vec![
            "query",
            "ROW a = 1 / 0 | EVAL b = a + ?x",
            "--param",
            "x=2",
            "--format",
            "csv",
        ],
        vec!["runbook", "list"],
        vec!["runbook", "search", "error rate after a deployment"],
        vec!["audit", "verify", "--anchors"],
    ];
    let alone: Vec<String> = commands
        .iter()
        .map(|command| place.done(command).to_string())
        .collect();
    let json: Vec<_> = commands
        .iter()
        .map(|command| as_json(&place, command))
        .collect();
    shows!("reading", alone.join("\n"));
    let server = Server::start(&place);
    for ((command, said), value) in commands.iter().zip(&alone).zip(&json) {
        if command[0] == "audit" {
            // The server has written more anchors by now.
            place.done(command);
            continue;
        }
        assert_eq!(&place.done(command).to_string(), said);
        assert_eq!(&as_json(&place, command), value);
    }
    drop(server);
}

fn as_json(place: &Place, command: &[&str]) -> serde_json::Value {
    let mut arguments = command.to_vec();
    arguments.extend(["-o", "json"]);
    let mut value = place.json(&arguments);
    for key in ["took", "elapsed_ms"] {
        if let Some(object) = value.as_object_mut() {
            object.remove(key);
        }
    }
    value
}

#[test]
fn what_needs_no_folder() {
    let place = Place::new();
    for command in [
        &["tools", "list"][..],
        &["tools", "show", "detect_anomalies"],
        &["runbook", "show", "bad-deploy"],
        &["doctor"],
    ] {
        let said = place.run(command);
        let value = place.run(&[command, &["-o", "json"]].concat());
        assert_eq!(said.code, value.code, "{said}");
        assert!(value.json().is_object() || value.json().is_array());
    }
    shows!("out doctor", place.done(&["doctor"]).to_string());
    let faults = place.done(&["demo", "--list"]).out;
    assert!(faults.lines().count() >= 8, "{faults}");
    assert!(
        faults
            .lines()
            .all(|line| line.chars().all(|c| c.is_ascii_lowercase() || c == '-')),
        "{faults}"
    );
}

/// Marks and decisions go through the server, with the caller's own token.
#[tokio::test(flavor = "multi_thread")]
async fn marks_and_decisions() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let secret = place.json(&[
        "token",
        "create",
        "grace",
        "--role",
        "responder",
        "--person",
        "-o",
        "json",
    ]);
    let secret = secret["secret"].as_str().expect("a secret");
    let as_grace = |arguments: &[&str]| place.done(&[arguments, &["--token", secret]].concat());
    let mut said = String::new();
    for command in [
        &["incident", "acknowledge", &id, "--note", "looking"][..],
        &["incident", "acknowledge", &id, "--owner", "ada"],
        &["incident", "note", &id, "the deploy is mine"],
        &[
            "incident",
            "severity",
            &id,
            "critical",
            "--reason",
            "checkout earns the money",
        ],
        &["action", "reject", &id, "P1", "--reason", "I roll forward"],
        &["incident", "close", &id, "--reason", "a test of alarms"],
        &["incident", "reopen", &id, "--reason", "it was none"],
    ] {
        let done = as_grace(command);
        said.push_str(&format!("{}{}\n", done.out, done.err));
    }
    shows!("marks", said);
    let page = server.get(&format!("/incidents/{id}/records")).await.body;
    let by_grace: Vec<&str> = page["items"]
        .as_array()
        .expect("records")
        .iter()
        .filter(|item| item["record"]["actor"]["name"] == "grace")
        .map(|item| item["record"]["event"]["kind"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        by_grace,
        [
            "acknowledged",
            "acknowledged",
            "note_added",
            "severity_changed",
            "decided",
            "closed",
            "reopened"
        ]
    );
    let incident = server.get(&format!("/incidents/{id}")).await.body;
    assert_eq!(incident["owner"], "ada");
    assert_eq!(incident["severity"], "critical");
}

/// What a viewer's token may not do, the command line can't do with it either.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_its_callers_token() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let viewer = server.token("vic", "viewer", true).await;
    place.done(&["incident", "show", &id, "--token", &viewer]);
    for command in [
        &["incident", "note", &id, "x"][..],
        &["action", "approve", &id, "P1"],
        &["token", "list"],
    ] {
        let said = place.run(&[command, &["--token", &viewer]].concat());
        assert_eq!(said.code, 1, "{said}");
        assert!(said.err.contains("this needs the scope"), "{said}");
    }
}

#[test]
fn the_address_is_for_its_owner_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let server = Server::start(&place);
    let file = place.data().join("server.json");
    let mode = std::fs::metadata(&file)
        .expect("is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(server.said().contains("/login?code="), "{}", server.said());
    let pid = server.pid().to_string();
    std::process::Command::new("kill")
        .arg(&pid)
        .status()
        .expect("signals");
    wait(|| (!file.exists()).then_some(()));
    drop(server);
    let said = place.done(&["incident", "list"]);
    assert_eq!(said.out, "no incidents\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_named_and_makes_audit_say_no() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let database = rusqlite::Connection::open(place.data().join("truth.db")).expect("opens");
    let flip = "UPDATE records SET bytes = CAST(replace(CAST(bytes AS TEXT), 'D-17', 'D-18') AS BLOB) WHERE incident = ?1 AND seq = 3";
    assert_eq!(database.execute(flip, [&id]).expect("is written"), 1);
    drop(database);
    let said = place.run(&["audit", "verify"]);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.out.contains(&format!("{id}:3")), "{said}");
    shows!("audit says no", said.to_string());
    let value = place.run(&["audit", "verify", "-o", "json"]).json();
    assert_eq!(value["intact"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_holds_no_more_exits_3() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let late = format!(
        "{{\"create\":{{\"_index\":\"metrics-system\"}}}}\n{{\"@timestamp\":\"{}\",\"service.name\":\"checkout\",\"request_count\":1,\"error_count\":1}}\n",
        story::FROM
    );
    assert_eq!(server.bulk(&late).await.body["errors"], false);
    let said = place.run(&["incident", "evidence", &id, "E1"]);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.out.starts_with("E1: differs"), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_datapulse");
    let script = format!("set -o pipefail; '{program}' tools list -o json | head -c 1 >/dev/null");
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(place.path())
        .output()
        .expect("starts");
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// What takes longer than a second says so on stderr, and stdout stays the answer's.
#[test]
fn waiting_is_said() {
    let place = Place::new();
    // Takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    std::fs::create_dir(place.data()).expect("is made");
    let pid = std::process::id();
    let text = format!("{{\"url\":\"http://{address}\",\"pid\":{pid},\"token\":null}}");
    std::fs::write(place.data().join("server.json"), text).expect("is written");
    let child = place
        .datapulse(&["incident", "list"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let child = child.expect("starts");
    std::thread::sleep(std::time::Duration::from_millis(1_900));
    drop(silent);
    let output = child.wait_with_output().expect("ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.starts_with("waiting for the server: 1 s\n"), "{err}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

/// Documents of a shop of two services: one fails after a deploy, the other is well.
fn shop(place: &Place) {
    let mut metrics = String::new();
    let at = |minute: i64| {
        let start = model::Timestamp::parse("2001-01-10T12:00:00Z").expect("a time");
        start.plus_ms(minute * 60_000)
    };
    for minute in 0..65 {
        for service in ["checkout", "catalog"] {
            let errors = if service == "checkout" && minute >= 60 {
                120
            } else {
                minute % 3
            };
            let line = serde_json::json!({ "@timestamp": at(minute), "service.name": service,
                "request_count": 800 + minute % 7, "error_count": errors, "latency": 80 + minute % 5 });
            metrics.push_str(&format!("{line}\n"));
        }
    }
    let deploy = serde_json::json!({ "@timestamp": at(59), "service.name": "checkout", "deployment.id": "D-17",
        "deployment.kind": "deploy", "service.version": "2.0.1", "description": "a new basket" });
    std::fs::create_dir(place.path().join("docs")).expect("is made");
    place.write("docs/metrics-system.ndjson", &metrics);
    place.write("docs/deployments-shop.ndjson", &format!("{deploy}\n"));
}

#[test]
fn a_failure_is_explained_without_any_server() {
    let place = Place::new();
    shop(&place);
    let asked = [
        "investigate",
        "--import",
        "docs",
        "--service",
        "checkout",
        "--at",
        "2001-01-10T13:05:00Z",
    ];
    let said = place.done(&asked);
    assert!(
        said.out.contains("D-17") && said.out.contains("E1"),
        "{said}"
    );
    let report = place.json(&[&asked[..], &["-o", "json"]].concat());
    let first = &report["hypotheses"][0];
    assert_eq!(first["blamed_change"], "D-17", "{report:#}");
    assert!(
        first["supports"]
            .as_array()
            .is_some_and(|evidence| !evidence.is_empty())
    );
    assert!(
        report["ledger"]
            .as_array()
            .is_some_and(|ledger| !ledger.is_empty())
    );
    let counted = place.done(&[
        "query",
        "FROM metrics-* | STATS n = COUNT(*) BY service.name | SORT service.name",
        "--import",
        "docs",
        "--format",
        "csv",
    ]);
    assert_eq!(
        counted.out,
        "n,service.name\r\n65,catalog\r\n65,checkout\r\n"
    );
    assert!(!place.data().exists(), "nothing was made");
    let slip = place.run(&["investigate", "--import", "docs", "--service", "chekout"]);
    assert_eq!(slip.code, 2, "{slip}");
    assert!(slip.err.contains("there are: catalog, checkout"), "{slip}");
}
