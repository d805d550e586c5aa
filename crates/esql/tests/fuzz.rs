//! A seeded sample of what `cargo xtask soak fuzz` runs in full.

#[allow(dead_code, reason = "the differential fuzzer uses the rest")]
#[path = "../examples/differential/grammar.rs"]
mod grammar;
#[allow(dead_code, reason = "the runner of recorded answers uses the rest")]
#[path = "../examples/conformance/harness.rs"]
mod harness;
#[path = "../examples/fuzz/runs.rs"]
mod runs;

const SEED: u64 = 20_261_124;

#[test]
fn no_text_breaks_the_parser() {
    let ended = runs::parser(SEED, 20_000);
    assert!(ended.faults.is_empty(), "{}", ended.faults.join("\n"));
}

#[test]
fn no_query_of_the_grammar_breaks_the_planner() {
    let ended = runs::planner(SEED, 1_000);
    assert!(ended.faults.is_empty(), "{}", ended.faults.join("\n"));
}
