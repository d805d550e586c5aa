use std::os::unix::fs::PermissionsExt as _;

use model::Timestamp;

use super::*;

fn now() -> DateTime<Utc> {
    Utc::now()
}

fn names() -> Vec<String> {
    vec!["datapulse.example".to_owned(), "127.0.0.1".to_owned()]
}

#[test]
fn each_role_gets_a_certificate_that_names_it_once() {
    let place = tempfile::tempdir().expect("a folder");
    let dir = place.path().join("pki");
    let made = init(&dir, &names(), 90, now()).expect("made");
    assert_eq!(made.len(), 7, "{made:?}");
    let shown = show(&dir).expect("readable");
    for (name, facts) in &shown[1..] {
        assert_eq!(facts.uris, [format!("spiffe://datapulse/{name}")]);
        assert_eq!(facts.names, ["datapulse.example", "127.0.0.1"]);
        let days = (facts.ends.ms() - now().timestamp_millis()) / (24 * 60 * 60 * 1000);
        assert!((90..=91).contains(&days), "{days}");
        assert!(facts.begins < Timestamp(now().timestamp_millis()));
    }
    assert_eq!(shown[0].1.uris, Vec::<String>::new());
    for entry in fs::read_dir(&dir).expect("a folder") {
        let entry = entry.expect("a file");
        let mode = entry.metadata().expect("known").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
    let before = fs::read(dir.join("ca.key")).expect("a key");
    assert_eq!(
        init(&dir, &names(), 90, now()).expect("there"),
        Vec::<String>::new()
    );
    assert_eq!(fs::read(dir.join("ca.key")).expect("a key"), before);
}

#[test]
fn issuing_replaces_one_role_and_no_more() {
    let place = tempfile::tempdir().expect("a folder");
    let dir = place.path().join("pki");
    assert!(issue(&dir, Writer::Analyst, &[], 90, now()).is_err());
    init(&dir, &[], 90, now()).expect("made");
    let read = |name: &str| fs::read(dir.join(name)).expect("a file");
    let (analyst, executor, authority) =
        (read("analyst.key"), read("executor.key"), read("ca.crt"));
    issue(&dir, Writer::Analyst, &names(), 7, now()).expect("issued");
    assert_ne!(read("analyst.key"), analyst);
    assert_eq!(
        (read("executor.key"), read("ca.crt")),
        (executor, authority)
    );
    let shown = show(&dir).expect("readable");
    let of_analyst = shown.iter().find(|(name, _)| name == "analyst");
    assert_eq!(of_analyst.expect("is there").1.names, names());
}

#[test]
fn what_is_half_there_is_said_and_not_overwritten() {
    let place = tempfile::tempdir().expect("a folder");
    let dir = place.path().join("pki");
    init(&dir, &[], 90, now()).expect("made");
    fs::remove_file(dir.join("ca.key")).expect("removed");
    let said = init(&dir, &[], 90, now())
        .expect_err("is refused")
        .to_string();
    assert!(said.contains("ca.crt without ca.key"), "{said}");
    for days in [0, MAX_DAYS + 1] {
        assert!(
            init(&dir, &[], days, now()).is_err_and(|error| error.to_string().contains("--days"))
        );
    }
    let wrong = init(
        &place.path().join("other"),
        &["not a näme".to_owned()],
        9,
        now(),
    );
    assert!(wrong.is_err_and(|error| error.to_string().contains("--name")));
}
