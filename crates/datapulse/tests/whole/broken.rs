//! Each route and each broken credential: none is anybody.

use std::net::{IpAddr, Ipv4Addr};

use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gateway::routes::{Access, Route, table};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::{AUTHORIZATION, COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::access::path;
use crate::command::Place;
use crate::server::{API, Answer, Server};

/// Keys (P-256, PKCS #8) that sign nothing but tests' tokens: the one that the provider shows, and
/// another.
const SHOWN: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCZu49+EZ67wkog0dyAf0HMLasJToYOWLDt1znaZfT2mhRANCAARMHB1FIG9h7Y7PCFiNGdnEnA3lXod/jeWSgBms0gZlbTQe3soQ7Mx9Xp2Mm4EN5ENoukH5y0pFzk2unkkORbE2";
const OTHER: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEpMz+ReMWKDiSST43zCNd23ydLN12v1TfRg0WI3bSJWhRANCAATwd4banPl40dqiZ7MB0rKCVoEU+Xnt0jJtm89oIGudWJxz4JxUJqtHWb3OYz58d0gO3ll9S8iPSpr7D+qm6hbf";
/// Wrong tokens that one address may send here before the next takes its turn.
const EACH: usize = gateway::auth::MAX_WRONG_TOKENS / 2;

fn key(text: &str) -> EncodingKey {
    EncodingKey::from_ec_der(&STANDARD.decode(text).expect("base64"))
}

/// A stand-in of an identity provider: it shows where its keys are, and the keys.
async fn provider() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let issuer = format!("http://{}", listener.local_addr().expect("an address"));
    let mut jwk = Jwk::from_encoding_key(&key(SHOWN), Algorithm::ES256).expect("a key");
    jwk.common.key_id = Some("k1".to_owned());
    let keys = json!(JwkSet { keys: vec![jwk] });
    let about = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    let router = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(|| async { Json(about) }),
        )
        .route("/jwks", get(|| async { Json(keys) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    issuer
}

/// A person's token, changed.
fn jwt(issuer: &str, by: &str, change: impl Fn(&mut Value)) -> String {
    let now = chrono::Utc::now().timestamp();
    let mut claims = json!({
        "iss": issuer, "aud": "datapulse", "sub": "ada", "client_id": "cli", "exp": now + 3600,
        "iat": now - 5, "scope": "incidents:read incidents:write actions:approve tools:manage",
        "groups": ["admins"], "name": "Ada",
    });
    change(&mut claims);
    let header = Header {
        kid: Some("k1".to_owned()),
        typ: Some("at+jwt".to_owned()),
        ..Header::new(Algorithm::ES256)
    };
    encode(&header, &claims, &key(by)).expect("signs")
}

/// The claims of a token, said to need no signature.
fn unsigned(token: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let claims = token.split('.').nth(1).expect("claims");
    format!("{head}.{claims}.")
}

/// How a credential is shown, and what is wrong with it.
struct Broken {
    what: &'static str,
    header: reqwest::header::HeaderName,
    value: String,
}

async fn broken(server: &Server, issuer: &str) -> Vec<Broken> {
    let body = json!({ "name": "gone", "role": "admin", "person": true, "days": 1 });
    let revoked = server.post("/tokens", &body).await.body;
    let id = revoked["id"].as_str().expect("an id");
    let ended = server
        .post(&format!("/tokens/{id}/revoke"), &json!({}))
        .await;
    assert!(ended.status.is_success(), "{ended}");
    let secret = revoked["secret"].as_str().expect("a secret").to_owned();
    let mut tampered = server.token.clone();
    let last = if tampered.ends_with('0') { '1' } else { '0' };
    tampered.pop();
    tampered.push(last);
    let right = jwt(issuer, SHOWN, |_| {});
    let now = chrono::Utc::now().timestamp();
    let bearers = [
        ("nonsense", "nonsense".to_owned()),
        (
            "a token that was never made",
            format!("dp_0123456789ab_{:048}", 7),
        ),
        ("a token with one digit changed", tampered),
        ("a revoked token", secret),
        ("a JWT without a signature", unsigned(&right)),
        ("a JWT cut short", right[..right.len() - 4].to_owned()),
        ("a JWT by another key", jwt(issuer, OTHER, |_| {})),
        (
            "an expired JWT",
            jwt(issuer, SHOWN, |claims| claims["exp"] = json!(now - 3600)),
        ),
        (
            "a JWT for another audience",
            jwt(issuer, SHOWN, |claims| claims["aud"] = json!("grafana")),
        ),
        (
            "a JWT of another issuer",
            jwt(issuer, SHOWN, |claims| {
                claims["iss"] = json!("https://evil.example")
            }),
        ),
    ];
    let bearers = bearers.into_iter().map(|(what, token)| Broken {
        what,
        header: AUTHORIZATION,
        value: format!("Bearer {token}"),
    });
    let others = [
        Broken {
            what: "another scheme",
            header: AUTHORIZATION,
            value: "Basic YWRhOmFkYQ==".to_owned(),
        },
        Broken {
            what: "a session that was never begun",
            header: COOKIE,
            value: format!("{}=0123456789abcdef0123456789abcdef", gateway::auth::COOKIE),
        },
    ];
    bearers.chain(others).collect()
}

/// From an address of its own: whoever tries many is told to wait.
fn client(number: usize) -> reqwest::Client {
    let last = u8::try_from(number + 2).expect("few clients");
    reqwest::Client::builder()
        .local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
        .build()
        .expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_and_each_broken_credential() {
    let place = Place::new();
    let issuer = provider().await;
    place.write(
        "datapulse.toml",
        &format!(
            "[retention]\ntelemetry_days = 0\n[identity]\nissuer = \"{issuer}\"\nclient_id = \"web\"\nclient_secret_env = \"WEB_SECRET\"\nredirect_url = \"http://127.0.0.1:1{API}/oidc/callback\"\ncli_client_id = \"cli\"\naudience = \"datapulse\"\n[identity.groups]\nadmins = \"admin\"\n"
        ),
    );
    let server = Server::start_with(&place, &[], &[("WEB_SECRET", "for-tests-only")]);
    // The same token as it should be is somebody's: what is refused below is what was broken.
    let right = jwt(&issuer, SHOWN, |_| {});
    let me = server.bare(Method::GET, &format!("{API}/me"));
    let me = Answer::of(me.bearer_auth(right)).await;
    assert_eq!(me.status, StatusCode::OK, "{me}");
    let broken = broken(&server, &issuer).await;
    let routes: Vec<Route> = table()
        .into_iter()
        .filter(|route| route.access != Access::Public)
        .collect();
    let mut wrong = Vec::new();
    let mut asked = 0;
    let mut http = client(0);
    for route in &routes {
        for credential in &broken {
            if asked > 0 && asked % EACH == 0 {
                http = client(asked / EACH);
            }
            asked += 1;
            let method = gateway::routes::method(route);
            let request = http.request(method, format!("{}{}", server.url, path(route)));
            let request = request
                .header(credential.header.clone(), &credential.value)
                .header("content-type", "application/json")
                .body("{}");
            let answer = Answer::of(request).await;
            if answer.status != StatusCode::UNAUTHORIZED || answer.reason().is_empty() {
                let Broken { what, .. } = credential;
                wrong.push(format!(
                    "{} {} with {what}: {answer}",
                    route.method, route.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(asked, routes.len() * broken.len());
    assert!(asked > 1_000, "{asked}");
}
