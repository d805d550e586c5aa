//! What would have been opened, held against what people know.

use std::collections::BTreeMap;

use model::{Incident, IncidentId, Severity, Timestamp};
use serde::Serialize;

use super::span::Span;

/// Two incidents of one service are the same trouble where the later begins at most so long
/// before the other began or after it ended.
const SLACK_MS: i64 = 30 * 60 * 1000;

/// An incident of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Known {
    pub id: IncidentId,
    pub title: String,
    #[serde(rename = "service.name")]
    pub service: String,
    /// Services with findings, each once, in order.
    pub services: Vec<String>,
    pub opened_at: Timestamp,
    /// When it was resolved or closed.
    pub ended_at: Option<Timestamp>,
    /// A person closed it as one.
    pub false_alarm: bool,
}

/// An incident that would have been opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opened {
    pub id: IncidentId,
    pub at: Timestamp,
    pub title: String,
    pub severity: Severity,
    #[serde(rename = "service.name")]
    pub service: String,
    pub services: Vec<String>,
    /// Findings that became part of it instead of an incident of their own.
    pub folded: usize,
    pub cause: Option<String>,
    pub confidence: Option<f64>,
}

impl Opened {
    pub fn of(incident: &Incident, at: Timestamp) -> Self {
        let first = incident.report.as_ref().and_then(|report| report.first());
        Self {
            id: incident.id.clone(),
            at,
            title: incident.title.clone(),
            severity: incident.severity,
            service: incident.service.clone(),
            services: services(incident),
            folded: incident.findings.len().saturating_sub(1),
            cause: first.map(|one| one.cause.to_string()),
            confidence: first.map(|one| one.confidence),
        }
    }
}

/// Services with findings, each once, in order.
pub fn services(incident: &Incident) -> Vec<String> {
    let findings = incident.findings.iter();
    let mut services: Vec<String> = findings
        .map(|finding| finding.subject.service.clone())
        .collect();
    services.sort();
    services.dedup();
    services
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// The first for an incident that people know and didn't call a false alarm.
    Found,
    /// Another one for the same.
    Again,
    /// People called it a false alarm, or know nothing of it.
    FalseAlarm,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    #[serde(flatten)]
    pub opened: Opened,
    pub judged: Judged,
    /// The incident that people know.
    pub known: Option<IncidentId>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceLine {
    #[serde(rename = "service.name")]
    pub service: String,
    pub false_alarms: usize,
    pub a_week: f64,
}

/// What one set of rules would have made of the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub rule: String,
    pub opened: Vec<Line>,
    /// Findings that became part of an incident instead of one of their own.
    pub folded: usize,
    /// Of the incidents that people know and didn't call false alarms.
    pub found: usize,
    pub missed: Vec<Known>,
    pub again: usize,
    pub false_alarms: usize,
    pub false_alarms_a_week: f64,
    /// Services with false alarms, the most first.
    pub services: Vec<ServiceLine>,
}

pub fn compare(rule: &str, opened: &[Opened], known: &[Known], span: &Span) -> Comparison {
    let mut found: Vec<&IncidentId> = Vec::new();
    let mut lines = Vec::new();
    for one in opened {
        let same: Vec<&Known> = known.iter().filter(|known| is_same(one, known)).collect();
        let real = same.iter().filter(|known| !known.false_alarm);
        let real: Vec<_> = real.collect();
        let fresh = real.iter().find(|known| !found.contains(&&known.id));
        let (judged, known) = match (fresh, real.first(), same.first()) {
            (Some(known), ..) => {
                found.push(&known.id);
                (Judged::Found, Some(known.id.clone()))
            }
            (None, Some(known), _) => (Judged::Again, Some(known.id.clone())),
            (None, None, known) => (Judged::FalseAlarm, known.map(|known| known.id.clone())),
        };
        lines.push(Line {
            opened: one.clone(),
            judged,
            known,
        });
    }
    let missed = known
        .iter()
        .filter(|known| !known.false_alarm && !found.contains(&&known.id));
    let count = |wanted| lines.iter().filter(|line| line.judged == wanted).count();
    let false_alarms = count(Judged::FalseAlarm);
    Comparison {
        rule: rule.to_owned(),
        folded: opened.iter().map(|one| one.folded).sum(),
        found: found.len(),
        missed: missed.cloned().collect(),
        again: count(Judged::Again),
        false_alarms,
        false_alarms_a_week: false_alarms as f64 / span.weeks(),
        services: by_service(&lines, span),
        opened: lines,
    }
}

/// They have a service in common, and their times meet.
fn is_same(opened: &Opened, known: &Known) -> bool {
    let from = known.opened_at.plus_ms(-SLACK_MS);
    let to = known.ended_at.unwrap_or(known.opened_at).plus_ms(SLACK_MS);
    (from..=to).contains(&opened.at)
        && opened
            .services
            .iter()
            .any(|service| known.services.contains(service))
}

fn by_service(lines: &[Line], span: &Span) -> Vec<ServiceLine> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines
        .iter()
        .filter(|line| line.judged == Judged::FalseAlarm)
    {
        *counts.entry(&line.opened.service).or_default() += 1;
    }
    let mut all: Vec<ServiceLine> = counts
        .into_iter()
        .map(|(service, count)| ServiceLine {
            service: service.to_owned(),
            false_alarms: count,
            a_week: count as f64 / span.weeks(),
        })
        .collect();
    all.sort_by_key(|line| std::cmp::Reverse(line.false_alarms));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn opened(number: i64, service: &str) -> Opened {
        let at = Timestamp(number * HOUR_MS);
        Opened {
            id: IncidentId::derive("error-rate", service, at),
            at,
            title: String::new(),
            severity: Severity::High,
            service: service.to_owned(),
            services: vec![service.to_owned()],
            folded: 2,
            cause: None,
            confidence: None,
        }
    }

    fn known(hour: i64, ended: Option<i64>, service: &str, false_alarm: bool) -> Known {
        let at = Timestamp(hour * HOUR_MS);
        Known {
            id: IncidentId::derive("declared", service, at),
            title: String::new(),
            service: service.to_owned(),
            services: vec!["edge".to_owned(), service.to_owned()],
            opened_at: at,
            ended_at: ended.map(|hour| Timestamp(hour * HOUR_MS)),
            false_alarm,
        }
    }

    #[test]
    fn each_is_found_again_missed_or_a_false_alarm() {
        let span = Span {
            from: Timestamp(0),
            to: Timestamp(14 * 24 * HOUR_MS),
        };
        let people = [
            known(10, Some(13), "payment", false),
            known(20, None, "search", false),
            known(30, Some(31), "mail", true),
        ];
        let seen = [
            opened(10, "payment"),
            opened(12, "payment"),
            opened(12, "search"),
            opened(30, "mail"),
            opened(40, "search"),
        ];
        let made = compare("as configured", &seen, &people, &span);
        let judged: Vec<_> = made.opened.iter().map(|line| line.judged).collect();
        use Judged::{Again, FalseAlarm, Found};
        assert_eq!(judged, [Found, Again, FalseAlarm, FalseAlarm, FalseAlarm]);
        assert_eq!(made.opened[3].known.as_ref(), Some(&people[2].id));
        assert_eq!((made.found, made.again, made.folded), (1, 1, 10));
        assert_eq!(made.missed, [people[1].clone()]);
        assert_eq!((made.false_alarms, made.false_alarms_a_week), (3, 1.5));
        assert_eq!(made.services[0].service, "search");
        assert_eq!(made.services[0].a_week, 1.0);
    }
}
