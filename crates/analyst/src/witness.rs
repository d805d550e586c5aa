//! From reasons to evidence: each reason is asked for again as a question that anyone can repeat.

use casework::Asked;
use indexmap::IndexMap;
use model::{Evidence, EvidenceId, Timestamp, Window};
use serde_json::Value;

use crate::gather::Inquiry;
use crate::weigh::Reason;

/// Evidence of one report at most.
pub const MAX_EVIDENCE: usize = 24;
/// How far evidence looks back before the onset, in milliseconds.
const BEFORE_MS: i64 = 60 * 60_000;
/// How far back a change's own documents are looked for, in milliseconds.
const CHANGES_BACK_MS: i64 = 24 * 3_600_000;

/// A question to a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub tool: &'static str,
    pub about: String,
    pub values: IndexMap<String, Value>,
    window: Window,
}

/// Asks for evidence, each question once.
pub struct Witness {
    pub evidence: Vec<Evidence>,
    asked: Vec<(Question, Option<EvidenceId>)>,
    onset: Timestamp,
    window: Window,
    /// The first document of the telemetry that was weighed.
    all: Window,
}

impl Witness {
    /// `first`: the earliest moment that was weighed.
    pub fn new(first: Timestamp, onset: Timestamp, until: Timestamp) -> Self {
        Self {
            evidence: Vec::new(),
            asked: Vec::new(),
            onset,
            window: Window::new(onset.plus_ms(-BEFORE_MS), until),
            all: Window::new(first.min(onset.plus_ms(-BEFORE_MS)), until),
        }
    }

    /// The evidence for a reason; empty where its question has no answer.
    pub async fn testify(&mut self, inquiry: &mut Inquiry<'_>, reason: &Reason) -> Vec<EvidenceId> {
        let mut ids = Vec::new();
        for question in self.questions(reason) {
            ids.extend(self.ask(inquiry, question, reason).await);
        }
        ids
    }

    /// Whether the service's own spans are as usual: what speaks against blaming it.
    pub async fn spans_of(
        &mut self,
        inquiry: &mut Inquiry<'_>,
        service: &str,
    ) -> Option<EvidenceId> {
        let values = self.values([("service", service)]);
        let question = Question {
            tool: "service_spans_before_after",
            about: format!("spans of {service}"),
            values,
            window: self.all,
        };
        let reason = Reason::Slow {
            service: service.to_owned(),
            slowness: Default::default(),
        };
        self.ask(inquiry, question, &reason).await
    }

    async fn ask(
        &mut self,
        inquiry: &mut Inquiry<'_>,
        question: Question,
        reason: &Reason,
    ) -> Option<EvidenceId> {
        if let Some((_, id)) = self.asked.iter().find(|(asked, _)| *asked == question) {
            return id.clone();
        }
        if self.evidence.len() >= MAX_EVIDENCE {
            return None;
        }
        let answer = inquiry
            .ask(
                question.tool,
                &question.about,
                question.window,
                question.values.clone(),
            )
            .await
            .filter(|answer| !answer.rows.is_empty());
        let id = answer.map(|answer| {
            let id = format!("E{}", self.evidence.len() + 1);
            let says = says(&question, &answer, reason);
            self.evidence.push(answer.evidence(id.clone(), says));
            id
        });
        self.asked.push((question, id.clone()));
        id
    }

    fn values<const N: usize>(&self, pairs: [(&str, &str); N]) -> IndexMap<String, Value> {
        let mut values: IndexMap<String, Value> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        values.insert("onset".to_owned(), Value::from(self.onset.to_string()));
        values
    }

    fn questions(&self, reason: &Reason) -> Vec<Question> {
        let question = |tool, about: String, values, window| Question {
            tool,
            about,
            values,
            window,
        };
        match reason {
            Reason::Metric(deviation) => {
                vec![self.metric(&deviation.service, &deviation.metric)]
            }
            Reason::Succession(shift) => match &shift.start {
                Some(start) => vec![question(
                    "lines_before_after",
                    format!("lines of {} that start with {start:?}", shift.of),
                    self.values([("service", &shift.of), ("start", start)]),
                    self.all,
                )],
                None => vec![self.spans(&shift.of, &shift.what)],
            },
            Reason::Slow { service, slowness } => slowness
                .span
                .iter()
                .map(|(span, _, _)| self.spans(service, span))
                .collect(),
            Reason::Impact { service, .. } => vec![
                self.metric(service, "error_count"),
                self.metric(service, "latency"),
            ],
            Reason::Outside(outside) => {
                let pairs = [
                    ("service", outside.caller.as_str()),
                    ("dependency", outside.dependency.as_str()),
                ];
                let about = format!("calls of {} to {}", outside.caller, outside.dependency);
                ["calls_outside_before_after", "edges_before_after"]
                    .into_iter()
                    .map(|tool| question(tool, about.clone(), self.values(pairs), self.window))
                    .collect()
            }
            Reason::Surge(surge) => vec![self.metric(&surge.service, "request_count")],
            Reason::Change(guilt) => {
                let mut values = IndexMap::new();
                values.insert("change".to_owned(), Value::from(guilt.id.clone()));
                let until = self.window.to;
                vec![question(
                    "one_change",
                    format!("change {}", guilt.id),
                    values,
                    Window::new(until.plus_ms(-CHANGES_BACK_MS), until),
                )]
            }
        }
    }

    fn metric(&self, service: &str, metric: &str) -> Question {
        Question {
            tool: "metric_before_after",
            about: format!("{metric} of {service}"),
            values: self.values([("service", service), ("metric", metric)]),
            window: self.window,
        }
    }

    fn spans(&self, service: &str, span: &str) -> Question {
        Question {
            tool: "spans_before_after",
            about: format!("spans {span:?} of {service}"),
            values: self.values([("service", service), ("span", span)]),
            window: self.all,
        }
    }
}

/// One sentence from the answer's values.
fn says(question: &Question, answer: &Asked, reason: &Reason) -> String {
    if let Reason::Change(guilt) = reason {
        let mut says = format!("{} {} ({})", guilt.kind, guilt.id, guilt.description);
        if let Some(service) = &guilt.service {
            says.push_str(&format!(" reached {service}"));
        }
        let at = Timestamp(guilt.at_us / 1000);
        says.push_str(&format!(" at {at}"));
        if let Some(behaviour) = guilt.behaviour {
            says.push_str(&format!("; its diff {}", behaviour.does));
        }
        if !guilt.shared.is_empty() {
            says.push_str(&format!(
                "; the failure speaks of {} too",
                guilt.shared.join(", ")
            ));
        }
        return says;
    }
    let phase = |name: &str| {
        let row = answer
            .rows
            .iter()
            .find(|row| answer.text(row, "phase") == Some(name));
        row.map(|row| {
            answer
                .columns
                .iter()
                .zip(row)
                .filter(|(column, _)| *column != "phase" && *column != "example")
                .map(|(column, cell)| format!("{column} {}", short(cell)))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .unwrap_or_else(|| "none".to_owned())
    };
    format!(
        "{}: before {}; after {}",
        question.about,
        phase("before"),
        phase("after")
    )
}

/// A cell for people: numbers with four significant digits.
fn short(cell: &Value) -> String {
    match cell {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        cell => match cell.as_f64() {
            Some(number) if number.fract() == 0.0 && number.abs() < 1e9 => format!("{number}"),
            Some(number) => number_text(number),
            None => cell.to_string(),
        },
    }
}

/// Four significant digits.
pub fn number_text(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let digits = (3 - number.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{number:.digits$}")
}
