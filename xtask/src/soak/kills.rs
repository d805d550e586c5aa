//! `kill -9` at random points of the headless demo, then the same command on the same folder.
//!
//! The points are spread over the whole run: the first lies where the history is made, the last
//! one after the end. Every third folder is killed several times before it may finish.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;

use super::demos::{broken, demo, faults, finish, fresh, middle, rounded, told};
use super::inspect::inspect;
use super::ledger::Ledger;
use super::{Ended, Until};
use crate::random::Random;

/// Kills of one folder before it may finish, in turn.
const IN_A_ROW: [usize; 3] = [1, 1, 3];
/// The last point lies after the end of the run, at most so far.
const PAST_THE_END: f64 = 0.15;

pub struct Plan {
    kills: usize,
    seed: u64,
    name: &'static str,
    keep: bool,
    /// The ledger of demos that nobody killed.
    demos: &'static str,
}

impl Plan {
    pub fn full(kills: usize, seed: u64) -> Self {
        Self {
            kills,
            seed,
            name: "kills",
            keep: true,
            demos: "demo",
        }
    }

    pub fn sample(kills: usize, seed: u64) -> Self {
        Self {
            kills,
            seed,
            name: "kills-sample",
            keep: false,
            demos: "demo-sample",
        }
    }
}

/// One folder: its fault, its seed, and where in a run it is killed, as shares of a whole run.
#[derive(Debug, PartialEq)]
struct Item {
    fault: String,
    seed: u64,
    points: Vec<f64>,
}

/// One point in each of equal parts of the run, and one after its end, in a random order.
fn items(kills: usize, seed: u64, faults: &[String]) -> Vec<Item> {
    let mut random = Random::new(seed);
    let parts = kills.saturating_sub(1);
    let mut points: Vec<f64> = (0..parts)
        .map(|part| (part as f64 + random.share()) / parts as f64)
        .collect();
    points.push(1.0 + random.share() * PAST_THE_END);
    random.shuffle(&mut points);
    let mut left = VecDeque::from(points);
    let mut items = Vec::new();
    while !left.is_empty() {
        let index = items.len();
        let count = IN_A_ROW[index % IN_A_ROW.len()].min(left.len());
        items.push(Item {
            fault: faults[random.below(faults.len())].clone(),
            seed: 1 + random.below(1_000) as u64,
            points: left.drain(..count).collect(),
        });
    }
    items
}

pub fn run(plan: &Plan, until: Until) -> Result<Ended> {
    let faults = faults()?;
    let mut ledger = Ledger::open(plan.name, plan.keep)?;
    let whole = whole_run(plan, &faults[0])?;
    eprintln!("   a whole run takes {:.1} s", whole.as_secs_f64());
    for (index, item) in items(plan.kills, plan.seed, &faults).iter().enumerate() {
        let key = format!("{}/{}/{index}", plan.seed, plan.kills);
        if ledger.has(&key) || until.over() {
            continue;
        }
        let folder = fresh("kill")?;
        let killed = kill(item, whole, &folder)?;
        let began = Instant::now();
        let (code, stdout) = finish(demo(&item.fault, item.seed, &folder).spawn()?)?;
        let mut found: Vec<String> = broken(code, told(&stdout).as_ref(), &item.fault, item.seed)
            .into_iter()
            .collect();
        found.extend(inspect(&folder, index as u64)?);
        ledger.add(json!({
            "key": key, "fault": item.fault, "seed": item.seed, "killed_after_s": killed,
            "kills": killed.len(), "went_on_s": rounded(began.elapsed().as_secs_f64()),
            "ended_well": found.is_empty(), "found": found,
        }))?;
    }
    let (done, well) = (ledger.done()?, ledger.count("ended_well"));
    let kills = ledger.sum("kills");
    let says = format!(
        "{kills} of {} kills planned, over {done} folders (seed {}): {well} of {done} went on and ended as they should, with the audit intact, no document doubled and no action run twice, and with one flipped byte of a copy's journal found and named. A whole run took {:.0} s, going on took {:.0} s in the middle.",
        plan.kills,
        plan.seed,
        whole.as_secs_f64(),
        middle(&ledger.numbers("went_on_s")),
    );
    eprintln!("── {says}");
    Ok(Ended {
        well: well == done,
        says,
    })
}

/// How long a run takes that nobody kills: in the middle of the demos that ran with this binary,
/// else of one that runs now.
fn whole_run(plan: &Plan, fault: &str) -> Result<Duration> {
    let before = Ledger::open(plan.demos, true)?.numbers("took_s");
    if !before.is_empty() {
        return Ok(Duration::from_secs_f64(middle(&before)));
    }
    let folder = fresh("kill")?;
    let began = Instant::now();
    let (code, stdout) = finish(demo(fault, 1, &folder).spawn()?)?;
    if let Some(broken) = broken(code, told(&stdout).as_ref(), fault, 1) {
        bail!(
            "the demo doesn't end well even when nobody kills it: {broken}; see {}",
            folder.with_extension("log").display()
        );
    }
    Ok(began.elapsed())
}

/// Gives the seconds after which each process was killed.
fn kill(item: &Item, whole: Duration, folder: &Path) -> Result<Vec<f64>> {
    let mut killed = Vec::new();
    for point in &item.points {
        let after = whole.mul_f64(*point);
        let mut child = demo(&item.fault, item.seed, folder).spawn()?;
        std::thread::sleep(after);
        child.kill()?;
        child.wait()?;
        killed.push(rounded(after.as_secs_f64()));
    }
    Ok(killed)
}

#[cfg(test)]
mod tests {
    use super::{IN_A_ROW, items};

    #[test]
    fn points_cover_the_run_from_the_history_to_after_the_end() {
        let faults = ["a".to_owned(), "b".to_owned()];
        for kills in [5, 100] {
            let items = items(kills, 7, &faults);
            let mut points: Vec<f64> = items.iter().flat_map(|item| item.points.clone()).collect();
            points.sort_by(f64::total_cmp);
            assert_eq!(points.len(), kills);
            let part = 1.0 / (kills - 1) as f64;
            let last = points.pop();
            assert!(last.is_some_and(|last| last >= 1.0), "{last:?}");
            assert!(points[0] < part, "{points:?}");
            let widest = points
                .windows(2)
                .map(|pair| pair[1] - pair[0])
                .fold(0.0, f64::max);
            assert!(widest < 2.0 * part, "{points:?}");
            let most = items.iter().map(|item| item.points.len()).max();
            assert_eq!(most, IN_A_ROW.into_iter().max());
        }
    }

    #[test]
    fn a_seed_gives_the_same_kills() {
        let faults = ["a".to_owned(), "b".to_owned()];
        assert_eq!(items(20, 7, &faults), items(20, 7, &faults));
        assert_ne!(items(20, 7, &faults), items(20, 8, &faults));
    }
}
