//! The agent over a real journal, with a channel that does as the test says.

use std::collections::VecDeque;

use bus::Bus;
use casework::open::Heading;
use casework::{Clock, Toolbox};
use integrations::{Delivered, Error as Said};
use model::{Policy, Severity, Timestamp, Topic};
use store::{Embedded, Options};

use super::*;
use crate::finding::finding;

const NOW: Timestamp = Timestamp(1_795_525_200_000);

/// A stand-in for a channel.
#[derive(Debug, Default)]
struct StandIn {
    name: &'static str,
    /// What it says instead of taking it, first the next.
    errors: Mutex<VecDeque<Said>>,
    down: Mutex<Option<Said>>,
    took: Mutex<Vec<u64>>,
    tries: Mutex<Vec<Instant>>,
    /// The owner that it shows, each time that it was asked to.
    shows: Mutex<Vec<Option<String>>>,
    deaf_to: Option<&'static str>,
}

#[async_trait]
impl Channel for StandIn {
    fn name(&self) -> &str {
        self.name
    }

    fn has_words_for(&self, _incident: &Incident, record: &Record) -> bool {
        self.deaf_to != Some(record.event.name())
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Said> {
        self.tries.lock().expect("unpoisoned").push(Instant::now());
        if let Some(error) = self.down.lock().expect("unpoisoned").clone() {
            return Err(error);
        }
        if let Some(error) = self.errors.lock().expect("unpoisoned").pop_front() {
            return Err(error);
        }
        let mut took = self.took.lock().expect("unpoisoned");
        took.push(telling.record.seq);
        Ok(Delivered {
            place: Some(format!("{}-{}", self.name, telling.record.seq)),
        })
    }

    async fn show(&self, standing: &Standing<'_>) -> Result<(), Said> {
        assert!(!standing.told.is_empty());
        let mut shows = self.shows.lock().expect("unpoisoned");
        shows.push(standing.incident.owner.clone());
        Ok(())
    }

    fn address(&self, place: &str) -> Option<String> {
        Some(format!("https://{place}"))
    }
}

impl StandIn {
    fn named(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            ..Self::default()
        })
    }

    fn is_down(&self, error: Option<Said>) {
        *self.down.lock().expect("unpoisoned") = error;
    }

    fn took(&self) -> Vec<u64> {
        self.took.lock().expect("unpoisoned").clone()
    }

    fn tries(&self) -> usize {
        self.tries.lock().expect("unpoisoned").len()
    }
}

struct World {
    casework: Casework,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Embedded::open(dir.path(), Options::throwaway())
            .await
            .expect("opens");
        let store = Arc::new(store);
        let casework = Casework::new(
            store.clone(),
            store.clone(),
            store,
            Bus::memory(),
            Clock::manual(NOW),
            Policy::default(),
            Toolbox::embedded().expect("tools"),
        );
        Self {
            casework,
            _dir: dir,
        }
    }

    async fn open(&self, service: &str) -> IncidentId {
        let heading = Heading {
            title: format!("{service} fails"),
            severity: Severity::Critical,
            severity_reason: "by hand".to_owned(),
        };
        let actor = Actor::agent(Agent::Sentinel);
        let opened = self
            .casework
            .open(actor, finding(service, NOW), heading)
            .await;
        opened.expect("opens").incident().id.clone()
    }

    async fn record(&self, id: &IncidentId, event: Event) {
        let actor = match event {
            Event::PersonNeeded { .. } => Actor::agent(Agent::Analyst),
            _ => Actor::System {
                subject: "s".to_owned(),
                name: "s".to_owned(),
            },
        };
        let written = self.casework.record(id, actor, event).await;
        written.expect("is written");
    }

    async fn asks(&self, id: &IncidentId) {
        let reason = "look at it".to_owned();
        self.record(id, Event::PersonNeeded { reason }).await;
    }

    fn notifier(&self, channels: &[&Arc<StandIn>]) -> Notifier {
        let channels = channels.iter().map(|one| {
            let channel: Arc<dyn Channel> = Arc::<StandIn>::clone(one);
            channel
        });
        Notifier::new(self.casework.clone(), channels.collect())
    }

    /// As often as there is something new.
    async fn look(&self, notifier: &Notifier, id: &IncidentId) {
        for _ in 0..3 {
            let incident = self.casework.incident(id).await.expect("is there");
            notifier.look(incident).await.expect("is looked at");
        }
    }

    async fn sent(&self, id: &IncidentId) -> Vec<(String, Topic, u64)> {
        let stored = self.casework.journal().records(id).await.expect("is read");
        let sent = stored
            .iter()
            .filter_map(|line| match line.record().expect("a record").event {
                Event::NoticeSent {
                    channel,
                    topic,
                    about,
                    ..
                } => Some((channel, topic, about)),
                _ => None,
            });
        sent.collect()
    }
}

fn later(after: Duration) -> Said {
    Said::Later {
        says: "not now".to_owned(),
        after,
    }
}

#[tokio::test]
async fn a_channel_that_says_when_is_called_then_for_all_incidents_and_others_at_once() {
    let world = World::new().await;
    let (chat, pager) = (StandIn::named("chat"), StandIn::named("pager"));
    let notifier = world.notifier(&[&chat, &pager]);
    let (one, other) = (world.open("cart").await, world.open("payment").await);
    let after = Duration::from_secs(5);
    chat.errors
        .lock()
        .expect("unpoisoned")
        .push_back(later(after));
    let began = Instant::now();
    world.look(&notifier, &one).await;
    world.look(&notifier, &other).await;
    assert_eq!(chat.tries(), 1, "not before, for no incident");
    assert_eq!(pager.took(), [1, 1], "the other one hears of both");
    tokio::time::sleep(COUNT_EVERY).await;
    assert!(notifier.left_over().is_empty(), "nothing can be tried");
    let waiting = world.casework.deliveries().read();
    assert_eq!(waiting["chat"].undelivered, 2);
    assert_eq!(waiting["chat"].oldest_undelivered, Some(NOW));
    assert!(waiting["chat"].failing_since.is_some());
    assert_eq!(waiting["pager"].last_delivery, Some(NOW));

    tokio::time::sleep(after.saturating_sub(began.elapsed()) + Duration::from_millis(50)).await;
    let left = notifier.left_over();
    assert_eq!(left.len(), 2, "{left:?}");
    for id in &left {
        world.look(&notifier, id).await;
    }
    assert_eq!(chat.took(), [1, 1]);
    tokio::time::sleep(COUNT_EVERY).await;
    assert!(notifier.left_over().is_empty());
    let waiting = world.casework.deliveries().read();
    assert_eq!(waiting["chat"].undelivered, 0);
    assert_eq!(waiting["chat"].failing_since, None);
}

#[tokio::test]
async fn an_outage_is_worked_off_in_order_though_the_incident_is_over() {
    let world = World::new().await;
    let chat = StandIn::named("chat");
    let notifier = world.notifier(&[&chat]);
    let id = world.open("cart").await;
    chat.is_down(Some(Said::NotDone("no connection".to_owned())));
    world.look(&notifier, &id).await;
    world.asks(&id).await;
    let closed = Event::Closed {
        r#as: model::ClosedAs::FalseAlarm {},
        reason: "a drill".to_owned(),
    };
    world.record(&id, closed).await;
    world.look(&notifier, &id).await;
    assert!(chat.took().is_empty() && world.sent(&id).await.is_empty());
    chat.is_down(None);
    while notifier.left_over().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(notifier.left_over(), std::slice::from_ref(&id));
    world.look(&notifier, &id).await;
    assert_eq!(chat.took(), [1, 2, 3]);
    let sent = world.sent(&id).await;
    let expected = [
        (Topic::Incident, 1),
        (Topic::PersonNeeded, 2),
        (Topic::Outcome, 3),
    ];
    assert_eq!(
        sent,
        expected.map(|(topic, about)| ("chat".to_owned(), topic, about))
    );
}

#[tokio::test]
async fn what_a_channel_has_no_words_for_is_not_said_to_be_sent() {
    let world = World::new().await;
    let pager = Arc::new(StandIn {
        name: "pager",
        deaf_to: Some("person_needed"),
        ..StandIn::default()
    });
    let notifier = world.notifier(&[&pager]);
    let id = world.open("cart").await;
    world.asks(&id).await;
    world.look(&notifier, &id).await;
    assert_eq!(pager.took(), [1]);
    assert_eq!(
        world.sent(&id).await,
        [("pager".to_owned(), Topic::Incident, 1)]
    );
}

#[tokio::test]
async fn a_change_without_a_notice_is_shown_once_and_again_by_a_process_that_missed_it() {
    let world = World::new().await;
    let chat = StandIn::named("chat");
    let notifier = world.notifier(&[&chat]);
    let id = world.open("cart").await;
    world.look(&notifier, &id).await;
    let shown = || chat.shows.lock().expect("unpoisoned").len();
    let before = shown();
    let text = "a note".to_owned();
    world.record(&id, Event::NoteAdded { text }).await;
    world.look(&notifier, &id).await;
    world.look(&notifier, &id).await;
    assert_eq!(shown(), before + 1, "once");

    // What another process sent was shown by it; what came after is shown anew.
    let next = world.notifier(&[&chat]);
    world.look(&next, &id).await;
    assert_eq!(shown(), before + 2, "the note came after the last notice");
    world.asks(&id).await;
    world.look(&next, &id).await;
    let known = shown();
    let last = world.notifier(&[&chat]);
    world.look(&last, &id).await;
    assert_eq!(shown(), known, "nothing came after the last notice");
    assert_eq!(chat.took(), [1, 4]);
}

#[tokio::test]
async fn each_channel_knows_where_the_others_have_it() {
    let world = World::new().await;
    let (chat, tickets) = (StandIn::named("chat"), StandIn::named("tickets"));
    let notifier = world.notifier(&[&chat, &tickets]);
    let id = world.open("cart").await;
    world.look(&notifier, &id).await;
    let records = notifier.records(&id).await.expect("are read");
    assert_eq!(
        notifier.elsewhere(&records, "tickets"),
        [Elsewhere {
            channel: "chat".to_owned(),
            url: "https://chat-1".to_owned()
        }]
    );
}
