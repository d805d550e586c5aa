//! The day's documents in both stores, loaded once for all benchmarks of a run.

use std::borrow::Cow;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::cold;
use super::day::{DOCUMENTS, Telemetry};
use super::documents::BATCH;
use super::elastic::Node;
use super::http::Connection;
use super::log_ingest::send_each;
use super::server::Server;
use super::{Plan, fresh};
use crate::step::target;

/// Connections that bring documents.
pub const CONNECTIONS: usize = 4;
const QUICK: usize = 60_000;
const TENTHS: usize = 10;

/// Where the day lies, and how long it took to get there.
pub struct Day {
    pub telemetry: Telemetry,
    /// Of all bodies, action lines included.
    pub bytes: u64,
    /// Our data folder, with everything in segments.
    pub ours: PathBuf,
    /// Elasticsearch's folder, merged.
    pub theirs: PathBuf,
    /// From the first request until all documents were durable and counted by a query.
    pub ours_s: f64,
    pub theirs_s: f64,
    pub theirs_name: String,
}

impl Day {
    /// Takes what an earlier run left only where the plan says so.
    pub fn load(plan: &Plan) -> Result<Self> {
        let telemetry = Telemetry::day(plan.size(DOCUMENTS, QUICK));
        let bodies = Bodies::make(&telemetry)?;
        let folder = |name: &str| target().join("bench").join(format!("day-{name}"));
        let (ours, theirs) = (folder("ours"), folder("elasticsearch"));
        let documents = telemetry.documents;
        let side = |name: &str, load: &dyn Fn() -> Result<Value>| -> Result<Value> {
            let note = target().join("bench").join(format!("day-{name}.json"));
            let before = fs::read(&note).ok();
            let before = before.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
            match before {
                Some(told) if plan.reuse && told["bodies"] == bodies.stamp => Ok(told),
                _ => {
                    let _ = fs::remove_file(&note);
                    let mut told = load()?;
                    told["bodies"] = json!(bodies.stamp);
                    fs::write(&note, told.to_string())?;
                    Ok(told)
                }
            }
        };
        let told_ours = side("ours", &|| load_ours(plan, &bodies, documents))?;
        let told_theirs = side("elasticsearch", &|| {
            load_theirs(plan, &bodies, documents, false)
        })?;
        let seconds = |told: &Value| told["seconds"].as_f64().context("no seconds");
        Ok(Self {
            telemetry,
            bytes: bodies.bytes,
            ours,
            theirs,
            ours_s: seconds(&told_ours)?,
            theirs_s: seconds(&told_theirs)?,
            theirs_name: told_theirs["name"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// Our server on the day.
    pub fn serve(&self, plan: &Plan) -> Result<Server> {
        Server::start(plan, &self.ours, "")
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Which {
    Ours,
    Theirs,
}

impl Which {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "datapulse",
            Self::Theirs => "Elasticsearch",
        }
    }
}

/// Whoever answers about the day; one at a time, so that neither takes from the other.
pub enum Host {
    Ours(Server),
    Theirs(Node),
}

impl Host {
    pub fn start(plan: &Plan, day: &Day, which: Which) -> Result<Self> {
        Ok(match which {
            Which::Ours => Self::Ours(day.serve(plan)?),
            Which::Theirs => Self::Theirs(Node::start(plan, &day.theirs)?),
        })
    }

    /// With nothing of its files in memory. It must not run meanwhile.
    pub fn start_cold(plan: &Plan, day: &Day, which: Which) -> Result<Self> {
        cold::forget(match which {
            Which::Ours => &day.ours,
            Which::Theirs => &day.theirs,
        })?;
        Self::start(plan, day, which)
    }

    pub fn connect(&self) -> Result<Connection> {
        match self {
            Self::Ours(server) => server.connect(),
            Self::Theirs(node) => node.connect(),
        }
    }

    pub fn stop(self) -> Result<()> {
        match self {
            Self::Ours(server) => server.stop(),
            Self::Theirs(_) => Ok(()),
        }
    }
}

/// Ready-made requests, each a file: read, and not made, while the clock runs.
pub struct Bodies {
    files: Vec<PathBuf>,
    rest: Vec<u8>,
    pub bytes: u64,
    /// Says which generator made them.
    stamp: String,
}

impl Bodies {
    /// Made once; those of another generator or another number are made anew.
    pub fn make(telemetry: &Telemetry) -> Result<Self> {
        let folder = target().join("bench/day-bodies");
        let count = telemetry.bodies();
        let stamp = stamp(telemetry);
        let files: Vec<PathBuf> = (0..count)
            .map(|number| folder.join(format!("{number:06}.ndjson")))
            .collect();
        let there = fs::read_to_string(folder.join("made-from"));
        if there.is_ok_and(|there| there == stamp) {
            return Self::of(files, telemetry, stamp);
        }
        fresh("day-bodies")?;
        eprintln!("   {} documents are made", telemetry.documents);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let work = |first: usize| -> Result<()> {
                for number in (first..count).step_by(workers) {
                    fs::write(&files[number], telemetry.body(number))?;
                }
                Ok(())
            };
            let started: Vec<_> = (0..workers)
                .map(|first| scope.spawn(move || work(first)))
                .collect();
            started.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| bail!("a generator's thread panicked"))
            })
        })?;
        fs::write(folder.join("made-from"), &stamp)?;
        Self::of(files, telemetry, stamp)
    }

    fn of(files: Vec<PathBuf>, telemetry: &Telemetry, stamp: String) -> Result<Self> {
        let mut bytes = 0;
        for file in &files {
            bytes += fs::metadata(file)?.len();
        }
        let rest = telemetry.rest();
        Ok(Self {
            files,
            rest,
            bytes,
            stamp,
        })
    }

    fn iter(&self) -> impl Iterator<Item = Result<Cow<'_, [u8]>>> + Send {
        self.files
            .iter()
            .map(|file| Ok(Cow::Owned(fs::read(file)?)))
    }
}

/// The same for the same bodies: two of them are made for it.
fn stamp(telemetry: &Telemetry) -> String {
    let mut hasher = DefaultHasher::new();
    telemetry.body(0).hash(&mut hasher);
    telemetry.body(telemetry.bodies() - 1).hash(&mut hasher);
    format!("{} {:016x}", telemetry.documents, hasher.finish())
}

fn load_ours(plan: &Plan, bodies: &Bodies, documents: usize) -> Result<Value> {
    let folder = fresh("day-ours")?;
    let server = Server::start(plan, &folder, "")?;
    eprintln!("   {documents} documents go into datapulse");
    let seconds = load(server.address, bodies, documents, &|| Ok(()))?;
    // What is in memory goes to segments, as it does by itself after a while.
    server.stop()?;
    compact(plan, &folder)?;
    eprintln!("   {:.0} a second", documents as f64 / seconds);
    Ok(json!({ "seconds": seconds }))
}

/// Segments are put together where the binary can do it, as Elasticsearch's are merged.
fn compact(plan: &Plan, folder: &Path) -> Result<()> {
    let help = Command::new(plan.binary())
        .args(["store", "--help"])
        .output()
        .context("datapulse store --help")?;
    let commands = String::from_utf8_lossy(&help.stdout).into_owned();
    let can = commands
        .lines()
        .any(|line| line.trim_start().starts_with("compact"));
    if !can {
        return Ok(());
    }
    let status = Command::new(plan.binary())
        .args(["store", "compact", "--data"])
        .arg(folder)
        .stdout(std::process::Stdio::null())
        .status()?;
    if !status.success() {
        bail!("datapulse store compact ended with {status}");
    }
    Ok(())
}

/// Into a fresh node, and merged; how long merging took is told and not counted.
pub fn load_theirs(plan: &Plan, bodies: &Bodies, documents: usize, logsdb: bool) -> Result<Value> {
    let folder = fresh(if logsdb {
        "day-logsdb"
    } else {
        "day-elasticsearch"
    })?;
    let node = Node::start(plan, &folder)?;
    node.set_up(plan, logsdb)?;
    eprintln!("   {documents} documents go into Elasticsearch");
    let seconds = load(node.address, bodies, documents, &|| node.refresh())?;
    eprintln!("   {:.0} a second", documents as f64 / seconds);
    let began = Instant::now();
    node.merge()?;
    eprintln!("   merged in {:.0} s", began.elapsed().as_secs_f64());
    Ok(json!({
        "seconds": seconds, "name": node.version()?, "bytes": node.bytes()?, "codec": node.codec()?,
    }))
}

/// Seconds from the first request until a query counts all documents; `settle` makes them
/// visible.
fn load(
    address: SocketAddr,
    bodies: &Bodies,
    documents: usize,
    settle: &dyn Fn() -> Result<()>,
) -> Result<f64> {
    let rest = [Ok(Cow::Borrowed(bodies.rest.as_slice()))];
    send_each(address, rest.into_iter(), 1)?;
    let began = Instant::now();
    let files = told(bodies.iter(), bodies.files.len());
    send_each(address, files, CONNECTIONS)?;
    settle()?;
    let counted = count(address)?;
    let seconds = began.elapsed().as_secs_f64();
    if counted != documents {
        bail!("{documents} documents were acknowledged, and {counted} are there");
    }
    Ok(seconds)
}

/// Says after each tenth how far it is.
pub fn told<T>(
    bodies: impl Iterator<Item = T> + Send,
    count: usize,
) -> impl Iterator<Item = T> + Send {
    let began = Instant::now();
    bodies.enumerate().map(move |(number, body)| {
        if number > 0 && number % count.div_ceil(TENTHS) == 0 {
            let seconds = began.elapsed().as_secs_f64();
            eprintln!("   {} documents after {seconds:.0} s", number * BATCH);
        }
        body
    })
}

fn count(address: SocketAddr) -> Result<Value> {
    let query = "FROM metrics-system,logs-application,traces-application | STATS n = COUNT(*)";
    let mut answer = Connection::open(address)?.post("/_query", &json!({ "query": query }))?;
    Ok(answer["values"][0][0].take())
}
