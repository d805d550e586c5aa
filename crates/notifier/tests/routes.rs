//! The agent over a real journal, on a clock set by hand, with a stand-in for a channel.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bus::Bus;
use casework::open::Heading;
use casework::{Casework, Clock, Stage, Toolbox};
use integrations::{Channel, Delivered, Error as Said, Notice, Telling};
use model::evidence::answer_digest;
use model::matcher::Matcher;
use model::silence::Wanted;
use model::{
    Actor, Agent, Event, Evidence, Finding, IncidentId, Policy, Routing, Service, Severity, Signal,
    Subject, Timestamp, Window,
};
use notifier::Notifier;
use serde_json::json;
use store::{Embedded, Options};
use tokio::sync::watch;

const NOW: Timestamp = Timestamp(1_795_525_200_000);
const MINUTE: i64 = 60_000;

/// A stand-in that takes everything and remembers it: a message a line, of its notices' keys.
#[derive(Debug)]
struct StandIn {
    name: &'static str,
    holds: usize,
    messages: Mutex<Vec<Vec<String>>>,
}

impl StandIn {
    fn new(name: &'static str, holds: usize) -> Arc<Self> {
        let messages = Mutex::default();
        Arc::new(Self {
            name,
            holds,
            messages,
        })
    }

    fn messages(&self) -> Vec<Vec<String>> {
        self.messages.lock().expect("unpoisoned").clone()
    }
}

#[async_trait]
impl Channel for StandIn {
    fn name(&self) -> &str {
        self.name
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Said> {
        self.deliver_together(&[*telling]).await
    }

    fn holds(&self) -> usize {
        self.holds
    }

    async fn deliver_together(&self, tellings: &[Telling<'_>]) -> Result<Delivered, Said> {
        let keys = tellings.iter().map(|telling| telling.notice.key.clone());
        let mut messages = self.messages.lock().expect("unpoisoned");
        messages.push(keys.collect());
        Ok(Delivered::default())
    }

    async fn announce(&self, _notice: &Notice) -> Result<(), Said> {
        Ok(())
    }
}

struct World {
    casework: Casework,
    store: Arc<Embedded>,
    notifier: Arc<Notifier>,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new(routing: serde_json::Value, channels: &[&Arc<StandIn>]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Embedded::open(dir.path(), Options::throwaway()).await;
        let store = Arc::new(store.expect("opens"));
        let casework = Casework::new(
            store.clone(),
            store.clone(),
            store.clone(),
            Bus::memory(),
            Clock::manual(NOW),
            Policy::default(),
            Toolbox::embedded().expect("tools"),
        );
        let routing: Routing = serde_json::from_value(routing).expect("readable");
        assert_eq!(routing.check(), Ok(()));
        let channels = channels.iter().map(|one| {
            let channel: Arc<dyn Channel> = Arc::<StandIn>::clone(one);
            channel
        });
        let notifier = Notifier::routed(casework.clone(), channels.collect(), routing);
        Self {
            casework,
            store,
            notifier: Arc::new(notifier),
            _dir: dir,
        }
    }

    async fn open(&self, service: &str) -> IncidentId {
        let heading = Heading {
            title: format!("{service} fails"),
            severity: Severity::High,
            severity_reason: "by hand".to_owned(),
        };
        let actor = Actor::agent(Agent::Sentinel);
        let opened = self.casework.open(actor, finding(service), heading).await;
        opened.expect("opens").incident().id.clone()
    }

    fn after(&self, minutes: i64) {
        let now = self.casework.clock().now();
        self.casework.clock().set(now.plus_ms(minutes * MINUTE));
    }

    /// As often as there is something new.
    async fn look(&self, id: &IncidentId) {
        for _ in 0..4 {
            let incident = self.casework.incident(id).await.expect("is there");
            self.notifier.look(incident).await.expect("is looked at");
        }
    }

    async fn held(&self, id: &IncidentId) -> usize {
        let stored = self.casework.journal().records(id).await.expect("is read");
        let events = stored
            .iter()
            .map(|line| line.record().expect("a record").event);
        events
            .filter(|event| matches!(event, Event::NoticeHeld { .. }))
            .count()
    }
}

fn finding(service: &str) -> Finding {
    let window = Window::new(NOW.plus_ms(-MINUTE), NOW);
    Finding {
        rule: "error-rate".to_owned(),
        subject: Subject::service(service),
        tick: NOW,
        window,
        signal: Signal::ErrorRate,
        observed: 0.2,
        threshold: 0.05,
        unit: "share".to_owned(),
        held_against: "threshold".to_owned(),
        requests: None,
        since: None,
        notes: Vec::new(),
        evidence: Evidence {
            id: "F1".to_owned(),
            tool: "by hand".to_owned(),
            query: "ROW a = 1".to_owned(),
            parameters: Default::default(),
            window,
            asked_at: NOW,
            says: "a fifth fails".to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            row_count: 0,
            answer_digest: answer_digest(&[], &[]),
        },
    }
}

fn ada() -> Actor {
    Actor::Person {
        subject: "person:ada".to_owned(),
        name: "ada".to_owned(),
        via: "session".to_owned(),
    }
}

#[tokio::test]
async fn what_nobody_takes_is_escalated_in_its_time_and_idle_incidents_come_back_by_themselves() {
    let (chat, pager) = (StandIn::new("chat", 1), StandIn::new("pager", 1));
    let routes = json!({ "route": { "channels": ["chat"],
        "escalation": [{ "after_minutes": 15, "channels": ["pager"] }] } });
    let world = World::new(routes, &[&chat, &pager]).await;
    let id = world.open("cart").await;
    world.look(&id).await;
    assert_eq!(chat.messages(), [[format!("{id}:1")]]);
    world.after(14);
    assert!(world.notifier.left_over().is_empty());
    world.look(&id).await;
    assert!(pager.messages().is_empty());
    world.after(1);
    assert_eq!(world.notifier.left_over(), std::slice::from_ref(&id));
    world.look(&id).await;
    assert_eq!(pager.messages(), [[format!("{id}:1#escalation-15")]]);
    world.after(300);
    world.look(&id).await;
    assert_eq!(chat.messages().len() + pager.messages().len(), 2);
}

#[tokio::test]
async fn a_silence_hides_says_what_it_hid_and_lets_go() {
    let chat = StandIn::new("chat", 1);
    let world = World::new(json!({}), &[&chat]).await;
    let wanted = Wanted {
        matchers: vec![Matcher::parse("service = cart").expect("readable")],
        from: NOW,
        until: NOW.plus_ms(30 * MINUTE),
        weekly: None,
        reason: "the disks are changed".to_owned(),
    };
    let silence = world
        .casework
        .add_silence(ada(), wanted)
        .await
        .expect("is made");
    let (hidden, other) = (world.open("cart").await, world.open("web").await);
    for id in [&hidden, &other] {
        world.look(id).await;
    }
    assert_eq!(chat.messages(), [[format!("{other}:1")]]);
    assert_eq!(world.held(&hidden).await, 1, "said once");
    let list = world.casework.hidden_by(&silence).await.expect("is read");
    assert!(list.complete);
    let [line] = list.items.as_slice() else {
        panic!("{list:?}");
    };
    assert_eq!(
        (&line.incident_id, line.about, line.told_at),
        (&hidden, 1, None)
    );
    let ended = world
        .casework
        .end_silence(ada(), &silence.id, "done earlier")
        .await;
    assert!(ended.expect("is ended").ended.is_some());
    world.look(&hidden).await;
    assert_eq!(chat.messages().last(), Some(&vec![format!("{hidden}:1")]));
    let list = world.casework.hidden_by(&silence).await.expect("is read");
    assert_eq!(list.items[0].told_at, Some(NOW));
    let twice = world
        .casework
        .end_silence(ada(), &silence.id, "again")
        .await;
    assert!(matches!(twice, Err(casework::Error::Illegal(_))));
}

#[tokio::test]
async fn a_caller_waits_for_its_callees_incident_of_which_people_know() {
    let chat = StandIn::new("chat", 1);
    let world = World::new(json!({ "inhibit_callers": true }), &[&chat]).await;
    let service = Service {
        name: "web".to_owned(),
        depends_on: vec!["cart".to_owned()],
        ..Service::default()
    };
    use store::Knowledge;
    world.store.put_service(&service).await.expect("is put");
    let (callee, caller) = (world.open("cart").await, world.open("web").await);
    world.look(&callee).await;
    world.look(&caller).await;
    assert_eq!(chat.messages(), [[format!("{callee}:1")]]);
    assert_eq!(world.held(&caller).await, 1);
    let closed = Event::Closed {
        r#as: model::ClosedAs::FalseAlarm {},
        reason: "a drill".to_owned(),
    };
    world
        .casework
        .record(&callee, ada(), closed)
        .await
        .expect("is closed");
    world.look(&callee).await;
    world.after(1);
    world.look(&caller).await;
    assert_eq!(chat.messages().last(), Some(&vec![format!("{caller}:1")]));
}

#[tokio::test]
async fn incidents_of_one_group_are_one_message_where_the_channel_can() {
    let (hook, chat) = (StandIn::new("hook", 2), StandIn::new("chat", 1));
    let routes = json!({ "route": { "group_by": ["severity"], "group_wait_s": 30 } });
    let world = World::new(routes, &[&hook, &chat]).await;
    let mut ids = Vec::new();
    for service in ["cart", "pay", "web"] {
        ids.push(world.open(service).await);
        world.look(&ids[ids.len() - 1]).await;
    }
    assert!(hook.messages().is_empty() && chat.messages().is_empty());
    world.after(1);
    let (stop, stopped) = watch::channel(false);
    let notifier = Arc::clone(&world.notifier);
    let keeping = tokio::spawn(async move { notifier.keep_time(stopped).await });
    for _ in 0..100 {
        if hook.messages().concat().len() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let _ = stop.send(true);
    keeping.await.expect("ends");
    let sizes: Vec<usize> = hook.messages().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 1], "what is too big goes in two");
    for id in &ids {
        world.look(id).await;
    }
    assert_eq!(chat.messages().len(), 3, "each by itself");
    let mut keys = hook.messages().concat();
    keys.sort();
    let mut expected: Vec<String> = ids.iter().map(|id| format!("{id}:1")).collect();
    expected.sort();
    assert_eq!(keys, expected);
}
