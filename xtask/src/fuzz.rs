//! Made-up queries asked of a real Elasticsearch and of this engine behind `datapulse serve`, both
//! over HTTP, on the same made-up data. The asking is done by an example of the engine's crate.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::server::{FIRST, Server, free_address, start};
use crate::servers::Elasticsearch;
use crate::soak::Ended;
use crate::step::{built, cargo, datapulse, perform, root, target};

/// Queries of one seed: its data is loaded once for all of them.
const QUERIES: u64 = 1_000;
/// Differences are kept here as tests with `--keep`.
const KEPT: &str = "crates/esql/tests/differential";

/// What is to be run.
pub struct Plan {
    pub seed: u64,
    /// Queries of each seed.
    pub queries: u64,
    /// Seeds, one after the other.
    pub seeds: u64,
    pub until: Option<Instant>,
    pub keep: bool,
}

/// `fuzz differential [--seed N] [--queries N] [--minutes N] [--keep]`
pub fn run(arguments: &[String]) -> Result<bool> {
    let plan = parse(arguments)?;
    build()?;
    let ended = differential(&plan)?;
    println!("{}", ended.says);
    Ok(ended.well)
}

fn parse(arguments: &[String]) -> Result<Plan> {
    let mut plan = Plan {
        seed: 1,
        queries: QUERIES,
        seeds: 1,
        until: None,
        keep: false,
    };
    let Some(("differential", mut rest)) = arguments
        .split_first()
        .map(|(name, rest)| (name.as_str(), rest))
    else {
        bail!(
            "expected differential [--seed N] [--queries N] [--minutes N] [--keep], got {arguments:?}"
        );
    };
    while let Some((flag, after)) = rest.split_first() {
        if flag == "--keep" {
            plan.keep = true;
            rest = after;
            continue;
        }
        let (value, after) = after
            .split_first()
            .with_context(|| format!("{flag}: a number is missing"))?;
        let number: u64 = value
            .parse()
            .with_context(|| format!("{flag} {value:?}: expected a whole number"))?;
        match flag.as_str() {
            "--seed" => plan.seed = number,
            "--queries" => plan.queries = number,
            "--minutes" => {
                plan.until = Some(Instant::now() + Duration::from_secs(number * 60));
                plan.seeds = u64::MAX;
            }
            other => bail!("expected --seed, --queries, --minutes or --keep, got {other:?}"),
        }
        rest = after;
    }
    Ok(plan)
}

fn build() -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--workspace", "--bins", "--examples"]);
    perform("build datapulse", &mut build)
}

/// Both servers, one seed after the other; what is needed is built.
pub fn differential(plan: &Plan) -> Result<Ended> {
    let elasticsearch = Elasticsearch::start(0, false)?;
    let ours = serve()?;
    let url = format!("http://{}", ours.address);
    let (mut agreed, mut differed, mut excluded) = (0, 0, 0);
    let mut seeds = 0;
    while seeds < plan.seeds && plan.until.is_none_or(|until| Instant::now() < until) {
        let counts = one(plan, plan.seed + seeds, &elasticsearch.url, &url)?;
        agreed += counts.0;
        differed += counts.1;
        excluded += counts.2;
        seeds += 1;
    }
    ours.stop()?;
    let all = agreed + differed + excluded;
    let says = format!(
        "{all} made-up queries over {seeds} made-up sets of data (seeds from {}), asked of a real Elasticsearch 8.19 and of `datapulse serve`: {agreed} answered alike to the letter, {differed} differed, {excluded} differ on purpose (`docs/esql.md`)",
        plan.seed
    );
    Ok(Ended {
        well: all > 0 && share(agreed, differed) >= AGREE_AT_LEAST,
        says,
    })
}

/// Of the queries whose answers may be compared: raise it with every gain, never lower it.
const AGREE_AT_LEAST: f64 = 0.88;

fn share(agreed: u64, differed: u64) -> f64 {
    agreed as f64 / (agreed + differed).max(1) as f64
}

fn one(plan: &Plan, seed: u64, theirs: &str, ours: &str) -> Result<(u64, u64, u64)> {
    let mut command = Command::new(built("examples/differential"));
    command
        .args(["--server", theirs, "--ours", ours])
        .args(["--seed", &seed.to_string()])
        .args(["--queries", &plan.queries.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if plan.keep {
        command.arg("--keep").arg(root().join(KEPT));
    }
    let output = command.output().context("the differential fuzzer")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let counts = counts(last).with_context(|| format!("no figures in {last:?}"))?;
    eprint!("{text}");
    Ok(counts)
}

/// `N agreed, N differed, N excluded`
fn counts(line: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = line.split(", ").zip([" agreed", " differed", " excluded"]);
    let mut next = || {
        let (part, word) = numbers.next()?;
        part.strip_suffix(word)?.parse().ok()
    };
    Some((next()?, next()?, next()?))
}

/// An empty store of ours.
fn serve() -> Result<Server> {
    let folder: PathBuf = target().join("fuzz");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let log = fs::File::create(folder.join("serve.log"))?;
    let address = free_address()?;
    let mut command = Command::new(datapulse());
    command
        .args(["serve", "--no-auth", "--listen", &address.to_string()])
        .arg("--data")
        .arg(folder.join("data"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    start(&mut command, address, FIRST).context("see target/fuzz/serve.log")
}

#[cfg(test)]
mod tests {
    use super::{counts, parse};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments_are_read() {
        let plan = parse(&words("differential --seed 7 --queries 20 --keep")).expect("is right");
        assert_eq!((plan.seed, plan.queries, plan.seeds), (7, 20, 1));
        assert!(plan.keep && plan.until.is_none());
        let timed = parse(&words("differential --minutes 3")).expect("is right");
        assert!(timed.until.is_some() && timed.seeds > 1);
        for wrong in [
            "",
            "other",
            "differential --seed",
            "differential --seed x",
            "differential 1 2",
        ] {
            assert!(parse(&words(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_line_tells() {
        assert_eq!(
            counts("244 agreed, 53 differed, 3 excluded"),
            Some((244, 53, 3))
        );
        assert_eq!(counts("differential: connection refused"), None);
    }
}
