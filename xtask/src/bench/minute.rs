//! One service, counts by minute: what an inverted index is good at.

use anyhow::Result;
use serde_json::{Value, json};

use super::Plan;
use super::asked::{Pair, ask};
use super::day::{DAY_MS, FROM_MS};
use super::documents::rfc3339;
use super::figure::{Figure, Promise};
use super::loaded::{Host, Which};
use super::tools::peer;

const TIMES: f64 = 5.0;
const ASKED: usize = 15;
const WARM: usize = 5;

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let day = plan.day()?;
    let bodies: Vec<Value> = (0..plan.size(ASKED, 2)).map(body).collect();
    let mut sides = [Which::Ours, Which::Theirs].into_iter().map(|which| {
        let host = Host::start(plan, day, which)?;
        let asked = ask(&mut host.connect()?, &bodies, WARM)?;
        host.stop()?;
        anyhow::Ok(asked)
    });
    let (Some(ours), Some(theirs)) = (sides.next(), sides.next()) else {
        anyhow::bail!("a side is missing");
    };
    let pair = Pair::new("minute".to_owned(), ours?, theirs?, &[], false);
    let medians = pair.medians();
    Ok(vec![Figure {
        name: "minute".to_owned(),
        ours: medians.map(|(ours, _)| ours),
        unit: "ms",
        promised: Promise::Times(TIMES),
        more_is_better: false,
        peer: peer(day, medians.map(|(_, theirs)| theirs)),
        work: format!(
            "log lines of one service of the day, counted by minute: {} rows, median of {} services, warm",
            pair.rows,
            bodies.len()
        ),
    }])
}

fn body(turn: usize) -> Value {
    let query = "FROM logs-application | WHERE @timestamp >= ?from AND @timestamp < ?to AND service.name == ?service | STATS lines = COUNT(*) BY minute = BUCKET(@timestamp, 1 minute) | SORT minute | LIMIT 10000";
    json!({ "query": query, "params": [
        { "from": rfc3339(FROM_MS) },
        { "to": rfc3339(FROM_MS + DAY_MS) },
        { "service": format!("service-{:04}", turn * 6) },
    ]})
}
