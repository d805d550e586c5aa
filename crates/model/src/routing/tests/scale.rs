//! Many incidents, routes and silences: a status change asks few of them.

use std::time::{Duration, Instant};

use super::inhibition::OpenIncidents;
use super::*;
use crate::topology::Topology;

const MANY: usize = 10_000;
/// What is promised for 99 of 100 decisions. This runs without optimisation, beside other tests.
const P99: Duration = Duration::from_millis(50);

/// 10,000 open incidents of 10,000 services, a route for each, as many silences as may be, and a
/// call graph over all services.
#[test]
fn a_status_change_is_decided_in_time_among_ten_thousand_incidents_and_routes() {
    let service = |index: usize| format!("service-{index:05}");
    let mut topology = Topology::default();
    let mut open = OpenIncidents::default();
    let mut routes = Vec::new();
    for index in 0..MANY {
        for step in 1..=3 {
            topology.add(&service(index), &service((index * 3 + step) % MANY));
        }
        let id = IncidentId::derive("error-rate", &service(index), Timestamp(0));
        open.note(&id, &service(index), true);
        if index + 1 < MAX_ROUTES {
            routes.push(
                json!({ "match": [format!("service = {}", service(index))], "channels": ["chat"],
                "escalation": [{ "after_minutes": 15, "channels": ["pager"] }] }),
            );
        }
    }
    let mut story = Story::new(json!({ "route": { "channels": ["mail"], "routes": routes } }));
    for index in 0..crate::silence::MAX_SILENCES {
        let matcher = match index % 2 {
            0 => format!("service = {}", service(index)),
            _ => format!("rule =~ \"rule-{index}.*\""),
        };
        let wanted = Wanted {
            matchers: vec![Matcher::parse(&matcher).expect("readable")],
            from: story.now,
            until: story.now.plus_ms(MINUTE),
            weekly: None,
            reason: "maintenance".to_owned(),
        };
        let mut record = story.records[0].clone();
        record.incident = IncidentId::system(story.now);
        record.seq = index as u64 + 2;
        record.actor = person("ada");
        story.silences.add(&record, &wanted).expect("legal");
    }
    story.sentinel(Event::PersonNeeded {
        reason: "look".to_owned(),
    });
    let incident = story.incident();
    let (history, news, channels) = (History::of(&story.records), story.news(), channels());
    let mut took: Vec<Duration> = (0..200)
        .map(|round| {
            let mut facts = Facts::of(&incident, None);
            facts.service = service(round * 49 + 1);
            let began = Instant::now();
            open.note(&facts.incident, &facts.service, true);
            let callee = open.below(&facts.service, &topology).next();
            let decision = decide(&Question {
                routing: &story.routing,
                channels: &channels,
                facts: &facts,
                news: &news,
                history: &history,
                silences: &story.silences,
                callee: callee.as_ref(),
                now: story.now,
            });
            assert!(!decision.due.is_empty() || !decision.held.is_empty());
            began.elapsed()
        })
        .collect();
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    assert!(p99 < P99, "p99 {p99:?}, median {:?}", took[took.len() / 2]);
}
