//! One incident's notices over hours.

use super::*;

fn escalating() -> serde_json::Value {
    json!({ "route": {
        "channels": ["chat"], "repeat_interval_s": 3600,
        "escalation": [
            { "after_minutes": 15, "channels": ["pager"] },
            { "after_minutes": 45, "channels": ["pager", "mail"] },
        ],
    } })
}

#[test]
fn what_nobody_takes_is_escalated_and_told_again() {
    let mut story = Story::new(escalating());
    assert_eq!(
        story.pass(130),
        [
            "0 chat 1",
            "15 pager 1#escalation-15",
            "45 pager 1#escalation-45",
            "45 mail 1#escalation-45",
            "60 chat 1#repeat-1",
            "120 chat 1#repeat-2",
        ]
    );
    let resolved = story.resolved();
    let told = story.told();
    let all = ["chat", "mail", "pager"].map(|name| format!("{name} {resolved}"));
    assert_eq!(told, all, "whoever was called hears how it ended");
    assert_eq!(story.pass(600), [] as [&str; 0]);
}

#[test]
fn whoever_takes_it_ends_reminders_and_escalation_until_it_is_opened_again() {
    let mut story = Story::new(escalating());
    story.pass(10);
    story.ada(Event::Acknowledged {
        owner: "ada".to_owned(),
        note: None,
    });
    assert_eq!(story.pass(300), [] as [&str; 0]);
    story.resolved();
    story.told();
    story.reopened();
    let told = story.pass(20);
    assert!(
        told[0].starts_with("0 chat ") && told[1].ends_with("#escalation-15"),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
}

#[test]
fn to_give_it_to_a_team_is_not_to_have_it() {
    let mut story = Story::new(escalating());
    story.told();
    let give = |to| Event::Assigned {
        to,
        reason: "theirs".to_owned(),
    };
    story.ada(give(Assignee::Team {
        name: "shop".to_owned(),
    }));
    assert_eq!(story.pass(20), ["15 pager 1#escalation-15"]);
    story.ada(give(Assignee::Person {
        subject: None,
        name: "bob".to_owned(),
    }));
    assert_eq!(story.pass(200), [] as [&str; 0]);
}

#[test]
fn a_snooze_ends_with_a_reminder_and_escalates_anew() {
    let mut story = Story::new(escalating());
    story.pass(16);
    let snoozed = story.ada(Event::Snoozed {
        until: story.now.plus_ms(120 * MINUTE),
        reason: "after lunch".to_owned(),
    });
    assert_eq!(
        story.pass(140),
        [
            format!("120 chat {snoozed}#repeat-1"),
            format!("135 pager {snoozed}#escalation-15"),
        ]
    );
}

#[test]
fn a_snooze_has_limits_and_a_person() {
    let mut story = Story::new(json!({}));
    let mut snooze = |by: Actor, ms: i64| {
        let event = Event::Snoozed {
            until: story.now.plus_ms(ms),
            reason: "later".to_owned(),
        };
        story.add(by, event);
        let folded = Incident::fold(&story.records);
        if folded.is_err() {
            story.records.pop();
        }
        folded
    };
    assert!(snooze(person("ada"), 0).is_err());
    assert!(snooze(person("ada"), crate::incident::MAX_SNOOZE_MS + 1).is_err());
    assert!(snooze(Actor::agent(Agent::Sentinel), MINUTE).is_err());
    let folded = snooze(person("ada"), MINUTE).expect("legal");
    assert!(folded.snoozed.is_some_and(|one| one.reason == "later"));
}

#[test]
fn what_a_silence_hid_is_told_at_its_end_if_it_is_still_open() {
    let mut story = Story::new(escalating());
    story.silence("service = cart", 30);
    assert_eq!(
        story.pass(50),
        ["30 chat 1", "45 pager 1#escalation-15"],
        "nobody could take what nobody heard of"
    );
    let held: Vec<&Record> = story
        .records
        .iter()
        .filter(|record| matches!(record.event, Event::NoticeHeld { .. }))
        .collect();
    assert_eq!(held.len(), 1, "said once");
}

#[test]
fn what_was_over_before_the_silence_was_is_never_told() {
    let mut story = Story::new(json!({ "route": { "channels": ["chat"] } }));
    story.silence("service = cart", 30);
    assert_eq!(story.pass(10), [] as [&str; 0]);
    story.resolved();
    assert_eq!(story.pass(100), [] as [&str; 0]);
}

#[test]
fn the_end_of_what_was_known_is_told_after_the_silence() {
    let mut story = Story::new(json!({ "route": { "channels": ["chat"] } }));
    assert_eq!(story.told(), ["chat 1"]);
    story.silence("service = cart", 30);
    let resolved = story.resolved();
    assert_eq!(story.pass(60), [format!("30 chat {resolved}")]);
}

#[test]
fn quiet_hours_hold_what_isnt_critical_and_tell_all_of_it_afterwards() {
    let tree = json!({
        "route": { "channels": ["chat"], "quiet_hours": ["noon"] },
        "quiet_hours": [{ "name": "noon", "hours": { "from": "12:00", "to": "13:00", "zone": "UTC" } }],
    });
    let mut story = Story::new(tree.clone());
    assert_eq!(story.pass(10), [] as [&str; 0]);
    let resolved = story.resolved();
    assert_eq!(
        story.pass(60),
        ["50 chat 1".to_owned(), format!("50 chat {resolved}")]
    );
    let mut critical = Story::new(tree);
    critical.told();
    let rose = Event::SeverityChanged {
        severity: Severity::Critical,
        reason: "all of them".to_owned(),
    };
    critical.sentinel(rose);
    assert_eq!(critical.told(), ["chat 1"]);
}

#[test]
fn a_caller_waits_for_what_it_calls_but_asks_what_must_be_asked() {
    let mut story = Story::new(json!({ "route": { "channels": ["chat"] } }));
    let callee = Callee {
        incident: IncidentId::derive("error-rate", "db", Timestamp(0)),
        path: vec!["cart".to_owned(), "db".to_owned()],
    };
    story.callee = Some(callee.clone());
    assert_eq!(story.told(), [] as [&str; 0]);
    let held = story.decide().held.remove(0);
    assert_eq!(
        held.by.says(),
        format!("{} of a service that it calls (cart – db)", callee.incident)
    );
    let facts = Facts::of(&story.incident(), None);
    let asked = [News {
        seq: 2,
        at: story.now,
        topic: Topic::ApprovalWanted,
        is_state: false,
    }];
    let decision = decide(&Question {
        routing: &story.routing,
        channels: &channels(),
        facts: &facts,
        news: &asked,
        history: &History::of(&story.records),
        silences: &story.silences,
        callee: story.callee.as_ref(),
        now: story.now,
    });
    assert_eq!(decision.due.len(), 1);
    story.callee = None;
    assert_eq!(
        story.told(),
        ["chat 1"],
        "the callee is well, the caller isn't"
    );
}

#[test]
fn what_comes_and_goes_is_told_once_a_period_and_only_as_it_stands() {
    let mut story = Story::new(json!({ "route": { "channels": ["chat"] } }));
    story.told();
    let mut told = Vec::new();
    for _ in 0..6 {
        story.now = story.now.plus_ms(2 * MINUTE);
        story.resolved();
        told.extend(story.told());
        story.now = story.now.plus_ms(2 * MINUTE);
        story.reopened();
        told.extend(story.told());
    }
    // Twice it came back and was told; from the third time on it was flapping.
    assert_eq!(told.len(), 5, "{told:?}");
    let last = story.news().last().expect("some").seq;
    let later = story.pass(90);
    assert_eq!(later.len(), 1, "{later:?}");
    assert!(later[0].ends_with(&format!("chat {last}")));
}

#[test]
fn a_break_glass_goes_everywhere_whatever_holds_the_rest() {
    let mut story = Story::new(json!({ "route": { "channels": ["chat"] } }));
    story.silence("service = cart", 30);
    let alarm = [News {
        seq: 1,
        at: story.now,
        topic: Topic::BreakGlass,
        is_state: false,
    }];
    let decision = decide(&Question {
        routing: &story.routing,
        channels: &channels(),
        facts: &Facts::of(&story.incident(), None),
        news: &alarm,
        history: &History::of(&story.records),
        silences: &story.silences,
        callee: None,
        now: story.now,
    });
    assert_eq!(decision.due.len(), 4);
    assert_eq!(decision.held, []);
}

/// A crash may come after any telling: what was recorded isn't due, and the rest has the same keys.
#[test]
fn a_crash_between_two_tellings_changes_no_key() {
    let mut story = Story::new(escalating());
    story.now = story.now.plus_ms(50 * MINUTE);
    let all: Vec<(String, String)> = keys(&story.decide());
    assert_eq!(all.len(), 4);
    for recorded in 0..all.len() {
        let mut crashed = Story {
            records: story.records.clone(),
            routing: story.routing.clone(),
            silences: Silences::default(),
            callee: None,
            now: story.now.plus_ms(MINUTE),
        };
        for due in story.decide().due.into_iter().take(recorded) {
            let event = Event::NoticeSent {
                channel: due.channel,
                topic: due.topic,
                about: due.about,
                key: due.key,
                place: None,
            };
            crashed.add(Actor::agent(Agent::Notifier), event);
        }
        assert_eq!(keys(&crashed.decide()), all[recorded..]);
    }
}

fn keys(decision: &Decision) -> Vec<(String, String)> {
    let due = decision.due.iter();
    due.map(|due| (due.channel.clone(), due.key.clone()))
        .collect()
}

#[test]
fn news_are_grouped_and_what_somebody_waits_for_is_not() {
    let mut story = Story::new(json!({ "route": {
        "channels": ["chat"], "group_by": ["service", "severity"], "group_wait_s": 60,
    } }));
    let group = story.decide().due.remove(0).group.expect("grouped");
    assert_eq!(group.key, "chat all service=\"cart\" severity=\"high\"");
    assert_eq!((group.wait_ms, group.interval_ms), (60_000, 300_000));
    story.sentinel(Event::PersonNeeded {
        reason: "look".to_owned(),
    });
    let due = story.decide().due;
    assert_eq!(due.len(), 2);
    assert_eq!(due[1].group, None);
    assert_eq!(story.incident().status, Status::Open);
}

#[test]
fn an_example_plays_a_day() {
    let routing = routing(json!({
        "route": { "channels": ["chat"], "quiet_hours": ["night"],
            "escalation": [{ "after_minutes": 15, "channels": ["pager"] }] },
        "quiet_hours": [{ "name": "night", "hours": { "from": "22:00", "to": "07:00", "zone": "Europe/Berlin" } }],
    }));
    let example = |value: serde_json::Value| -> example::Example {
        let mut whole = json!({ "name": "example", "service": "cart" });
        let all = whole.as_object_mut().expect("an object");
        all.extend(value.as_object().cloned().unwrap_or_default());
        serde_json::from_value(whole).expect("readable")
    };
    let holds = |value: serde_json::Value| {
        let example = example(value);
        let lines = example.plays(&routing, &channels());
        assert!(
            example::is_as_expected(&example, &lines),
            "{:?} {lines:#?}",
            example::heard(&lines)
        );
        lines
    };
    holds(json!({ "at": "2026-11-27T12:00:00Z", "expect": ["pager +15m", "chat"] }));
    holds(json!({ "at": "2026-11-27T12:00:00Z", "taken_after_minutes": 5, "expect": ["chat"] }));
    let lines =
        holds(json!({ "at": "2026-11-27T22:00:00Z", "expect": ["chat +480m", "pager +495m"] }));
    assert_eq!(lines[0].what, "held");
    holds(
        json!({ "at": "2026-11-27T22:00:00Z", "severity": "critical", "expect": ["chat", "pager +15m"] }),
    );
    holds(json!({ "at": "2026-11-27T12:00:00Z", "topic": "report", "expect": ["chat"] }));
}
