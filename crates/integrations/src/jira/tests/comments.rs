//! Comments come in order, each once.

use std::sync::{Arc, Mutex};

use super::*;

const COMMENTS: &str = "/issue/OPS-1/comment";

/// Comments that are there, oldest first: author and body.
type There = Arc<Mutex<Vec<(String, Value)>>>;

/// A Jira that keeps comments; what `fails` says happens to the writes of these numbers, after they
/// were kept where it is true.
async fn keeping(there: There, edition: Edition, fails: &'static [(usize, bool)]) -> StandIn {
    let version = if edition == Edition::Cloud { 3 } else { 2 };
    let writes = Mutex::new(0);
    StandIn::start(move |asked, _| {
        let what = asked.what();
        if what.ends_with("/myself") {
            return Does::Answer(200, json!({ "accountId": ACCOUNT, "key": ACCOUNT }));
        }
        assert!(
            what.ends_with(&format!("/rest/api/{version}{COMMENTS}")),
            "{what}"
        );
        let mut there = there.lock().expect("unpoisoned");
        if asked.method == "GET" {
            let number = |name: &str| -> usize {
                let value = asked.parameter(name).expect("is given");
                value.parse().expect("a number")
            };
            assert_eq!(asked.parameter("orderBy").as_deref(), Some("-created"));
            let shown: Vec<Value> = there
                .iter()
                .rev()
                .skip(number("startAt"))
                .take(number("maxResults"))
                .map(|(author, body)| json!({ "author": { "accountId": author }, "body": body }))
                .collect();
            return Does::Answer(200, json!({ "comments": shown, "total": there.len() }));
        }
        let mut writes = writes.lock().expect("unpoisoned");
        *writes += 1;
        let fails = fails.iter().find(|(number, _)| number == &*writes);
        if fails.is_none_or(|(_, kept)| *kept) {
            there.push((ACCOUNT.to_owned(), asked.body["body"].clone()));
        }
        match fails {
            Some(_) => Does::HangUp,
            None => Does::Answer(201, json!({ "id": "1" })),
        }
    })
    .await
}

fn written(there: &There) -> Vec<String> {
    let there = there.lock().expect("unpoisoned");
    there
        .iter()
        .map(|(_, body)| said::text(body, 10_000).replace('\n', "|"))
        .collect()
}

#[tokio::test]
async fn each_is_written_once_in_both_editions() {
    for edition in [Edition::Cloud, Edition::DataCenter] {
        let there = There::default();
        let server = keeping(there.clone(), edition, &[]).await;
        let jira = client(&server, edition);
        for remarks in [
            &[remark(1), remark(3)][..],
            &[remark(1), remark(3), remark(4)],
        ] {
            let told = jira.comment(&key("OPS-1"), remarks).await.expect("written");
            let seqs: Vec<u64> = remarks.iter().map(|remark| remark.seq).collect();
            assert_eq!((told.told, told.stopped), (seqs, None));
        }
        let written = written(&there);
        assert_eq!(written.len(), 3, "{written:?}");
        for (line, seq) in written.iter().zip([1, 3, 4]) {
            assert!(
                line.starts_with(&format!("what record {seq} says")),
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn after_a_lost_answer_the_order_is_kept_and_nothing_is_double() {
    for kept in [true, false] {
        let there = There::default();
        let fails: &'static [(usize, bool)] = if kept { &[(2, true)] } else { &[(2, false)] };
        let server = keeping(there.clone(), Edition::Cloud, fails).await;
        let jira = client(&server, Edition::Cloud);
        let remarks = [remark(1), remark(2), remark(5)];
        let first = jira.comment(&key("OPS-1"), &remarks).await.expect("began");
        assert_eq!(first.told, [1]);
        assert!(matches!(first.stopped, Some(Error::CannotTell(_))));
        let second = jira
            .comment(&key("OPS-1"), &remarks)
            .await
            .expect("goes on");
        assert_eq!((second.told, second.stopped), (vec![1, 2, 5], None));
        let written = written(&there);
        let begins: Vec<&str> = written
            .iter()
            .filter_map(|line| line.split('|').next())
            .collect();
        assert_eq!(
            begins,
            [
                "what record 1 says",
                "what record 2 says",
                "what record 5 says"
            ],
            "kept: {kept}"
        );
    }
}

#[tokio::test]
async fn what_people_write_is_not_taken_for_ours() {
    let there = There::default();
    let forged = remark(7).document().adf();
    let person = "5b10a2844c20165700ede21g".to_owned();
    there.lock().expect("unpoisoned").push((person, forged));
    let server = keeping(there.clone(), Edition::Cloud, &[]).await;
    let jira = client(&server, Edition::Cloud);
    // A text of others that ends as our marker does, within a comment of ours.
    let mut sly = remark(6);
    sly.lines = vec!["DataPulse INC-202611-0a1b2c3d4e5f record 7".to_owned()];
    jira.comment(&key("OPS-1"), &[sly]).await.expect("written");
    let told = jira
        .comment(&key("OPS-1"), &[remark(7)])
        .await
        .expect("written");
    assert_eq!(told.told, [7]);
    assert_eq!(there.lock().expect("unpoisoned").len(), 3);
}

#[tokio::test]
async fn ours_is_found_behind_many_of_people() {
    let there = There::default();
    {
        let mut there = there.lock().expect("unpoisoned");
        there.push((ACCOUNT.to_owned(), remark(2).document().adf()));
        let chat = |number: usize| (format!("person-{number}"), json!("me too"));
        there.extend((0..100).map(chat));
    }
    let server = keeping(there.clone(), Edition::Cloud, &[]).await;
    let jira = client(&server, Edition::Cloud);
    jira.comment(&key("OPS-1"), &[remark(2)])
        .await
        .expect("found");
    assert_eq!(there.lock().expect("unpoisoned").len(), 101);
}

#[tokio::test]
async fn ours_is_found_where_jira_lists_one_seconds_comments_in_any_order() {
    let there = There::default();
    for seq in [2, 1] {
        let ours = (ACCOUNT.to_owned(), remark(seq).document().adf());
        there.lock().expect("unpoisoned").push(ours);
    }
    let server = keeping(there.clone(), Edition::Cloud, &[]).await;
    let jira = client(&server, Edition::Cloud);
    jira.comment(&key("OPS-1"), &[remark(2)])
        .await
        .expect("found");
    assert_eq!(there.lock().expect("unpoisoned").len(), 2);
}

#[tokio::test]
async fn long_comments_are_read_a_few_at_a_time() {
    let server = StandIn::start(|asked, _| match asked.what().as_str() {
        "GET /rest/api/3/myself" => Does::Answer(200, json!({ "accountId": ACCOUNT })),
        "GET /rest/api/3/issue/OPS-1/comment"
            if asked.parameter("maxResults").as_deref() == Some("20") =>
        {
            Does::Answer(200, json!({ "comments": [], "x": "x".repeat(2 << 20) }))
        }
        "GET /rest/api/3/issue/OPS-1/comment" => {
            Does::Answer(200, json!({ "comments": [], "total": 0 }))
        }
        _ => Does::Answer(201, json!({})),
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let told = jira.comment(&key("OPS-1"), &[remark(1)]).await;
    assert_eq!(told.expect("is read").told, [1]);
}

#[tokio::test]
async fn comments_out_of_order_and_comments_unread_write_nothing() {
    let server = StandIn::start(|asked, _| match asked.what().as_str() {
        "GET /rest/api/3/myself" => Does::Answer(200, json!({ "accountId": ACCOUNT })),
        "GET /rest/api/3/issue/OPS-1/comment" => Does::Answer(500, json!({})),
        _ => not_asked(asked),
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let out_of_order = jira.comment(&key("OPS-1"), &[remark(2), remark(1)]).await;
    assert!(matches!(out_of_order, Err(Error::Configuration(_))));
    let unread = jira.comment(&key("OPS-1"), &[remark(1)]).await;
    assert!(matches!(unread, Err(Error::NotDone(_))), "{unread:?}");
}

#[test]
fn a_notice_is_a_remark_by_its_key() {
    let notice = |key: &str| crate::Notice {
        key: key.to_owned(),
        topic: model::Topic::Report,
        incident_id: incident(),
        text: "[CRITICAL] it was chg-17".to_owned(),
        at: NOW.to_string(),
        details: Value::Null,
    };
    let of = Remark::of(&notice("INC-202611-0a1b2c3d4e5f:12")).expect("a remark");
    assert_eq!((of.seq, of.incident), (12, incident()));
    for odd in [
        "INC-202611-ffffffffffff:12",
        "INC-202611-0a1b2c3d4e5f:x",
        "12",
    ] {
        assert_eq!(Remark::of(&notice(odd)), None, "{odd}");
    }
}
