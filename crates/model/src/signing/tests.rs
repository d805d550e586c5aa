use super::*;
use crate::identity::IncidentId;

const ACT: Purpose = Purpose::Act {
    now: Timestamp(3_000),
};

fn signer(number: u8) -> Signer {
    Signer::new(&[number; 32])
}

fn trusted(number: u8, writers: &[Writer]) -> Trusted {
    Trusted::new(&signer(number), writers, Timestamp(1_000))
}

/// The gateway's key and the one that all agents had together before each had its own.
fn ring() -> Keyring {
    Keyring::new(&[trusted(1, &[Writer::Gateway]), trusted(2, &Writer::AGENTS)]).expect("keys")
}

fn record(actor: Actor, at: i64, text: &str) -> Record {
    Record {
        incident: IncidentId::derive("r", "s", Timestamp(0)),
        seq: 2,
        at: Timestamp(at),
        actor,
        previous: Digest::ZERO,
        event: Event::NoteAdded {
            text: text.to_owned(),
        },
    }
}

fn person() -> Actor {
    Actor::Person {
        subject: "person:ada".to_owned(),
        name: "ada".to_owned(),
        via: "session".to_owned(),
    }
}

/// What any agent may write.
fn asks(actor: Actor, at: i64) -> Record {
    Record {
        event: Event::PersonNeeded {
            reason: "look".to_owned(),
        },
        ..record(actor, at, "")
    }
}

fn stored(record: &Record, number: u8) -> StoredRecord {
    StoredRecord::signed(record, &signer(number)).expect("writable")
}

#[test]
fn each_writes_what_is_theirs() {
    let ring = ring();
    let check = |record: &Record, number: u8| {
        let stored = stored(record, number);
        assert_eq!(stored.record().expect("readable").seq, 2);
        ring.check(&stored, Purpose::Verify)
    };
    let said = record(person(), 2_000, "x");
    let asked = |agent| asks(Actor::agent(agent), 2_000);
    assert_eq!(check(&said, 1), Ok(()));
    assert_eq!(check(&asked(Agent::Analyst), 2), Ok(()));
    let forged = check(&said, 2).expect_err("refused");
    assert!(forged.starts_with("it is gateway's to write"), "{forged}");
    assert!(check(&asked(Agent::Executor), 1).is_err());
    assert!(check(&said, 3).is_err_and(|why| why.contains("not trusted")));
}

#[test]
fn a_roles_key_writes_for_that_role_and_only_what_it_may() {
    let numbers = 1..=Writer::ALL.len() as u8;
    let keys: Vec<Trusted> = numbers
        .clone()
        .zip(Writer::ALL)
        .map(|(number, writer)| trusted(number, &[writer]))
        .collect();
    let ring = Keyring::new(&keys).expect("keys");
    for (number, holder) in numbers.clone().zip(Writer::ALL) {
        for agent in Agent::ALL {
            let actor = Actor::agent(agent);
            let own = holder == Writer::of(&actor);
            let checked = ring.check(&stored(&asks(actor.clone(), 2_000), number), ACT);
            assert_eq!(checked.is_ok(), own, "{holder:?} as {agent:?}: {checked:?}");
            // Under its own name and key, and yet not its to write.
            let note = record(actor, 2_000, "x");
            let checked = ring.check(&stored(&note, number), Purpose::Verify);
            assert!(checked.is_err_and(|why| why.contains("may not write note_added")));
        }
        let checked = ring.check(&stored(&record(person(), 2_000, "yes"), number), ACT);
        assert_eq!(checked.is_ok(), holder == Writer::Gateway, "{holder:?}");
    }
}

#[test]
fn a_retired_key_verifies_what_it_signed_in_its_time_and_nothing_is_done_on_it() {
    let mut old = trusted(1, &[Writer::Gateway]);
    old.until = Some(Timestamp(2_500));
    let new = Trusted::new(&signer(4), &[Writer::Gateway], Timestamp(2_400));
    let ring = Keyring::new(&[old, new]).expect("keys");
    let check = |at: i64, number: u8, purpose: Purpose| {
        ring.check(&stored(&record(person(), at, "x"), number), purpose)
    };
    let now = |now: i64| Purpose::Act {
        now: Timestamp(now),
    };
    assert_eq!(check(2_499, 1, Purpose::Verify), Ok(()));
    assert!(check(2_500, 1, Purpose::Verify).is_err_and(|why| why.contains("retired")));
    // While both count, so does what the old one signed.
    assert_eq!(check(2_450, 1, now(2_499)), Ok(()));
    assert!(check(2_450, 1, now(2_500)).is_err_and(|why| why.contains("nothing is done")));
    assert_eq!(check(2_450, 4, now(9_000)), Ok(()));
    let early = 2_400 - CLOCKS_APART_MS - 1;
    let ring = Keyring::new(&[
        Trusted::new(&signer(1), &[Writer::Gateway], Timestamp(early)),
        Trusted::new(&signer(4), &[Writer::Gateway], Timestamp(2_400)),
    ]);
    let before = stored(&record(person(), early, "x"), 4);
    let checked = ring.expect("keys").check(&before, Purpose::Verify);
    assert!(checked.is_err_and(|why| why.contains("counts from")));
}

#[test]
fn a_ring_from_before_keys_could_be_retired_is_read() {
    let public = signer(1).public();
    let line = format!(
        "{{\"public\":\"{public}\",\"writers\":[\"gateway\"],\"since\":\"2026-11-27T00:00:00.000Z\"}}"
    );
    let read: Trusted = serde_json::from_str(&line).expect("a key");
    assert_eq!(read.until, None);
    assert_eq!(serde_json::to_string(&read).expect("text"), line);
}

#[test]
fn another_text_with_the_same_signature_is_seen() {
    let honest = StoredRecord::signed(&record(person(), 2_000, "no"), &signer(1));
    let mut stored = honest.expect("writable");
    let text = String::from_utf8(stored.bytes.clone()).expect("text");
    stored.bytes = text.replace("\"no\"", "\"yes\"").into_bytes();
    stored.digest = Digest::of(&stored.bytes);
    assert!(
        ring()
            .check(&stored, Purpose::Verify)
            .is_err_and(|why| why.contains("signature"))
    );
    // A text that looks like a signature is a text.
    let tricky = record(
        person(),
        2_000,
        "a\",\"signed\":{\"key\":\"x\",\"signature\":\"y\"}}",
    );
    let stored = StoredRecord::signed(&tricky, &signer(1)).expect("writable");
    assert_eq!(ring().check(&stored, Purpose::Verify), Ok(()));
    let bare = StoredRecord::new(&tricky).expect("writable");
    assert!(ring().check(&bare, Purpose::Verify).is_err());
}

#[test]
fn what_was_written_before_anything_was_signed_passes_where_nothing_is_done_on_it() {
    let early = StoredRecord::new(&record(person(), 500, "x")).expect("writable");
    assert_eq!(ring().check(&early, Purpose::Verify), Ok(()));
    assert!(ring().check(&early, ACT).is_err());
    let late = StoredRecord::new(&record(person(), 1_000, "x")).expect("writable");
    assert!(ring().check(&late, Purpose::Verify).is_err());
}

#[test]
fn a_key_for_the_gateway_and_others_is_refused() {
    let both = trusted(1, &[Writer::Gateway, Writer::Executor]);
    assert!(Keyring::new(&[both]).is_err());
    // Nor by two lines.
    let twice = [
        trusted(1, &[Writer::Gateway]),
        trusted(1, &[Writer::Executor]),
    ];
    assert!(Keyring::new(&twice).is_err_and(|why| why.contains("twice")));
}
