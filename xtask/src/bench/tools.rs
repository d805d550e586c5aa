//! The four tools and the Analyst's, in their windows of the day, warm and cold, and error rate
//! and P99 of all services over the whole day: beside Elasticsearch, both over HTTP.

use anyhow::{Context, Result};
use serde_json::Value;

use super::asked::{Asked, Pair, ask, median};
use super::day::{DAY_MS, HOUR_MS, SERVICES};
use super::figure::{Figure, Peer, Promise};
use super::loaded::{Day, Host, Which};
use super::questions::{HEALTH, Question, TOOLS, Window, window};
use super::{Plan, table};

const TIMES: f64 = 10.0;
/// Windows that each question is asked about.
const ASKED: usize = 9;
/// Rounds of all questions before the clock runs.
const WARM: usize = 6;
const ASKED_DAY: usize = 7;
const ASKED_DAY_COLD: usize = 3;
const MINUTE_MS: i64 = 60_000;

/// Lengths of windows, with their names.
pub const LENGTHS: [(&str, i64); 3] = [("15m", HOUR_MS / 4), ("1h", HOUR_MS), ("6h", 6 * HOUR_MS)];

/// A tool and a length of its windows.
#[derive(Clone, Copy)]
struct Place {
    tool: usize,
    length: usize,
}

impl Place {
    fn all() -> impl Iterator<Item = Self> {
        (0..LENGTHS.len())
            .flat_map(|length| (0..TOOLS.len()).map(move |tool| Self { tool, length }))
    }

    fn window(self, turn: usize) -> Window {
        window(self.tool, LENGTHS[self.length].1, turn)
    }
}

/// What one side said, in the order of [`Place::all`].
struct Side {
    warm: Vec<Asked>,
    cold: Vec<Asked>,
    day: Asked,
    day_cold: Asked,
}

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let day = plan.day()?;
    let questions = questions(plan, day)?;
    let ours = ask_side(plan, day, Which::Ours, &questions)?;
    let theirs = ask_side(plan, day, Which::Theirs, &questions)?;
    let warm = pairs(ours.warm, theirs.warm);
    let cold = pairs(ours.cold, theirs.cold);
    let whole = |name: &str, ours, theirs| {
        Pair::new(name.to_owned(), ours, theirs, HEALTH.estimates, false)
    };
    let whole_warm = whole("day", ours.day, theirs.day);
    let whole_cold = whole("day, cold", ours.day_cold, theirs.day_cold);
    let mut figures = Vec::new();
    for (temperature, all) in [("warm", &warm), ("cold", &cold)] {
        for (number, (label, _)) in LENGTHS.iter().enumerate() {
            let of = &all[number * TOOLS.len()..(number + 1) * TOOLS.len()];
            let name = format!("tools_{label}_{temperature}");
            figures.push(pooled(name, day, of, temperature, label));
        }
    }
    figures.push(health("tools_day_warm", day, &whole_warm, "warm"));
    figures.push(health("tools_day_cold", day, &whole_cold, "cold"));
    table::tools(plan, &warm, &cold, [&whole_warm, &whole_cold])?;
    Ok(figures)
}

fn pairs(ours: Vec<Asked>, theirs: Vec<Asked>) -> Vec<Pair> {
    let places = Place::all().zip(ours.into_iter().zip(theirs));
    let pair = |(place, (ours, theirs)): (Place, (Asked, Asked))| {
        let tool = &TOOLS[place.tool];
        let name = format!("{} {}", tool.id, LENGTHS[place.length].0);
        Pair::new(name, ours, theirs, tool.estimates, tool.cut)
    };
    places.map(pair).collect()
}

fn ask_side(plan: &Plan, day: &Day, which: Which, questions: &[Question]) -> Result<Side> {
    eprintln!("   {} is asked, warm", which.name());
    let host = Host::start(plan, day, which)?;
    let mut connection = host.connect()?;
    let turns = plan.size(ASKED, 2);
    let bodies = |place: Place| -> Vec<Value> {
        let turns = 0..turns;
        turns
            .map(|turn| questions[place.tool].body(place.window(turn)))
            .collect()
    };
    // A JVM compiles what was asked often: everything is asked before anything is timed.
    for _ in 0..plan.size(WARM, 1) {
        for place in Place::all() {
            ask(&mut connection, &bodies(place)[..1], 0)?;
        }
    }
    let warm = Place::all().map(|place| ask(&mut connection, &bodies(place), 1));
    let warm = warm.collect::<Result<Vec<_>>>()?;
    let bodies: Vec<Value> = (0..plan.size(ASKED_DAY, 2))
        .map(|turn| day_body(questions, turn))
        .collect();
    let whole = ask(&mut connection, &bodies, 2)?;
    host.stop()?;
    eprintln!("   {} is asked, cold", which.name());
    let mut cold = Vec::new();
    for length in 0..LENGTHS.len() {
        let host = Host::start_cold(plan, day, which)?;
        let mut connection = host.connect()?;
        for place in Place::all().filter(|place| place.length == length) {
            // A window that nothing was asked about yet.
            let body = questions[place.tool].body(place.window(turns));
            cold.push(ask(&mut connection, &[body], 0)?);
        }
        host.stop()?;
    }
    let mut whole_cold: Option<Asked> = None;
    for turn in 0..plan.size(ASKED_DAY_COLD, 1) {
        let host = Host::start_cold(plan, day, which)?;
        let asked = ask(&mut host.connect()?, &[day_body(questions, turn)], 0)?;
        match &mut whole_cold {
            Some(before) => before.ms.extend(asked.ms),
            None => whole_cold = Some(asked),
        }
        host.stop()?;
    }
    Ok(Side {
        warm,
        cold,
        day: whole,
        day_cold: whole_cold.context("no cold turn")?,
    })
}

/// The whole day less some minutes, so that no question is asked twice.
fn day_body(questions: &[Question], turn: usize) -> Value {
    let mut whole = window(0, DAY_MS, 0);
    whole.from_ms += turn as i64 * MINUTE_MS;
    questions[TOOLS.len()].body(whole)
}

fn questions(plan: &Plan, day: &Day) -> Result<Vec<Question>> {
    let server = day.serve(plan)?;
    let mut connection = server.connect()?;
    let tools = TOOLS.iter().chain([&HEALTH]);
    let questions = tools.map(|tool| Question::of(&mut connection, tool));
    let questions = questions.collect::<Result<_>>()?;
    server.stop()?;
    Ok(questions)
}

/// The median over questions of their medians.
fn pooled(name: String, day: &Day, pairs: &[Pair], how: &str, length: &str) -> Figure {
    let medians: Vec<(f64, f64)> = pairs.iter().filter_map(Pair::medians).collect();
    let left_out = pairs.len() - medians.len();
    let (ours, theirs): (Vec<f64>, Vec<f64>) = medians.into_iter().unzip();
    let left_out = match left_out {
        0 => String::new(),
        some => format!(", {some} of them left out because the answers differ"),
    };
    Figure {
        name,
        ours: median(&ours),
        unit: "ms",
        promised: Promise::Times(TIMES),
        more_is_better: false,
        peer: peer(day, median(&theirs)),
        work: format!(
            "{how}: the four tools' and the Analyst's questions ({}{left_out}), each about windows of {length} in {} documents of {SERVICES} services; median of the questions' medians",
            pairs.len(),
            day.telemetry.documents
        ),
    }
}

fn health(name: &str, day: &Day, pair: &Pair, how: &str) -> Figure {
    let medians = pair.medians();
    Figure {
        name: name.to_owned(),
        ours: medians.map(|(ours, _)| ours),
        unit: "ms",
        promised: Promise::Times(TIMES),
        more_is_better: false,
        peer: peer(day, medians.map(|(_, theirs)| theirs)),
        work: format!(
            "{how}: error rate and P99 of {} services over the whole day of {} documents, median of {}{}",
            pair.rows,
            day.telemetry.documents,
            pair.ours.len(),
            pair.differs.as_ref().map_or(String::new(), |what| format!(
                ": not measured, the answers differ: {what}"
            ))
        ),
    }
}

/// Elasticsearch's figure.
pub fn peer(day: &Day, value: Option<f64>) -> Result<Peer, String> {
    let value = value.ok_or_else(|| "the answers differ".to_owned())?;
    Ok(Peer {
        name: format!("{}, one node, merged, over HTTP", day.theirs_name),
        value,
    })
}
