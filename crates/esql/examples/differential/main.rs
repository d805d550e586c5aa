//! Asks a real Elasticsearch and this engine the same made-up queries over the same made-up data.
//!
//! `differential --server URL [--ours URL] [--seed N] [--queries N] [--minutes N] [--data DIR] [--keep DIR] [--failures FILE]`
//!
//! `--ours` is the address of a running `datapulse serve`; without it the engine in this process
//! answers. What differs is made smaller, printed, and kept in `--keep` as a test, with the data.
//! The last line is `N agreed, N differed, N excluded`.

#[path = "exclusions.rs"]
mod exclusions;
#[path = "grammar.rs"]
mod grammar;
#[allow(dead_code, reason = "the runner of recorded answers uses the rest")]
#[path = "../conformance/harness.rs"]
mod harness;
#[path = "keep.rs"]
mod keep;
#[path = "shrink.rs"]
mod shrink;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use grammar::choices::Choices;
use grammar::tree::Node;
use grammar::world::World;
use harness::Engine;
use harness::cases::Case;
use harness::data::IndexData;
use harness::server::Server;
use reqwest::Method;
use serde_json::{Value, json};

const USAGE: &str = "usage: differential --server URL [--ours URL] [--seed N] [--queries N] [--minutes N] [--data DIR] [--keep DIR] [--failures FILE]";

/// Queries of a seed, where nothing else is said.
const QUERIES: u64 = 1_000;
/// A query that takes longer here is a fault.
const SLOW: Duration = Duration::from_secs(10);
/// Answers that are compared loosely: these sum in another order.
const APPROXIMATE: [&str; 5] = ["STD_DEV", "PERCENTILE", "MEDIAN", "WEIGHTED_AVG", "_score"];

#[derive(Default)]
struct Options {
    server: String,
    ours: Option<String>,
    seed: u64,
    queries: u64,
    minutes: Option<u64>,
    data: Option<PathBuf>,
    keep: Option<PathBuf>,
    failures: Option<PathBuf>,
}

fn options() -> Option<Options> {
    let mut options = Options {
        seed: 1,
        queries: QUERIES,
        ..Options::default()
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--server" => options.server = value,
            "--ours" => options.ours = Some(value),
            "--seed" => options.seed = value.parse().ok()?,
            "--queries" => options.queries = value.parse().ok()?,
            "--minutes" => options.minutes = Some(value.parse().ok()?),
            "--data" => options.data = Some(value.into()),
            "--keep" => options.keep = Some(value.into()),
            "--failures" => options.failures = Some(value.into()),
            _ => return None,
        }
    }
    (!options.server.is_empty()).then_some(options)
}

/// Both sides over the same data.
struct Sides {
    theirs: Server,
    ours: Engine,
}

/// A query that was asked on both sides.
struct Asked {
    case: Case,
    /// How the answers differ.
    why: Option<String>,
    excluded: Option<&'static str>,
}

impl Sides {
    async fn open(options: &Options, data: &[IndexData]) -> Result<Self, Box<dyn Error>> {
        let theirs = Server::new(&options.server)?;
        unload(&theirs, data).await?;
        let mut others = theirs.load(data).await?;
        if let Some(url) = &options.ours {
            unload(&Server::new(url)?, data).await?;
        }
        let (ours, more) = Engine::over(data, options.ours.as_deref()).await?;
        others.extend(more);
        if !others.is_empty() {
            return Err(format!(
                "these names are taken by other indices: {}",
                others.join(", ")
            )
            .into());
        }
        Ok(Self { theirs, ours })
    }

    async fn ask(&self, query: &str, ordered: bool) -> Result<Asked, Box<dyn Error>> {
        let request = json!({"query": query});
        let began = Instant::now();
        let (theirs, ours) = futures::join!(
            self.theirs.ask(&request, false),
            self.ours.ask(&request, false)
        );
        let took = began.elapsed();
        let (theirs, ours) = (theirs?, ours?);
        let approximate = APPROXIMATE.iter().any(|word| query.contains(word));
        let mut expected = json!({
            "name": "", "area": "differential", "request": request, "any_order": !ordered,
            "approx": approximate, "status": theirs.status,
        });
        if theirs.status == 200 {
            expected["columns"] = theirs.body["columns"].clone();
            expected["values"] = theirs.body["values"].clone();
            expected["warnings"] = json!(theirs.warnings);
        } else {
            let part = |part: &str| Value::from(theirs.error(part));
            expected["error"] = json!({"type": part("type"), "reason": part("reason")});
        }
        let case = Case::of(&expected);
        let mut why = harness::compare::verdict(&case, &ours).err();
        if took > SLOW {
            why.get_or_insert(format!("took {:.1} s", took.as_secs_f64()));
        }
        let excluded = why.as_ref().and_then(|_| exclusions::reason(&case, &ours));
        Ok(Asked {
            case,
            why,
            excluded,
        })
    }
}

/// Takes away what an earlier run left.
async fn unload(server: &Server, indices: &[IndexData]) -> Result<(), Box<dyn Error>> {
    for index in indices {
        let path = format!("/{}", index.name);
        server.send(Method::DELETE, &path, None).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    agreed: u64,
    excluded: u64,
    refused: u64,
    differing: Vec<(Case, String)>,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let data = match &options.data {
        Some(folder) => harness::data::read(folder)?,
        None => made(options.seed),
    };
    let mut world = World::default();
    for index in &data {
        world.add(&index.name, &index.body, &index.documents);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let counts = runtime.block_on(compared(options, &data, &world))?;
    for (case, why) in &counts.differing {
        println!("{}\n     {why}\n", case.query);
    }
    if let Some(folder) = &options.keep {
        keep::write(
            &folder.join(options.seed.to_string()),
            &data,
            &counts.differing,
        )?;
    }
    if let Some(file) = &options.failures {
        std::fs::write(file, keep::lines(&counts.differing))?;
    }
    println!(
        "seed {}: of all, Elasticsearch refused {}",
        options.seed, counts.refused
    );
    println!(
        "{} agreed, {} differed, {} excluded",
        counts.agreed,
        counts.differing.len(),
        counts.excluded
    );
    Ok(counts.differing.is_empty() && counts.agreed > 0)
}

/// The indices of a seed, with ids.
fn made(seed: u64) -> Vec<IndexData> {
    let indices = grammar::data::random(seed).into_iter();
    let with_ids = indices.map(|index| IndexData {
        name: index.name.to_owned(),
        body: index.body,
        ids: (0..index.documents.len())
            .map(|at| format!("d{at}"))
            .collect(),
        documents: index.documents,
    });
    with_ids.collect()
}

async fn compared(
    options: &Options,
    data: &[IndexData],
    world: &World,
) -> Result<Counts, Box<dyn Error>> {
    let sides = Sides::open(options, data).await?;
    let until = options
        .minutes
        .map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    let mut counts = Counts::default();
    for number in 0..options.queries {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let mut choices = Choices::seeded(options.seed.wrapping_mul(1_000_003) ^ number);
        let tree = grammar::query(&mut choices, world);
        let text = tree.to_string();
        let broken = grammar::broken(&mut choices, &text);
        let asked = match &broken {
            Some(text) => sides.ask(text, false).await?,
            None => sides.ask(&text, tree.ordered()).await?,
        };
        counts.refused += u64::from(asked.case.expected["status"] != 200);
        match (&asked.why, asked.excluded) {
            (None, _) => counts.agreed += 1,
            (Some(_), Some(_)) => counts.excluded += 1,
            (Some(_), None) => {
                let smallest = match broken {
                    Some(_) => Some(asked),
                    None => shrink::smallest(&sides, tree, asked).await?,
                };
                if let Some(smallest) = smallest {
                    counts.add(smallest);
                }
            }
        }
    }
    Ok(counts)
}

impl Counts {
    fn add(&mut self, asked: Asked) {
        let known = self
            .differing
            .iter()
            .any(|(case, _)| case.query == asked.case.query);
        if let Some(why) = asked.why.filter(|_| !known) {
            self.differing.push((asked.case, why));
        }
    }
}

/// A tree's query on both sides.
async fn ask_tree(sides: &Sides, tree: &Node) -> Result<Asked, Box<dyn Error>> {
    sides.ask(&tree.to_string(), tree.ordered()).await
}
