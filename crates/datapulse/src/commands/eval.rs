//! `datapulse eval incidents`: the very same Sentinel and Analyst on recorded incidents, each in
//! a store of its own and on the case's clock; then scores, where there is truth to score with.
//! The other questions have a module each.
//!
//! Answering opens `case.json` and `docs/` only. `truth.json` is opened after the last answer of
//! the run is written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use model::tuning::Tuning;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::arguments::{Eval, Evaluation, Mode, Output};
use crate::context::Context as Here;
use crate::print;
use answer::Answer;
use cases::Case;
use progress::Progress;
use replay::{Options, Played};

mod answer;
mod bench;
mod cases;
mod demo;
mod feed;
mod feedback;
mod injection;
mod logs;
mod plain_csv;
mod progress;
mod replay;
mod robustness;
mod score;
mod series;
mod source;
mod table;
mod tune;
mod tuning;
mod variant;

/// A case could not be answered.
const FAILED: u8 = 1;

pub async fn run(here: &Here, asked: Evaluation) -> Result<u8> {
    let tuning = Arc::new(match &asked.tuning {
        Some(file) => tuning::read(file)?,
        None => model::tuning::embedded().clone(),
    });
    match asked.what {
        Eval::Tune(asked) => tune::run(here, &tuning, &asked).await,
        Eval::Incidents {
            dir,
            suite,
            mode,
            answers,
        } => {
            let cases = cases::find(&dir, suite.as_deref())?;
            incidents(here, tuning, &cases, mode, answers.as_deref()).await
        }
        Eval::Series { dir, answers } => {
            source::refuse_same(&dir, answers.as_deref())?;
            series::run(here.output, &tuning, &dir, answers.as_deref())
        }
        Eval::Logs { dir, answers } => {
            source::refuse_same(&dir, answers.as_deref())?;
            logs::run(here.output, &dir, answers.as_deref())
        }
        Eval::Robustness {
            dir,
            suite,
            sample,
            seed,
        } => {
            let asked = robustness::Asked {
                dir: &dir,
                suite: suite.as_deref(),
                sample,
                seed,
            };
            robustness::run(here, tuning, &asked).await
        }
        Eval::Demo { seeds, fault } => demo::run(here, tuning, &seeds, &fault).await,
        Eval::Injection { plants, without } => {
            injection::run(here, plants.as_deref(), without).await
        }
        Eval::Feedback => feedback::run(here).await,
    }
}

async fn incidents(
    here: &Here,
    tuning: Arc<Tuning>,
    cases: &[Case],
    mut modes: Vec<Mode>,
    answers: Option<&Path>,
) -> Result<u8> {
    modes.sort();
    modes.dedup();
    let out = Out::new(answers, here.output)?;
    let (played, failed) = answer_all(here, tuning, cases, &modes, out).await?;
    // From here on truth may be read: the last answer is written.
    let scored = score::scores(cases, &played)?;
    if here.output == Output::Json {
        let answers: Vec<&Answer> = played.iter().flat_map(|played| &played.answers).collect();
        print::json(
            &json!({ "answers": answers, "scores": scored.scores, "calibration": scored.calibrations }),
        )?;
    } else {
        println!("{}", table::of(&scored.scores, cases));
        if !scored.calibrations.is_empty() {
            println!("\n{}", score::calibration::table(&scored.calibrations));
        }
    }
    Ok(if failed == 0 { 0 } else { FAILED })
}

/// Plays every case in every mode, as many at once as there are cores, and writes the answers in
/// the order of suite, case and mode, whichever is ready first.
async fn answer_all(
    here: &Here,
    tuning: Arc<Tuning>,
    cases: &[Case],
    modes: &[Mode],
    mut out: Out,
) -> Result<(Vec<Played>, usize)> {
    let options = Arc::new(Options::new(&here.configuration, tuning));
    let mut waiting = (0..cases.len())
        .flat_map(|case| modes.iter().map(move |mode| (case, *mode)))
        .enumerate();
    let mut progress = Progress::new(cases.len() * modes.len());
    let mut working = JoinSet::new();
    let mut ready: BTreeMap<usize, Result<Played>> = BTreeMap::new();
    let mut next = 0;
    let mut played = Vec::new();
    let mut failed = 0;
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    loop {
        while working.len() < at_once
            && let Some((place, (index, mode))) = waiting.next()
        {
            let (case, options) = (cases[index].clone(), options.clone());
            working.spawn(async move {
                let played = replay::play(&case, index, mode, &options).await;
                let shown = case.folder.display().to_string();
                (
                    place,
                    played.with_context(|| format!("case {} ({shown})", case.id)),
                )
            });
        }
        let Some(done) = working.join_next().await else {
            break;
        };
        let (place, outcome) = done.context("a case ended badly")?;
        ready.insert(place, outcome);
        progress.step();
        while let Some(outcome) = ready.remove(&next) {
            next += 1;
            match outcome {
                Ok(one) => {
                    out.write(&one.answers)?;
                    played.push(one);
                }
                Err(error) => {
                    failed += 1;
                    progress.say(&format!("datapulse: {error:#}"));
                }
            }
        }
    }
    progress.end();
    out.end()?;
    Ok((played, failed))
}

/// Where answers go, one JSON object a line.
struct Out {
    to: Option<Box<dyn Write + Send>>,
    shown: String,
}

impl Out {
    fn new(file: Option<&Path>, output: Output) -> Result<Self> {
        let to: Option<Box<dyn Write + Send>> = match (file, output) {
            (Some(path), _) => {
                let shown = path.display();
                let file = File::create(path).with_context(|| {
                    format!(
                        "{shown} can't be written: answers need a file in a folder that is there"
                    )
                })?;
                Some(Box::new(BufWriter::new(file)))
            }
            (None, Output::Text) => Some(Box::new(std::io::stdout())),
            // They are in the one object that is printed at the end.
            (None, Output::Json) => None,
        };
        let shown = file.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
        Ok(Self { to, shown })
    }

    fn write(&mut self, answers: &[Answer]) -> Result<()> {
        let Some(to) = &mut self.to else {
            return Ok(());
        };
        for answer in answers {
            let line: Value = serde_json::to_value(answer)?;
            writeln!(to, "{line}").with_context(|| format!("{} can't be written", self.shown))?;
        }
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        match &mut self.to {
            Some(to) => to
                .flush()
                .with_context(|| format!("{} can't be written", self.shown)),
            None => Ok(()),
        }
    }
}
