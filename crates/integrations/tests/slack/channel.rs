//! An incident's notices as one alert and its thread, against the stand-in.

use integrations::channel::{Channel, Delivered, Standing, Telling, Told};
use integrations::slack::{Form, IncomingWebhook, SlackChannel, Ui, WebhookChannel};
use integrations::{Error, Notice, Outbound, Secret};
use model::incident::{DecisionMade, ProposalStage};
use model::record::Recovery;
use model::{Actor, Agent, Event, Incident, Record, Severity, Status, Timestamp, Topic};
use serde_json::Value;

use crate::fixtures::{self, CHANNEL, Texts, UI};
use crate::stand_in::{Instead, StandIn};

const NONE: Texts<'static> = Texts(None);
/// By the stand-in's clock: what was posted came later.
const SINCE: Timestamp = Timestamp(1_764_000_000_000);

fn channel(slack: &StandIn) -> SlackChannel {
    in_channel(slack, CHANNEL)
}

fn in_channel(slack: &StandIn, id: &str) -> SlackChannel {
    let composer = fixtures::composer(Form::Buttons);
    SlackChannel::new("slack", slack.client(), id, composer).expect("a channel")
}

/// What an incident is about to be told of: opened, its report, its offer, how it went.
fn records() -> Vec<Record> {
    let incident = fixtures::incident(NONE);
    let state = &incident.proposals[0];
    let opened = Event::Opened {
        title: incident.title.clone(),
        severity: Severity::Critical,
        severity_reason: "tier 1".to_owned(),
        finding: Box::new(incident.findings[0].clone()),
        split_from: None,
        others: Vec::new(),
    };
    let reported = Event::ReportRecorded {
        claim: None,
        report: Box::new(fixtures::report(NONE)),
    };
    let proposed = Event::Proposed {
        proposal: Box::new(state.proposal.clone()),
        seal: state.seal,
    };
    let checked = Event::RecoveryChecked {
        proposal: "P1".to_owned(),
        recovery: Recovery::Recovered,
        says: "error rate 0.2 %".to_owned(),
        evidence: Vec::new(),
    };
    let events = [
        (Agent::Sentinel, opened),
        (Agent::Analyst, reported),
        (Agent::Resolver, proposed),
        (Agent::Executor, checked),
    ];
    let numbered = (1..).zip(events);
    let record = |(seq, (agent, event))| Record {
        at: SINCE,
        ..fixtures::record(seq, Actor::agent(agent), event)
    };
    numbered.map(record).collect()
}

fn notice(record: &Record) -> Notice {
    Notice {
        key: record.id(),
        topic: Topic::Outcome,
        incident_id: record.incident.clone(),
        text: format!("[CRITICAL] {}: a text", record.incident),
        at: record.at.to_string(),
        details: Value::Null,
    }
}

async fn tell(
    channel: &dyn Channel,
    incident: &Incident,
    record: &Record,
    places: &[String],
) -> Result<Delivered, Error> {
    let telling = Telling {
        notice: &notice(record),
        incident,
        record,
        places,
    };
    channel.deliver(&telling).await
}

/// Tells some records, and gives where they were put.
async fn tell_all(channel: &dyn Channel, incident: &Incident, records: &[Record]) -> Vec<String> {
    let mut places = Vec::new();
    for record in records {
        let told = tell(channel, incident, record, &places).await;
        places.extend(told.expect("is told").place);
    }
    places
}

/// An incident from the alert to its end, told and shown.
pub async fn whole_story(slack: &StandIn) {
    let records = records();
    let channel = channel(slack);
    let mut places = tell_all(&channel, &fixtures::incident(NONE), &records[..3]).await;
    let over = fixtures::resolved(NONE);
    let put = tell(&channel, &over, &records[3], &places).await;
    places.extend(put.expect("is told").place);
    let standing = Standing {
        incident: &over,
        records: &records,
        told: &told(&places),
        elsewhere: &[],
    };
    channel.show(&standing).await.expect("is shown");
}

fn told(places: &[String]) -> Vec<Told> {
    let numbered = (1..).zip(places);
    numbered
        .map(|(about, place)| Told {
            about,
            place: place.clone(),
        })
        .collect()
}

fn times(slack: &StandIn, method: &str) -> usize {
    let methods = slack.methods();
    methods.iter().filter(|one| *one == method).count()
}

#[tokio::test]
async fn one_alert_its_thread_and_the_alert_as_the_incident_moves() {
    let slack = StandIn::start().await;
    let records = records();
    let channel = channel(&slack);
    let mut incident = fixtures::incident(NONE);
    incident.status = Status::Open;
    let mut places = tell_all(&channel, &incident, &records[..1]).await;
    assert_eq!(places, ["C0INCIDENTS:1764000000.000100"]);
    let alert = slack.messages()[0].clone();
    assert!(
        alert["text"]
            .as_str()
            .expect("text")
            .starts_with("[CRITICAL]")
    );

    let incident = fixtures::incident(NONE);
    for record in &records[1..3] {
        let put = tell(&channel, &incident, record, &places).await;
        places.extend(put.expect("is told").place);
    }
    let messages = slack.messages();
    assert_eq!(messages.len(), 3);
    assert!(
        messages[1..]
            .iter()
            .all(|one| one["thread_ts"] == alert["ts"])
    );
    assert_ne!(messages[0]["blocks"], alert["blocks"], "updated in place");
    assert_eq!(
        times(&slack, "chat.update"),
        1,
        "once: it hasn't changed since"
    );
    let offer = messages[2]["blocks"].to_string();
    assert!(
        offer.contains("Approve P1") && offer.contains("Reject P1"),
        "{offer}"
    );

    let over = fixtures::resolved(NONE);
    let put = tell(&channel, &over, &records[3], &places).await;
    places.extend(put.expect("is told").place);
    let standing = Standing {
        incident: &over,
        records: &records,
        told: &told(&places),
        elsewhere: &[],
    };
    for _ in 0..2 {
        channel.show(&standing).await.expect("is shown");
    }
    let messages = slack.messages();
    assert_eq!(messages.len(), 4);
    assert!(messages[0]["blocks"].to_string().contains("resolved"));
    let offer = messages[2]["blocks"].to_string();
    assert!(!offer.contains("Approve P1"), "it was taken: {offer}");
    assert_eq!(times(&slack, "chat.update"), 3, "alert, alert, offer");
    assert_eq!(
        channel.address(&places[0]).as_deref(),
        Some("https://subarachnoid.slack.com/archives/C0INCIDENTS/p1764000000000100")
    );
}

#[tokio::test]
async fn each_is_there_once_however_often_a_process_dies_behind_it() {
    let slack = StandIn::start().await;
    let records = records();
    let incident = fixtures::incident(NONE);
    let mut places = Vec::new();
    for record in &records {
        // Twice by processes that know nothing of each other, the first of which wrote nothing down.
        let lost = tell(&channel(&slack), &incident, record, &places).await;
        let put = tell(&channel(&slack), &incident, record, &places).await;
        assert_eq!(lost, put);
        places.extend(put.expect("is told").place);
    }
    assert_eq!(slack.messages().len(), records.len());
}

#[tokio::test]
async fn a_state_without_a_notice_is_shown_and_posts_nothing() {
    let slack = StandIn::start().await;
    let records = records();
    let mut incident = fixtures::incident(NONE);
    let places = tell_all(&channel(&slack), &incident, &records[..3]).await;
    let state = &mut incident.proposals[0];
    state.stage = ProposalStage::Rejected;
    state.decisions.push(DecisionMade {
        actor: fixtures::person("Anna".to_owned()),
        at: fixtures::now(),
        approve: false,
        reason: "the migration can't go back".to_owned(),
        break_glass: false,
    });
    let standing = Standing {
        incident: &incident,
        records: &records,
        told: &told(&places),
        elsewhere: &[],
    };
    channel(&slack).show(&standing).await.expect("is shown");
    let messages = slack.messages();
    assert_eq!(messages.len(), 3);
    assert!(messages[0]["blocks"].to_string().contains("rejected"));
    assert!(messages[2]["blocks"].to_string().contains("Anna"));
}

#[tokio::test]
async fn a_deleted_alert_is_posted_anew_with_the_next_notice_and_not_before() {
    let slack = StandIn::start().await;
    let records = records();
    let incident = fixtures::incident(NONE);
    let slack_channel = channel(&slack);
    let mut places = tell_all(&slack_channel, &incident, &records[..2]).await;
    slack.somebody_deletes("1764000000.000100");
    let over = fixtures::resolved(NONE);
    let standing = Standing {
        incident: &over,
        records: &records,
        told: &told(&places),
        elsewhere: &[],
    };
    slack_channel.show(&standing).await.expect("needs nobody");
    assert_eq!(slack.messages().len(), 1, "the report alone is left");

    for record in &records[2..] {
        for _ in 0..2 {
            let put = tell(&channel(&slack), &incident, record, &places).await;
            let put = put.expect("is told").place;
            assert!(
                put.as_deref()
                    .is_some_and(|put| put.ends_with(":1764000002.000100"))
            );
            if places.len() < record.seq as usize {
                places.extend(put);
            }
        }
    }
    let messages = slack.messages();
    let kinds: Vec<&Value> = messages.iter().map(|one| &one["thread_ts"]).collect();
    assert_eq!(
        kinds,
        [
            "1764000000.000100".into(),
            Value::Null,
            "1764000002.000100".into(),
            "1764000002.000100".into()
        ]
        .iter()
        .collect::<Vec<_>>(),
        "one new alert, and both notices in its thread"
    );

    // Unchanged, the alert isn't updated: that it is gone shows in its thread.
    let told_before = channel(&slack);
    tell(&told_before, &incident, &records[3], &places)
        .await
        .expect("is there");
    slack.somebody_deletes("1764000002.000100");
    let put = tell(&told_before, &incident, &records[3], &places).await;
    assert_eq!(
        put.expect("is told")
            .place
            .as_deref()
            .map(|put| put.ends_with(":1764000005.000100")),
        Some(true)
    );
}

#[tokio::test]
async fn a_channel_that_is_gone_is_said_until_another_is_named() {
    let slack = StandIn::start().await;
    let records = records();
    let incident = fixtures::incident(NONE);
    slack.fails("conversations.history", "channel_not_found");
    let lost = tell(&channel(&slack), &incident, &records[0], &[]).await;
    match lost {
        Err(Error::Refused(says)) => assert!(
            says.contains(
                "channel_not_found: the channel doesn't exist, or the bot isn't in it: invite it"
            ),
            "{says}"
        ),
        other => panic!("{other:?}"),
    }
    assert!(slack.messages().is_empty());

    let places = tell_all(&channel(&slack), &incident, &records[..2]).await;
    for named in [CHANNEL, "C0ANOTHER"] {
        slack.fails("chat.update", "is_archived");
        let put = tell(&in_channel(&slack, named), &incident, &records[2], &places).await;
        match (named, put) {
            (CHANNEL, Err(Error::Refused(says))) => {
                assert!(says.contains("is_archived"), "{says}");
            }
            ("C0ANOTHER", Ok(put)) => {
                assert!(put.place.is_some_and(|put| put.starts_with("C0ANOTHER:")));
            }
            (named, other) => panic!("{named}: {other:?}"),
        }
    }
    let wrong = SlackChannel::new(
        "slack",
        slack.client(),
        "#incidents",
        fixtures::composer(Form::Buttons),
    );
    assert!(matches!(wrong, Err(Error::Configuration(says)) if says.contains("names change")));
}

#[tokio::test]
async fn a_message_that_may_not_be_changed_holds_up_nothing() {
    let slack = StandIn::start().await;
    let records = records();
    let mut incident = fixtures::incident(NONE);
    let slack_channel = channel(&slack);
    let places = tell_all(&slack_channel, &incident, &records[..1]).await;
    incident.status = Status::Verifying;
    slack.fails("chat.update", "edit_window_closed");
    let put = tell(&slack_channel, &incident, &records[1], &places).await;
    assert!(put.is_ok(), "{put:?}");
    slack.instead(
        "chat.update",
        Instead::Says(429, vec![("retry-after", "7".to_owned())], String::new()),
    );
    let over = fixtures::resolved(NONE);
    let later = tell(&slack_channel, &over, &records[3], &places).await;
    match later {
        Err(Error::Later { after, .. }) => assert_eq!(after.as_secs(), 7),
        other => panic!("{other:?}"),
    }
    assert_eq!(slack.messages().len(), 2, "alert and report");
}

#[tokio::test]
async fn what_comes_first_and_is_no_alert_has_one_before_it() {
    let slack = StandIn::start().await;
    let records = records();
    let incident = fixtures::incident(NONE);
    for _ in 0..2 {
        let put = tell(&channel(&slack), &incident, &records[1], &[]).await;
        let put = put.expect("is told").place.expect("a place");
        assert_eq!(put, "C0INCIDENTS:1764000001.000100:1764000000.000100");
    }
    let messages = slack.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1]["thread_ts"], messages[0]["ts"]);
}

#[tokio::test]
async fn an_incoming_webhook_gets_each_as_a_message_with_a_link_and_no_buttons() {
    let slack = StandIn::start().await;
    let url = Secret::new(slack.url("/services/T0/B0/x"));
    let webhook = IncomingWebhook::new(url, &Outbound::default()).expect("a webhook");
    let ui = Ui::parse(UI).expect("an address");
    let channel = WebhookChannel::new("slack", webhook, ui);
    let incident = fixtures::incident(NONE);
    let places = tell_all(&channel, &incident, &records()).await;
    assert!(places.is_empty(), "nothing is found again there");
    let asked = slack.asked();
    assert_eq!(asked.len(), 4);
    for one in &asked {
        assert!(
            one.body["text"]
                .as_str()
                .expect("text")
                .starts_with("[CRITICAL]")
        );
        let blocks = one.body["blocks"].to_string();
        assert!(
            blocks.contains(&format!("{UI}/incidents/{}", incident.id)),
            "{blocks}"
        );
        assert!(!blocks.contains("button"), "{blocks}");
    }
}
