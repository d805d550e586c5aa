//! Places that are down, slow, torn, overloaded, or that do as they like.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use integrations::anchors::{
    Addressing, Bucket, BucketSettings, Credentials, Lock, Overwriting, Roots, TimeStamp,
};
use integrations::{AnchorPlace, Custody, Error, Secret};

use crate::receiver::receiver;
use crate::scripted::{Script, answer, count, cut, start};
use crate::suite;

/// A limit that a silent server meets, and one that no answer here comes near.
const SHORT: Duration = Duration::from_millis(300);
const AMPLE: Duration = Duration::from_secs(20);

fn settings(url: &str) -> BucketSettings {
    BucketSettings {
        name: "evidence".to_owned(),
        endpoint: url.to_owned(),
        region: "us-east-1".to_owned(),
        bucket: "anchors".to_owned(),
        prefix: "a/".to_owned(),
        addressing: Addressing::Path,
        credentials: Credentials {
            access_key: "me".to_owned(),
            secret_key: Secret::new("secret"),
            session_token: Some(Secret::new("lent")),
        },
        lock: None,
        overwriting: Overwriting::Refused,
    }
}

fn bucket(url: &str) -> Bucket {
    Bucket::new(settings(url)).expect("a place")
}

/// Both places at this address, with this limit of a call.
fn both(url: &str, limit: Duration) -> [Box<dyn AnchorPlace>; 2] {
    let webhook = receiver(url, "secret").expect("a place").within(limit);
    [Box::new(bucket(url).within(limit)), Box::new(webhook)]
}

/// What both say, to a write and to a read.
async fn said(limit: Duration, script: impl Fn() -> Script) -> Vec<Error> {
    let mut said = Vec::new();
    for number in 0..2 {
        let (url, _) = start(vec![script()]).await;
        let place = &both(&url, limit)[number];
        said.push(place.write(1, b"{}").await.expect_err("fails"));
        said.push(place.read().await.expect_err("fails"));
    }
    said
}

#[tokio::test]
async fn a_place_that_is_down_did_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    for place in both(&url, AMPLE) {
        for failed in [place.write(1, b"{}").await, place.read().await.map(drop)] {
            assert!(matches!(&failed, Err(Error::NotDone(_))), "{failed:?}");
        }
    }
}

#[tokio::test]
async fn a_place_that_is_slow_is_left_in_time() {
    let begun = Instant::now();
    for error in said(SHORT, || Script::Silence).await {
        assert!(matches!(error, Error::CannotTell(_)), "{error:?}");
    }
    assert!(begun.elapsed() < AMPLE);
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for error in said(AMPLE, || cut("{\"a\":1}\n")).await {
        assert!(
            matches!(&error, Error::CannotTell(why) if why.contains("body")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_place_that_asks_for_patience_gets_some() {
    for number in 0..2 {
        let (url, asked) = start(vec![
            answer(429, "retry-after: 1\r\n", ""),
            answer(503, "", ""),
            answer(412, "", ""),
            answer(200, "", ""),
        ])
        .await;
        let begun = Instant::now();
        let done = both(&url, AMPLE)[number].write(1, b"{}").await;
        assert!(begun.elapsed() >= Duration::from_secs(1));
        // 412 says to the bucket that what it tries out is there, and nothing to the receiver.
        assert_eq!((done.is_ok(), count(&asked)), (number == 0, 4 - number));
    }
}

#[tokio::test]
async fn patience_has_an_end() {
    let (url, asked) = start(vec![answer(503, "", "")]).await;
    let failed = bucket(&url).read().await;
    assert!(matches!(failed, Err(Error::NotDone(_))), "{failed:?}");
    assert_eq!(count(&asked), 3);

    for error in said(AMPLE, || answer(429, "retry-after: 3600\r\n", "")).await {
        assert!(
            matches!(&error, Error::Later { after, .. } if after.as_secs() == 3600),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let long = || Script::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000000\r\n\r\n".to_vec());
    for error in said(AMPLE, long).await {
        assert!(
            matches!(&error, Error::CannotTell(why) if why.contains("the answer is over")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_gives_its_first_lines_again_is_found() {
    let (url, _) = start(vec![answer(200, "", "{\"a\":1}\n")]).await;
    let place = receiver(&url, "secret").expect("a place");
    let read = place.read().await;
    assert!(
        matches!(&read, Err(Error::Refused(why)) if why.contains("again")),
        "{read:?}"
    );
}

/// A listing of S3's with these numbers.
fn listing(numbers: &[u64], truncated: bool, token: &str) -> String {
    let mut text = format!("<ListBucketResult><IsTruncated>{truncated}</IsTruncated>");
    if !token.is_empty() {
        text.push_str(&format!(
            "<NextContinuationToken>{token}</NextContinuationToken>"
        ));
    }
    for number in numbers {
        text.push_str(&format!(
            "<Contents><Key>a/{number:020}.json</Key><Size>2</Size></Contents>"
        ));
    }
    text + "</ListBucketResult>"
}

#[tokio::test]
async fn a_truncated_listing_goes_on_or_is_said() {
    let (url, asked) = start(vec![
        answer(200, "", &listing(&[1], true, "t=1/")),
        answer(200, "", &listing(&[2], false, "")),
        answer(200, "", "{}"),
        answer(200, "", "{}"),
        answer(200, "", &listing(&[], false, "")),
    ])
    .await;
    let read = bucket(&url).read().await.expect("reads");
    assert_eq!(read, [b"{}", b"{}"]);
    let heads = asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(
        heads[1].contains("continuation-token=t%3D1%2F"),
        "{}",
        heads[1]
    );
    assert!(heads[4].contains("start-after=a%2F00000000000000000002.json"));
    assert!(
        heads
            .iter()
            .all(|head| head.contains("x-amz-security-token: lent"))
    );

    let whole = listing(&[1, 2], false, "");
    let torn = &whole[..whole.len() - 20];
    for (script, word) in [
        (
            answer(200, "", &listing(&[1], true, "")),
            "where it goes on",
        ),
        (answer(200, "", torn), "the listing isn't whole"),
        (cut(&whole), "body"),
        (
            answer(200, "", &listing(&[1, 3], false, "")),
            "anchor 2 is missing, and 3 is there",
        ),
        (
            answer(200, "", &listing(&[2], false, "")),
            "anchor 1 is missing",
        ),
        (
            answer(200, "", &listing(&[], true, "on")),
            "still no page of lines",
        ),
    ] {
        let (url, asked) = start(vec![script]).await;
        let place = Bucket::new(settings(&url)).expect("a place");
        let read = place.read().await;
        assert!(
            read.as_ref()
                .is_err_and(|error| error.to_string().contains(word)),
            "{word}: {read:?}"
        );
        assert!(count(&asked) <= 100, "{word}");
    }
}

/// A listing of versions of S3's: numbers with versions, newest first, and where it goes on.
fn versions(entries: &[(u64, &str)], next: Option<(u64, &str)>) -> String {
    let mut text = format!(
        "<ListVersionsResult><IsTruncated>{}</IsTruncated>",
        next.is_some()
    );
    if let Some((number, version)) = next {
        text.push_str(&format!(
            "<NextKeyMarker>a/{number:020}.json</NextKeyMarker><NextVersionIdMarker>{version}</NextVersionIdMarker>"
        ));
    }
    for (number, version) in entries {
        text.push_str(&format!(
            "<Version><Key>a/{number:020}.json</Key><VersionId>{version}</VersionId><Size>2</Size></Version>"
        ));
    }
    text + "</ListVersionsResult>"
}

#[tokio::test]
async fn the_first_version_is_found_where_a_listing_ends_between_two() {
    let locked = |url: &str| {
        Bucket::new(BucketSettings {
            lock: Some(Lock { days: 1 }),
            ..settings(url)
        })
        .expect("a place")
    };
    let (url, asked) = start(vec![
        answer(200, "", &versions(&[(1, "v2")], Some((1, "v2")))),
        answer(200, "", &versions(&[(1, "v1")], None)),
        answer(200, "", "{}"),
    ])
    .await;
    assert_eq!(locked(&url).page(0).await.expect("reads"), [b"{}"]);
    let heads = asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(heads[1].contains("version-id-marker=v2"), "{}", heads[1]);
    assert!(heads[2].contains("versionId=v1"), "{}", heads[2]);

    // A page that is full without its last key, whose first version isn't known yet.
    let many: Vec<(u64, &str)> = (1..=500).map(|number| (number, "v1")).collect();
    let (url, _) = start(vec![
        answer(200, "", &versions(&many, Some((500, "v1")))),
        answer(200, "", "{}"),
    ])
    .await;
    assert_eq!(locked(&url).page(0).await.expect("reads").len(), 499);
}

#[tokio::test]
async fn an_object_that_isnt_as_listed_is_said() {
    for (script, word) in [
        (answer(200, "", "{ }"), "isn't as long as the listing says"),
        (
            answer(404, "", "<Error><Code>NoSuchKey</Code><Message/></Error>"),
            "isn't there",
        ),
        (cut("{}"), "body"),
    ] {
        let (url, _) = start(vec![answer(200, "", &listing(&[1], false, "")), script]).await;
        let read = bucket(&url).read().await;
        assert!(
            matches!(&read, Err(Error::CannotTell(why)) if why.contains(word)),
            "{word}: {read:?}"
        );
    }
}

/// The least of S3 that writes over whatever is there: a stand-in for servers that don't know
/// `If-None-Match`, or answer it with this status.
#[derive(Clone)]
struct Careless {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    condition: StatusCode,
}

impl Careless {
    async fn start(condition: StatusCode) -> (Self, String) {
        let server = Self {
            objects: Arc::default(),
            condition,
        };
        let router = Router::new().fallback(careless).with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, url)
    }

    fn numbers(&self) -> Vec<String> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects
            .keys()
            .filter(|key| key.ends_with(".json"))
            .cloned()
            .collect()
    }
}

async fn careless(
    State(server): State<Careless>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Bytes) {
    let missing = Bytes::from_static(b"<Error><Code>NoSuchKey</Code></Error>");
    let key = uri.path().trim_start_matches("/anchors/").to_owned();
    let mut objects = server
        .objects
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if method == Method::PUT {
        if headers.contains_key("if-none-match") && server.condition != StatusCode::OK {
            return (server.condition, Bytes::new());
        }
        objects.insert(key, body);
        return (StatusCode::OK, Bytes::new());
    }
    if !key.is_empty() {
        return match objects.get(&key) {
            Some(body) => (StatusCode::OK, body.clone()),
            None => (StatusCode::NOT_FOUND, missing),
        };
    }
    let after = uri.query().and_then(|query| {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.into_owned().find(|(name, _)| name == "start-after")
    });
    let after = after.expect("it says after what").1;
    let mut text = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (key, body) in objects
        .range(after.clone()..)
        .filter(|(key, _)| **key != after)
    {
        text.push_str(&format!(
            "<Contents><Key>{key}</Key><Size>{}</Size></Contents>",
            body.len()
        ));
    }
    (StatusCode::OK, Bytes::from(text + "</ListBucketResult>"))
}

#[tokio::test]
async fn a_server_that_writes_over_objects_is_no_place_unless_that_is_allowed() {
    for condition in [StatusCode::OK, StatusCode::NOT_IMPLEMENTED] {
        let (server, url) = Careless::start(condition).await;
        let place = bucket(&url);
        for _ in 0..2 {
            let refused = place.write(1, b"{}").await;
            assert!(
                matches!(&refused, Err(Error::Configuration(why)) if why.contains("If-None-Match")),
                "{refused:?}"
            );
        }
        assert_eq!(
            server.numbers(),
            Vec::<String>::new(),
            "no line was written"
        );

        let allowed = Bucket::new(BucketSettings {
            overwriting: Overwriting::Allowed,
            ..settings(&url)
        })
        .expect("a place");
        suite::holds(&allowed).await;
        assert_eq!(allowed.custody(), Custody::Overwritable);
    }
}

#[test]
fn what_cant_be_a_bucket_is_said_at_once() {
    let right = || settings("https://s3.example.org");
    assert!(Bucket::new(right()).is_ok());
    let mut wrong: Vec<BucketSettings> = Vec::new();
    for endpoint in [
        "s3.example.org",
        "https://s3.example.org/path",
        "https://a:b@s3.example.org",
    ] {
        wrong.push(settings(endpoint));
    }
    for bucket in ["ab", "Anchors", "-anchors", "an/chors"] {
        wrong.push(BucketSettings {
            bucket: bucket.to_owned(),
            ..right()
        });
    }
    for prefix in ["a", "/", "/a/", "a//", "a/../", "a b/", "ä/"] {
        wrong.push(BucketSettings {
            prefix: prefix.to_owned(),
            ..right()
        });
    }
    wrong.push(BucketSettings {
        region: String::new(),
        ..right()
    });
    wrong.push(BucketSettings {
        lock: Some(Lock { days: 0 }),
        ..right()
    });
    for settings in wrong {
        let text = format!("{settings:?}");
        assert!(!text.contains("lent"), "secrets don't print");
        let made = Bucket::new(settings).map(drop);
        assert!(matches!(made, Err(Error::Configuration(_))), "{text}");
    }
}

#[tokio::test]
async fn an_authority_that_is_down_slow_or_no_authority_is_said() {
    let pem = crate::time::a_root();
    let ask = async |url: &str, limit: Duration| {
        let roots = Roots::from_pem(&pem).expect("a root");
        let asked = TimeStamp::new("authority", url, None, roots).expect("an authority");
        asked.within(limit).stamp(b"{}").await.expect_err("fails")
    };
    assert!(matches!(
        ask("http://127.0.0.1:1", AMPLE).await,
        Error::NotDone(_)
    ));
    for (script, expected) in [
        (Script::Silence, "cannot tell"),
        (cut("x"), "cannot tell"),
        (answer(500, "", "oh"), "cannot tell"),
        (answer(503, "retry-after: 60\r\n", ""), "later"),
        (answer(404, "", ""), "refused"),
        (answer(200, "", "<html>"), "refused"),
    ] {
        let silent = matches!(script, Script::Silence);
        let (url, _) = start(vec![script]).await;
        let error = ask(&url, if silent { SHORT } else { AMPLE }).await;
        let kind = match &error {
            Error::NotDone(_) => "not done",
            Error::Later { .. } => "later",
            Error::CannotTell(_) => "cannot tell",
            Error::Refused(_) => "refused",
            Error::Configuration(_) => "configuration",
        };
        assert_eq!(kind, expected, "{error}");
    }
    let none = Roots::from_pem(b"nothing");
    assert!(matches!(none, Err(Error::Configuration(_))));
}
