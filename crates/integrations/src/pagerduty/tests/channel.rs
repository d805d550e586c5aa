//! An incident's records as PagerDuty hears them.

use serde_json::json;

use super::*;
use crate::channel::{Channel, Delivered, Telling};
use crate::story::{self, ASKED, OPENED, REOPENED, RESOLVED, TAKEN};
use crate::ui::Ui;

fn channel(server: &StandIn) -> PagerDutyChannel {
    let events = Events::new(&server.url(), Secret::new(KEY)).expect("right");
    let ui = Ui::parse("https://datapulse.example").expect("an address");
    PagerDutyChannel::new("pagerduty", events, Some(ui))
}

/// Tells a record of an incident that has `now` records by now; `None`: there are no words for it.
async fn tell(
    channel: &PagerDutyChannel,
    seq: usize,
    now: usize,
) -> Option<Result<Delivered, Error>> {
    let records = story::records(now);
    let record = &records[seq - 1];
    let incident = story::incident(now);
    let telling = Telling {
        notice: &story::notice(record),
        incident: &incident,
        record,
        places: &[],
    };
    if !channel.has_words_for(&incident, record) {
        return None;
    }
    Some(channel.deliver(&telling).await)
}

fn actions(server: &StandIn) -> Vec<String> {
    let action = |asked: &Asked| asked.body["event_action"].as_str().unwrap_or("").to_owned();
    server.asked().iter().map(action).collect()
}

fn accepted() -> Does {
    Does::Answer(202, json!({ "status": "success" }))
}

#[tokio::test]
async fn it_pages_is_acknowledged_and_resolved_under_one_key() {
    let server = StandIn::start(|_, _| accepted()).await;
    let channel = channel(&server);
    let id = story::incident(1).id;
    for (seq, word) in [
        (OPENED, Some("trigger")),
        (TAKEN, Some("acknowledge")),
        (ASKED, None),
        (RESOLVED, Some("resolve")),
        (REOPENED, Some("trigger")),
    ] {
        let before = server.asked().len();
        let told = tell(&channel, seq, seq).await;
        let place = Delivered {
            place: Some(id.to_string()),
        };
        assert_eq!(told, word.map(|_| Ok(place)), "{seq}");
        assert_eq!(actions(&server).get(before).map(String::as_str), word);
    }
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.body["dedup_key"] == id.as_str())
    );
    assert_eq!(
        server.asked()[0].body["client_url"],
        format!("https://datapulse.example/incidents/{id}")
    );
}

#[tokio::test]
async fn nobody_is_woken_for_what_is_over_or_was_said_by_a_later_opening() {
    let server = StandIn::start(|_, _| accepted()).await;
    let channel = channel(&server);
    assert_eq!(tell(&channel, OPENED, RESOLVED).await, None);
    assert_eq!(tell(&channel, OPENED, REOPENED).await, None);
    assert!(tell(&channel, OPENED, TAKEN).await.is_some());
    // What was triggered and not written down is resolved all the same.
    assert!(tell(&channel, RESOLVED, RESOLVED).await.is_some());
    assert_eq!(actions(&server), ["trigger", "resolve"]);
}

#[tokio::test]
async fn what_is_lost_is_sent_again_under_the_same_key() {
    let server = StandIn::start(|_, number| match number {
        0 => Does::HangUp,
        _ => accepted(),
    })
    .await;
    let channel = channel(&server);
    let lost = tell(&channel, OPENED, OPENED).await.expect("words");
    assert!(matches!(lost, Err(Error::CannotTell(_))), "{lost:?}");
    let again = tell(&channel, OPENED, OPENED).await.expect("words");
    assert!(again.is_ok(), "{again:?}");
    let asked = server.asked();
    assert_eq!(asked[0].body, asked[1].body);
}
