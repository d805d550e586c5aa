//! What we send to Jira and PagerDuty is held against the contracts that they publish, by Prism.
//!
//! `xtask/servers/contracts/start.sh jira` and `… pagerduty` start it and say what to set.

use std::collections::BTreeMap;

use integrations::jira::{Edition, IssueKey, Jira, JiraSettings, Move, Moved, Remark, Ticket};
use integrations::pagerduty::{Alert, Change, Events};
use integrations::{Elsewhere, Error, Secret};
use model::{IncidentId, Severity, Status, Timestamp};
use serde_json::{Map, json};

const JIRA: &str = "DATAPULSE_TEST_PRISM_JIRA";
const PAGERDUTY: &str = "DATAPULSE_TEST_PRISM_PAGERDUTY";
const NOW: Timestamp = Timestamp(1_795_525_200_000);

fn url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} isn't set: xtask/servers/contracts/start.sh says to what")
    })
}

fn incident() -> IncidentId {
    IncidentId::parse("INC-202611-0a1b2c3d4e5f").expect("an incident's id")
}

fn jira() -> Jira {
    let settings = JiraSettings {
        url: url(JIRA),
        edition: Edition::Cloud,
        user: Some("datapulse@example.com".to_owned()),
        project: "OPS".to_owned(),
        issue_type: "Incident".to_owned(),
        fields: Map::from_iter([(
            "customfield_10010".to_owned(),
            json!({ "value": "Platform" }),
        )]),
        priorities: BTreeMap::from([(Severity::Critical, "Highest".to_owned())]),
        states: BTreeMap::from([(
            Status::Resolved,
            Move {
                status: "Done".to_owned(),
                transition: None,
            },
        )]),
        meanings: BTreeMap::new(),
    };
    Jira::new(settings, &Secret::new("token")).expect("settings that are right")
}

fn key() -> IssueKey {
    IssueKey::parse("OPS-1").expect("a key")
}

#[tokio::test]
#[ignore = "needs Prism: xtask/servers/contracts/start.sh jira"]
async fn an_issue_is_as_the_contract_wants_it() {
    let ticket = Ticket {
        incident: incident(),
        title: "payment: <b>*fails*</b> https://a.example @ada".to_owned(),
        severity: Severity::Critical,
        severity_reason: "customers can't pay".to_owned(),
        service: "payment".to_owned(),
        rule: "error-rate".to_owned(),
        opened_at: NOW,
        findings: vec!["20 % failed".to_owned(), String::new()],
        conclusion: Some("chg-17 broke it".to_owned()),
    };
    let opened = jira().open(&ticket, None, NOW).await.expect("is made");
    assert!(!opened.found);
    let linked = jira()
        .link(&key(), &incident(), "https://datapulse.example/incidents/1")
        .await;
    assert_eq!(linked, Ok(()));
    let elsewhere = Elsewhere {
        channel: "slack".to_owned(),
        url: "https://example.slack.com/archives/C1/p1".to_owned(),
    };
    let linked = jira().link_elsewhere(&key(), &incident(), &elsewhere).await;
    assert_eq!(linked, Ok(()));
}

#[tokio::test]
#[ignore = "needs Prism: xtask/servers/contracts/start.sh jira"]
async fn comments_and_moves_are_as_the_contract_wants_them() {
    let remark = |seq| Remark {
        incident: incident(),
        seq,
        lines: vec!["{code}[~ada]{code}".to_owned(), NOW.to_string()],
    };
    let told = jira().comment(&key(), &[remark(1), remark(2)]).await;
    let told = told.expect("are read");
    assert_eq!((told.told, told.stopped), (vec![1, 2], None));
    let moved = jira().move_to(&key(), Status::Resolved).await;
    assert_eq!(moved, Ok(Moved::Moved));
}

/// That Prism refuses what is wrong: else the tests above say nothing.
#[tokio::test]
#[ignore = "needs Prism: xtask/servers/contracts/start.sh jira, … pagerduty"]
async fn prism_refuses_what_the_contracts_do_not_allow() {
    let client = reqwest::Client::new();
    for (url, body) in [
        (
            format!("{}/rest/api/3/issue", url(JIRA)),
            json!({ "fields": "none" }),
        ),
        (
            format!("{}/rest/api/3/issue/OPS-1/remotelink", url(JIRA)),
            json!({ "object": { "url": "https://a.example" } }),
        ),
        (
            format!("{}/enqueue", url(PAGERDUTY)),
            json!({ "routing_key": "k", "event_action": "explode" }),
        ),
    ] {
        let answer = client
            .post(&url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 400, "{url}");
    }
}

#[tokio::test]
#[ignore = "needs Prism: xtask/servers/contracts/start.sh pagerduty"]
async fn events_are_as_the_contract_wants_them() {
    let key = Secret::new("0123456789abcdef0123456789abcdef");
    let events = Events::new(&url(PAGERDUTY), key).expect("right");
    for severity in Severity::ALL {
        let alert = Alert {
            incident: incident(),
            title: "payment: <b>*fails*</b> https://a.example @ada".to_owned(),
            severity,
            service: String::new(),
            rule: "error-rate".to_owned(),
            opened_at: NOW,
            details: vec![("finding", "20 % failed".to_owned())],
            url: Some("https://datapulse.example/incidents/1".to_owned()),
        };
        assert_eq!(events.trigger(&alert).await, Ok(()));
    }
    assert_eq!(events.acknowledge(&incident()).await, Ok(()));
    assert_eq!(events.resolve(&incident()).await, Ok(()));
    let change = Change {
        summary: "payment 1.4.2 deployed".to_owned(),
        service: "payment".to_owned(),
        at: NOW,
        details: vec![("deployment", "chg-17".to_owned())],
        url: None,
    };
    let sent = events.change(&change).await;
    assert!(!matches!(sent, Err(Error::Refused(_))), "{sent:?}");
    assert_eq!(sent, Ok(()));
}
