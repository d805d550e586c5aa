//! A receiver of signed webhooks that keeps lines by the contract of `docs/anchors.md`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use integrations::anchors::{Receiver, ReceiverSettings};
use integrations::{AnchorPlace as _, Custody, Error, Secret, signature};
use serde::Deserialize;

use crate::suite;

const SECRET: &str = "between us";

type Kept = Arc<Mutex<BTreeMap<u64, Bytes>>>;

#[derive(Deserialize)]
struct Page {
    after: u64,
    limit: usize,
}

fn is_signed(headers: &HeaderMap, over: &[u8]) -> bool {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64;
    let sent = header(signature::TIMESTAMP_HEADER).and_then(|text| text.parse().ok());
    let signed = header(signature::SIGNATURE_HEADER);
    sent.zip(signed).is_some_and(|(sent, signed)| {
        signature::verify(&Secret::new(SECRET), sent, over, signed, now)
    })
}

async fn take(State(kept): State<Kept>, headers: HeaderMap, line: Bytes) -> StatusCode {
    if !is_signed(&headers, &line) {
        return StatusCode::UNAUTHORIZED;
    }
    let key = headers[signature::KEY_HEADER].to_str().expect("text");
    let seq: u64 = key
        .strip_prefix("anchor-")
        .expect("a key")
        .parse()
        .expect("a number");
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    match kept.get(&seq) {
        Some(held) if *held != line => StatusCode::CONFLICT,
        Some(_) => StatusCode::OK,
        None => {
            kept.insert(seq, line);
            StatusCode::CREATED
        }
    }
}

async fn give(
    State(kept): State<Kept>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
    Query(page): Query<Page>,
) -> (StatusCode, Vec<u8>) {
    if !is_signed(&headers, raw.expect("a query").as_bytes()) {
        return (StatusCode::UNAUTHORIZED, Vec::new());
    }
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let mut body = Vec::new();
    // Fewer than it may, so that reading goes on.
    for line in kept.range(page.after + 1..).take(page.limit.min(2)) {
        body.extend_from_slice(line.1);
        body.push(b'\n');
    }
    (StatusCode::OK, body)
}

async fn start(secret: &str) -> Receiver {
    let router = Router::new()
        .route("/anchors", post(take).get(give))
        .with_state(Kept::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!(
        "http://{}/anchors",
        listener.local_addr().expect("an address")
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    receiver(&url, secret).expect("a place")
}

pub fn receiver(url: &str, secret: &str) -> Result<Receiver, Error> {
    Receiver::new(ReceiverSettings {
        name: "evidence".to_owned(),
        write_url: url.to_owned(),
        read_url: url.to_owned(),
        secret: Secret::new(secret),
    })
}

#[tokio::test]
async fn a_receiver_keeps_lines_and_gives_them_back_signed_both_ways() {
    let place = start(SECRET).await;
    suite::holds(&place).await;
    assert_eq!(place.custody(), Custody::Receiver);
}

#[tokio::test]
async fn a_receiver_with_another_secret_takes_nothing_and_gives_nothing() {
    let place = start("another").await;
    for refused in [
        place.write(1, b"{}").await.map(drop),
        place.read().await.map(drop),
    ] {
        assert!(
            matches!(&refused, Err(Error::Refused(why)) if why.contains("401")),
            "{refused:?}"
        );
    }
}

#[test]
fn what_cant_be_an_address_is_said_at_once() {
    for wrong in [
        "ftp://there/x",
        "there",
        "https://me:secret@there/x",
        "https://there/x?q=1",
    ] {
        let made = receiver(wrong, SECRET);
        assert!(matches!(made, Err(Error::Configuration(_))), "{wrong}");
    }
}
