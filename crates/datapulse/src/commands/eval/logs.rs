//! `datapulse eval logs`: the Analyst's template miner on recorded logs, one configuration for all
//! systems; then scores, where there is truth to score with.
//!
//! Answering opens `suite.json` and the raw lines only. The labelled templates are opened after
//! the last answer of the run is written.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use analyst::templates::{Id, Miner};
use anyhow::{Context, Result};
use regex::Regex;
use serde::Deserialize;
use serde_json::json;

use super::plain_csv;
use super::source;
use crate::arguments::Output;
use crate::print;
use crate::refusal::wrong_use;
use score::{Score, mean};

mod baseline;
mod score;

/// `suite.json`; keys that we don't know are left alone.
#[derive(Deserialize)]
struct Suite {
    kind: String,
    /// By system: the expression whose group `content` is the message.
    header: BTreeMap<String, String>,
}

/// One system's lines.
struct System {
    name: String,
    lines: PathBuf,
    header: Regex,
}

/// One system's answers: a template a line.
struct Answered {
    name: String,
    templates: Vec<String>,
    /// Time in the miner alone.
    took: Duration,
}

pub fn run(output: Output, dir: &Path, answers: Option<&Path>) -> Result<u8> {
    let systems = systems(dir)?;
    let mut answered = Vec::new();
    for system in &systems {
        let answer = answer(system)?;
        if let Some(folder) = answers {
            write(folder, &answer)?;
        }
        answered.push(answer);
    }
    // From here on truth may be read: the last answer is written.
    let mut scores = Vec::new();
    for (system, answer) in systems.iter().zip(&answered) {
        let truth = dir.join(format!("{}.csv", system.name));
        if truth.is_file() {
            let truth = labels(&truth, answer.templates.len())?;
            let plain = baseline::templates(&messages(system)?);
            scores.push(Row {
                system: system.name.clone(),
                lines: truth.len(),
                ours: Score::of(&answer.templates, &truth),
                baseline: Score::of(&plain, &truth),
            });
        }
    }
    say(output, &answered, &scores)
}

/// Scores of one system.
struct Row {
    system: String,
    lines: usize,
    ours: Score,
    baseline: Score,
}

fn systems(dir: &Path) -> Result<Vec<System>> {
    let path = dir.join("suite.json");
    let shown = path.display();
    let text = fs::read_to_string(&path).map_err(|error| {
        wrong_use(format!(
            "{shown} can't be read ({error}): name the folder that holds suite.json and <system>.log.gz"
        ))
    })?;
    let suite: Suite = serde_json::from_str(&text)
        .with_context(|| format!("{shown}: expected kind and header, a pattern by system"))?;
    if suite.kind != "logs" {
        return Err(wrong_use(format!(
            "{shown}: expected a suite of kind \"logs\", got {:?}",
            suite.kind
        )));
    }
    let system = |(name, header): (String, String)| {
        let header = Regex::new(&header)
            .with_context(|| format!("{shown}: the header of {name} is no expression"))?;
        let lines = source::find(dir, &format!("{name}.log"))?;
        Ok(System {
            name,
            lines,
            header,
        })
    };
    suite.header.into_iter().map(system).collect()
}

/// The message in each line; a line that doesn't fit the header is one whole.
fn messages(system: &System) -> Result<Vec<String>> {
    let mut messages = Vec::new();
    source::each_line(&system.lines, |line| {
        let content = system.header.captures(line);
        let content = content.and_then(|found| found.name("content"));
        messages.push(content.map_or(line, |content| content.as_str()).to_owned());
        Ok(())
    })?;
    Ok(messages)
}

fn answer(system: &System) -> Result<Answered> {
    let messages = messages(system)?;
    let mut miner = Miner::default();
    let mut retired: HashMap<Id, String> = HashMap::new();
    let mut tokens = Vec::new();
    let start = Instant::now();
    let mut ids = Vec::with_capacity(messages.len());
    for message in &messages {
        ids.push(miner.observe(message, &mut tokens));
        retired.extend(miner.retired().iter().cloned());
    }
    let took = start.elapsed();
    let template = |id: &Id| miner.template(*id).or_else(|| retired.get(id).cloned());
    Ok(Answered {
        name: system.name.clone(),
        templates: ids
            .iter()
            .map(|id| template(id).unwrap_or_default())
            .collect(),
        took,
    })
}

fn write(folder: &Path, answer: &Answered) -> Result<()> {
    let mut out = source::create(folder, &format!("{}.csv", answer.name))?;
    writeln!(out, "LineId,Template")?;
    for (index, template) in answer.templates.iter().enumerate() {
        writeln!(out, "{},{}", index + 1, plain_csv::field(template))?;
    }
    out.flush()?;
    Ok(())
}

/// The labelled template of each line.
fn labels(path: &Path, lines: usize) -> Result<Vec<String>> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))?;
    let mut records = plain_csv::records(&text).into_iter();
    let head = records.next().unwrap_or_default();
    let column = head
        .iter()
        .position(|name| name == "EventTemplate")
        .with_context(|| format!("{shown}:1: expected a column EventTemplate"))?;
    let labels: Vec<String> = records
        .filter_map(|mut record| (column < record.len()).then(|| record.swap_remove(column)))
        .collect();
    anyhow::ensure!(
        labels.len() == lines,
        "{shown}: expected {lines} labels, one a line of the log, got {}",
        labels.len()
    );
    Ok(labels)
}

fn say(output: Output, answered: &[Answered], rows: &[Row]) -> Result<u8> {
    let lines: usize = answered.iter().map(|answer| answer.templates.len()).sum();
    let took: Duration = answered.iter().map(|answer| answer.took).sum();
    let per_second = lines as f64 / took.as_secs_f64().max(1e-9);
    let ours = mean(rows.iter().map(|row| row.ours));
    let baseline = mean(rows.iter().map(|row| row.baseline));
    if output == Output::Json {
        let row = |row: &Row| {
            json!({
                "system": row.system, "lines": row.lines,
                "scores": row.ours, "baseline": row.baseline,
            })
        };
        print::json(&json!({
            "systems": rows.iter().map(row).collect::<Vec<_>>(),
            "mean": { "scores": ours, "baseline": baseline },
            "lines": lines, "lines_per_second": per_second.round(),
        }))?;
        return Ok(0);
    }
    let mut cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| cells(&row.system, row.lines.to_string(), &row.ours, &row.baseline))
        .collect();
    if let (Some(ours), Some(baseline)) = (&ours, &baseline) {
        cells.push(cells_of_mean(ours, baseline));
        let head = [
            "system", "lines", "GA", "base", "FGA", "base", "PA", "base", "FTA", "base",
        ];
        println!("{}", print::table(&head, cells));
    } else {
        println!("no labels lie beside the logs, so there is nothing to score with");
    }
    println!("{lines} lines, {per_second:.0} a second in the miner");
    Ok(0)
}

fn cells_of_mean(ours: &Score, baseline: &Score) -> Vec<String> {
    cells("mean", String::new(), ours, baseline)
}

fn cells(name: &str, lines: String, ours: &Score, baseline: &Score) -> Vec<String> {
    let two = |number: f64| format!("{number:.3}");
    let mut cells = vec![name.to_owned(), lines];
    for (ours, baseline) in ours.figures().into_iter().zip(baseline.figures()) {
        cells.extend([two(ours), two(baseline)]);
    }
    cells
}
