//! Documents into files and out of them: with a server, by its address, and on the folder alone.

use std::fs;

use serde_json::{Value, json};

use crate::command::{Place, Said};
use crate::intake::ask;
use crate::server::Server;
use crate::shows;

/// More than two pages.
const DOCUMENTS: usize = 12_000;

/// Ten documents share a moment, so that pages end within one; some have no time at all.
fn document(number: usize) -> Value {
    let at = 1_768_050_000_000_u64 + number as u64 / 10;
    let mut document = json!({
        "_id": format!("d-{number:05}"), "number": number, "share": number as f64 / 8.0, "even": number.is_multiple_of(2),
        "host": { "ip": format!("10.0.{}.{}", number / 250, number % 250) }, "message": "it's \"quoted\", with, commas\nand lines",
    });
    if !number.is_multiple_of(100) {
        document["@timestamp"] = at.into();
    }
    if number.is_multiple_of(7) {
        document["tags"] = json!(["a", format!("t-{}", number % 3)]);
    }
    document
}

fn lines(documents: std::ops::Range<usize>) -> String {
    documents
        .map(|number| format!("{}\n", document(number)))
        .collect()
}

fn fine(run: Said) -> Said {
    assert_eq!(run.code, 0, "{run}");
    run
}

const SUMS: &str = "STATS n = COUNT(*), numbers = SUM(number), shares = SUM(share), ips = COUNT_DISTINCT(host.ip, 40000), evens = SUM(CASE(even, 1, 0)), tags = SUM(MV_COUNT(tags)), times = COUNT(@timestamp)";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_imported_again() {
    let place = Place::new();
    fs::write(place.path().join("docs.ndjson"), lines(0..DOCUMENTS)).expect("is written");
    let data = ["--data", "data"];
    let run = |arguments: &[&str]| place.run(&[arguments, &data].concat());
    // Alone on the folder, then again.
    let first = fine(run(&["import", "docs.ndjson", "--index", "docs"]));
    assert_eq!(
        first.out,
        "docs: 12000 stored, 0 already there, 0 refused\n"
    );
    fine(run(&["export", "docs", "--to", "alone.ndjson"]));
    let server = Server::start(&place);
    let again = fine(run(&["import", "docs.ndjson", "--index", "docs"]));
    assert_eq!(
        again.out,
        "docs: 0 stored, 12000 already there, 0 refused\n"
    );
    let sums = ask(&server, &format!("FROM docs | {SUMS}")).await;
    assert_eq!(sums[0][0], DOCUMENTS);
    let url = ["--url", &server.url, "--token", &server.token];
    for (file, index) in [
        ("docs.parquet", "from-parquet"),
        ("again.ndjson", "from-ndjson"),
    ] {
        let arguments = [&["export", "docs", "--to", file][..], &url].concat();
        let exported = fine(run(&arguments));
        assert_eq!(exported.out, format!("{file}: 12000 documents\n"));
        let arguments = [&["import", file, "--index", index][..], &url].concat();
        let imported = fine(run(&arguments));
        assert_eq!(
            imported.out,
            format!("{index}: 12000 stored, 0 already there, 0 refused\n")
        );
        assert_eq!(
            ask(&server, &format!("FROM {index} | {SUMS}")).await,
            sums,
            "{index}"
        );
        let ids = format!("FROM docs, {index} METADATA _id | STATS n = COUNT_DISTINCT(_id, 40000)");
        let ids = ask(&server, &ids).await[0][0].as_u64().unwrap_or(0);
        assert!(
            ids.abs_diff(DOCUMENTS as u64) < 300,
            "{ids} ids in both together"
        );
    }
    let read = |file: &str| fs::read(place.path().join(file)).expect("is there");
    assert_eq!(
        read("alone.ndjson"),
        read("again.ndjson"),
        "folder and server alike"
    );
    let query = "FROM docs | WHERE number < 2 | SORT number | KEEP number, even, message, tags";
    let csv = fine(run(&["export", query, "--to", "-", "--format", "csv"]));
    shows!("exported csv", csv.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_cant_be_imported_are_named() {
    let place = Place::new();
    let _server = Server::start(&place);
    let lines = "{\"n\":1}\n{\"n\":\n\n[1]\n{\"n\":\"many\"}\n{\"n\":2}\n{\"_id\":7}\n";
    fs::write(place.path().join("some.ndjson"), lines).expect("is written");
    fs::write(place.path().join("no.parquet"), "nonsense").expect("is written");
    let data = ["--data", "data"];
    let mut said = String::new();
    for (arguments, code) in [
        (vec!["import", "some.ndjson", "--index", "some"], 1),
        (vec!["import", "some.ndjson", "--index", "some"], 1),
        (vec!["import", "no.parquet", "--index", "some"], 1),
        (vec!["import", "nowhere.ndjson", "--index", "some"], 2),
        (vec!["import", "some.ndjson", "--index", "Bad Name"], 1),
        (
            vec!["import", "some.ndjson", "--index", "some", "--url", "here"],
            2,
        ),
        (vec!["export", "nowhere", "--to", "x.csv"], 2),
        (vec!["export", "some", "--to", "x.xlsx"], 2),
        (
            vec!["export", "some", "--to", "-", "--format", "parquet"],
            2,
        ),
        (vec!["export", "FROM some | NONSENSE", "--to", "x.csv"], 2),
        (vec!["export", "some", "--to", "nowhere/x.csv"], 1),
    ] {
        let run = place.run(&[&arguments[..], &data].concat());
        assert_eq!(run.code, code, "{run}");
        said.push_str(&format!(
            "$ {}\n{}{}\n",
            arguments.join(" "),
            run.out,
            run.err
        ));
    }
    shows!("transfers refused", said);
    assert!(!place.path().join("x.csv").exists());
}

/// A run that was ended goes on with the same command: nothing is doubled, nothing lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_ended_goes_on() {
    let place = Place::new();
    fs::write(
        place.path().join("docs.ndjson"),
        lines(0..DOCUMENTS).replace("\"_id\"", "\"name\""),
    )
    .expect("is written");
    let server = Server::start(&place);
    let arguments = ["import", "docs.ndjson", "--index", "docs", "--data", "data"];
    let mut child = place.datapulse(&arguments).spawn().expect("starts");
    // It is ended somewhere on its way, or is through already: the end must be the same.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let _ = child.kill();
    let _ = child.wait();
    let done = fine(place.run(&arguments));
    assert!(done.out.ends_with("0 refused\n"), "{done}");
    let sums = ask(
        &server,
        "FROM docs | STATS n = COUNT(*), numbers = SUM(number)",
    )
    .await;
    let numbers = DOCUMENTS * (DOCUMENTS - 1) / 2;
    assert_eq!(sums, json!([[DOCUMENTS, numbers]]));
}
