//! Throws texts at the parser and made-up queries at the planner: nothing may panic, nothing may
//! take long.
//!
//! `fuzz parser|planner [--seed N] [--runs N]` prints `N runs, slowest N ms` at its end.

#[allow(dead_code, reason = "the differential fuzzer uses the rest")]
#[path = "differential/grammar.rs"]
mod grammar;
#[allow(dead_code, reason = "the runner of recorded answers uses the rest")]
#[path = "conformance/harness.rs"]
mod harness;
#[path = "fuzz/runs.rs"]
mod runs;

use std::process::ExitCode;

const USAGE: &str = "usage: fuzz parser|planner [--seed N] [--runs N]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((target, options)) = words.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (mut seed, mut count) = (1, 10_000);
    for pair in options.chunks(2) {
        match pair {
            [flag, value] if flag == "--seed" && value.parse::<u64>().is_ok() => {
                seed = value.parse().unwrap_or(seed);
            }
            [flag, value] if flag == "--runs" && value.parse::<u64>().is_ok() => {
                count = value.parse().unwrap_or(count);
            }
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let ended = match target.as_str() {
        "parser" => runs::parser(seed, count),
        "planner" => runs::planner(seed, count),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    for fault in &ended.faults {
        println!("{fault}");
    }
    println!(
        "{} runs, slowest {} ms",
        ended.runs,
        ended.slowest.as_millis()
    );
    if ended.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    }
}
