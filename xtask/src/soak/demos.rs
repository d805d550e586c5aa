//! `datapulse demo --headless --approve`: every fault with several seeds, to its end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::ledger::Ledger;
use super::{Ended, Until};
use crate::random::Random;
use crate::step::{datapulse, root, target};

/// Faults that the simulator has at least.
const FAULTS: usize = 8;
/// Of 40 demos, at least so many put the right cause first.
const RIGHT_OF_FORTY: usize = 36;
/// A demo that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(700);
/// How often a child is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The stages that a whole story has, in their order.
const STAGES: [&str; 8] = [
    "found",
    "explained",
    "proposed",
    "approved",
    "executed",
    "recovered",
    "resolved",
    "audited",
];

/// Which demos, in which order.
pub struct Plan {
    items: Vec<(String, u64)>,
    /// The ledger's name, and whether it is kept.
    name: &'static str,
    keep: bool,
    seeds: String,
}

impl Plan {
    /// Every fault with seeds 1 to `seeds`.
    pub fn full(seeds: u64) -> Result<Self> {
        let faults = faults()?;
        let items = (1..=seeds)
            .flat_map(|seed| faults.iter().map(move |fault| (fault.clone(), seed)))
            .collect();
        let seeds = format!("seeds 1 to {seeds} of every fault");
        Ok(Self {
            items,
            name: "demo",
            keep: true,
            seeds,
        })
    }

    /// `count` demos: each fault once before one comes twice, each with a seed of its own.
    pub fn sample(count: usize, seed: u64) -> Result<Self> {
        let faults = faults()?;
        let mut random = Random::new(seed);
        let items = (0..count)
            .map(|index| {
                (
                    faults[index % faults.len()].clone(),
                    1 + random.below(1_000) as u64,
                )
            })
            .collect();
        let seeds = format!("a sample by seed {seed}");
        Ok(Self {
            items,
            name: "demo-sample",
            keep: false,
            seeds,
        })
    }
}

pub fn run(plan: &Plan, until: Until) -> Result<Ended> {
    let mut ledger = Ledger::open(plan.name, plan.keep)?;
    for (fault, seed) in &plan.items {
        let key = format!("{fault}/{seed}");
        if ledger.has(&key) || until.over() {
            continue;
        }
        let folder = fresh("demo")?;
        let began = Instant::now();
        let (code, stdout) = finish(demo(fault, *seed, &folder).spawn()?)?;
        let took_s = began.elapsed().as_secs_f64();
        let told = told(&stdout);
        let fault_in = broken(code, told.as_ref(), fault, *seed);
        let told = told.unwrap_or_default();
        ledger.add(json!({
            "key": key, "ended_well": fault_in.is_none(), "broken": fault_in, "took_s": rounded(took_s),
            "cause_right": told["cause_right"], "blamed_change": told["blamed_change"],
            "confidence": told["confidence"], "stages": told["stages"],
        }))?;
    }
    let (done, well) = (ledger.done()?, ledger.count("ended_well"));
    let right = ledger.count("cause_right");
    let times = ledger.numbers("took_s");
    let slowest = times.last().copied().unwrap_or_default();
    let says = format!(
        "{well} of {done} demos told their story to the end ({}), {right} with the right cause first; median {:.0} s, slowest {slowest:.0} s. {} planned.",
        plan.seeds,
        middle(&times),
        plan.items.len(),
    );
    eprintln!("── {says}");
    let enough = right >= done * RIGHT_OF_FORTY / 40;
    Ok(Ended {
        well: well == done && enough,
        says,
    })
}

/// What is wrong with how a demo ended.
pub fn broken(code: Option<i32>, told: Option<&Value>, fault: &str, seed: u64) -> Option<String> {
    if code != Some(0) {
        return Some(format!("exit code {code:?}"));
    }
    let Some(told) = told else {
        return Some("stdout isn't one JSON object".to_owned());
    };
    if told["fault"] != fault || told["seed"] != seed {
        return Some(format!("tells of {} {}", told["fault"], told["seed"]));
    }
    let stages: BTreeMap<&str, f64> = told["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|stage| Some((stage["stage"].as_str()?, stage["at_s"].as_f64()?)))
        .collect();
    let times: Vec<f64> = STAGES
        .iter()
        .filter_map(|stage| stages.get(stage).copied())
        .collect();
    if times.len() < STAGES.len() {
        return Some(format!("has the stages {:?} only", stages.keys()));
    }
    (!times.is_sorted()).then(|| "its stages aren't in their order".to_owned())
}

/// Exactly one JSON object.
pub fn told(stdout: &str) -> Option<Value> {
    serde_json::from_str(stdout).ok().filter(Value::is_object)
}

pub fn faults() -> Result<Vec<String>> {
    let output = Command::new(datapulse())
        .args(["demo", "--list"])
        .output()
        .context("datapulse demo --list")?;
    let faults: Vec<String> = String::from_utf8(output.stdout)?
        .lines()
        .map(str::to_owned)
        .collect();
    if faults.len() < FAULTS {
        bail!(
            "demo --list names {} faults, expected at least {FAULTS}",
            faults.len()
        );
    }
    Ok(faults)
}

/// An empty folder under `target/soak`.
pub fn fresh(name: &str) -> Result<PathBuf> {
    let folder = target().join("soak").join(name);
    let _ = fs::remove_dir_all(&folder);
    let _ = fs::remove_file(folder.with_extension("log"));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// One demo, on a port of its own; what it says to people goes to a file beside its folder.
pub fn demo(fault: &str, seed: u64, folder: &Path) -> Command {
    let mut command = Command::new(datapulse());
    command
        .args([
            "demo",
            "--headless",
            "--approve",
            "-o",
            "json",
            "--listen",
            "127.0.0.1:0",
        ])
        .args(["--fault", fault, "--seed", &seed.to_string(), "--data"])
        .arg(folder)
        .current_dir(root())
        .stdout(Stdio::piped());
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.with_extension("log"));
    command.stderr(log.map_or_else(|_| Stdio::null(), Stdio::from));
    command
}

/// Runs to the end; kills what hangs. Its answer is one line, so the pipe never fills.
pub fn finish(mut child: Child) -> Result<(Option<i32>, String)> {
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > LIMIT {
            let _ = child.kill();
            child.wait()?;
            return Ok((None, String::new()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let output = child.wait_with_output()?;
    Ok((
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}

pub fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

pub fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{STAGES, broken, told};

    fn story(stages: &[&str]) -> Value {
        let stages: Vec<Value> = stages
            .iter()
            .enumerate()
            .map(|(at, stage)| json!({ "stage": stage, "at_s": at }))
            .collect();
        json!({ "fault": "leak", "seed": 3, "cause_right": true, "stages": stages })
    }

    #[test]
    fn a_whole_story_is_well_and_anything_less_is_not() {
        let whole = story(&STAGES);
        assert_eq!(broken(Some(0), Some(&whole), "leak", 3), None);
        assert!(broken(Some(1), Some(&whole), "leak", 3).is_some());
        assert!(broken(None, Some(&whole), "leak", 3).is_some());
        assert!(broken(Some(0), None, "leak", 3).is_some());
        assert!(broken(Some(0), Some(&whole), "leak", 4).is_some());
        assert!(broken(Some(0), Some(&story(&STAGES[..7])), "leak", 3).is_some());
        let mut turned = STAGES;
        turned.swap(0, 7);
        assert!(broken(Some(0), Some(&story(&turned)), "leak", 3).is_some());
    }

    #[test]
    fn stdout_is_exactly_one_object() {
        assert!(told("{\"fault\":\"leak\"}\n").is_some());
        assert!(told("hello\n{}").is_none());
        assert!(told("{}\n{}").is_none());
        assert!(told("[]").is_none());
    }
}
