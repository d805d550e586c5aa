//! Examples that a tree is held against: an incident, and which channels hear of it when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::names;
use super::history::Told;
use super::{Facts, History, News, Question, Routing, Step, decide};
use crate::identity::IncidentId;
use crate::incident::Status;
use crate::notice::Topic;
use crate::severity::Severity;
use crate::silence::Silences;
use crate::time::Timestamp;

/// How far an example is played ahead, and how many decisions that takes at most.
pub const PLAYED_MS: i64 = 24 * 60 * 60 * 1000;
pub const MAX_PLAYED: usize = 100;

/// An incident opens at `at` and stays open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub name: String,
    pub service: String,
    #[serde(default)]
    pub team: Option<String>,
    /// The service's criticality.
    #[serde(default)]
    pub tier: Option<u8>,
    /// As `lookup-services` says it: names with commas.
    #[serde(default)]
    pub on_call: Option<String>,
    #[serde(default = "high")]
    pub severity: Severity,
    #[serde(default = "incident")]
    pub topic: Topic,
    #[serde(default)]
    pub rule: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub at: Timestamp,
    /// Somebody takes it so long after it was opened.
    #[serde(default)]
    pub taken_after_minutes: Option<u64>,
    /// Who hears of it and when first, in any order: `chat`, `pager +15m`; nobody within a day: none.
    #[serde(default)]
    pub expect: Vec<String>,
}

fn high() -> Severity {
    Severity::High
}

fn incident() -> Topic {
    Topic::Incident
}

/// One telling, or a wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// After the incident was opened.
    pub after_ms: i64,
    pub at: Timestamp,
    pub channel: String,
    /// `told`, `held`, `reminder` or `escalation`.
    pub what: &'static str,
    pub why: String,
}

/// The number of the one record that an example has.
const OPENED: u64 = 1;

impl Example {
    /// What happens within a day, in its order.
    pub fn plays(&self, routing: &Routing, channels: &[String]) -> Vec<Line> {
        let facts = self.facts();
        let news = [News {
            seq: OPENED,
            at: self.at,
            topic: self.topic,
            is_state: self.topic == Topic::Incident,
        }];
        let silences = Silences::default();
        let taken = self.taken_after_minutes.map(|minutes| {
            let minutes = i64::try_from(minutes).unwrap_or(i64::MAX);
            self.at.plus_ms(minutes.saturating_mul(60_000))
        });
        let mut history = History::default();
        history.open(OPENED, self.at);
        let mut lines = Vec::new();
        let mut now = self.at;
        for _ in 0..MAX_PLAYED {
            // Reminders and escalations are of the incident alone.
            if self.topic != Topic::Incident || taken.is_some_and(|taken| taken <= now) {
                history.take(OPENED + 1);
            }
            let decision = decide(&Question {
                routing,
                channels,
                facts: &facts,
                news: &news,
                history: &history,
                silences: &silences,
                callee: None,
                now,
            });
            for held in decision.held.into_iter().filter(|held| held.is_new) {
                let until = held.until.map(|until| format!(" until {until}"));
                let why = format!("{}{}", held.by.says(), until.unwrap_or_default());
                lines.push(self.line(now, &held.channel, "held", why));
                history.hold(&held.channel, OPENED, held.by, held.until.unwrap_or(now));
            }
            for due in decision.due {
                let wait = due.group.as_ref().map_or(0, |group| group.wait_ms);
                let why = match &due.group {
                    Some(group) => format!("{}; together with others: {}", due.why, group.key),
                    None => due.why,
                };
                let told = now.plus_ms(wait);
                lines.push(self.line(told, &due.channel, what(due.step), why));
                let told = Told {
                    seq: OPENED + 1,
                    at: told,
                };
                history.tell(&due.channel, OPENED, due.step, told);
            }
            match decision.next {
                Some(next) if next.ms() - self.at.ms() <= PLAYED_MS => now = next,
                _ => break,
            }
        }
        lines
    }

    fn line(&self, at: Timestamp, channel: &str, what: &'static str, why: String) -> Line {
        Line {
            after_ms: at.ms() - self.at.ms(),
            at,
            channel: channel.to_owned(),
            what,
            why,
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            incident: IncidentId::derive(&self.rule, &self.service, self.at),
            service: self.service.clone(),
            team: self.team.clone(),
            tier: self.tier,
            on_call: names(self.on_call.as_deref().unwrap_or_default()),
            severity: self.severity,
            rule: self.rule.clone(),
            signal: String::new(),
            status: Status::Open,
            labels: self.labels.clone(),
        }
    }
}

fn what(step: Step) -> &'static str {
    match step {
        Step::First => "told",
        Step::Repeat(_) => "reminder",
        Step::Escalation(_) => "escalation",
    }
}

/// Who hears of it, and when first, as examples write it; by name.
pub fn heard(lines: &[Line]) -> Vec<String> {
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.what != "held") {
        let after = first.entry(&line.channel).or_insert(line.after_ms);
        *after = line.after_ms.min(*after);
    }
    let first = first.into_iter();
    first
        .map(|(channel, after)| shown(channel, after))
        .collect()
}

fn shown(channel: &str, after_ms: i64) -> String {
    match after_ms {
        0 => channel.to_owned(),
        after if after % 60_000 == 0 => format!("{channel} +{}m", after / 60_000),
        after => format!("{channel} +{}s", after / 1_000),
    }
}

/// Whether what happens is what an example expects.
pub fn is_as_expected(example: &Example, lines: &[Line]) -> bool {
    let mut expected = example.expect.clone();
    expected.sort();
    let mut heard = heard(lines);
    heard.sort();
    heard == expected
}
