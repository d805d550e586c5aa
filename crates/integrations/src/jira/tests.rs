//! Against a stand-in server that answers badly on purpose.

use std::time::Duration;

use model::{IncidentId, Severity, Status, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::stand_in::{Asked, Does, StandIn};

mod answers;
mod channel;
mod comments;
mod incoming;
mod issue;
mod texts;
mod transitions;

const NOW: Timestamp = Timestamp(1_795_525_200_000);
const ACCOUNT: &str = "5b10ac8d82e05b22cc7d4ef5";

fn incident() -> IncidentId {
    IncidentId::parse("INC-202611-0a1b2c3d4e5f").expect("an incident's id")
}

fn key(text: &str) -> IssueKey {
    IssueKey::parse(text).expect("an issue's key")
}

fn settings(url: &str, edition: Edition) -> JiraSettings {
    let done = |status: &str, transition: Option<&str>| Move {
        status: status.to_owned(),
        transition: transition.map(str::to_owned),
    };
    JiraSettings {
        url: url.to_owned(),
        edition,
        user: Some("datapulse@example.com".to_owned()),
        project: "OPS".to_owned(),
        issue_type: "Incident".to_owned(),
        fields: Map::new(),
        priorities: BTreeMap::from([(Severity::Critical, "Highest".to_owned())]),
        states: BTreeMap::from([
            (Status::Investigating, done("In Progress", None)),
            (Status::Resolved, done("Done", Some("Resolve"))),
        ]),
        meanings: BTreeMap::from([("Done".to_owned(), Status::Resolved)]),
    }
}

fn client(server: &StandIn, edition: Edition) -> Jira {
    let settings = settings(&server.url(), edition);
    Jira::new(settings, &Secret::new("between us")).expect("settings that are right")
}

fn ticket() -> Ticket {
    Ticket {
        incident: incident(),
        title: "payment: a fifth of the requests fails".to_owned(),
        severity: Severity::Critical,
        severity_reason: "customers can't pay".to_owned(),
        service: "payment".to_owned(),
        rule: "error-rate".to_owned(),
        opened_at: NOW,
        findings: vec!["20 % of 1,200 requests failed, 5 % are allowed".to_owned()],
        conclusion: Some("Deployment chg-17 of payment broke it".to_owned()),
    }
}

fn remark(seq: u64) -> Remark {
    Remark {
        incident: incident(),
        seq,
        lines: vec![format!("what record {seq} says")],
    }
}

fn not_asked(asked: &Asked) -> Does {
    panic!("nobody told the stand-in what to do with {}", asked.what())
}
