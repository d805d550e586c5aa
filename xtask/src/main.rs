//! Checks of the house, long runs and benchmarks: `cargo xtask <command>`.

use std::process::ExitCode;

mod bench;
mod browser;
mod clients;
mod demo;
mod fuzz;
mod house;
mod outside;
mod page;
mod random;
mod readme;
mod schemathesis;
mod servers;
mod soak;
mod step;
mod test;
mod truth;
mod tune;

const USAGE: &str = "\
cargo xtask <command>

  test [--all | --servers]  every check; what CI runs; --all adds what needs servers that take
                            minutes to fetch, --servers is that alone
  demo [-- ARGS]            build the web bundle and the binary, run `datapulse demo ARGS`
  house [--bless]           the rules of the house; --bless lowers the ratchet
  conformance FILE… --data DIR [--server URL] [--failures FILE]
                            ES|QL cases on the embedded engine, or over HTTP on a server
  fuzz differential [--seed N] [--queries N] [--minutes N] [--keep]
                            made-up queries on a real Elasticsearch and on ours; --keep makes
                            tests of what differs
  soak [NAME…] [--minutes N] [--release]
                            the long runs in full, resumable: demo, decisions, kills, ingest,
                            flips, cases, truth, conformance, differential, fuzz, all; results go to docs/benchmarks.md
  bench [NAME…] [--json FILE] [--documents N] [--quick] [--reuse] [--binary FILE]
                            figures beside a peer measured in the same run: start, idle_memory,
                            log_ingest, tool, sentinel_tick, investigate; a day of telemetry beside
                            Elasticsearch and DuckDB: ingest, tools, scans, minute, disk; and with
                            N documents (50 million): growth, memory. For development: --quick (dev
                            build, little data), --binary FILE (built already), --reuse (loaded
                            already by a run before)
  servers elasticsearch [--port N] [--secured]
                            a real server for tests: built once into target/, prints its URL when
                            ready, ends with this command's standard input
  clients                   Clients that others made, on the binary that is built
  schemathesis [--seed N] [--examples N]
                            the API asked by its own description, on the binary that is built
  truth [--quick | --by-hand]
                            docs/truth.md's figures of incidents, from all recorded suites, and its
                            list of numbers that were set by hand; --by-hand: the list alone
  tune [--leave-out SUITE | --each-left-out] [--seed N] [--rounds N] [--out FILE] [--quick]
                            crates/model/tuning.toml found anew on recorded cases and the simulator;
                            with each suite left out once, the table of docs/truth.md
  readme                    README's commands, asked of the binary that is built
  four-eyes                 three people in Chromium, through a real identity provider, on the
                            binary that is built
  pictures                  walk the demo in Chromium and renew docs/images
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match command.as_str() {
        "test" => test::run(&rest),
        "demo" => demo::run(&rest),
        "house" => house::run(&rest),
        "conformance" => soak::conformance::run(&rest),
        "fuzz" => fuzz::run(&rest),
        "soak" => soak::run(&rest),
        "bench" => bench::run(&rest),
        "servers" => servers::run(&rest),
        "clients" => clients::only(),
        "schemathesis" => schemathesis::run(&rest),
        "truth" => truth::run(&rest),
        "tune" => tune::run(&rest),
        "readme" => readme::run(),
        "four-eyes" => browser::four_eyes(),
        "pictures" => demo::build().and_then(|()| browser::run(browser::Pictures::OfReadme)),
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("xtask: there is no command {other:?}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::from(1)
        }
    }
}
