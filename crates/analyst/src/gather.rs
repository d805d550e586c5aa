//! Asks the tools for everything the heart weighs, and keeps the ledger of what came of it.

use std::time::{Duration, Instant};

use casework::{Asked, Casework, Error};
use indexmap::IndexMap;
use model::{LedgerEntry, LedgerState, Timestamp, Window};
use serde_json::Value;

use crate::observations::{Alarm, Observations};

mod read;

/// How far back telemetry is looked for, in milliseconds: a day's rhythm and a little.
const LOOK_BACK_MS: i64 = 26 * 3_600_000;
/// How far back changes are looked for, in milliseconds.
const CHANGES_BACK_MS: i64 = 24 * 3_600_000;
/// Documents of each kind that one investigation reads at most; the newest are kept.
const MAX_METRICS: u64 = 60_000;
const MAX_SPANS: u64 = 60_000;
const MAX_LOGS: u64 = 40_000;

/// What to explain.
#[derive(Debug, Clone, PartialEq)]
pub struct Matter {
    pub alarm: Alarm,
    /// Documents before this moment are looked at.
    pub until: Timestamp,
    /// For all questions together, in time of the wall.
    pub budget: Duration,
}

/// All that was asked, and when to stop.
pub struct Inquiry<'a> {
    casework: &'a Casework,
    began: Instant,
    budget: Duration,
    pub ledger: Vec<LedgerEntry>,
    pub out_of_time: bool,
}

impl<'a> Inquiry<'a> {
    pub fn new(casework: &'a Casework, budget: Duration) -> Self {
        Self {
            casework,
            began: Instant::now(),
            budget,
            ledger: Vec::new(),
            out_of_time: false,
        }
    }

    pub fn elapsed_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Asks one tool; `None` where there is no answer, and the ledger says why.
    pub async fn ask(
        &mut self,
        tool: &str,
        about: &str,
        window: Window,
        values: IndexMap<String, Value>,
    ) -> Option<Asked> {
        if self.began.elapsed() >= self.budget {
            self.out_of_time = true;
            self.note(
                tool,
                about,
                LedgerState::NotAsked,
                Some("out of time".to_owned()),
            );
            return None;
        }
        let began = Instant::now();
        let left = self.budget.saturating_sub(self.began.elapsed());
        let asked = match tokio::time::timeout(left, self.casework.ask(tool, window, values)).await
        {
            Ok(asked) => asked,
            Err(_) => {
                self.out_of_time = true;
                Err(Error::Busy("out of time".to_owned()))
            }
        };
        let elapsed_ms = began.elapsed().as_millis() as u64;
        let (state, rows, note) = match &asked {
            Ok(asked) if asked.cut => {
                let note = format!("only the first {} rows were seen", asked.rows.len());
                (LedgerState::Cut, asked.rows.len(), Some(note))
            }
            Ok(asked) if asked.rows.is_empty() => (LedgerState::Empty, 0, None),
            Ok(asked) => (LedgerState::Answered, asked.rows.len(), None),
            Err(error) => (LedgerState::Failed, 0, Some(error.to_string())),
        };
        self.ledger.push(LedgerEntry {
            tool: tool.to_owned(),
            about: about.to_owned(),
            state,
            rows: rows as u64,
            elapsed_ms,
            note,
        });
        asked.ok()
    }

    fn note(&mut self, tool: &str, about: &str, state: LedgerState, note: Option<String>) {
        self.ledger.push(LedgerEntry {
            tool: tool.to_owned(),
            about: about.to_owned(),
            state,
            rows: 0,
            elapsed_ms: 0,
            note,
        });
    }

    /// Whether there is any field in the indices; where not, the ledger says so.
    async fn is_there(&mut self, pattern: &str, tool: &str) -> bool {
        match self.casework.telemetry().fields(pattern).await {
            Ok(fields) if !fields.is_empty() => true,
            Ok(_) => {
                let note = format!("there is no {pattern}");
                self.note(tool, pattern, LedgerState::NotAsked, Some(note));
                false
            }
            Err(error) => {
                self.note(tool, pattern, LedgerState::Failed, Some(error.to_string()));
                false
            }
        }
    }

    /// The newest documents, at most `max`, by whole hours.
    async fn newest(
        &mut self,
        pattern: &str,
        tools: (&str, &str),
        until: Timestamp,
        max: u64,
    ) -> Option<Asked> {
        let (volume, read) = tools;
        if !self.is_there(pattern, read).await {
            return None;
        }
        let whole = Window::new(until.plus_ms(-LOOK_BACK_MS), until);
        let about = format!("how much there is in {pattern}");
        let hours = self.ask(volume, &about, whole, IndexMap::new()).await?;
        let mut sum = 0;
        let mut from = None;
        for row in &hours.rows {
            let documents = hours.number(row, "documents").unwrap_or(0.0) as u64;
            if from.is_some() && sum + documents > max {
                break;
            }
            sum += documents;
            from = hours.time(row, "hour").or(from);
        }
        let window = Window::new(from?.max(whole.from), until);
        self.ask(read, pattern, window, IndexMap::new()).await
    }
}

/// Reads telemetry, changes and topology around the alarm.
pub async fn gather(inquiry: &mut Inquiry<'_>, matter: &Matter) -> Observations {
    let until = matter.until;
    let mut o = Observations {
        alarm: matter.alarm.clone(),
        ..Observations::default()
    };
    let tools = ("metrics_by_hour", "read_metrics");
    if let Some(asked) = inquiry.newest("metrics-*", tools, until, MAX_METRICS).await {
        o.series = read::series(&asked);
    }
    let tools = ("spans_by_hour", "read_spans");
    if let Some(asked) = inquiry.newest("traces-*", tools, until, MAX_SPANS).await {
        o.spans = read::spans(&asked);
    }
    let tools = ("logs_by_hour", "read_logs");
    if let Some(asked) = inquiry.newest("logs-*", tools, until, MAX_LOGS).await {
        o.logs = read::logs(&asked);
    }
    if inquiry
        .is_there("deployments-*", "check_recent_deployments")
        .await
    {
        let window = Window::new(until.plus_ms(-CHANGES_BACK_MS), until);
        let asked = inquiry
            .ask(
                "check_recent_deployments",
                "what changed",
                window,
                IndexMap::new(),
            )
            .await;
        o.changes = asked.as_ref().map(read::changes).unwrap_or_default();
    }
    if inquiry.is_there("lookup-services", "service_catalog").await {
        let window = Window::new(until, until);
        let about = "services and who calls whom";
        if let Some(asked) = inquiry
            .ask("service_catalog", about, window, IndexMap::new())
            .await
        {
            (o.services, o.calls) = read::catalog(&asked);
        }
    }
    o
}
