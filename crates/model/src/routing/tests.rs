use serde_json::json;

use super::*;
use crate::actor::{Actor, Agent, Assignee};
use crate::digest::Digest;
use crate::incident::fixtures::{finding, person};
use crate::incident::{Incident, Status};
use crate::matcher::Matcher;
use crate::notice::Topic;
use crate::record::{Event, Record};
use crate::silence::{Silences, Wanted};
use crate::time::Timestamp;

mod scale;
mod stories;

const MINUTE: i64 = 60_000;

fn routing(value: serde_json::Value) -> Routing {
    let routing: Routing = serde_json::from_value(value).expect("readable");
    assert_eq!(routing.check(), Ok(()));
    routing
}

fn channels() -> Vec<String> {
    ["chat", "mail", "pager", "shop"]
        .map(str::to_owned)
        .to_vec()
}

/// An incident's records as the agents and people write them, with the time set by hand, and every
/// decision on them carried out.
struct Story {
    routing: Routing,
    records: Vec<Record>,
    silences: Silences,
    callee: Option<Callee>,
    now: Timestamp,
}

impl Story {
    /// Opened at minute 0.
    fn new(routing: serde_json::Value) -> Self {
        let mut story = Self {
            routing: self::routing(routing),
            records: Vec::new(),
            silences: Silences::default(),
            callee: None,
            now: Timestamp::parse("2026-11-27T12:00:00Z").expect("valid"),
        };
        let opened = Event::Opened {
            title: "cart fails".to_owned(),
            severity: Severity::High,
            severity_reason: "by hand".to_owned(),
            finding: Box::new(finding("cart", story.now)),
            split_from: None,
            others: Vec::new(),
        };
        story.add(Actor::agent(Agent::Sentinel), opened);
        story
    }

    fn add(&mut self, actor: Actor, event: Event) -> u64 {
        let seq = self.records.len() as u64 + 1;
        self.records.push(Record {
            incident: IncidentId::derive("error-rate", "cart", Timestamp(0)),
            seq,
            at: self.now,
            actor,
            previous: Digest::ZERO,
            event,
        });
        seq
    }

    fn sentinel(&mut self, event: Event) -> u64 {
        self.add(Actor::agent(Agent::Sentinel), event)
    }

    fn ada(&mut self, event: Event) -> u64 {
        self.add(person("ada"), event)
    }

    fn resolved(&mut self) -> u64 {
        self.ada(Event::Resolved {
            says: "well again".to_owned(),
            evidence: None,
        })
    }

    fn reopened(&mut self) -> u64 {
        self.sentinel(Event::Reopened {
            reason: "fails again".to_owned(),
            finding: None,
        })
    }

    fn incident(&self) -> Incident {
        Incident::fold(&self.records).expect("legal")
    }

    fn news(&self) -> Vec<News> {
        let of = |record: &Record| {
            let (topic, is_state) = match &record.event {
                Event::Opened { .. } | Event::Reopened { .. } => (Topic::Incident, true),
                Event::Resolved { .. } => (Topic::Outcome, true),
                Event::PersonNeeded { .. } => (Topic::PersonNeeded, false),
                _ => return None,
            };
            Some(News {
                seq: record.seq,
                at: record.at,
                topic,
                is_state,
            })
        };
        self.records.iter().filter_map(of).collect()
    }

    fn decide(&self) -> Decision {
        let facts = Facts::of(&self.incident(), None);
        decide(&Question {
            routing: &self.routing,
            channels: &channels(),
            facts: &facts,
            news: &self.news(),
            history: &History::of(&self.records),
            silences: &self.silences,
            callee: self.callee.as_ref(),
            now: self.now,
        })
    }

    /// Decides, records what is held, tells what is due, and gives it as `channel key-after-the-id`.
    fn told(&mut self) -> Vec<String> {
        let decision = self.decide();
        let notifier = || Actor::agent(Agent::Notifier);
        for held in decision.held.into_iter().filter(|held| held.is_new) {
            let event = Event::NoticeHeld {
                channel: held.channel,
                topic: held.topic,
                about: held.about,
                by: held.by,
                until: held.until,
            };
            self.add(notifier(), event);
        }
        let mut told = Vec::new();
        for due in decision.due {
            let key = due.key.split_once(':').map_or("", |(_, key)| key);
            told.push(format!("{} {key}", due.channel));
            let event = Event::NoticeSent {
                channel: due.channel,
                topic: due.topic,
                about: due.about,
                key: due.key,
                place: None,
            };
            self.add(notifier(), event);
        }
        let again = self.decide();
        assert_eq!(again.due, [], "what was told isn't due again");
        assert!(again.held.iter().all(|held| !held.is_new));
        told
    }

    /// Lets minutes pass, looking whenever a decision says so, and gives all that was told with the
    /// minute that it was told at.
    fn pass(&mut self, minutes: i64) -> Vec<String> {
        let begin = self.now;
        let end = begin.plus_ms(minutes * MINUTE);
        let mut all = Vec::new();
        loop {
            let after = (self.now.ms() - begin.ms()) / MINUTE;
            all.extend(
                self.told()
                    .into_iter()
                    .map(|told| format!("{after} {told}")),
            );
            match self.decide().next {
                Some(next) if next <= end => self.now = next,
                _ => break,
            }
        }
        self.now = end;
        all
    }

    fn silence(&mut self, matcher: &str, minutes: i64) {
        let wanted = Wanted {
            matchers: vec![Matcher::parse(matcher).expect("readable")],
            from: self.now,
            until: self.now.plus_ms(minutes * MINUTE),
            weekly: None,
            reason: "maintenance".to_owned(),
        };
        let record = Record {
            incident: IncidentId::system(self.now),
            seq: 2,
            at: self.now,
            actor: person("ada"),
            previous: Digest::ZERO,
            event: Event::NoteAdded {
                text: String::new(),
            },
        };
        self.silences.add(&record, &wanted).expect("legal");
    }
}

#[test]
fn without_a_tree_every_channel_hears_everything_once() {
    let mut story = Story::new(json!({}));
    assert_eq!(story.told(), ["chat 1", "mail 1", "pager 1", "shop 1"]);
    let resolved = story.resolved();
    assert_eq!(story.told().len(), 4);
    assert!(story.decide().next.is_none());
    assert_eq!(resolved, 6);
}

fn paths(routing: &Routing, facts: &Facts, topic: Topic) -> Vec<(String, Vec<String>)> {
    let channels = channels();
    let hearings = routing.hearings(&channels, facts.about(topic));
    hearings
        .into_iter()
        .map(|one| (one.path, one.channels))
        .collect()
}

#[test]
fn the_first_route_that_takes_it_has_it_unless_it_goes_on() {
    let routing = routing(json!({
        "route": { "channels": ["mail"], "routes": [
            { "name": "approvals", "match": ["topic = approval_wanted"], "channels": ["chat"], "continue": true },
            { "name": "cart", "match": ["service =~ \"ca.*\""], "routes": [
                { "name": "critical", "match": ["severity = critical"], "channels": ["pager"] },
            ] },
            { "name": "never", "match": ["service = cart"], "channels": ["shop"] },
        ] },
    }));
    let mut facts = Facts::of(&Story::new(json!({})).incident(), None);
    let all = |name: &str, channel: &str| (name.to_owned(), vec![channel.to_owned()]);
    assert_eq!(
        paths(&routing, &facts, Topic::Incident),
        [all("all > cart", "mail")]
    );
    assert_eq!(
        paths(&routing, &facts, Topic::ApprovalWanted),
        [all("all > approvals", "chat"), all("all > cart", "mail")]
    );
    facts.severity = Severity::Critical;
    assert_eq!(
        paths(&routing, &facts, Topic::Incident),
        [all("all > cart > critical", "pager")]
    );
    facts.service = "web".to_owned();
    assert_eq!(
        paths(&routing, &facts, Topic::Incident),
        [all("all", "mail")]
    );
}

#[test]
fn teams_and_whoever_is_on_call_have_channels_and_nobody_is_forgotten() {
    let routing = routing(json!({
        "route": { "channels": ["{team}", "{on_call}"] },
        "recipients": { "team:payments": ["chat"], "team:*": ["{name}"], "on_call:ada": ["pager"] },
    }));
    let mut facts = Facts::of(&Story::new(json!({})).incident(), None);
    let hear = |facts: &Facts| paths(&routing, facts, Topic::Incident).remove(0).1;
    assert_eq!(hear(&facts), channels(), "nobody's: all hear it");
    facts.team = Some("payments".to_owned());
    facts.on_call = vec!["ada".to_owned(), "bob".to_owned()];
    assert_eq!(hear(&facts), ["chat", "pager"]);
    facts.team = Some("shop".to_owned());
    facts.on_call = Vec::new();
    assert_eq!(hear(&facts), ["shop"]);
    facts.team = Some("unheard-of".to_owned());
    let known = channels();
    let hearing = routing
        .hearings(&known, facts.about(Topic::Incident))
        .remove(0);
    assert_eq!(hearing.channels, channels());
    assert!(
        hearing
            .notes
            .contains(&"team:unheard-of has no channel".to_owned())
    );
}

#[test]
fn what_is_wrong_with_a_tree_says_where() {
    let fails = |value: serde_json::Value| {
        let read = serde_json::from_value::<Routing>(value).map_err(|error| error.to_string());
        read.and_then(|routing| routing.check()).expect_err("wrong")
    };
    let below = |route: serde_json::Value| fails(json!({ "route": { "routes": [route] } }));
    assert!(below(json!({ "matc": [] })).contains("unknown field"));
    assert!(below(json!({ "match": ["region = eu"] })).contains("no field \"region\""));
    assert!(below(json!({ "channels": [] })).starts_with("route.routes[0].channels"));
    assert!(below(json!({ "group_by": ["colour"] })).contains("group_by"));
    assert!(below(json!({ "repeat_interval_s": 10 })).contains("at least 300"));
    assert!(below(json!({ "quiet_hours": ["night"] })).contains("\"night\""));
    let steps = json!([{ "after_minutes": 5, "channels": ["a"] }, { "after_minutes": 5, "channels": ["a"] }]);
    assert!(below(json!({ "escalation": steps })).contains("each step is later"));
    assert!(fails(json!({ "route": { "match": ["service = a"] } })).contains("takes everything"));
    assert!(fails(json!({ "recipients": { "payments": ["a"] } })).contains("team:NAME"));
    let night = json!({ "name": "night", "hours": { "from": "22:00", "to": "7", "zone": "UTC" } });
    assert!(fails(json!({ "quiet_hours": [night] })).contains("hours.to"));
    let routing = routing(json!({
        "route": { "channels": ["chat", "*"], "escalation": [{ "after_minutes": 5, "channels": ["pagre"] }] },
        "recipients": { "team:*": ["{name}"] },
    }));
    assert_eq!(routing.unknown_channels(&channels()), ["pagre"]);
}

/// The file that `docs/routing.md` shows comes out as it says.
#[test]
fn the_documented_example_holds() {
    let text = include_str!("../../../../docs/routing/examples.toml");
    assert!(include_str!("../../../../docs/routing.md").contains(text));
    let mut file: toml::Table = toml::from_str(text).expect("TOML");
    let settings = file.remove("notifier").expect("settings");
    let routing: Routing = settings.try_into().expect("routes");
    assert_eq!(routing.check(), Ok(()));
    let channels = Vec::from_iter(routing.named().into_iter());
    let examples: Vec<example::Example> = file
        .remove("example")
        .expect("examples")
        .try_into()
        .expect("examples");
    assert_eq!(examples.len(), 5);
    for example in examples {
        let lines = example.plays(&routing, &channels);
        let heard = example::heard(&lines);
        assert!(
            example::is_as_expected(&example, &lines),
            "{}: {heard:?}",
            example.name
        );
    }
}
