//! Asking a tool: parameters are checked and bound, the answer is kept as evidence can be made of.

use std::collections::BTreeSet;
use std::time::Instant;

use esql::{Limits, Request};
use indexmap::IndexMap;
use model::evidence::{MAX_KEPT_ROWS, answer_digest};
use model::{Evidence, Timestamp, Window};
use serde_json::Value;

use super::bind::{bind, esql_parameters, with_each};
use super::optional::with_optional;
use super::profile::INTERVAL_MS;
use super::{Profile, SIGNALS, Tool};
use crate::case::Casework;
use crate::error::Error;

/// Rows that one question of an agent may bring.
pub const MAX_ROWS: usize = 100_000;
/// Time that one question may take, in milliseconds of the wall.
pub const MAX_TIME_MS: u64 = 20_000;

/// A question with its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub tool: String,
    /// As it was run, the profile's lines included.
    pub query: String,
    pub parameters: IndexMap<String, Value>,
    pub window: Window,
    pub asked_at: Timestamp,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    pub warnings: Vec<String>,
    /// Notes of the signal profile: what a reader must know.
    pub notes: Vec<String>,
    pub p99_is: Option<String>,
    /// There were as many rows as the limit allows: there may be more.
    pub cut: bool,
    pub elapsed_ms: u64,
}

impl Asked {
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The value of a column in a row; null where there is no such column.
    pub fn value<'a>(&self, row: &'a [Value], name: &str) -> &'a Value {
        self.column(name)
            .and_then(|index| row.get(index))
            .unwrap_or(&Value::Null)
    }

    pub fn text<'a>(&self, row: &'a [Value], name: &str) -> Option<&'a str> {
        self.value(row, name).as_str()
    }

    pub fn number(&self, row: &[Value], name: &str) -> Option<f64> {
        self.value(row, name).as_f64()
    }

    pub fn time(&self, row: &[Value], name: &str) -> Option<Timestamp> {
        self.text(row, name).and_then(Timestamp::parse)
    }

    /// Evidence with this answer: the first rows are kept, the digest covers all of them.
    pub fn evidence(&self, id: impl Into<String>, says: impl Into<String>) -> Evidence {
        Evidence {
            id: id.into(),
            tool: self.tool.clone(),
            query: self.query.clone(),
            parameters: self.parameters.clone(),
            window: self.window,
            asked_at: self.asked_at,
            says: says.into(),
            columns: self.columns.clone(),
            rows: self.rows.iter().take(MAX_KEPT_ROWS).cloned().collect(),
            row_count: self.rows.len() as u64,
            answer_digest: answer_digest(&self.columns, &self.rows),
        }
    }
}

/// A tool's text, ready to be run with parameters.
pub(super) struct Resolved {
    pub query: String,
    pub notes: Vec<String>,
    pub p99_is: Option<String>,
}

/// Whether evidence still holds.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedAgain {
    pub holds: bool,
    /// What differs, in a sentence.
    pub says: String,
    pub now: Asked,
}

impl Casework {
    /// Asks a tool about a window. `values` override the defaults; `from` and `to` come from the
    /// window. A tool that begins with the signal lines uses the first profile that fits.
    pub async fn ask(
        &self,
        tool: &str,
        window: Window,
        values: IndexMap<String, Value>,
    ) -> Result<Asked, Error> {
        let tool = self
            .toolbox()
            .get(tool)
            .ok_or_else(|| Error::NoTool(tool.to_owned()))?;
        let profile = self.profile_for(tool).await?;
        self.ask_through(tool, profile.as_ref(), window, values)
            .await
    }

    /// The signal profiles whose fields are there, best first; one kind of latency each.
    pub async fn profiles_that_fit(&self) -> Result<Vec<Profile>, Error> {
        self.fitting(|profile| !profile.has_both_latencies()).await
    }

    async fn fitting(
        &self,
        wanted: impl Fn(&Profile) -> bool + Send,
    ) -> Result<Vec<Profile>, Error> {
        let mut fitting = Vec::new();
        for profile in self.toolbox().profiles().iter().filter(|one| wanted(one)) {
            let fields = self.fields(&profile.index).await?;
            if profile.fits(&|name| fields.contains(name)) {
                fitting.push(profile.clone());
            }
        }
        Ok(fitting)
    }

    async fn fields(&self, index: &str) -> Result<BTreeSet<String>, Error> {
        let fields = self.telemetry().fields(index).await?;
        Ok(fields.into_iter().map(|field| field.name).collect())
    }

    /// As [`Casework::ask`], reading signals as `profile` says.
    pub async fn ask_through(
        &self,
        tool: &Tool,
        profile: Option<&Profile>,
        window: Window,
        values: IndexMap<String, Value>,
    ) -> Result<Asked, Error> {
        let Resolved {
            query,
            notes,
            p99_is,
        } = self.resolved(tool, profile).await?;
        let parameters = bind(tool, window, values)?;
        let (query, parameters) = with_each(tool, query, parameters);
        let mut asked = self.run(&tool.id, query, parameters, window).await?;
        asked.notes = notes;
        asked.p99_is = p99_is;
        Ok(asked)
    }

    /// The tool's text as this store's engine and fields make it.
    pub(super) async fn resolved(
        &self,
        tool: &Tool,
        profile: Option<&Profile>,
    ) -> Result<Resolved, Error> {
        let has = |feature| self.telemetry().has(feature);
        let text = tool
            .text(&has)
            .map_err(|lacks| Error::Parameter(format!("{}: it needs {}", tool.id, lacks.says())))?;
        let mut query = text.query.trim().to_owned();
        let mut notes = Vec::new();
        let mut p99_is = None;
        if let Some(rest) = query.strip_prefix(SIGNALS) {
            let profile = profile.ok_or_else(|| {
                Error::Parameter(format!(
                    "{}: no signal profile fits the telemetry that there is",
                    tool.id
                ))
            })?;
            let fields = self.fields(&profile.index).await?;
            let signals = profile.signals(&|name| fields.contains(name), tells_apart(tool));
            query = format!("{}{rest}", signals.esql);
            notes = signals.notes;
            p99_is = Some(signals.p99_is);
        } else if let Some(index) = index_with_optional_fields(tool) {
            let fields = self.fields(index).await?;
            // Without any document there is nothing to read around: the engine says so.
            if !fields.is_empty() {
                (query, notes) = with_optional(tool, &query, &|name| fields.contains(name));
            }
        }
        notes.extend(text.note.map(str::to_owned));
        Ok(Resolved {
            query,
            notes,
            p99_is,
        })
    }

    /// The profile that the tool's first lines are read by; `None`: it has no such lines, or none
    /// fits.
    pub(super) async fn profile_for(&self, tool: &Tool) -> Result<Option<Profile>, Error> {
        if !tool.query.starts_with(SIGNALS) {
            return Ok(None);
        }
        let apart = tells_apart(tool);
        let fitting = self.fitting(|profile| apart || !profile.has_both_latencies());
        Ok(fitting.await?.into_iter().next())
    }

    /// Runs a query text of ours with checked parameters.
    pub async fn run(
        &self,
        tool: &str,
        query: String,
        parameters: IndexMap<String, Value>,
        window: Window,
    ) -> Result<Asked, Error> {
        let asked_at = self.clock().now();
        let request = Request {
            params: esql_parameters(&query, &parameters),
            query: query.clone(),
            filter: None,
            scored: false,
            now_ms: asked_at.ms(),
            limits: Limits {
                default_rows: MAX_ROWS,
                max_rows: MAX_ROWS,
                time_ms: MAX_TIME_MS,
                ..Limits::default()
            },
        };
        let began = Instant::now();
        let answer = self.telemetry().query(&request).await?;
        let mut rows = esql::answer::rows(&answer);
        // Before anything is cut, and before any agent sees it; asking again does the same.
        for (index, column) in answer.columns.iter().enumerate() {
            let cells = rows.iter_mut().filter_map(|row| row.get_mut(index));
            self.redactor().redact_column(&column.name, cells);
        }
        Ok(Asked {
            tool: tool.to_owned(),
            query,
            parameters,
            window,
            asked_at,
            columns: answer
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            cut: rows.len() >= MAX_ROWS.min(self.telemetry().max_rows()),
            rows,
            warnings: answer.warnings,
            notes: Vec::new(),
            p99_is: None,
            elapsed_ms: began.elapsed().as_millis() as u64,
        })
    }

    /// Asks evidence's question again, to the letter, and says whether it still holds.
    pub async fn ask_again(&self, evidence: &Evidence) -> Result<AskedAgain, Error> {
        let now = self
            .run(
                &evidence.tool,
                evidence.query.clone(),
                evidence.parameters.clone(),
                evidence.window,
            )
            .await?;
        let digest = answer_digest(&now.columns, &now.rows);
        let holds = digest == evidence.answer_digest;
        let says = if holds {
            format!("holds: the same {} rows", now.rows.len())
        } else if now.rows.len() as u64 != evidence.row_count {
            format!(
                "differs: {} rows where there were {}",
                now.rows.len(),
                evidence.row_count
            )
        } else {
            "differs: as many rows, other values".to_owned()
        };
        Ok(AskedAgain { holds, says, now })
    }
}

/// Whether the tool names the two kinds of latency one by one.
fn tells_apart(tool: &Tool) -> bool {
    tool.query.contains(INTERVAL_MS)
}

/// The index pattern of a tool that reads fields which may be missing.
fn index_with_optional_fields(tool: &Tool) -> Option<&str> {
    let first = tool.query.trim().lines().next()?;
    let pattern = first.strip_prefix("FROM ")?.split_whitespace().next()?;
    (!tool.optional.is_empty()).then_some(pattern)
}
