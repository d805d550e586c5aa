//! Tokens as a cluster makes them, each way in which one can be wrong, and who each right one is.

use jsonwebtoken::{Algorithm, Header, encode};
use model::{Role, Scope, Writer};
use serde_json::json;

use super::super::bearer::tests::{OURS, THEIRS, jwk, key};
use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const NOW_S: i64 = 1_790_000_000;
const ANALYST: &str = "system:serviceaccount:datapulse:analyst";

fn settings() -> Kubernetes {
    Kubernetes {
        issuer: "https://kubernetes.default.svc.cluster.local".to_owned(),
        audience: "datapulse".to_owned(),
        jwks_file: "jwks.json".to_owned(),
        workloads: [
            (ANALYST.to_owned(), Post::Ours(Writer::Analyst)),
            (
                "system:serviceaccount:ci:deploys".to_owned(),
                Post::Caller(Role::Shipper),
            ),
        ]
        .into(),
        ..Kubernetes::default()
    }
}

/// As a projected volume holds it: no `typ`, a list of audiences, whose pod it is.
fn token(change: impl Fn(&mut Value)) -> String {
    let mut claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local", "aud": ["datapulse"],
        "sub": ANALYST, "exp": NOW_S + 3600, "iat": NOW_S - 5, "nbf": NOW_S - 5, "jti": "1",
        "kubernetes.io": {
            "namespace": "datapulse", "pod": { "name": "analyst-1", "uid": "1" },
            "serviceaccount": { "name": "analyst", "uid": "2" },
        },
    });
    change(&mut claims);
    let mut header = Header::new(Algorithm::ES256);
    (header.kid, header.typ) = (Some("k1".to_owned()), None);
    encode(&header, &claims, &key(OURS)).expect("signs")
}

fn shown() -> JwkSet {
    JwkSet {
        keys: vec![jwk("k1", OURS)],
    }
}

fn admitted(token: &str) -> Result<Machine, Unadmitted> {
    settings().machine(token, &shown(), NOW)
}

#[test]
fn a_service_account_is_the_machine_that_it_is_mapped_to() {
    let machine = admitted(&token(|_| {})).expect("is let in");
    assert_eq!(
        (machine.subject.as_str(), machine.via),
        (ANALYST, "kubernetes")
    );
    let principal = machine.principal();
    assert!(!principal.person);
    assert_eq!(principal.scopes, [Scope::IncidentsRead, Scope::AgentReport]);
    let shipper = admitted(&token(|claims| {
        claims["sub"] = json!("system:serviceaccount:ci:deploys");
    }));
    let principal = shipper.expect("is let in").principal();
    assert_eq!(principal.scopes, [Scope::TelemetryWrite]);
}

#[test]
fn what_a_token_claims_of_scopes_and_groups_counts_nothing() {
    let wishing = token(|claims| {
        claims["scope"] = json!("actions:approve incidents:write");
        claims["groups"] = json!(["sre"]);
        claims["client_id"] = json!("datapulse-cli");
    });
    let principal = admitted(&wishing).expect("is let in").principal();
    assert!(!principal.person);
    assert!(!principal.may(Scope::ActionsApprove) && !principal.may(Scope::IncidentsWrite));
}

#[test]
fn tokens_that_are_wrong_or_of_nobody_known_let_nobody_in() {
    for (change, reason) in [
        (
            (|claims| claims["aud"] = json!(["https://kubernetes.default.svc"])) as fn(&mut Value),
            "another audience",
        ),
        (
            |claims| claims["iss"] = json!("https://evil.example"),
            "another issuer",
        ),
        (
            |claims| claims["iss"] = json!("kubernetes/serviceaccount"),
            "another issuer",
        ),
        (|claims| claims["exp"] = json!(NOW_S - 60), "expired"),
        (|claims| claims["nbf"] = json!(NOW_S + 600), "valid yet"),
        (
            |claims| {
                // As the tokens of old, kept in a secret for ever.
                claims
                    .as_object_mut()
                    .map(|claims| claims.shift_remove("exp"));
            },
            "no exp",
        ),
        (
            |claims| claims["sub"] = json!("system:serviceaccount:other:analyst"),
            "other:analyst is none of",
        ),
        (
            |claims| claims["sub"] = json!("system:node:n1"),
            "no service account",
        ),
        (|claims| claims["sub"] = json!("ada"), "no service account"),
    ] {
        let said = admitted(&token(change))
            .expect_err("is refused")
            .to_string();
        assert!(said.contains(reason), "{said}, not {reason}");
    }
    let whole = token(|_| {});
    let theirs = JwkSet {
        keys: vec![jwk("k1", THEIRS)],
    };
    let forged = settings().machine(&whole, &theirs, NOW);
    assert!(forged.is_err_and(|why| why.to_string().contains("signature")));
    let unknown = settings().machine(&whole, &JwkSet { keys: Vec::new() }, NOW);
    assert_eq!(unknown, Err(Unadmitted::Refused(Refusal::UnknownKey)));
}

#[test]
fn what_can_not_be_meant_is_refused() {
    assert_eq!(settings().check(), Ok(()));
    assert_eq!(Kubernetes::default().check(), Ok(()));
    for (change, reason) in [
        ((|s| s.audience.clear()) as fn(&mut Kubernetes), "audience"),
        (|s| s.jwks_file.clear(), "one of them"),
        (
            |s| s.jwks_url = "https://a.example/jwks".to_owned(),
            "one of them",
        ),
        (|s| s.algorithms = vec!["HS256".to_owned()], "is none of"),
        (|s| s.issuer.clear(), "issuer"),
        (
            |s| {
                s.workloads
                    .insert("datapulse:x".to_owned(), Post::Caller(Role::Viewer));
            },
            "NAMESPACE:NAME",
        ),
        (
            |s| {
                let account = "system:serviceaccount:a:b".to_owned();
                s.workloads.insert(account, Post::Caller(Role::Responder));
            },
            "never decides",
        ),
    ] {
        let mut settings = settings();
        change(&mut settings);
        let said = settings.check().expect_err("is refused");
        assert!(said.contains(reason), "{said}, not {reason}");
    }
}

#[tokio::test]
async fn keys_are_read_of_the_file_and_go_on_to_count_when_it_is_gone() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("jwks.json");
    let mut settings = settings();
    settings.jwks_file = path.display().to_string();
    let workloads = |settings: &Kubernetes| {
        let made = Workloads::new(settings, &Outbound::default()).expect("right");
        made.expect("is on")
    };
    // Nothing there yet: nobody is let in, and it isn't the caller's fault.
    let nowhere = workloads(&settings).admit(&token(|_| {}), NOW).await;
    assert!(matches!(nowhere, Err(Turned::Trouble(_))), "{nowhere:?}");
    std::fs::write(&path, json!(shown()).to_string()).expect("written");
    let known = workloads(&settings);
    assert!(known.admit(&token(|_| {}), NOW).await.is_ok());
    std::fs::remove_file(&path).expect("removed");
    assert!(known.admit(&token(|_| {}), NOW).await.is_ok());
}
