//! The documents of a case as time brings them: nothing is read further ahead than one document
//! a file, and nothing is given out before its time. What sums up a period is known when the
//! period is over, not at the start of it that the document is dated with.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use model::Timestamp;
use serde_json::{Map, Value};
use store::{Document, Operation};

use crate::import;

/// Keys by which a document sums up a period: counts of what happened in it.
const SUMS: [&str; 2] = ["request_count", "error_count"];
/// The key of a span's length, in microseconds.
const DURATION: &str = "span.duration.us";
/// Keys that tell whose period it is.
const WHOSE: [&str; 3] = [
    "service.name",
    "service.node.name",
    "destination.service.name",
];
/// The length of a period, in milliseconds, before a second one tells it.
const USUAL_PERIOD_MS: i64 = 60_000;

/// Bytes of one line.
const MAX_LINE: u64 = 16 << 20;

pub struct Feed {
    files: Vec<Lines>,
}

impl Feed {
    pub fn open(docs: &Path) -> Result<Self> {
        let files = import::files(docs)?
            .into_iter()
            .map(|(index, path)| Lines::open(index, &path))
            .collect::<Result<_>>()?;
        Ok(Self { files })
    }

    /// At most `most` of the documents before `moment` that weren't given yet; those without a
    /// time come first. What lies behind a later document of its file comes late, as in life.
    pub fn before(&mut self, moment: Timestamp, most: usize) -> Result<Vec<Document>> {
        let mut documents = Vec::new();
        for file in &mut self.files {
            while documents.len() < most {
                match file.before(moment)? {
                    Some(document) => documents.push(document),
                    None => break,
                }
            }
        }
        Ok(documents)
    }
}

/// A document with its time, where it has one.
struct Ahead {
    at: Option<Timestamp>,
    source: Map<String, Value>,
}

/// One file, with the document that was read but not given out.
struct Lines {
    index: String,
    shown: String,
    reader: BufReader<Box<dyn Read + Send + Sync>>,
    line: String,
    number: u64,
    ahead: Option<Ahead>,
    /// What was read, and waits for the end of its period.
    waiting: VecDeque<Ahead>,
    periods: Periods,
}

/// How long the periods of a file are: the time between two documents of the same origin.
#[derive(Default)]
struct Periods {
    last: HashMap<String, Timestamp>,
    shortest_ms: Option<i64>,
}

impl Periods {
    fn note(&mut self, ahead: &Ahead) {
        let Some(at) = ahead.at else { return };
        let whose = WHOSE.map(|key| ahead.source.get(key).and_then(Value::as_str).unwrap_or(""));
        let before = self.last.insert(whose.join("\n"), at);
        let between = before.map(|before| at.ms() - before.ms());
        let shortest = self.shortest_ms.unwrap_or(i64::MAX);
        let between = between.filter(|between| (1..shortest).contains(between));
        self.shortest_ms = between.or(self.shortest_ms);
    }

    /// Whether what a document tells of was over before a moment: its period, or its span.
    fn is_over(&self, ahead: &Ahead, moment: Timestamp) -> bool {
        let length = ahead
            .lasted_ms()
            .unwrap_or_else(|| self.shortest_ms.unwrap_or(USUAL_PERIOD_MS));
        ahead.at.is_none_or(|at| at.plus_ms(length) <= moment)
    }
}

impl Ahead {
    fn sums(&self) -> bool {
        SUMS.iter().any(|key| self.source.contains_key(*key))
    }

    /// Of a span, from its start, which it is dated with, to its end, when it is sent; rounded up.
    fn lasted_ms(&self) -> Option<i64> {
        let us = self.source.get(DURATION)?.as_f64()?;
        Some((us / 1000.0).ceil() as i64)
    }
}

impl Lines {
    fn open(index: String, path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let file = File::open(path).with_context(|| format!("{shown} can't be read"))?;
        let reader: Box<dyn Read + Send + Sync> =
            match path.extension().is_some_and(|end| end == "gz") {
                true => Box::new(MultiGzDecoder::new(file)),
                false => Box::new(file),
            };
        Ok(Self {
            index,
            shown,
            reader: BufReader::new(reader),
            line: String::new(),
            number: 0,
            ahead: None,
            waiting: VecDeque::new(),
            periods: Periods::default(),
        })
    }

    fn before(&mut self, moment: Timestamp) -> Result<Option<Document>> {
        loop {
            // A long span doesn't keep back those behind it.
            let over = |waits: &Ahead| self.periods.is_over(waits, moment);
            let place = self.waiting.iter().position(over);
            if let Some(ahead) = place.and_then(|place| self.waiting.remove(place)) {
                return Ok(Some(self.document(ahead)));
            }
            if self.ahead.is_none() {
                self.ahead = self.read()?;
            }
            let due = |ahead: &mut Ahead| ahead.at.is_none_or(|at| at < moment);
            let Some(ahead) = self.ahead.take_if(due) else {
                return Ok(None);
            };
            if ahead.sums() {
                self.periods.note(&ahead);
            } else if ahead.lasted_ms().is_none_or(|ms| ms == 0) {
                return Ok(Some(self.document(ahead)));
            }
            self.waiting.push_back(ahead);
        }
    }

    fn document(&self, ahead: Ahead) -> Document {
        Document {
            index: self.index.clone(),
            operation: Operation::Create,
            id: None,
            source: ahead.source,
        }
    }

    fn read(&mut self) -> Result<Option<Ahead>> {
        loop {
            self.line.clear();
            self.number += 1;
            let place = || format!("{}:{}", self.shown, self.number);
            let read = (&mut self.reader).take(MAX_LINE).read_line(&mut self.line);
            match read.with_context(place)? as u64 {
                0 => return Ok(None),
                MAX_LINE if !self.line.ends_with('\n') => {
                    bail!("{}: longer than {MAX_LINE} bytes", place());
                }
                _ => {}
            }
            if self.line.trim().is_empty() {
                continue;
            }
            let source: Map<String, Value> = serde_json::from_str(&self.line)
                .with_context(|| format!("{}: not a JSON object", place()))?;
            let at = source
                .get("@timestamp")
                .and_then(Value::as_str)
                .and_then(Timestamp::parse);
            return Ok(Some(Ahead { at, source }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(lines: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("logs-a.ndjson"), lines.join("\n")).expect("written");
        folder
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn a_document_comes_at_its_time_and_once() {
        let folder = folder(&[
            r#"{"@timestamp":"2026-01-01T00:00:01Z","message":"a"}"#,
            r#"{"@timestamp":"2026-01-01T00:00:02Z","message":"b"}"#,
        ]);
        let mut feed = Feed::open(folder.path()).expect("opens");
        let mut take = |moment: &str| feed.before(at(moment), 10).expect("reads").len();
        assert_eq!(
            take("2026-01-01T00:00:01Z"),
            0,
            "a tick sees what came before it"
        );
        assert_eq!(take("2026-01-01T00:00:02Z"), 1);
        assert_eq!(take("2026-01-01T00:00:03Z"), 1);
        assert_eq!(take("2026-01-01T00:00:04Z"), 0);
    }

    #[test]
    fn a_span_comes_at_its_end() {
        let folder = folder(&[
            r#"{"@timestamp":"2026-01-01T00:00:01Z","span.duration.us":5000000}"#,
            r#"{"@timestamp":"2026-01-01T00:00:02Z","span.duration.us":1000}"#,
        ]);
        let mut feed = Feed::open(folder.path()).expect("opens");
        let mut take = |moment: &str| feed.before(at(moment), 10).expect("reads").len();
        assert_eq!(take("2026-01-01T00:00:03Z"), 1, "the short one");
        assert_eq!(take("2026-01-01T00:00:05Z"), 0);
        assert_eq!(take("2026-01-01T00:00:06Z"), 1);
    }

    #[test]
    fn what_sums_up_a_period_comes_when_it_is_over() {
        let folder = folder(&[
            r#"{"@timestamp":"2026-01-01T00:00:00Z","service.name":"a","request_count":1}"#,
            r#"{"@timestamp":"2026-01-01T00:00:00Z","service.name":"b","metrics.cpu":1}"#,
            r#"{"@timestamp":"2026-01-01T00:05:00Z","service.name":"a","request_count":2}"#,
        ]);
        let mut feed = Feed::open(folder.path()).expect("opens");
        let mut take = |moment: &str| feed.before(at(moment), 10).expect("reads").len();
        assert_eq!(take("2026-01-01T00:00:30Z"), 1, "a gauge is known at once");
        assert_eq!(take("2026-01-01T00:06:00Z"), 1);
        assert_eq!(take("2026-01-01T00:09:59Z"), 0);
        assert_eq!(take("2026-01-01T00:10:00Z"), 1);
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = folder(&[r#"{"message":"no time: at once"}"#, "", "{broken"]);
        let mut feed = Feed::open(folder.path()).expect("opens");
        let moment = at("2026-01-01T00:00:00Z");
        assert_eq!(feed.before(moment, 1).expect("reads").len(), 1);
        let error = feed.before(moment, 1).expect_err("broken");
        assert!(
            format!("{error:#}").contains("logs-a.ndjson:3: not a JSON object"),
            "{error:#}"
        );
    }
}
