//! `datapulse eval series`: the Sentinel's series detector on recorded series, one configuration
//! for all suites, each score written before the next point is read; then scores, where there is
//! truth to score with.
//!
//! Answering opens `suite.json` and the series only. The labelled windows are opened after the
//! last answer of the run is written.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use model::tuning::{SeriesDetector, Tuning};
use sentinel::series::Detector;
use serde_json::json;

use super::source;
use crate::arguments::Output;
use crate::print;
use baseline::SILENCES;
use score::{Report, Scored};
use suite::Suite;

pub use labelled::{Labelled, Recorded, labelled};

mod baseline;
mod event;
mod labelled;
mod nab;
mod score;
mod suite;

/// One series with a score for each point.
struct Answered {
    name: String,
    /// Seconds since 1970.
    at_s: Vec<i64>,
    scores: Vec<f64>,
    /// With each of its times of silence.
    baseline: [Vec<f64>; SILENCES],
}

pub fn run(output: Output, tuning: &Tuning, dir: &Path, answers: Option<&Path>) -> Result<u8> {
    let tuning = Arc::new(tuning.series.clone());
    let suites = suite::find(dir)?;
    let several = suites.len() > 1 || suites.iter().any(|suite| suite.folder != dir);
    let mut answered = Vec::new();
    for suite in &suites {
        let folder = answers.map(|answers| match several {
            true => answers.join(&suite.name),
            false => answers.to_owned(),
        });
        let each = suite.series.iter();
        let each = each.map(|name| answer(suite, name, folder.as_deref(), &tuning));
        answered.push(each.collect::<Result<Vec<_>>>()?);
    }
    // From here on truth may be read: the last answer is written.
    let mut reports = Vec::new();
    for (suite, series) in suites.iter().zip(&answered) {
        if let Some(windows) = suite.windows()? {
            reports.push(report(suite, series, &windows));
        }
    }
    let points: usize = answered
        .iter()
        .flatten()
        .map(|series| series.scores.len())
        .sum();
    say(output, &reports, points)
}

/// Reads a point, scores it, writes the score, and only then reads the next.
fn answer(
    suite: &Suite,
    name: &str,
    folder: Option<&Path>,
    tuning: &Arc<SeriesDetector>,
) -> Result<Answered> {
    let mut out = match folder {
        Some(folder) => Some(source::create(folder, name)?),
        None => None,
    };
    let mut answered = Answered {
        name: name.to_owned(),
        at_s: Vec::new(),
        scores: Vec::new(),
        baseline: Default::default(),
    };
    let mut head: Option<Head> = None;
    source::each_line(&source::find(&suite.folder, name)?, |line| {
        let Some(head) = &mut head else {
            let read = Head::read(line, tuning)?;
            if let Some(out) = &mut out {
                writeln!(out, "{}", read.written())?;
            }
            head = Some(read);
            return Ok(());
        };
        let point = Point::read(line, head.metrics.len())?;
        let scores = head.detector.observe(point.at_s, &point.values);
        if let Some(out) = &mut out {
            write!(out, "{},{},{:.6}", point.time, point.first, scores.score)?;
            if head.metrics.len() > 1 {
                for score in &scores.metrics {
                    write!(out, ",{score:.6}")?;
                }
            }
            writeln!(out)?;
        }
        answered.at_s.push(point.at_s);
        answered.scores.push(scores.score);
        let plain = head.baseline.observe(&point.values);
        for (scores, score) in answered.baseline.iter_mut().zip(plain) {
            scores.push(score);
        }
        Ok(())
    })?;
    if let Some(mut out) = out {
        out.flush()
            .with_context(|| format!("{name} can't be written"))?;
    }
    Ok(answered)
}

/// The first line of a file, and who scores what follows.
struct Head {
    metrics: Vec<String>,
    detector: Detector,
    baseline: baseline::Detector,
}

impl Head {
    fn read(line: &str, tuning: &Arc<SeriesDetector>) -> Result<Self> {
        let metrics = metrics(line)?;
        Ok(Self {
            detector: Detector::tuned(metrics.len(), tuning.clone()),
            baseline: baseline::Detector::new(metrics.len()),
            metrics,
        })
    }

    /// The first line of the answer.
    fn written(&self) -> String {
        let mut head = "timestamp,value,score".to_owned();
        if self.metrics.len() > 1 {
            for metric in &self.metrics {
                head.push(',');
                head.push_str(metric);
            }
        }
        head
    }
}

/// The columns beside the time, as the first line of a file names them.
fn metrics(line: &str) -> Result<Vec<String>> {
    let mut names = line.split(',').map(str::to_owned);
    let metrics: Vec<String> = match names.next().as_deref() {
        Some("timestamp") => names.collect(),
        _ => anyhow::bail!("expected timestamp,value or timestamp,<metric>,…, got {line:?}"),
    };
    anyhow::ensure!(
        !metrics.is_empty(),
        "expected a column of values beside timestamp"
    );
    Ok(metrics)
}

struct Point<'a> {
    time: &'a str,
    at_s: i64,
    /// The first value, as it is written.
    first: &'a str,
    /// A value that is no number is missing.
    values: Vec<Option<f64>>,
}

impl<'a> Point<'a> {
    fn read(line: &'a str, metrics: usize) -> Result<Self> {
        let (time, values) = line
            .split_once(',')
            .with_context(|| format!("expected a time and values, got {line:?}"))?;
        let at_s = seconds(time)?;
        let first = values.split(',').next().unwrap_or_default();
        let values: Vec<Option<f64>> = values
            .split(',')
            .map(|value| value.trim().parse().ok())
            .collect();
        anyhow::ensure!(
            values.len() == metrics,
            "expected {metrics} values, got {}",
            values.len()
        );
        Ok(Self {
            time,
            at_s,
            first,
            values,
        })
    }
}

fn seconds(time: &str) -> Result<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(time)
        .with_context(|| format!("expected a time in RFC 3339, got {time:?}"))?;
    Ok(time.timestamp())
}

fn report(suite: &Suite, series: &[Answered], windows: &suite::Windows) -> Report {
    let of = |scores: &dyn Fn(&Answered) -> Vec<f64>| -> Vec<Scored> {
        let one = |series: &Answered| {
            Scored::of(suite, windows, &series.name, &series.at_s, scores(series))
        };
        series.iter().map(one).collect()
    };
    let plain: Vec<Vec<Scored>> = (0..SILENCES)
        .map(|silence| of(&|series| series.baseline[silence].clone()))
        .collect();
    Report::of(suite, &of(&|series| series.scores.clone()), &plain)
}

fn say(output: Output, reports: &[Report], points: usize) -> Result<u8> {
    if output == Output::Json {
        print::json(&json!({ "suites": reports, "points": points }))?;
        return Ok(0);
    }
    let head = [
        "suite",
        "series",
        "windows",
        "measure",
        "score",
        "base",
        "at 0.5",
        "threshold",
    ];
    match reports.is_empty() {
        true => {
            println!("no windows.json lies beside the series, so there is nothing to score with")
        }
        false => println!(
            "{}",
            print::table(&head, reports.iter().flat_map(Report::rows).collect())
        ),
    }
    println!("{points} points");
    Ok(0)
}
