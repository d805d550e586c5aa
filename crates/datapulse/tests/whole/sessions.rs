//! Tokens are kept as hashes; a browser logs in once with a link, and then must bring the token
//! against forged requests.

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::command::Place;
use crate::server::{API, Answer, Server};

/// Logs in with a new link; gives the cookie as the browser sends it.
async fn log_in(server: &Server, place: &Place) -> String {
    let link = place.done(&["token", "login-link"]).out;
    let path = link
        .trim()
        .strip_prefix(&server.url)
        .expect("is the server's")
        .to_owned();
    let answer = Answer::of(server.bare(Method::GET, &path)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer}");
    let cookie = answer.headers[SET_COOKIE]
        .to_str()
        .expect("text")
        .to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let again = Answer::of(server.bare(Method::GET, &path)).await;
    assert_eq!(
        again.status,
        StatusCode::UNAUTHORIZED,
        "a link logs in once"
    );
    cookie.split(';').next().expect("has a value").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_its_csrf_token() {
    let place = Place::new();
    let server = Server::start(&place);
    let cookie = log_in(&server, &place).await;
    let ask = |method: Method, path: &str| {
        server
            .bare(method, &format!("{API}{path}"))
            .header(COOKIE, &cookie)
    };
    let me = Answer::of(ask(Method::GET, "/me")).await;
    assert_eq!(me.body["person"], true, "{me}");
    let csrf = me.body["csrf_token"].as_str().expect("a token").to_owned();
    let declaration =
        json!({ "service.name": "cart", "title": "t", "severity": "low", "reason": "r" });
    for wrong in [None, Some("0"), Some("")] {
        let mut request = ask(Method::POST, "/incidents").json(&declaration);
        if let Some(wrong) = wrong {
            request = request.header("x-csrf-token", wrong);
        }
        let refused = Answer::of(request).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
        assert!(refused.detail().contains("X-CSRF-Token"), "{refused}");
    }
    let taken = Answer::of(
        ask(Method::POST, "/incidents")
            .header("x-csrf-token", &csrf)
            .json(&declaration),
    )
    .await;
    assert_eq!(taken.status, StatusCode::CREATED, "{taken}");
    let out = Answer::of(ask(Method::POST, "/logout").header("x-csrf-token", &csrf)).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT, "{out}");
    let gone = Answer::of(ask(Method::GET, "/me")).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_with_all_that_was_begun_with_it() {
    let place = Place::new();
    let server = Server::start(&place);
    let made = place.json(&[
        "token",
        "create",
        "grace",
        "--role",
        "responder",
        "--person",
        "-o",
        "json",
    ]);
    let (id, secret) = (
        made["id"].as_str().expect("an id"),
        made["secret"].as_str().expect("a secret"),
    );
    let link = Answer::of(
        server
            .bare(Method::POST, &format!("{API}/login-links"))
            .bearer_auth(secret),
    )
    .await;
    let answer =
        Answer::of(server.bare(Method::GET, link.body["path"].as_str().expect("a path"))).await;
    let cookie = answer.headers[SET_COOKIE]
        .to_str()
        .expect("text")
        .split(';')
        .next()
        .expect("a value")
        .to_owned();
    let me = || server.bare(Method::GET, &format!("{API}/me"));
    assert_eq!(
        Answer::of(me().header(COOKIE, &cookie)).await.body["name"],
        "grace"
    );
    place.done(&["token", "revoke", id]);
    let by_session = Answer::of(me().header(COOKIE, &cookie)).await;
    assert_eq!(by_session.status, StatusCode::UNAUTHORIZED, "{by_session}");
    let by_token = Answer::of(me().bearer_auth(secret)).await;
    assert_eq!(by_token.detail(), "this token was revoked");
    let files = place.data();
    for name in ["truth.db", "truth.db-wal"] {
        let bytes = std::fs::read(files.join(name)).unwrap_or_default();
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{name} holds a secret");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_login_codes_is_stopped() {
    let place = Place::new();
    let server = Server::start(&place);
    let mut statuses = Vec::new();
    for number in 0..25 {
        let answer = Answer::of(server.bare(Method::GET, &format!("/login?code={number}"))).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], StatusCode::UNAUTHORIZED);
    assert_eq!(statuses[24], StatusCode::TOO_MANY_REQUESTS);
}

/// No page of another origin reads or changes anything, unless the configuration lists it.
#[tokio::test(flavor = "multi_thread")]
async fn other_origins() {
    let place = Place::new();
    place.write(
        "datapulse.toml",
        "[server]\ncors_origins = [\"https://friend.example\"]\n",
    );
    let server = Server::start_with(&place, &["--no-auth"], &[]);
    assert!(
        server
            .said()
            .contains("--no-auth: every caller on this machine is let in"),
        "{}",
        server.said()
    );
    let ask = |method: Method, origin: &str| {
        server
            .bare(method, &format!("{API}/incidents"))
            .header("origin", origin)
    };
    let stranger = Answer::of(ask(Method::GET, "https://evil.example")).await;
    assert_eq!(
        stranger.status,
        StatusCode::OK,
        "a browser doesn't show it to the page"
    );
    assert_eq!(stranger.header("access-control-allow-origin"), "");
    let preflight =
        |origin| ask(Method::OPTIONS, origin).header("access-control-request-method", "POST");
    let refused = Answer::of(preflight("https://evil.example")).await;
    assert_eq!(
        (
            refused.status,
            refused.header("access-control-allow-origin")
        ),
        (StatusCode::METHOD_NOT_ALLOWED, "")
    );
    let allowed = Answer::of(preflight("https://friend.example")).await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://friend.example"
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    let simple = |origin| {
        server
            .bare(Method::POST, "/_bulk")
            .header("origin", origin)
            .body("{\"create\":{\"_index\":\"logs-x\"}}\n{}\n")
    };
    let forged = Answer::of(simple("https://evil.example")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "{forged}");
    let own = server.url.clone();
    assert_eq!(
        Answer::of(simple(own.as_str())).await.status,
        StatusCode::OK
    );
    let renamed = Answer::of(
        server
            .bare(Method::GET, "/healthz")
            .header("host", "evil.example"),
    )
    .await;
    assert_eq!(renamed.status, StatusCode::MISDIRECTED_REQUEST, "{renamed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_many_tokens_is_told_to_wait_and_others_are_let_in() {
    let place = Place::new();
    let server = Server::start(&place);
    let path = format!("{API}/me");
    let with = |token: String| server.bare(Method::GET, &path).bearer_auth(token);
    let mut last = StatusCode::OK;
    for number in 0..=gateway::auth::MAX_WRONG_TOKENS {
        let answer = Answer::of(with(format!("dp_0123456789ab_{number:048}"))).await;
        last = answer.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let right = Answer::of(with(server.token.clone())).await;
    assert_eq!(right.status, StatusCode::OK, "{right}");
}
