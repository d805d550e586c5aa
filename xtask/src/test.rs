//! `cargo xtask test`: every check, in the order in which they fail fastest. Each tier prints its
//! name and its time; what can't run is an error or said at the end, never left out in silence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::servers::Elasticsearch;
use crate::soak::{Ended, Until};
use crate::step::{cargo, datapulse, has, perform, perform_and_hear, root, target};
use crate::{browser, clients, demo, fuzz, house, outside, readme, schemathesis, servers, soak};

/// Samples of the long runs that every test run takes; `cargo xtask soak` runs them in full. (The
/// ten kills of ingest are the store's own test.)
const DEMOS: usize = 8;
const KILLS: usize = 5;
const CASES: usize = 12;
/// Of the differential fuzzer.
const MADE_UP_QUERIES: u64 = 300;
/// The samples' seed: another one each day would make a red run hard to repeat.
const SEED: u64 = 20_261_124;
/// What cargo says at the end of each test binary.
const RESULT: &str = "test result: ";

pub fn run(arguments: &[String]) -> Result<bool> {
    let all = match arguments {
        [] => false,
        [one] if one == "--all" => true,
        [one] if one == "--servers" => return only_servers(),
        other => bail!("expected nothing, --all or --servers, got {other:?}"),
    };
    let began = Instant::now();
    let mut tiers = Tiers::default();
    tiers.run("format", || {
        perform("format", cargo().args(["fmt", "--all", "--check"]))
    })?;
    tiers.run("house", || yes(house::run(&[])?))?;
    web(&mut tiers)?;
    let results = rust(&mut tiers)?;
    whole(&mut tiers)?;
    if all {
        on_servers(&mut tiers)?;
        on_others(&mut tiers)?;
    } else {
        for said in [
            "NOT RUN: the store in a real Elasticsearch: `cargo xtask test --all` (needs a JDK and Maven)",
            "NOT RUN: adapters against a real Kubernetes control plane, an S3 server, Alertmanager, and the contracts of Jira and PagerDuty: `cargo xtask test --all` (needs Go, npm and Debian's packages)",
        ] {
            tiers.said.push(said.to_owned());
        }
    }
    tiers.tell();
    for line in &results {
        println!("{line}");
    }
    println!("{}", total(&results)?);
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!("every check passed in {minutes:.1} min");
    Ok(true)
}

/// What ran, with its seconds, and what has to be said of it.
#[derive(Default)]
struct Tiers {
    ran: Vec<(String, f64)>,
    said: Vec<String>,
}

impl Tiers {
    fn run<T>(&mut self, name: &str, tier: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("━━ {name}");
        let began = Instant::now();
        let done = tier().with_context(|| format!("tier {name:?}"));
        let took = began.elapsed().as_secs_f64();
        eprintln!(
            "━━ {name}: {} in {took:.1} s",
            if done.is_ok() { "passed" } else { "FAILED" }
        );
        self.ran.push((name.to_owned(), took));
        if done.is_err() {
            self.tell();
        }
        done
    }

    fn tell(&self) {
        println!("\n   seconds  tier");
        for (name, took) in &self.ran {
            println!("{took:>10.1}  {name}");
        }
        for said in &self.said {
            println!("            {said}");
        }
    }
}

fn yes(passed: bool) -> Result<()> {
    if passed { Ok(()) } else { bail!("see above") }
}

fn well(ended: &Ended) -> Result<()> {
    yes(ended.well)
}

fn web(tiers: &mut Tiers) -> Result<()> {
    if !has("node") || !has("npm") {
        bail!(
            "the web checks need Node.js {} with npm: install it from your distribution or nodejs.org",
            demo::NODE
        );
    }
    for (name, arguments) in [
        ("web: npm ci", &["ci", "--no-audit", "--no-fund"][..]),
        (
            "web: types are those of openapi.json",
            &["run", "types:check"],
        ),
        ("web: type check", &["run", "typecheck"]),
        ("web: unit tests", &["test"]),
        ("web: build", &["run", "build"]),
    ] {
        let mut npm = Command::new("npm");
        npm.args(arguments).current_dir(root().join("web"));
        tiers.run(name, || perform(name, &mut npm))?;
    }
    Ok(())
}

/// Clippy and tests over one build of the dependencies; gives cargo's lines of results.
fn rust(tiers: &mut Tiers) -> Result<Vec<String>> {
    tiers.run("clippy, and the build of all tests", || {
        perform(
            "clippy",
            clippy()?.args(["test", "--workspace", "--no-run"]),
        )
    })?;
    let results = tiers.run("unit, property, scenario, snapshot and crash tests", || {
        perform_and_hear(
            "cargo test",
            clippy()?.args(["test", "--workspace"]),
            RESULT,
        )
    })?;
    build(tiers)?;
    Ok(results)
}

/// The same features as the tests have, so that nothing is built again.
fn build(tiers: &mut Tiers) -> Result<()> {
    tiers.run("build of the binary", || {
        perform(
            "build",
            clippy()?.args(["build", "--workspace", "--bins", "--examples"]),
        )
    })
}

/// Cargo with clippy in the compiler's place for our own crates, and warnings as errors. `cargo
/// clippy` does the same over `cargo check`, whose dependencies the tests can't use: they would be
/// compiled twice, which takes minutes.
pub fn clippy() -> Result<Command> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(root())
        .output();
    let output = output.context("rustc --print sysroot")?;
    let sysroot = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let driver = sysroot.join("bin/clippy-driver");
    if !driver.is_file() {
        bail!("clippy isn't there: rustup component add clippy");
    }
    let mut command = cargo();
    command.env("RUSTC_WORKSPACE_WRAPPER", driver).env(
        "CLIPPY_ARGS",
        "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
    );
    Ok(command)
}

/// What only the whole binary can show.
fn whole(tiers: &mut Tiers) -> Result<()> {
    eprintln!("── samples of the long runs, seed {SEED}; `cargo xtask soak` runs them in full");
    if soak::conformance::is_there() {
        tiers.run("ES|QL: all recorded answers", || {
            let ended = soak::conformance::full()?;
            eprintln!("── {}", ended.says);
            well(&ended)
        })?;
    } else {
        let said =
            "ES|QL: ../shared/esql isn't there; the repository's own cases ran with the tests";
        tiers.said.push(said.to_owned());
    }
    match clients::missing()? {
        None => tiers.run("clients that others made", clients::run)?,
        Some(what) => tiers.said.push(format!(
            "clients that others made didn't run: they need {what}"
        )),
    }
    match schemathesis::missing()? {
        None => tiers.run("the API by its own description", schemathesis::tier)?,
        Some(what) => tiers.said.push(format!(
            "the API by its own description didn't run: it needs {what}"
        )),
    }
    tiers.run("logins through a real OpenID provider", openid)?;
    tiers.run("README's commands", || yes(readme::run()?))?;
    tiers.run("recorded incidents, 12 in both modes", || {
        yes(soak::cases::sample(CASES)?)
    })?;
    tiers.run(
        "8 failures of the shop, and 12 recorded incidents told in other ways",
        || {
            let plan = soak::truth::Plan::sample(CASES, SEED);
            let ended = soak::truth::run(&plan, Until::THE_END)?;
            eprintln!("── {}", ended.says);
            well(&ended)
        },
    )?;
    tiers.run("8 demos", || {
        well(&soak::demos::run(
            &soak::demos::Plan::sample(DEMOS, SEED)?,
            Until::THE_END,
        )?)
    })?;
    tiers.run("5 kills of the demo", || {
        well(&soak::kills::run(
            &soak::kills::Plan::sample(KILLS, SEED),
            Until::THE_END,
        )?)
    })?;
    tiers.run("planted instructions", || {
        let mut suite = Command::new(datapulse());
        perform(
            "datapulse eval injection",
            suite.args(["eval", "injection"]),
        )
    })?;
    tiers.run("browser", || yes(browser::run(browser::Pictures::OfTest)?))?;
    tiers.run("browser: four eyes through an identity provider", || {
        yes(browser::four_eyes()?)
    })
}

/// The provider is fetched as its lock file says, and the tests that need it are run.
fn openid() -> Result<()> {
    let folder = root().join("xtask/servers/openid");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    perform("npm ci", &mut npm)?;
    let mut tests = clippy()?;
    tests
        .args(["test", "--workspace", "--test", "whole"])
        .args(["--", "--ignored", "identity::"])
        .env("DATAPULSE_TEST_OPENID", &folder);
    perform("cargo test", &mut tests)
}

/// That tier alone, over the binary as it is now.
fn only_servers() -> Result<bool> {
    let mut tiers = Tiers::default();
    build(&mut tiers)?;
    on_servers(&mut tiers)?;
    tiers.tell();
    Ok(true)
}

/// Adapters against what others made.
fn on_others(tiers: &mut Tiers) -> Result<()> {
    tiers.run("a real Kubernetes control plane", || {
        outside::kubernetes(clippy()?)
    })?;
    tiers.run("anchors in an S3 server", || outside::s3(clippy()?))?;
    tiers.run("a real Alertmanager", || outside::alertmanager(clippy()?))?;
    if outside::has_contracts() {
        return tiers.run("contracts of Jira and PagerDuty", || {
            outside::contracts(clippy()?)
        });
    }
    let said = "contracts of Jira and PagerDuty: ../shared/contracts isn't there";
    tiers.said.push(said.to_owned());
    Ok(())
}

/// What needs a server that takes a minute to fetch.
fn on_servers(tiers: &mut Tiers) -> Result<()> {
    let start = || Elasticsearch::start(0, true);
    let server = tiers.run("a real Elasticsearch", start)?;
    tiers.run("the store in Elasticsearch", || {
        let mut tests = clippy()?;
        // Each test empties the server: one after the other.
        tests
            .args(["test", "--workspace", "--test", "elastic"])
            .args(["--", "--ignored", "--test-threads", "1"])
            .env("DATAPULSE_TEST_ELASTICSEARCH", &server.url)
            .env("DATAPULSE_TEST_ELASTICSEARCH_PASSWORD", servers::PASSWORD);
        perform("cargo test", &mut tests)
    })?;
    drop(server);
    tiers.run("made-up queries on Elasticsearch and on ours", || {
        let ended = fuzz::differential(&fuzz::Plan {
            seed: SEED,
            queries: MADE_UP_QUERIES,
            seeds: 1,
            until: None,
            keep: false,
        })?;
        eprintln!("── {}", ended.says);
        well(&ended)
    })?;
    let server = start()?;
    tiers.run("the demo on Elasticsearch", || {
        demo_on(&server.url, &target().join("servers/demo"))
    })
}

/// The whole story with the store in a cluster, and its audit from another process.
fn demo_on(url: &str, folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(folder)?,
    }
    let file = folder.join("datapulse.toml");
    let text = format!(
        "[backends]\nstore = \"{url}\"\n[elasticsearch]\nlogin = \"basic\"\nuser = \"elastic\"\n"
    );
    fs::write(&file, text)?;
    let on = |data: &str, arguments: &[&str]| {
        let mut command = Command::new(datapulse());
        command
            .args(arguments)
            .arg("--config")
            .arg(&file)
            .arg("--data")
            .arg(folder.join(data))
            .env("DATAPULSE_ELASTICSEARCH_SECRET", servers::PASSWORD)
            .stdin(Stdio::null());
        command
    };
    let demo = ["demo", "--headless", "--approve", "--listen", "127.0.0.1:0"];
    perform("demo", &mut on("data", &demo))?;
    perform("audit verify", &mut on("data", &["audit", "verify"]))?;
    perform("doctor", &mut on("data", &["doctor"]))?;
    // Its telemetry is another shop's now.
    let status = on("other", &demo).status().context("demo")?;
    match status.code() {
        Some(2) => Ok(()),
        other => bail!("a demo on a cluster in use ended with {other:?}, not 2"),
    }
}

/// Cargo's own lines in one, in its own form.
fn total(results: &[String]) -> Result<String> {
    let mut sums = [0u64; 5];
    for line in results {
        for (sum, word) in
            sums.iter_mut()
                .zip(["passed", "failed", "ignored", "measured", "filtered out"])
        {
            *sum += number_before(line, word)
                .with_context(|| format!("no number of {word} in {line:?}"))?;
        }
    }
    let [passed, failed, ignored, measured, filtered] = sums;
    if passed == 0 {
        bail!("no test ran");
    }
    Ok(format!(
        "{RESULT}ok. {passed} passed; {failed} failed; {ignored} ignored; {measured} measured; {filtered} filtered out; in {} binaries",
        results.len()
    ))
}

fn number_before(line: &str, word: &str) -> Option<u64> {
    let (before, _) = line.split_once(&format!(" {word}"))?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn cargos_lines_are_summed() {
        let line = |passed: u64| {
            format!(
                "test result: ok. {passed} passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s"
            )
        };
        assert_eq!(
            total(&[line(7), line(5)]).ok().as_deref(),
            Some(
                "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; in 2 binaries"
            )
        );
        assert!(total(&[]).is_err());
        assert!(total(&["test result: ok.".to_owned()]).is_err());
    }
}
