//! Notices of the incident of Slack's tests, worded as the notifier words them.

use integrations::channel::Telling;
use integrations::webhook::Notice;
use model::{Actor, Agent, Event, Incident, Record, Topic};
use serde_json::Value;

use crate::fixtures::{self, Texts};

/// A notice, its incident and its record.
pub struct Told {
    pub name: &'static str,
    pub notice: Notice,
    pub incident: Incident,
    pub record: Record,
}

impl Told {
    fn new(name: &'static str, seq: u64, incident: Incident, event: Event, says: &str) -> Self {
        let record = fixtures::record(seq, Actor::agent(Agent::Sentinel), event);
        let notice = Notice {
            key: record.id(),
            topic: Topic::Incident,
            incident_id: incident.id.clone(),
            text: format!("[CRITICAL] {}: {says}", incident.id),
            at: record.at.to_string(),
            details: Value::Null,
        };
        Self {
            name,
            notice,
            incident,
            record,
        }
    }

    pub fn telling<'a>(&'a self, places: &'a [String]) -> Telling<'a> {
        Telling {
            notice: &self.notice,
            incident: &self.incident,
            record: &self.record,
            places,
        }
    }
}

/// From the opening to the end, of texts as they may be.
pub fn notices(texts: Texts<'_>) -> Vec<Told> {
    let open = || fixtures::incident(texts);
    let first = open();
    let opened = Event::Opened {
        title: first.title.clone(),
        severity: first.severity,
        severity_reason: first.severity_reason.clone(),
        finding: Box::new(first.findings[0].clone()),
        split_from: None,
        others: Vec::new(),
    };
    let reported = Event::ReportRecorded {
        report: Box::new(fixtures::report(texts)),
        claim: 3,
    };
    let proposed = Event::Proposed {
        proposal: Box::new(fixtures::proposal(texts)),
        seal: first.proposals[0].seal,
    };
    let resolved = Event::Resolved {
        says: texts
            .0
            .unwrap_or("under its line for 10 minutes")
            .to_owned(),
        evidence: None,
    };
    let conclusion = fixtures::report(texts).conclusion;
    let says = |plain: &str| texts.0.unwrap_or(plain).to_owned();
    vec![
        Told::new("an incident opened", 1, open(), opened, &first.title),
        Told::new("the report", 4, open(), reported, &conclusion),
        Told::new(
            "an offer",
            5,
            open(),
            proposed,
            &says("approval wanted: rollback payment (medium risk)"),
        ),
        Told::new(
            "the end",
            12,
            fixtures::resolved(texts),
            resolved,
            &says("payment resolved: under its line for 10 minutes"),
        ),
    ]
}

/// Texts that want to act.
pub const HOSTILE: &[&str] = &[
    "**b** _i_ ~~s~~ `c` [ok](https://evil.example) ![p](https://evil.example/p.png)",
    "<at>Anna</at> @anna a@evil.example <https://evil.example>",
    "{{DATE(2017-02-14T06:08:39Z, SHORT)}} ${title} @{triggerBody()}",
    "- a\n- b\n1. c\n# d\n> e\n---\n===",
    "1) x &amp; &#42; \\* C:\\dir",
    "x\r\nBcc: evil@evil.example\r\n\r\n.\r\nQUIT",
    "\"}],\"actions\":[{\"type\":\"Action.Submit\"}]",
    "</td><script>alert(1)</script>",
    "\u{202e}x\u{200b}\u{e0041}",
    "",
];
