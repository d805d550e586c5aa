//! `datapulse eval robustness`: every case told in other ways, and whether the first answer stays.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use model::tuning::Tuning;
use serde::Serialize;
use serde_json::json;
use simulator::random::Random;

use super::answer::Answer;
use super::cases::{self, Ask, Case};
use super::progress::each;
use super::replay::{self, Options};
use super::variant::Variant;
use crate::arguments::Output;
use crate::context::Context as Here;
use crate::print;

/// A variant's first answer stayed less often than it has to.
const BELOW: u8 = 3;

/// One suite in one variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Stayed {
    suite: String,
    variant: Variant,
    cases: usize,
    same: usize,
    needed: usize,
    /// Cases whose first answer became another.
    changed: Vec<String>,
}

pub struct Asked<'a> {
    pub dir: &'a Path,
    pub suite: Option<&'a str>,
    /// So many cases at most, chosen by the seed.
    pub sample: Option<usize>,
    pub seed: u64,
}

pub async fn run(here: &Here, tuning: Arc<Tuning>, asked: &Asked<'_>) -> Result<u8> {
    let cases = chosen(cases::find(asked.dir, asked.suite)?, asked);
    let first = answers(here, tuning, &cases, asked.seed).await?;
    let mut suites: BTreeMap<(&str, Variant), Stayed> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let recorded = &first[&(index, Variant::AsRecorded)];
        for variant in Variant::OTHERS {
            let told = &first[&(index, variant)];
            let of = suites
                .entry((case.suite.as_str(), variant))
                .or_insert_with(|| Stayed {
                    suite: case.suite.clone(),
                    variant,
                    cases: 0,
                    same: 0,
                    needed: 0,
                    changed: Vec::new(),
                });
            of.cases += 1;
            if told == recorded {
                of.same += 1;
            } else {
                let shown = |name: &Option<String>| name.clone().unwrap_or("none".to_owned());
                let line = format!("{}: {} → {}", case.id, shown(recorded), shown(told));
                of.changed.push(line);
            }
        }
    }
    let mut stayed: Vec<Stayed> = suites.into_values().collect();
    for of in &mut stayed {
        // Of few cases one may change where one in ten may.
        let may_change = of.cases * (10 - of.variant.needed_of_ten());
        of.needed = of.cases - may_change.div_ceil(10);
    }
    let well = stayed.iter().all(|of| of.same >= of.needed);
    tell(here.output, asked.seed, &stayed, well)?;
    Ok(if well { 0 } else { BELOW })
}

fn tell(output: Output, seed: u64, stayed: &[Stayed], well: bool) -> Result<()> {
    if output == Output::Json {
        return print::json(&json!({ "seed": seed, "stayed": stayed, "well": well }));
    }
    let rows = stayed
        .iter()
        .map(|of| {
            vec![
                of.suite.clone(),
                of.variant.name().to_owned(),
                format!("{} of {}", of.same, of.cases),
                of.needed.to_string(),
            ]
        })
        .collect();
    let head = ["suite", "told", "same first answer", "needed"];
    println!("{}", print::table(&head, rows));
    for of in stayed {
        for line in &of.changed {
            println!(
                "{}, {}: {}",
                of.suite,
                of.variant.name(),
                print::plain(line)
            );
        }
    }
    Ok(())
}

/// The cases, or a sample of them in their order.
fn chosen(cases: Vec<Case>, asked: &Asked<'_>) -> Vec<Case> {
    let Some(sample) = asked.sample else {
        return cases;
    };
    let mut random = Random::of(asked.seed, &[9]);
    let mut drawn: Vec<(u64, Case)> = cases
        .into_iter()
        .map(|case| (random.bits(), case))
        .collect();
    drawn.sort_by_key(|(number, _)| *number);
    drawn.truncate(sample);
    drawn.sort_by(|(_, a), (_, b)| (&a.suite, &a.id).cmp(&(&b.suite, &b.id)));
    drawn.into_iter().map(|(_, case)| case).collect()
}

/// The first answer of every case in every variant, by the names as recorded.
async fn answers(
    here: &Here,
    tuning: Arc<Tuning>,
    cases: &[Case],
    seed: u64,
) -> Result<BTreeMap<(usize, Variant), Option<String>>> {
    let options = Arc::new(Options::new(&here.configuration, tuning));
    let all = std::iter::once(Variant::AsRecorded).chain(Variant::OTHERS);
    let runs = (0..cases.len())
        .flat_map(|case| all.clone().map(move |variant| (case, variant)))
        .collect();
    let first = each(runs, |(index, variant)| {
        let (case, options) = (cases[index].clone(), options.clone());
        async move {
            let told = replay::told(&case, variant, seed, &options).await;
            let what = || format!("case {}, {}", case.id, variant.name());
            let answer = told.with_context(what)?;
            Ok(((index, variant), named(&case, answer)))
        }
    });
    Ok(first.await?.into_iter().collect())
}

/// What the answer says first, of what the case asks for.
fn named(case: &Case, answer: Answer) -> Option<String> {
    match case.ask {
        Ask::Service => answer.services.into_iter().next().map(|first| first.name),
        Ask::Deployment => answer.deployments.into_iter().next().map(|first| first.id),
    }
}
