//! Queries that a real Elasticsearch has answered. Passing cases may not be lost.

#[path = "../examples/conformance/harness.rs"]
mod harness;

use std::path::{Path, PathBuf};

/// Cases of the whole collection that pass at least: raise it with every gain, never lower it.
const PASSED_AT_LEAST: usize = 1007;

/// The same, of the cases in `tests/recorded`.
const COPIED_PASSED_AT_LEAST: usize = 436;

/// Where the whole collection lies, beside the repository.
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/esql");

/// The part of it that every clone has.
const COPIED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");

fn run(files: &[PathBuf], data: &Path) -> harness::Outcome {
    match harness::run(files, data, None, None) {
        Ok(outcome) => outcome,
        Err(error) => panic!("{error}"),
    }
}

fn no_fewer_than(floor: usize, outcome: &harness::Outcome) {
    println!("{}{}", outcome.failures(), outcome.last_line());
    assert!(
        outcome.passed >= floor,
        "{} pass, {floor} did before:\n{}",
        outcome.passed,
        outcome.report()
    );
}

#[test]
fn recorded_answers_still_agree() {
    let folder = Path::new(BESIDE);
    if !folder.is_dir() {
        eprintln!(
            "skipped: the whole collection is not at {}",
            folder.display()
        );
        return;
    }
    let files = [
        folder.join("answers-8.19.jsonl"),
        folder.join("docs-examples-9.2.csv-spec"),
    ];
    let outcome = run(&files, &folder.join("data"));
    no_fewer_than(PASSED_AT_LEAST, &outcome);
    let (passed, all) = outcome.area("incident");
    assert_eq!(passed, all, "the tools' kind of query must pass whole");
    assert!(all > 0, "there is no case of that kind");
}

/// Differences from a real Elasticsearch that the fuzzer found and that were mended, each set with
/// its data: `tests/differential/<set>`.
#[test]
fn differences_that_were_mended_stay_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let mut passed = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of differences") {
        let set = entry.expect("an entry").path();
        if !set.is_dir() {
            continue;
        }
        let outcome = run(&[set.join("answers.jsonl")], &set.join("data"));
        assert!(outcome.failed.is_empty(), "{}", outcome.report());
        passed += outcome.passed;
    }
    assert!(passed > 100, "only {passed} cases were found");
}

#[test]
fn copied_answers_still_agree() {
    let folder = Path::new(COPIED);
    let outcome = run(&[folder.join("answers.jsonl")], &folder.join("data"));
    no_fewer_than(COPIED_PASSED_AT_LEAST, &outcome);
}
