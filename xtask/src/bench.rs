//! `cargo xtask bench`: figures of the release binary, measured from outside, each beside a peer
//! that does the same work in the same run where there is one.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::page;
use crate::step::{cargo, perform, root, target};

mod documents;
mod figure;
mod http;
mod ingest;
mod investigate;
mod peer;
pub mod server;
mod start;
mod tick;
mod tools;

use figure::Figure;

/// A benchmark by name; some give several figures of one kind of work.
type Benchmark = (&'static str, fn(&Plan) -> Result<Vec<Figure>>);

const ALL: [Benchmark; 6] = [
    ("start", start::start),
    ("idle_memory", start::idle_memory),
    ("ingest", ingest::run),
    ("tools", tools::run),
    ("sentinel_tick", tick::run),
    ("investigate", investigate::run),
];

/// What is run, and how much of it.
pub struct Plan {
    /// A development build on little data: shows that the harness works, and nothing else.
    quick: bool,
}

impl Plan {
    fn binary(&self) -> PathBuf {
        self.built("datapulse")
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
    let (names, plan, file) = parse(arguments)?;
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
    perform("build", &mut build)?;
    let mut figures = Vec::new();
    for (name, benchmark) in ALL.iter().filter(|(name, _)| names.contains(name)) {
        eprintln!("── bench {name}");
        let found = benchmark(&plan).with_context(|| format!("bench {name}"))?;
        for figure in &found {
            println!("{}", figure.json());
        }
        figures.extend(found);
    }
    eprintln!("\n{}", figure::table(&figures));
    if let Some(file) = file {
        let lines: String = figures
            .iter()
            .map(|figure| format!("{}\n", figure.json()))
            .collect();
        fs::write(&file, lines).with_context(|| file.display().to_string())?;
    }
    if plan.quick {
        eprintln!("── --quick: these figures mean nothing");
        return Ok(true);
    }
    publish(&figures)?;
    Ok(figures.iter().all(Figure::within))
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
    let order = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        ALL.iter()
            .position(|(benchmark, _)| name.starts_with(benchmark.trim_end_matches('s')))
    };
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

fn parse(arguments: &[String]) -> Result<(Vec<&'static str>, Plan, Option<PathBuf>)> {
    let mut names = Vec::new();
    let mut plan = Plan { quick: false };
    let mut file = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--json" => file = Some(rest.next().context("--json: a file is missing")?.into()),
            "--quick" => plan.quick = true,
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
    Ok((names, plan, file))
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
