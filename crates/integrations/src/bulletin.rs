//! What a notice says, part by part, in nobody's markup: for channels that send one whole text at a
//! time, such as a card or a mail. Pure.
//!
//! All of it may be text of others. Whoever shows it renders each text for its target.

use model::{ClosedAs, Event, Finding, Incident, Report, Severity, Signal, Status};

use crate::channel::Telling;

/// Lines of one section; the rest is behind the link.
pub(crate) const MAX_LINES: usize = 8;

/// What a notice says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bulletin {
    pub severity: Severity,
    pub title: String,
    /// The news, in a sentence or two; empty where the title says it all.
    pub says: String,
    /// Names, which are ours, and values.
    pub facts: Vec<(&'static str, String)>,
    pub sections: Vec<Section>,
}

/// Lines under a heading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    /// Ours.
    pub heading: &'static str,
    pub lines: Vec<String>,
    /// Lines that are only in DataPulse.
    pub hidden: usize,
}

impl Bulletin {
    pub fn of(telling: &Telling<'_>) -> Self {
        let incident = telling.incident;
        let before = format!("{} {}: ", shout(incident.severity), incident.id);
        let says = &telling.notice.text;
        let says = says.strip_prefix(&before).unwrap_or(says).to_owned();
        Self {
            severity: incident.severity,
            title: incident.title.clone(),
            says: match says == incident.title {
                true => String::new(),
                false => says,
            },
            facts: facts(incident),
            sections: sections(incident, &telling.record.event),
        }
    }
}

impl Bulletin {
    /// `[CRITICAL] payment fails`, its title rendered for the target.
    pub fn headline(&self, render: impl Fn(&str) -> String) -> String {
        format!("{} {}", shout(self.severity), render(&self.title))
    }
}

impl Section {
    fn new(heading: &'static str, mut lines: Vec<String>) -> Option<Self> {
        let hidden = lines.len().saturating_sub(MAX_LINES);
        lines.truncate(MAX_LINES);
        (!lines.is_empty()).then_some(Self {
            heading,
            lines,
            hidden,
        })
    }

    fn sentence(heading: &'static str, text: &str) -> Option<Self> {
        let lines = match text.trim() {
            "" => Vec::new(),
            text => vec![text.to_owned()],
        };
        Self::new(heading, lines)
    }
}

/// What every text about an incident begins with: `[CRITICAL]`.
pub(crate) fn shout(severity: Severity) -> String {
    format!("[{}]", severity.name().to_uppercase())
}

fn facts(incident: &Incident) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Service", incident.service.clone()),
        ("Severity", incident.severity.name().to_owned()),
        ("Status", standing(incident)),
        ("Rule", incident.rule.clone()),
    ];
    if let Some(finding) = incident.findings.first()
        && let Some(measured) = measured(finding)
    {
        facts.push(("Observed", measured));
        facts.push(("Expected", finding.bound()));
    }
    let owner = incident.owner.clone();
    facts.push(("Owner", owner.unwrap_or_else(|| "nobody yet".to_owned())));
    facts.extend(incident.team.clone().map(|team| ("Team", team)));
    facts.push(("Open since", incident.opened_at.to_string()));
    facts.push(("Incident", incident.id.to_string()));
    facts
}

/// How an incident stands, in a few words of ours.
pub(crate) fn standing(incident: &Incident) -> String {
    let word = incident.status.name().replace('_', " ");
    if let Some(merger) = &incident.merged_into {
        return format!("{word}, goes on in {}", merger.into);
    }
    match (incident.status, &incident.closed_as) {
        (Status::Voided, _) => "declared by mistake".to_owned(),
        (Status::Closed, Some(ClosedAs::FalseAlarm {})) => format!("{word}, a false alarm"),
        (Status::Closed, Some(ClosedAs::Duplicate { of })) => format!("{word}, the same as {of}"),
        _ if incident.reopened == 1 => format!("{word}, reopened once"),
        _ if incident.reopened > 1 => format!("{word}, reopened {} times", incident.reopened),
        _ => word,
    }
}

/// What was measured; `None`: a person or another system declared it.
pub(crate) fn measured(finding: &Finding) -> Option<String> {
    if finding.signal == Signal::Declared || !finding.observed.is_finite() {
        return None;
    }
    let signal = finding.signal.name().replace('_', " ");
    let value = number(finding.observed);
    Some(match finding.unit.as_str() {
        "" => format!("{signal} {value}"),
        unit => format!("{signal} {value} {unit}"),
    })
}

/// A number as people write it: four digits behind the point at most, none of them idle.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

fn sections(incident: &Incident, event: &Event) -> Vec<Section> {
    let found = match event {
        Event::Opened { .. } | Event::Reopened { .. } => vec![
            Section::new("Evidence", findings(incident)),
            Section::sentence("Whom it hurts", incident.impact.as_deref().unwrap_or("")),
        ],
        Event::ReportRecorded { report, .. } => of_report(report),
        Event::Proposed { proposal, .. } => vec![
            Section::sentence("Why", &proposal.why),
            Section::sentence("What may go wrong", &proposal.risk_note),
            Section::sentence("Checked afterwards", &proposal.check.says),
        ],
        _ => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

fn findings(incident: &Incident) -> Vec<String> {
    let says = incident.findings.iter().map(|found| &found.evidence.says);
    says.filter(|says| !says.trim().is_empty())
        .cloned()
        .collect()
}

fn of_report(report: &Report) -> Vec<Option<Section>> {
    let hypotheses = report.hypotheses.iter().map(|hypothesis| {
        format!(
            "{} · {:.0} % · {} · {}",
            hypothesis.id,
            hypothesis.confidence * 100.0,
            hypothesis.cause,
            hypothesis.says
        )
    });
    let evidence = report
        .evidence
        .iter()
        .map(|evidence| format!("{} · {}", evidence.id, evidence.says));
    vec![
        Section::new("Hypotheses", hypotheses.collect()),
        Section::new("Evidence", evidence.collect()),
        Section::sentence("Please look at", report.ask.as_deref().unwrap_or("")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{self, OPENED, TAKEN};

    fn bulletin(seq: usize) -> Bulletin {
        let records = story::records(seq);
        let record = &records[seq - 1];
        Bulletin::of(&Telling {
            notice: &story::notice(record),
            incident: &story::incident(seq),
            record,
            places: &[],
        })
    }

    #[test]
    fn an_opening_has_its_facts_and_evidence() {
        let opened = bulletin(OPENED);
        assert_eq!(
            opened.headline(str::to_uppercase),
            "[CRITICAL] PAYMENT: A FIFTH OF THE REQUESTS FAILS"
        );
        assert_eq!(opened.says, "record 1");
        let facts = |name: &str| {
            let found = opened.facts.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(facts("Service"), Some("payment"));
        assert_eq!(facts("Severity"), Some("critical"));
        assert_eq!(facts("Rule"), Some("error-rate"));
        assert_eq!(facts("Observed"), Some("error rate 0.2 share"));
        assert_eq!(facts("Expected"), Some("at most 0.0500 share"));
        assert_eq!(facts("Owner"), Some("nobody yet"));
        assert_eq!(opened.sections[0].heading, "Evidence");
        assert_eq!(opened.sections[0].lines, ["a fifth of the requests failed"]);
        assert_eq!(bulletin(TAKEN).sections, []);
    }

    #[test]
    fn a_section_says_what_it_leaves_out() {
        let lines = (0..MAX_LINES + 3).map(|number| number.to_string());
        let section = Section::new("Evidence", lines.collect()).expect("lines");
        assert_eq!((section.lines.len(), section.hidden), (MAX_LINES, 3));
        assert_eq!(Section::sentence("Why", " "), None);
    }

    #[test]
    fn numbers() {
        for (value, shown) in [(0.2, "0.2"), (194.0, "194"), (-0.5, "-0.5"), (100.0, "100")] {
            assert_eq!(number(value), shown);
        }
    }
}
