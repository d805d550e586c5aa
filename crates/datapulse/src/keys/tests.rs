use integrations::Secret;

use super::change::{OVERLAP_MS, complete, must_be_complete, rotate};
use super::*;
use crate::owner_only;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn later(ms: i64) -> Timestamp {
    NOW.plus_ms(ms)
}

fn ring_of(folder: &Path) -> Vec<Trusted> {
    trusted(&folder.join(TRUSTED)).expect("a ring")
}

/// The two keys that installations had before each role had its own.
fn two_keys(folder: &Path) -> Vec<Trusted> {
    let signer = |number: u8| Signer::new(&[number; SEED]);
    let ring = vec![
        Trusted::new(&signer(1), &[Writer::Gateway], NOW),
        Trusted::new(&signer(2), &Writer::AGENTS, NOW),
    ];
    owner_only::folder(folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| owner_only::write(&folder.join(name), bytes);
    write("gateway.key", hex::encode([1; SEED]).as_bytes()).expect("written");
    write("agents.key", hex::encode([2; SEED]).as_bytes()).expect("written");
    write(TRUSTED, &serde_json::to_vec(&ring).expect("text")).expect("written");
    ring
}

#[test]
fn each_role_gets_a_key_of_its_own_once() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join(FOLDER);
    assert!(must_be_complete(&folder).is_err_and(|error| error.to_string().contains("keys init")));
    assert_eq!(complete(&folder, NOW).expect("made").len(), 6);
    assert_eq!(complete(&folder, later(1)).expect("there"), Vec::new());
    let keys = read(&folder, &Writer::ALL, NOW).expect("readable");
    assert_eq!(keys.signers.len(), 6);
    let mut names: Vec<&str> = keys.signers.values().map(Signer::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 6, "two roles have one key");
    must_be_complete(&folder).expect("complete");
}

#[test]
fn a_process_reads_the_keys_of_its_roles_alone() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join(FOLDER);
    complete(&folder, NOW).expect("made");
    // Where the executor runs, no other private key lies.
    for writer in Writer::ALL {
        if writer != Writer::Executor {
            fs::remove_file(folder.join(file_of(writer))).expect("removed");
        }
    }
    let keys = read(&folder, &[Writer::Executor], NOW).expect("readable");
    assert_eq!(keys.signers.keys().collect::<Vec<_>>(), [&Writer::Executor]);
    assert_eq!(keys.ring.len(), 6);
    assert!(read(&folder, &[Writer::Gateway], NOW).is_err());
    // Nor does the executor's key pass for the gateway's.
    fs::copy(folder.join("executor.key"), folder.join("gateway.key")).expect("copied");
    let refused = read(&folder, &[Writer::Gateway], NOW).expect_err("is refused");
    assert!(refused.to_string().contains("for gateway"), "{refused:#}");
}

#[test]
fn the_key_that_agents_had_together_ends_and_the_gateways_stays() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join(FOLDER);
    let before = two_keys(&folder);
    assert!(must_be_complete(&folder).is_err());
    let acts = complete(&folder, later(1_000)).expect("made");
    let retired: Vec<&Act> = acts
        .iter()
        .filter(|act| matches!(act, Act::KeyRetired { .. }))
        .collect();
    assert_eq!((acts.len(), retired.len()), (6, 1));
    let ring = ring_of(&folder);
    assert_eq!(ring[0], before[0]);
    assert_eq!(ring[1].until, Some(later(1_000 + OVERLAP_MS)));
    assert!(!folder.join("agents.key").exists());
    let keys = read(&folder, &Writer::ALL, later(2_000)).expect("readable");
    assert_eq!(
        keys.signers[&Writer::Gateway].name(),
        before[0].name().expect("a key")
    );
}

#[test]
fn a_rotated_key_goes_on_to_verify() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join(FOLDER);
    complete(&folder, NOW).expect("made");
    let read_at = |now| read(&folder, &Writer::ALL, now).expect("readable");
    let before = read_at(NOW);
    let at = later(60_000);
    let acts = rotate(&folder, Writer::Executor, at, OVERLAP_MS).expect("rotated");
    let after = read_at(at);
    let of = |keys: &Keys, writer| keys.signers[&writer].name().to_owned();
    assert_ne!(of(&before, Writer::Executor), of(&after, Writer::Executor));
    assert_eq!(of(&before, Writer::Gateway), of(&after, Writer::Gateway));
    assert_eq!(change::between(&before.ring, &after.ring).len(), acts.len());
    assert_eq!(after.ring.len(), 7);
    let ended: Vec<Timestamp> = after.ring.trusted().filter_map(|key| key.until).collect();
    assert_eq!(ended, [at.plus_ms(OVERLAP_MS)]);
    // The old private key put back signs nothing once its time is over.
    let old = before.signers[&Writer::Executor].public();
    let line = ring_of(&folder).into_iter().find(|key| key.public == old);
    assert!(!line.expect("is there").in_force(at.plus_ms(OVERLAP_MS)));
}

#[test]
fn a_bundle_opens_with_its_passphrase_alone() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join(FOLDER);
    complete(&folder, NOW).expect("made");
    let right = Secret::new("correct horse battery");
    assert!(bundle::seal(&folder, &Writer::ALL, &Secret::new("short")).is_err());
    let (bytes, held) = bundle::seal(&folder, &[Writer::Executor], &right).expect("sealed");
    assert_eq!(held, [Writer::Executor]);
    let text = String::from_utf8(bytes.clone()).expect("text");
    let seed = fs::read_to_string(folder.join("executor.key")).expect("a key");
    assert!(!text.contains(&seed));
    let file = place.path().join("keys.sealed");
    let elsewhere = place.path().join("elsewhere");
    let open = |bytes: &[u8], passphrase: &Secret| {
        fs::write(&file, bytes).expect("written");
        bundle::open(&file, &elsewhere, passphrase)
    };
    assert!(open(&bytes, &Secret::new("another passphrase")).is_err());
    let altered = text.replace("\"rounds\": 600000", "\"rounds\": 600001");
    assert_ne!(altered, text);
    assert!(open(altered.as_bytes(), &right).is_err());
    assert!(!elsewhere.join(TRUSTED).exists());
    assert_eq!(open(&bytes, &right).expect("opens"), [Writer::Executor]);
    assert_eq!(ring_of(&elsewhere), ring_of(&folder));
    assert!(!elsewhere.join("gateway.key").exists());
    // Keys that are there are not overwritten.
    assert!(open(&bytes, &right).is_err());
}
