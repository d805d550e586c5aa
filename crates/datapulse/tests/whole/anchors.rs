//! Anchors in a place outside: whatever is done to journal and anchor file, what was anchored is
//! proven, and each way to alter it is found and named.

use std::fs;
use std::path::Path;
use std::time::Instant;

use model::{Digest, Record};
use reqwest::StatusCode;
use rusqlite::{Connection, params};
use serde_json::json;

use crate::command::Place;
use crate::server::Server;
use crate::story;

/// Files of a folder, and of those in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("is read") {
        let entry = entry.expect("is read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("is copied");
        }
    }
}

struct Scene {
    place: Place,
    id: String,
    /// The last record's number.
    last: i64,
}

impl Scene {
    /// An incident with a decision, anchored outside, and the server gone.
    async fn new() -> Self {
        let place = Place::new();
        let id = story::write(&place).await.to_string();
        let outside = place.path().join("outside.ndjson");
        place.write(
            "datapulse.toml",
            &format!(
                "[retention]\ntelemetry_days = 0\n[audit]\nanchor_file = \"{}\"\nanchor_every_s = 1\n",
                outside.display()
            ),
        );
        let server = Server::start(&place);
        let path = format!("/incidents/{id}");
        let proposals = server.get(&format!("{path}/proposals")).await.body;
        let yes =
            json!({ "seal": proposals["items"][0]["seal"], "approve": true, "reason": "yes" });
        let decided = server
            .post(&format!("{path}/proposals/P1/decisions"), &yes)
            .await;
        assert_eq!(decided.status, StatusCode::CREATED, "{decided}");
        let noted = server
            .post(&format!("{path}/notes"), &json!({ "text": "we look" }))
            .await;
        assert_eq!(noted.status, StatusCode::OK, "{noted}");
        let last = noted.body["last_seq"].as_i64().expect("a number");
        let began = Instant::now();
        loop {
            let told = place.json(&["audit", "verify", "--anchors", "-o", "json"]);
            if told["outside"]["records_after"] == 0
                && told["outside"]["anchors"].as_u64() > Some(1)
            {
                break;
            }
            assert!(began.elapsed().as_secs() < 60, "never anchored: {told}");
        }
        server.kill();
        Self { place, id, last }
    }

    /// What verification says of a copy that somebody altered who may write database and anchor
    /// file: exit code 3, and these words.
    fn found(&self, name: &str, words: &[&str], alter: impl Fn(&Connection, &str)) {
        let folder = self.place.path().join(name);
        copy(&self.place.data(), &folder);
        // Whoever covers their tracks takes the local anchors with them.
        fs::remove_file(folder.join("anchors.log")).expect("is removed");
        let connection = Connection::open(folder.join("truth.db")).expect("opens");
        alter(&connection, &self.id);
        drop(connection);
        let told = self
            .place
            .run(&["audit", "verify", "--anchors", "--data", name]);
        assert_eq!(told.code, 3, "{name}: {told}");
        for word in words {
            assert!(told.out.contains(word), "{name}: no {word:?}: {told}");
        }
    }
}

fn delete(connection: &Connection, id: &str, from: i64, to: i64) {
    let done = connection.execute(
        "DELETE FROM records WHERE incident = ?1 AND seq BETWEEN ?2 AND ?3",
        params![id, from, to],
    );
    assert!(done.expect("is deleted") > 0);
}

/// The incident with another text in its first record, and all digests as they must be then.
fn rewrite(connection: &Connection, id: &str) {
    let mut statement = connection
        .prepare("SELECT seq, bytes FROM records WHERE incident = ?1 ORDER BY seq")
        .expect("is read");
    let rows = statement
        .query_map([id], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .expect("is read");
    let rows: Vec<(i64, Vec<u8>)> = rows.collect::<Result<_, _>>().expect("is read");
    let mut previous = Digest::ZERO;
    for (seq, bytes) in rows {
        let mut record: Record = serde_json::from_slice(&bytes).expect("a record");
        record.previous = previous;
        if let model::Event::Opened { title, .. } = &mut record.event {
            *title = "nothing happened".to_owned();
        }
        let bytes = serde_json::to_vec(&record).expect("writable");
        let digest = Digest::of(&bytes);
        connection
            .execute(
                "UPDATE records SET bytes = ?3, digest = ?4, previous = ?5 WHERE incident = ?1 AND seq = ?2",
                params![id, seq, bytes, digest.to_string(), previous.to_string()],
            )
            .expect("is written");
        previous = digest;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_seven_ways_to_alter_what_was_anchored_is_found_and_named() {
    let scene = Scene::new().await;
    let (id, last) = (scene.id.clone(), scene.last);
    let told = scene
        .place
        .done(&["audit", "verify", "--anchors", "--data", "data"]);
    assert!(told.out.contains("prove the journal up to"), "{told}");
    let record = |seq: i64| format!("{id}:{seq}");
    scene.found("edited", &[&record(3)], |connection, id| {
        let edited = connection.execute(
            "UPDATE records SET bytes = CAST(replace(CAST(bytes AS TEXT), 'checkout', 'checkin1') AS BLOB) WHERE incident = ?1 AND seq = 3",
            [id],
        );
        assert_eq!(edited.expect("is written"), 1);
    });
    scene.found("reordered", &[&record(2)], |connection, id| {
        for (from, to) in [(2, 900), (3, 2), (900, 3)] {
            let moved = connection.execute(
                "UPDATE records SET seq = ?3 WHERE incident = ?1 AND seq = ?2",
                params![id, from, to],
            );
            assert_eq!(moved.expect("is written"), 1);
        }
    });
    scene.found("inserted", &[&record(2)], |connection, id| {
        // From the end, so that no two have one number meanwhile.
        for seq in (2..=last).rev() {
            let moved = connection.execute(
                "UPDATE records SET seq = ?3 WHERE incident = ?1 AND seq = ?2",
                params![id, seq, seq + 1],
            );
            assert_eq!(moved.expect("is written"), 1);
        }
        let inserted = connection.execute(
            "INSERT INTO records(incident, seq, at_ms, agent, action, digest, previous, bytes) SELECT incident, 2, at_ms, agent, action, digest, previous, bytes FROM records WHERE incident = ?1 AND seq = 1",
            [id],
        );
        assert_eq!(inserted.expect("is written"), 1);
    });
    scene.found("deleted", &[&record(3)], |connection, id| {
        delete(connection, id, 3, 3)
    });
    scene.found(
        "cut",
        &[&record(last), "its tail was cut"],
        |connection, id| {
            delete(connection, id, last, last);
        },
    );
    scene.found(
        "whole",
        &[&record(last), "outside proves it"],
        |connection, id| {
            delete(connection, id, 1, last);
        },
    );
    scene.found(
        "anew",
        &[&record(last), "the chain was written anew"],
        rewrite,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_altered_or_was_away_is_said_and_catches_up() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    // The folder isn't there yet: the place is down.
    let outside = place.path().join("mount/outside.ndjson");
    place.write(
        "datapulse.toml",
        &format!(
            "[retention]\ntelemetry_days = 0\n[audit]\nanchor_file = \"{}\"\nanchor_every_s = 1\n",
            outside.display()
        ),
    );
    let server = Server::start(&place);
    let note = format!("/incidents/{id}/notes");
    assert_eq!(
        server.post(&note, &json!({ "text": "one" })).await.status,
        StatusCode::OK
    );
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let metrics = server
        .bare(reqwest::Method::GET, "/metrics")
        .send()
        .await
        .expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("anchor_failures_total"), "{metrics}");
    fs::create_dir(place.path().join("mount")).expect("is made");
    let began = Instant::now();
    while place.json(&["audit", "verify", "--anchors", "-o", "json"])["outside"]["anchors"] == 0 {
        assert!(began.elapsed().as_secs() < 90, "never anchored");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    server.kill();
    // Half an anchor, then a line that is gone.
    let whole = fs::read_to_string(&outside).expect("is read");
    fs::write(&outside, format!("{whole}{{\"anchor\":")).expect("is written");
    let told = place.run(&["audit", "verify", "--anchors"]);
    assert_eq!(told.code, 3, "{told}");
    let server = Server::start(&place);
    assert_eq!(
        server.post(&note, &json!({ "text": "two" })).await.status,
        StatusCode::OK
    );
    let began = Instant::now();
    loop {
        let told = place.run(&["audit", "verify", "--anchors", "-o", "json"]);
        if told.code == 0 && told.json()["outside"]["records_after"] == 0 {
            break;
        }
        assert!(began.elapsed().as_secs() < 60, "{told}");
    }
    server.kill();
    let lines = fs::read_to_string(&outside).expect("is read");
    let without: Vec<&str> = lines.lines().skip(1).collect();
    fs::write(&outside, without.join("\n") + "\n").expect("is written");
    let told = place.run(&["audit", "verify", "--anchors"]);
    assert!(
        told.code == 3 && told.out.contains("anchor 1 should stand here"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_is_exported_with_a_signature_that_anybody_can_check() {
    let scene = Scene::new().await;
    let place = &scene.place;
    let said = place.done(&["audit", "export", "record.ndjson"]).out;
    assert!(said.contains("signed in record.ndjson.sig"), "{said}");
    let file = place.path().join("record.ndjson");
    let whole = fs::read_to_string(&file).expect("is read");
    assert!(whole.lines().count() as i64 >= scene.last);
    place.done(&["audit", "check", "record.ndjson"]);
    let altered = whole.replacen("we look", "we sleep", 1);
    assert_ne!(altered, whole);
    for text in [
        altered,
        whole.lines().skip(1).collect::<Vec<_>>().join("\n"),
    ] {
        fs::write(&file, text).expect("is written");
        let said = place.run(&["audit", "check", "record.ndjson"]);
        assert_eq!(said.code, 3, "{said}");
        assert!(said.out.contains("not the file that was signed"), "{said}");
    }
}
