use std::borrow::Cow;

use super::*;
use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::policy::Weekday;
use crate::record::Event;
use crate::system::Act;

const HOUR_MS: i64 = 60 * 60 * 1000;

struct Of(&'static str);

impl Fields for Of {
    fn texts(&self, field: &str) -> Vec<Cow<'_, str>> {
        match field {
            "service" => vec![self.0.into()],
            "team" => vec!["shop".into()],
            _ => Vec::new(),
        }
    }
}

fn wanted(matchers: &[&str], from: i64, until: i64) -> Wanted {
    let matcher = |text: &&str| Matcher::parse(text).expect("readable");
    Wanted {
        matchers: matchers.iter().map(matcher).collect(),
        from: Timestamp(from),
        until: Timestamp(until),
        weekly: None,
        reason: "the disks are changed".to_owned(),
    }
}

fn record(seq: u64, at: i64) -> Record {
    let actor = crate::incident::fixtures::person("ada");
    Record {
        incident: IncidentId::system(Timestamp(at)),
        seq,
        at: Timestamp(at),
        actor,
        previous: Digest::ZERO,
        event: Event::System {
            act: Act::TokenRevoked {
                token: String::new(),
            },
        },
    }
}

fn hides(silences: &Silences, service: &'static str, now: i64) -> Option<String> {
    let hiding = silences.hiding(&Of(service), Timestamp(now));
    hiding.map(|(silence, _)| silence.id.clone())
}

#[test]
fn it_hides_what_it_covers_from_its_beginning_to_its_end() {
    let mut silences = Silences::default();
    let cart = wanted(&["service = cart"], 1_000, HOUR_MS);
    silences.add(&record(7, 0), &cart).expect("legal");
    let team = wanted(&["team = shop", "service =~ \"p.*\""], 0, HOUR_MS);
    silences.add(&record(8, 0), &team).expect("legal");
    assert_eq!(hides(&silences, "cart", 999), None);
    assert_eq!(
        hides(&silences, "cart", 1_000).as_deref(),
        Some("S197001-7")
    );
    assert_eq!(hides(&silences, "cart", HOUR_MS), None, "over");
    assert_eq!(hides(&silences, "pay", 5).as_deref(), Some("S197001-8"));
    assert_eq!(hides(&silences, "web", 5), None);
    silences
        .end(&record(9, 2_000), "S197001-7", "done earlier")
        .expect("is on");
    assert_eq!(hides(&silences, "cart", 2_000), None);
    let again = silences.end(&record(10, 2_001), "S197001-7", "twice");
    assert!(again.is_err_and(|why| why.contains("over already")));
    assert!(
        silences
            .end(&record(10, 2_001), "S197001-99", "who")
            .is_err()
    );
}

#[test]
fn a_maintenance_window_hides_in_its_hours_alone() {
    let at = |text: &str| Timestamp::parse(text).expect("valid");
    let mut window = wanted(
        &["service = cart"],
        at("2026-11-01T00:00:00Z").ms(),
        at("2027-02-01T00:00:00Z").ms(),
    );
    window.weekly = Some(Weekly {
        days: vec![Weekday::Tue],
        from: "01:00".to_owned(),
        to: "02:00".to_owned(),
        zone: "Europe/Berlin".to_owned(),
    });
    let now = at("2026-11-01T00:00:00Z");
    let mut silences = Silences::default();
    silences.add(&record(2, now.ms()), &window).expect("legal");
    let silence = silences.iter().next().expect("is there");
    assert_eq!(silence.phase(now), Phase::Waiting);
    // Tuesday 2026-11-24, 01:30 in Berlin.
    let tuesday = at("2026-11-24T00:30:00Z");
    assert_eq!(
        silence.hides_until(tuesday),
        Some(at("2026-11-24T01:00:00Z"))
    );
    assert_eq!(silence.phase(at("2026-11-24T01:00:00Z")), Phase::Waiting);
    assert_eq!(silence.phase(at("2027-02-01T00:00:00Z")), Phase::Over);
}

#[test]
fn what_is_asked_for_has_limits() {
    let fails = |wanted: Wanted| wanted.check(Timestamp(0)).expect_err("refused");
    assert!(fails(wanted(&[], 0, HOUR_MS)).starts_with("matchers: expected 1"));
    assert!(
        fails(wanted(
            &["service != \"\"", "rule =~ \".*\""],
            0,
            MAX_SILENCE_MS + 1
        ))
        .starts_with("until")
    );
    assert!(fails(wanted(&["rule =~ \".*\""], 0, HOUR_MS)).contains("hide everything"));
    assert!(fails(wanted(&["service = a"], 5, 5)).contains("before it begins"));
    let week = wanted(&["service = a"], 0, MAX_SILENCE_MS + 1);
    assert!(fails(week.clone()).contains("a week at most"));
    assert_eq!(
        wanted(&["service = a"], 0, MAX_SILENCE_MS).check(Timestamp(0)),
        Ok(())
    );
    let weekly = |zone: &str| Wanted {
        weekly: Some(Weekly {
            days: Vec::new(),
            from: "01:00".to_owned(),
            to: "02:00".to_owned(),
            zone: zone.to_owned(),
        }),
        ..week.clone()
    };
    assert_eq!(weekly("Asia/Tokyo").check(Timestamp(0)), Ok(()));
    assert!(fails(weekly("Tokyo/Asia")).starts_with("weekly.zone"));
    let silent = Wanted {
        reason: " ".to_owned(),
        ..wanted(&["service = a"], 0, HOUR_MS)
    };
    assert!(fails(silent).starts_with("reason"));
}

#[test]
fn their_number_has_a_limit_and_the_latest_that_are_over_stay_in_the_list() {
    let mut silences = Silences::default();
    for seq in 0..MAX_SILENCES as u64 {
        let one = wanted(&["service = cart"], 0, HOUR_MS + seq as i64);
        silences.add(&record(seq, 0), &one).expect("legal");
    }
    let one_more = wanted(&["service = cart"], 0, 9 * HOUR_MS);
    let refused = silences.add(&record(5_000, 1), &one_more);
    assert!(refused.is_err_and(|why| why.contains("1000 silences")));
    let later = 2 * HOUR_MS;
    silences
        .add(&record(5_001, later), &one_more)
        .expect("the others are over");
    assert_eq!(silences.iter().count(), MAX_ENDED + 1);
    assert!(silences.get("S197001-999").is_some(), "the latest");
    assert!(silences.get("S197001-0").is_none());
    assert_eq!(
        hides(&silences, "cart", later).as_deref(),
        Some("S197001-5001")
    );
    let carried = silences.carried(Timestamp(later));
    assert_eq!(Silences::from_carried(&carried), silences);
}

#[test]
fn it_is_read_as_it_was_written() {
    let mut silences = Silences::default();
    let cart = wanted(
        &["service = \"cart\"", "label.region !~ \"eu-.*\""],
        0,
        HOUR_MS,
    );
    silences.add(&record(7, 0), &cart).expect("legal");
    silences
        .end(&record(8, 5), "S197001-7", "done")
        .expect("is on");
    for silence in silences.carried(Timestamp(6)) {
        let text = serde_json::to_string(&silence).expect("writable");
        assert_eq!(
            serde_json::from_str::<Silence>(&text).expect("readable"),
            silence
        );
    }
    let unknown = r#"{"matchers":[],"from":"2026-11-27T00:00:00Z","until":"2026-11-28T00:00:00Z","reason":"x","for":1}"#;
    assert!(serde_json::from_str::<Wanted>(unknown).is_err());
}
