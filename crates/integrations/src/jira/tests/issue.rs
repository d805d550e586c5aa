//! Create once: whatever is lost, there is one issue.

use super::super::issue::{SEARCH_SETTLES, label};
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const CLOUD_SEARCH: &str = "GET /rest/api/3/search/jql";
const CREATE: &str = "POST /rest/api/3/issue";

fn found(keys: &[&str]) -> Does {
    let issues: Vec<Value> = keys.iter().map(|key| json!({ "key": key })).collect();
    Does::Answer(200, json!({ "issues": issues }))
}

#[tokio::test]
async fn an_issue_is_looked_for_and_then_made() {
    let server = StandIn::start(|asked, _| match asked.what().as_str() {
        CLOUD_SEARCH => found(&[]),
        CREATE => Does::Answer(201, json!({ "id": "10000", "key": "OPS-17" })),
        _ => not_asked(asked),
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let opened = jira.open(&ticket(), None, NOW).await.expect("is made");
    assert_eq!((opened.issue, opened.found), (key("OPS-17"), false));
    assert_eq!(
        jira.browse(&key("OPS-17")),
        format!("{}/browse/OPS-17", server.url())
    );
    let asked = server.asked();
    assert_eq!(server.order(), [CLOUD_SEARCH, CREATE]);
    assert_eq!(
        asked[0].parameter("jql").as_deref(),
        Some(
            r#"project = "OPS" AND labels = "datapulse-inc-202611-0a1b2c3d4e5f" AND creator = currentUser() ORDER BY created ASC"#
        )
    );
    assert_eq!(asked[0].parameter("maxResults").as_deref(), Some("5"));
    let login = "Basic ZGF0YXB1bHNlQGV4YW1wbGUuY29tOmJldHdlZW4gdXM=";
    assert!(
        asked
            .iter()
            .all(|one| one.header("authorization") == Some(login))
    );
    let labels = json!(["datapulse", label(&incident())]);
    assert_eq!(asked[1].body["fields"]["labels"], labels);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_issue() {
    let made = AtomicUsize::new(0);
    let server = StandIn::start(move |asked, _| match asked.what().as_str() {
        CLOUD_SEARCH if made.load(Ordering::SeqCst) == 0 => found(&[]),
        CLOUD_SEARCH => found(&["OPS-17"]),
        // It acts, and its answer is lost on the way.
        CREATE => {
            made.fetch_add(1, Ordering::SeqCst);
            Does::HangUp
        }
        _ => not_asked(asked),
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let lost = jira
        .open(&ticket(), None, NOW)
        .await
        .expect_err("no answer");
    assert!(matches!(lost, Error::CannotTell(_)), "{lost:?}");
    let again = jira.open(&ticket(), Some(NOW), NOW.plus_ms(1)).await;
    let again = again.expect("is found");
    assert_eq!((again.issue, again.found), (key("OPS-17"), true));
    assert_eq!(server.order(), [CLOUD_SEARCH, CREATE, CLOUD_SEARCH]);
}

#[tokio::test]
async fn while_the_search_may_be_behind_nothing_is_made() {
    let server = StandIn::start(|asked, _| match asked.what().as_str() {
        CLOUD_SEARCH => found(&[]),
        CREATE => Does::Answer(201, json!({ "key": "OPS-18" })),
        _ => not_asked(asked),
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let settles = SEARCH_SETTLES.as_millis() as i64;
    for since in [0, 1, settles - 1, -5_000] {
        let early = jira.open(&ticket(), Some(NOW), NOW.plus_ms(since)).await;
        match early.expect_err("waits") {
            Error::Later { after, .. } => assert!(after <= SEARCH_SETTLES && !after.is_zero()),
            other => panic!("{since}: {other:?}"),
        }
    }
    assert!(!server.order().contains(&CREATE.to_owned()));
    let later = jira.open(&ticket(), Some(NOW), NOW.plus_ms(settles)).await;
    assert_eq!(later.expect("is made").issue, key("OPS-18"));
}

#[tokio::test]
async fn half_an_answer_silence_and_an_answer_without_key_may_have_acted() {
    for which in 0..3 {
        let server = StandIn::start(move |asked, _| match (asked.what().as_str(), which) {
            (CLOUD_SEARCH, _) => found(&[]),
            (_, 0) => Does::Half,
            (_, 1) => Does::Nothing,
            _ => Does::Answer(201, json!({ "key": "no key" })),
        })
        .await;
        let mut jira = client(&server, Edition::Cloud);
        jira.within = Duration::from_millis(400);
        let error = jira.open(&ticket(), None, NOW).await.expect_err("no issue");
        assert!(matches!(error, Error::CannotTell(_)), "{which}: {error:?}");
    }
}

#[tokio::test]
async fn a_search_that_fails_makes_nothing() {
    for status in [500, 502, 503, 400, 401] {
        let server = StandIn::start(move |_, _| Does::Answer(status, json!({}))).await;
        let jira = client(&server, Edition::Cloud);
        let error = jira.open(&ticket(), None, NOW).await.expect_err("no issue");
        assert!(
            matches!(error, Error::NotDone(_) | Error::Refused(_)),
            "{status}: {error:?}"
        );
        assert_eq!(server.order(), [CLOUD_SEARCH]);
    }
    let server = StandIn::start(|_, _| Does::Answer(200, json!({ "total": 0 }))).await;
    let error = client(&server, Edition::Cloud).find(&incident()).await;
    assert!(matches!(error, Err(Error::NotDone(_))), "{error:?}");
}

#[tokio::test]
async fn data_center_speaks_its_own_words() {
    let server = StandIn::start(|asked, _| match asked.what().as_str() {
        "GET /rest/api/2/search" => found(&[]),
        "POST /rest/api/2/issue" => Does::Answer(201, json!({ "key": "OPS-3" })),
        _ => not_asked(asked),
    })
    .await;
    let jira = client(&server, Edition::DataCenter);
    jira.open(&ticket(), None, NOW).await.expect("is made");
    let asked = server.asked();
    assert_eq!(asked[1].header("authorization"), Some("Bearer between us"));
    assert!(asked[1].body["fields"]["description"].is_string());
}

#[tokio::test]
async fn the_link_leads_to_us_and_nowhere_else() {
    let server = StandIn::start(|asked, _| match asked.what().as_str() {
        "POST /rest/api/3/issue/OPS-17/remotelink" => Does::Answer(201, json!({ "id": 1 })),
        _ => not_asked(asked),
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let url = "https://datapulse.example/incidents/INC-202611-0a1b2c3d4e5f";
    for _ in 0..2 {
        let linked = jira.link(&key("OPS-17"), &incident(), url).await;
        linked.expect("is linked");
    }
    let asked = server.asked();
    assert_eq!(asked[0].body, asked[1].body, "one global id: one link");
    assert_eq!(
        asked[0].body,
        json!({
            "globalId": "datapulse:INC-202611-0a1b2c3d4e5f",
            "application": { "type": "io.datapulse", "name": "DataPulse" },
            "relationship": "incident",
            "object": { "url": url, "title": "INC-202611-0a1b2c3d4e5f" },
        })
    );
    for odd in ["javascript:alert(1)", "incidents/1", ""] {
        let refused = jira.link(&key("OPS-17"), &incident(), odd).await;
        assert!(matches!(refused, Err(Error::Configuration(_))), "{odd}");
    }
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn settings_say_what_is_wrong_with_them() {
    let wrong = |change: fn(&mut JiraSettings)| {
        let mut settings = settings("https://jira.example.com", Edition::Cloud);
        change(&mut settings);
        let error = Jira::new(settings, &Secret::new("t")).expect_err("is wrong");
        assert!(matches!(error, Error::Configuration(_)));
        error.to_string()
    };
    assert_eq!(
        wrong(|settings| settings.user = None),
        "jira user: Jira Cloud wants the e-mail of the token's account"
    );
    assert_eq!(
        wrong(|settings| settings.project = "OPS\" OR x".to_owned()),
        r#"jira project: "OPS\" OR x" is no key of a project, such as OPS"#
    );
    assert_eq!(
        wrong(|settings| {
            settings.fields.insert("labels".to_owned(), json!([]));
        }),
        "jira fields.labels: DataPulse writes this field itself"
    );
    assert!(wrong(|settings| settings.issue_type = " ".to_owned()).contains("issue_type"));
    assert!(wrong(|settings| settings.url = "ftp://x".to_owned()).starts_with("jira url: "));
}

#[test]
fn settings_are_read_from_toml() {
    let text = r#"
        url = "https://example.atlassian.net"
        edition = "cloud"
        user = "datapulse@example.com"
        project = "OPS"
        issue_type = "Incident"
        [fields]
        customfield_10010 = { value = "Platform" }
        [priorities]
        critical = "Highest"
        [states]
        investigating = { status = "In Progress" }
        resolved = { status = "Done", transition = "Resolve" }
        [meanings]
        Done = "resolved"
    "#;
    let settings: JiraSettings = toml::from_str(text).expect("is read");
    assert_eq!(settings.meanings["Done"], Status::Resolved);
    assert_eq!(
        settings.states[&Status::Investigating].status,
        "In Progress"
    );
    let unknown = format!("projekt = \"OPS\"\n{text}");
    assert!(toml::from_str::<JiraSettings>(&unknown).is_err());
}

#[test]
fn a_key_is_a_project_a_hyphen_and_a_number() {
    for good in ["OPS-1", "A1_B-1234567890"] {
        assert_eq!(key(good).as_str(), good);
    }
    for odd in [
        "",
        "OPS",
        "OPS-",
        "OPS-x",
        "ops-1",
        "OPS-1/../../x",
        "-1",
        "1A-1",
        "OPS-1?a",
    ] {
        assert_eq!(IssueKey::parse(odd), None, "{odd}");
    }
}
