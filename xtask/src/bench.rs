//! `cargo xtask bench`: figures of the release binary, measured from outside, each beside a peer
//! that does the same work in the same run where there is one.

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::page;
use crate::step::{cargo, perform, root, target};

mod asked;
mod cold;
mod compare;
mod day;
mod disk;
mod documents;
mod elastic;
mod figure;
mod growth;
mod http;
mod ingest;
mod investigate;
mod loaded;
mod log_ingest;
mod million;
mod minute;
mod peer;
mod plot;
mod questions;
mod scans;
pub mod server;
mod start;
mod table;
mod tick;
mod tools;

use figure::Figure;
use growth::Grown;
use loaded::Day;

/// A benchmark by name, with which its figures' names begin.
type Benchmark = (&'static str, fn(&Plan) -> Result<Vec<Figure>>);

const ALL: [Benchmark; 13] = [
    ("start", start::start),
    ("idle_memory", start::idle_memory),
    ("log_ingest", log_ingest::run),
    ("tool", million::run),
    ("sentinel_tick", tick::run),
    ("investigate", investigate::run),
    ("ingest", ingest::run),
    ("tools", tools::run),
    ("scans", scans::run),
    ("minute", minute::run),
    ("disk", disk::run),
    ("growth", growth::growth),
    ("memory", growth::memory),
];

/// What is run, and how much of it.
#[derive(Default)]
pub struct Plan {
    /// A development build on little data: shows that the harness works, and nothing else.
    quick: bool,
    /// Documents that an earlier run loaded are taken where they are there.
    reuse: bool,
    /// A binary that is built already.
    binary: Option<PathBuf>,
    /// Documents of `growth` and `memory`.
    much: Option<usize>,
    file: Option<PathBuf>,
    day: OnceCell<Day>,
    grown: OnceCell<Grown>,
}

impl Plan {
    fn binary(&self) -> PathBuf {
        self.binary
            .clone()
            .unwrap_or_else(|| self.built("datapulse"))
    }

    /// Figures that aren't the page's: it shows what one run of one build measured.
    fn is_shown_only(&self) -> bool {
        self.quick || self.reuse || self.binary.is_some()
    }

    /// The day in both stores, loaded when it is first asked for.
    fn day(&self) -> Result<&Day> {
        if let Some(day) = self.day.get() {
            return Ok(day);
        }
        let day = Day::load(self)?;
        Ok(self.day.get_or_init(|| day))
    }

    fn grown(&self) -> Result<&Grown> {
        if let Some(grown) = self.grown.get() {
            return Ok(grown);
        }
        let grown = Grown::load(self)?;
        Ok(self.grown.get_or_init(|| grown))
    }

    fn much(&self) -> usize {
        self.much
            .unwrap_or_else(|| self.size(growth::MUCH, 100_000))
    }

    fn example(&self, name: &str) -> PathBuf {
        self.built("examples").join(name)
    }

    fn built(&self, name: &str) -> PathBuf {
        let profile = if self.quick { "debug" } else { "release" };
        target().join(profile).join(name)
    }

    fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

pub fn run(arguments: &[String]) -> Result<bool> {
    let (names, plan) = parse(arguments)?;
    build(&plan)?;
    let mut figures = Vec::new();
    for (name, benchmark) in ALL.iter().filter(|(name, _)| names.contains(name)) {
        eprintln!("── bench {name}");
        let began = Instant::now();
        let found = benchmark(&plan).with_context(|| format!("bench {name}"))?;
        eprintln!("── bench {name}: {:.0} s", began.elapsed().as_secs_f64());
        for figure in &found {
            println!("{}", figure.json());
        }
        figures.extend(found);
    }
    eprintln!("\n{}", figure::table(&figures));
    if let Some(file) = &plan.file {
        let lines: String = figures
            .iter()
            .map(|figure| format!("{}\n", figure.json()))
            .collect();
        fs::write(file, lines).with_context(|| file.display().to_string())?;
    }
    if plan.quick {
        eprintln!("── --quick: these figures mean nothing");
        return Ok(true);
    }
    if plan.is_shown_only() {
        eprintln!("── not written to the page: --binary and --reuse are for development");
    } else {
        publish(&figures)?;
    }
    Ok(figures.iter().all(Figure::within))
}

fn build(plan: &Plan) -> Result<()> {
    if plan.binary.is_some() {
        return Ok(());
    }
    let mut build = cargo();
    // With the whole workspace's features, as every other build has them.
    build.args([
        "build",
        "--workspace",
        "--bin",
        "datapulse",
        "--example",
        "sqlite_ingest",
    ]);
    if !plan.quick {
        build.arg("--release");
    }
    perform("build", &mut build)
}

/// Keeps the page's rows of benchmarks that didn't run now.
fn publish(figures: &[Figure]) -> Result<()> {
    let path = target().join("bench/figures.json");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut kept: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    for figure in figures {
        kept.retain(|row| row["name"] != figure.name);
        kept.push(
            json!({ "name": figure.name, "row": figure.row(), "when": page::circumstances() }),
        );
    }
    // Of the benchmarks whose name a row begins with, the longest is its own.
    let order = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        let its = ALL.iter().enumerate();
        its.filter(|(_, (benchmark, _))| name.starts_with(benchmark))
            .max_by_key(|(_, (benchmark, _))| benchmark.len())
            .map(|(place, _)| place)
    };
    kept.retain(|row| order(row).is_some());
    kept.sort_by_key(order);
    fs::write(&path, serde_json::to_string_pretty(&kept)?)?;
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows: Vec<String> = kept.iter().map(|row| word(row, "row")).collect();
    let mut when: Vec<String> = kept.iter().map(|row| word(row, "when")).collect();
    when.dedup();
    let text = format!(
        "{}\n{}\n\n{}.",
        figure::HEAD,
        rows.join("\n"),
        when.join("; ")
    );
    page::write("bench", &text)
}

fn parse(arguments: &[String]) -> Result<(Vec<&'static str>, Plan)> {
    let mut names = Vec::new();
    let mut plan = Plan::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = |what: &str| {
            let value = rest.next();
            value.with_context(|| format!("{argument}: {what} is missing"))
        };
        match argument.as_str() {
            "--json" => plan.file = Some(value("a file")?.into()),
            "--binary" => {
                let file = value("a file")?;
                let found = fs::canonicalize(file).with_context(|| format!("--binary {file}"));
                plan.binary = Some(found?);
            }
            "--documents" => {
                let number = value("a number")?;
                let parsed = number.parse().ok().filter(|number| *number > 0);
                let wrong = || format!("--documents: expected a number, got {number:?}");
                plan.much = Some(parsed.with_context(wrong)?);
            }
            "--quick" => plan.quick = true,
            "--reuse" => plan.reuse = true,
            other => match ALL.iter().find(|(name, _)| *name == other) {
                Some((name, _)) => names.push(*name),
                None => {
                    let known = ALL.map(|(name, _)| name).join(", ");
                    bail!("there is no benchmark {other:?}: {known}");
                }
            },
        }
    }
    if names.is_empty() {
        names.extend(ALL.map(|(name, _)| name));
    }
    Ok((names, plan))
}

/// An empty folder under `target/bench`.
fn fresh(name: &str) -> Result<PathBuf> {
    let folder = target().join("bench").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// Recorded incidents, which lie beside the repository.
fn shared(path: &str) -> Option<PathBuf> {
    let folder = root().join("../shared").join(path);
    folder.is_dir().then_some(folder)
}
