//! Asking one side and timing it.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use super::compare::{Answer, difference};
use super::figure::at_share;
use super::http::Connection;

/// What one side answered to one question.
pub struct Asked {
    /// Milliseconds of each request, the answer read to its end.
    pub ms: Vec<f64>,
    /// To the first body.
    pub answer: Answer,
}

/// Each body once, after the first `warm` of them once untimed.
pub fn ask(connection: &mut Connection, bodies: &[Value], warm: usize) -> Result<Asked> {
    let mut ms = Vec::with_capacity(bodies.len());
    let mut answer = None;
    for body in bodies.iter().take(warm) {
        query(connection, body)?;
    }
    for body in bodies {
        let began = Instant::now();
        let told = query(connection, body)?;
        ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        if answer.is_none() {
            let told: Value = serde_json::from_slice(&told)?;
            answer = Some(Answer::read(&told).with_context(|| format!("it told {told}"))?);
        }
    }
    let answer = answer.context("no question was asked")?;
    Ok(Asked { ms, answer })
}

/// The answer's bytes: reading them into values is the client's work, and not timed.
fn query(connection: &mut Connection, body: &Value) -> Result<Vec<u8>> {
    let answer = connection.send(
        "POST",
        "/_query",
        "application/json",
        body.to_string().as_bytes(),
    )?;
    if answer.status != 200 {
        answer.json(&body["query"].to_string())?;
    }
    Ok(answer.body)
}

/// Both sides' times for one question.
pub struct Pair {
    pub name: String,
    pub ours: Vec<f64>,
    pub theirs: Vec<f64>,
    pub rows: usize,
    /// What differs in the answers; the times of such a pair count for nothing.
    pub differs: Option<String>,
}

impl Pair {
    pub fn new(name: String, ours: Asked, theirs: Asked, estimates: &[&str], cut: bool) -> Self {
        let rows = ours.answer.rows();
        let differs = difference(ours.answer, theirs.answer, estimates, cut);
        if let Some(what) = &differs {
            eprintln!("   {name}: the answers differ, so it isn't counted: {what}");
        }
        Self {
            name,
            ours: ours.ms,
            theirs: theirs.ms,
            rows,
            differs,
        }
    }

    /// Medians of ours and theirs.
    pub fn medians(&self) -> Option<(f64, f64)> {
        if self.differs.is_some() {
            return None;
        }
        Some((median(&self.ours)?, median(&self.theirs)?))
    }
}

pub fn median(values: &[f64]) -> Option<f64> {
    at_share(&mut values.to_vec(), 0.5)
}
