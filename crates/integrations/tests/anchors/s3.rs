//! A real S3 server, as `xtask/servers/s3/start.sh` starts it, with its two buckets and accounts.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::{StreamExt as _, TryStreamExt as _};
use integrations::anchors::{
    Addressing, Bucket, BucketSettings, Credentials, Lock, MAX_PAGE_LINES, Overwriting,
};
use integrations::outbound::Resolver;
use integrations::{AnchorPlace as _, Custody, Error, Outbound, Secret};

use crate::suite::{anchors, holds, prove};

const SERVER: &str = "DATAPULSE_TEST_S3";
const ROOT: &str = "root:root-for-tests-only";
const WRITER: &str = "writer:writer-for-tests-only";

fn server() -> String {
    std::env::var(SERVER)
        .unwrap_or_else(|_| panic!("{SERVER} isn't set: start xtask/servers/s3/start.sh"))
}

/// A place of its own in a bucket, with the writer's rights.
fn settings(bucket: &str) -> BucketSettings {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    BucketSettings {
        name: "evidence".to_owned(),
        endpoint: server(),
        region: "us-east-1".to_owned(),
        bucket: bucket.to_owned(),
        prefix: format!("test/{}-{number}/", now.as_nanos()),
        addressing: Addressing::Path,
        credentials: credentials(WRITER),
        lock: None,
        overwriting: Overwriting::Refused,
    }
}

fn locked() -> BucketSettings {
    BucketSettings {
        lock: Some(Lock { days: 1 }),
        ..settings("anchors-locked")
    }
}

fn credentials(account: &str) -> Credentials {
    let (access, secret) = account.split_once(':').expect("two parts");
    Credentials {
        access_key: access.to_owned(),
        secret_key: Secret::new(secret),
        session_token: None,
    }
}

/// A request by another client, curl: the status that it got, and the answer.
fn curl(account: &str, method: &str, path: &str, body: &str, headers: &[&str]) -> (u16, String) {
    use sha2::Digest as _;
    let digest = hex::encode(sha2::Sha256::digest(body));
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--write-out", "\n%{http_code}"])
        .args(["--request", method, "--user", account])
        .args(["--aws-sigv4", "aws:amz:us-east-1:s3"])
        .args(["--header", &format!("x-amz-content-sha256: {digest}")])
        .args(["--data-binary", body]);
    for header in headers {
        command.args(["--header", header]);
    }
    let done = command
        .arg(format!("{}/{path}", server()))
        .output()
        .expect("curl is there");
    let text = String::from_utf8(done.stdout).expect("text");
    let (answer, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), answer.to_owned())
}

fn path(settings: &BucketSettings, seq: u64) -> String {
    format!("{}/{}{seq:020}.json", settings.bucket, settings.prefix)
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn a_bucket_keeps_lines_with_the_least_rights() {
    let settings = settings("anchors");
    let place = Bucket::new(settings.clone()).expect("a place");
    holds(&place).await;
    assert_eq!(place.custody(), Custody::CreateOnly);
    let (status, says) = curl(WRITER, "DELETE", &path(&settings, 2), "", &[]);
    assert_eq!(status, 403, "{says}");
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn a_locked_bucket_keeps_lines_with_the_least_rights() {
    let place = Bucket::new(locked()).expect("a place");
    holds(&place).await;
    assert_eq!(place.custody(), Custody::Locked { days: 1 });
}

/// Every name is this machine's.
struct Loopback;

#[async_trait::async_trait]
impl Resolver for Loopback {
    async fn resolve(&self, _name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
    }
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn a_bucket_is_called_by_its_own_host_name_too() {
    let url = url::Url::parse(&server()).expect("an address");
    let settings = BucketSettings {
        endpoint: format!("http://s3.localhost:{}", url.port().expect("a port")),
        addressing: Addressing::VirtualHost,
        ..settings("anchors")
    };
    let name = format!(
        "http://anchors.s3.localhost:{}",
        url.port().expect("a port")
    );
    let outbound = Outbound::default()
        .listed_url(&name)
        .expect("a host")
        .with_resolver(Arc::new(Loopback));
    let place = Bucket::through(settings, outbound).expect("a place");
    holds(&place).await;
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn two_who_write_at_the_same_moment_are_told_apart() {
    let settings = settings("anchors");
    let writers: Vec<Bucket> = (0..8)
        .map(|_| Bucket::new(settings.clone()).expect("a place"))
        .collect();
    let lines: Vec<String> = (0..8)
        .map(|writer| format!("{{\"by\":{writer}}}"))
        .collect();
    let tries = writers
        .iter()
        .zip(&lines)
        .map(|(writer, line)| writer.write(1, line.as_bytes()));
    let done = futures::future::join_all(tries).await;
    let won: Vec<usize> = (0..8).filter(|&one| done[one].is_ok()).collect();
    assert_eq!(won.len(), 1, "{done:?}");
    let read = writers[0].read().await.expect("reads");
    assert_eq!(read, [lines[won[0]].as_bytes()]);
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn more_than_a_page_is_read_in_order() {
    for settings in [settings("anchors"), locked()] {
        let place = Bucket::new(settings).expect("a place");
        let (lines, ring) = anchors(MAX_PAGE_LINES as u64 + 203);
        let writes = lines
            .iter()
            .zip(1..)
            .map(|(line, seq)| place.write(seq, line));
        futures::stream::iter(writes)
            .buffer_unordered(16)
            .try_collect::<()>()
            .await
            .expect("writes");
        let read = place.read().await.expect("reads");
        assert_eq!(prove(&read, &ring), Ok(lines.len() as u64));
        assert_eq!(read, lines);
    }
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn what_an_administrator_does_to_an_open_bucket_is_seen() {
    let settings = settings("anchors");
    let place = Bucket::new(settings.clone()).expect("a place");
    let (lines, ring) = anchors(4);
    for (line, seq) in lines.iter().zip(1..) {
        place.write(seq, line).await.expect("writes");
    }
    let forged = String::from_utf8(lines[2].clone())
        .expect("text")
        .replace("\"chains\":1", "\"chains\":2");
    assert_eq!(curl(ROOT, "PUT", &path(&settings, 3), &forged, &[]).0, 200);
    let read = place.read().await.expect("reads");
    assert!(prove(&read, &ring).is_err_and(|why| why.contains("anchor 3")));
    let again = place.write(3, &lines[2]).await;
    assert!(again.is_err_and(|error| error.to_string().contains("other bytes")));

    assert_eq!(curl(ROOT, "DELETE", &path(&settings, 2), "", &[]).0, 204);
    let read = place.read().await;
    assert!(
        matches!(&read, Err(Error::Refused(why)) if why.contains("anchor 2 is missing")),
        "{read:?}"
    );
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn an_administrator_of_a_locked_bucket_can_hide_nothing() {
    let settings = locked();
    let place = Bucket::new(settings.clone()).expect("a place");
    let (lines, _) = anchors(4);
    for (line, seq) in lines.iter().zip(1..) {
        place.write(seq, line).await.expect("writes");
    }
    assert_eq!(curl(ROOT, "PUT", &path(&settings, 3), "{}", &[]).0, 200);
    assert_eq!(curl(ROOT, "PUT", &path(&settings, 3), "[]", &[]).0, 200);
    assert_eq!(curl(ROOT, "DELETE", &path(&settings, 2), "", &[]).0, 204);
    assert_eq!(curl(ROOT, "DELETE", &path(&settings, 4), "", &[]).0, 204);
    let (_, now) = curl(ROOT, "GET", &path(&settings, 3), "", &[]);
    assert_eq!(now, "[]", "what it would be without versions");
    assert_eq!(place.read().await.expect("reads"), lines);

    // The first version itself, by name: not even root, not even with the bypass of the weaker mode.
    let encoded = settings.prefix.replace('/', "%2F");
    let query = format!("{}?prefix={encoded}&versions=", settings.bucket);
    let (status, listing) = curl(ROOT, "GET", &query, "", &[]);
    assert_eq!(status, 200, "{listing}");
    let versions: Vec<&str> = listing
        .split("<Version>")
        .skip(1)
        .filter(|entry| entry.contains(&format!("{:020}.json", 3)))
        .filter_map(|entry| entry.split_once("<VersionId>")?.1.split_once('<'))
        .map(|(version, _)| version)
        .collect();
    assert_eq!(versions.len(), 3, "{listing}");
    let first = format!("{}?versionId={}", path(&settings, 3), versions[2]);
    for headers in [&[][..], &["x-amz-bypass-governance-retention: true"]] {
        let (status, says) = curl(ROOT, "DELETE", &first, "", headers);
        assert_eq!(status, 403, "{says}");
    }
    assert_eq!(place.read().await.expect("reads"), lines);
}

#[tokio::test]
#[ignore = "needs a real S3 server: DATAPULSE_TEST_S3"]
async fn the_servers_own_words_say_what_is_wrong() {
    let right = settings("anchors");
    let wrong_secret = BucketSettings {
        credentials: credentials("writer:another"),
        ..right.clone()
    };
    let no_bucket = BucketSettings {
        bucket: "nowhere".to_owned(),
        credentials: credentials(ROOT),
        ..right.clone()
    };
    let wrong_region = BucketSettings {
        region: "eu-central-1".to_owned(),
        ..right
    };
    for (settings, word) in [
        (wrong_secret, "SignatureDoesNotMatch"),
        (no_bucket, "NoSuchBucket"),
        (wrong_region, "eu-central-1"),
    ] {
        let place = Bucket::new(settings).expect("a place");
        for refused in [place.write(1, b"{}").await, place.read().await.map(drop)] {
            assert!(
                matches!(&refused, Err(Error::Refused(why)) if why.contains(word)),
                "{word}: {refused:?}"
            );
        }
    }
}
