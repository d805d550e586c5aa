//! An incident's records as an issue tells them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::channel::JiraChannel;
use super::super::issue::SEARCH_SETTLES;
use super::*;
use crate::channel::{Channel, Delivered, Elsewhere, Standing, Telling, Told};
use crate::story::{self, ASKED, OPENED, RESOLVED, TAKEN};
use crate::ui::Ui;

/// Long before now: no other process tried anything lately.
const LONG_AGO: Timestamp = Timestamp(0);

/// A project with one issue at most.
#[derive(Default)]
struct Project {
    /// An issue is there, and the search knows of it.
    found: bool,
    made: usize,
    comments: Vec<Value>,
    links: Vec<Value>,
    status: String,
    /// What happens to the next creation, which acts all the same.
    loses: bool,
}

#[derive(Clone)]
struct Place {
    project: Arc<Mutex<Project>>,
}

impl Place {
    fn project(&self) -> MutexGuard<'_, Project> {
        self.project.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn does(&self, asked: &Asked) -> Does {
        let mut project = self.project();
        let what = asked.what();
        let what = what.replace("/rest/api/3", "");
        match what.as_str() {
            "GET /myself" => Does::Answer(200, json!({ "accountId": ACCOUNT })),
            "GET /search/jql" if project.found => {
                Does::Answer(200, json!({ "issues": [{ "key": "OPS-17" }] }))
            }
            "GET /search/jql" => Does::Answer(200, json!({ "issues": [] })),
            "POST /issue" => {
                project.made += 1;
                project.status = "To Do".to_owned();
                match std::mem::take(&mut project.loses) {
                    true => Does::HangUp,
                    false => Does::Answer(201, json!({ "key": "OPS-17" })),
                }
            }
            "GET /issue/OPS-17/comment" => {
                let shown: Vec<Value> = project
                    .comments
                    .iter()
                    .rev()
                    .map(|body| json!({ "author": { "accountId": ACCOUNT }, "body": body }))
                    .collect();
                Does::Answer(200, json!({ "total": shown.len(), "comments": shown }))
            }
            "POST /issue/OPS-17/comment" => {
                project.comments.push(asked.body["body"].clone());
                Does::Answer(201, json!({ "id": "1" }))
            }
            "POST /issue/OPS-17/remotelink" => {
                project.links.push(asked.body.clone());
                Does::Answer(201, json!({ "id": 1 }))
            }
            "GET /issue/OPS-17" => {
                let status = project.status.clone();
                Does::Answer(200, json!({ "fields": { "status": { "name": status } } }))
            }
            "GET /issue/OPS-17/transitions" => {
                let ways = json!([{ "id": "5", "name": "Resolve", "to": { "name": "Done" } }]);
                Does::Answer(200, json!({ "transitions": ways }))
            }
            "POST /issue/OPS-17/transitions" => {
                project.status = "Done".to_owned();
                Does::Answer(204, Value::Null)
            }
            _ => not_asked(asked),
        }
    }
}

async fn project() -> (Place, StandIn) {
    let place = Place {
        project: Arc::default(),
    };
    let inside = place.clone();
    let server = StandIn::start(move |asked, _| inside.does(asked)).await;
    (place, server)
}

fn channel(server: &StandIn, since: Timestamp) -> JiraChannel {
    let ui = Ui::parse("https://datapulse.example").expect("an address");
    JiraChannel::new("jira", client(server, Edition::Cloud), Some(ui), since)
}

async fn tell(
    channel: &JiraChannel,
    seq: usize,
    now: usize,
    places: &[String],
) -> Result<Delivered, Error> {
    let records = story::records(now);
    let record = &records[seq - 1];
    let telling = Telling {
        notice: &story::notice(record),
        incident: &story::incident(now),
        record,
        places,
    };
    channel.deliver(&telling).await
}

async fn show(channel: &JiraChannel, now: usize, elsewhere: &[Elsewhere]) -> Result<(), Error> {
    let standing = Standing {
        incident: &story::incident(now),
        records: &story::records(now),
        told: &[Told {
            about: 1,
            place: "OPS-17".to_owned(),
        }],
        elsewhere,
    };
    channel.show(&standing).await
}

fn issue() -> Delivered {
    Delivered {
        place: Some("OPS-17".to_owned()),
    }
}

fn texts(place: &Place) -> Vec<String> {
    let project = place.project();
    let text = |body: &Value| said::text(body, 10_000);
    project.comments.iter().map(text).collect()
}

#[tokio::test]
async fn the_first_notice_opens_the_issue_and_the_others_are_its_comments() {
    let (place, server) = project().await;
    let channel = channel(&server, LONG_AGO);
    let mut places = Vec::new();
    for seq in [OPENED, TAKEN, ASKED, RESOLVED] {
        let told = tell(&channel, seq, seq, &places).await;
        assert_eq!(told, Ok(issue()), "{seq}");
        places.push("OPS-17".to_owned());
    }
    assert_eq!(place.project().made, 1);
    let texts = texts(&place);
    assert_eq!(texts.len(), 3, "{texts:?}");
    for (text, seq) in texts.iter().zip([TAKEN, ASKED, RESOLVED]) {
        assert!(text.contains(&format!("record {seq}\n")), "{text}");
    }
    assert_eq!(place.project().status, "Done", "as the incident is");
    // A process that died behind the last comment writes it again.
    let again = tell(&channel, RESOLVED, RESOLVED, &places).await;
    assert_eq!(again, Ok(issue()));
    assert_eq!(place.project().comments.len(), 3);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_issue_in_this_process_or_the_next() {
    let (place, server) = project().await;
    place.project().loses = true;
    let channel = channel(&server, LONG_AGO);
    let lost = tell(&channel, OPENED, OPENED, &[]).await;
    assert!(matches!(lost, Err(Error::CannotTell(_))), "{lost:?}");
    // The search is behind: nothing is made, neither here nor by whoever starts anew just now.
    let next = self::channel(&server, now());
    for channel in [&channel, &next] {
        let early = tell(channel, OPENED, OPENED, &[]).await;
        assert!(matches!(early, Err(Error::NotDone(_))), "{early:?}");
    }
    place.project().found = true;
    for channel in [&channel, &next] {
        assert_eq!(tell(channel, OPENED, OPENED, &[]).await, Ok(issue()));
    }
    assert_eq!(place.project().made, 1);
    // When the search has had its time, what it doesn't find isn't there.
    place.project().found = false;
    let settled = now().plus_ms(-(SEARCH_SETTLES.as_millis() as i64));
    let later = self::channel(&server, settled);
    assert_eq!(tell(&later, OPENED, OPENED, &[]).await, Ok(issue()));
    assert_eq!(place.project().made, 2);
}

#[tokio::test]
async fn a_workflow_without_the_way_is_told_in_words_once() {
    let (place, server) = project().await;
    place.project().status = "To Do".to_owned();
    let mut settings = settings(&server.url(), Edition::Cloud);
    let nowhere = Move {
        status: "Nowhere".to_owned(),
        transition: None,
    };
    settings.states = BTreeMap::from([(Status::Open, nowhere)]);
    let jira = Jira::new(settings, &Secret::new("between us")).expect("right");
    let channel = JiraChannel::new("jira", jira, None, LONG_AGO);
    let places = ["OPS-17".to_owned()];
    for seq in [TAKEN, ASKED] {
        let told = tell(&channel, seq, seq, &places).await;
        assert_eq!(told, Ok(issue()));
    }
    let texts = texts(&place);
    assert!(texts[0].contains("no way to Nowhere"), "{texts:?}");
    assert!(!texts[1].contains("Nowhere"), "{texts:?}");
}

#[tokio::test]
async fn a_state_without_a_notice_moves_the_issue_and_links_are_made_once() {
    let (place, server) = project().await;
    place.project().status = "To Do".to_owned();
    let channel = channel(&server, LONG_AGO);
    let elsewhere = [Elsewhere {
        channel: "slack".to_owned(),
        url: "https://example.slack.com/archives/C1/p1".to_owned(),
    }];
    for _ in 0..3 {
        assert_eq!(show(&channel, RESOLVED, &elsewhere).await, Ok(()));
    }
    let id = story::incident(1).id;
    let project = place.project();
    assert_eq!(project.status, "Done");
    let links: Vec<(&str, &str)> = project
        .links
        .iter()
        .map(|link| {
            let text = |path: &str| link.pointer(path).and_then(Value::as_str);
            (
                text("/globalId").unwrap_or_default(),
                text("/object/url").unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        links,
        [
            (
                format!("datapulse:{id}").as_str(),
                format!("https://datapulse.example/incidents/{id}").as_str()
            ),
            (
                format!("datapulse:{id}:slack").as_str(),
                "https://example.slack.com/archives/C1/p1"
            ),
        ]
    );
    assert!(project.comments.is_empty(), "that is no news");
    assert_eq!(
        channel.address("OPS-17"),
        Some(format!("{}/browse/OPS-17", server.url()))
    );
}

#[tokio::test]
async fn an_issue_that_is_gone_is_said_and_no_other_is_made() {
    let server = StandIn::start(|_, _| Does::Answer(404, json!({}))).await;
    let channel = channel(&server, LONG_AGO);
    let gone = tell(&channel, TAKEN, TAKEN, &["OPS-17".to_owned()]).await;
    match gone {
        Err(Error::Refused(says)) => assert!(says.contains("it isn't there"), "{says}"),
        other => panic!("{other:?}"),
    }
    assert!(!server.order().iter().any(|what| what.ends_with("/issue")));
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.expect("after 1970").as_millis() as i64)
}
