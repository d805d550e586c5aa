//! Every way in which a token can be wrong, each refused with what is wrong about it.

use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::*;

/// Keys (P-256, PKCS #8) that sign nothing but these tests' tokens.
pub(in crate::identity) const OURS: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCZu49+EZ67wkog0dyAf0HMLasJToYOWLDt1znaZfT2mhRANCAARMHB1FIG9h7Y7PCFiNGdnEnA3lXod/jeWSgBms0gZlbTQe3soQ7Mx9Xp2Mm4EN5ENoukH5y0pFzk2unkkORbE2";
pub(in crate::identity) const THEIRS: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEpMz+ReMWKDiSST43zCNd23ydLN12v1TfRg0WI3bSJWhRANCAATwd4banPl40dqiZ7MB0rKCVoEU+Xnt0jJtm89oIGudWJxz4JxUJqtHWb3OYz58d0gO3ll9S8iPSpr7D+qm6hbf";
const NOW: Timestamp = Timestamp(1_790_000_000_000);
const NOW_S: i64 = 1_790_000_000;

pub(in crate::identity) fn key(text: &str) -> EncodingKey {
    EncodingKey::from_ec_der(&STANDARD.decode(text).expect("base64"))
}

pub(in crate::identity) fn jwk(kid: &str, text: &str) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(&key(text), Algorithm::ES256).expect("a key");
    jwk.common.key_id = Some(kid.to_owned());
    jwk
}

fn shown() -> JwkSet {
    JwkSet {
        keys: vec![jwk("k1", OURS)],
    }
}

fn settings() -> Settings {
    Settings {
        issuer: "https://login.example".to_owned(),
        client_id: "web".to_owned(),
        cli_client_id: "cli".to_owned(),
        audience: "datapulse".to_owned(),
        ..Settings::default()
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example", "aud": "datapulse", "sub": "ada", "client_id": "cli",
        "exp": NOW_S + 60, "iat": NOW_S - 5, "scope": "incidents:read actions:approve other",
        "groups": ["sre"], "name": "Ada",
    })
}

fn header(kid: Option<&str>) -> Header {
    Header {
        kid: kid.map(str::to_owned),
        typ: Some("at+jwt".to_owned()),
        ..Header::new(Algorithm::ES256)
    }
}

fn token(change: impl Fn(&mut Value)) -> String {
    let mut claims = claims();
    change(&mut claims);
    encode(&header(Some("k1")), &claims, &key(OURS)).expect("signs")
}

fn refused(token: &str) -> String {
    let checked = check(token, &shown(), &settings(), NOW);
    checked.expect_err("refused").to_string()
}

#[test]
fn a_persons_token_says_who_they_are_and_what_it_is_for() {
    let bearer = check(&token(|_| {}), &shown(), &settings(), NOW).expect("holds");
    assert_eq!(bearer.subject, "ada");
    assert_eq!(bearer.name, "Ada");
    assert!(bearer.person);
    assert_eq!(bearer.groups, ["sre"]);
    assert_eq!(bearer.scopes, [Scope::IncidentsRead, Scope::ActionsApprove]);
}

#[test]
fn a_machines_token_is_no_persons() {
    let of = |change: fn(&mut Value)| {
        let bearer = check(&token(change), &shown(), &settings(), NOW);
        bearer.expect("holds").person
    };
    assert!(!of(|claims| claims["client_id"] = json!("robot")));
    assert!(!of(|claims| claims["sub"] = json!("cli")));
    assert!(!of(|claims| {
        claims["client_id"] = json!("agent");
        claims["sub"] = json!("agent");
    }));
}

#[test]
fn what_the_claims_say_must_hold() {
    let late = refused(&token(|claims| claims["exp"] = json!(NOW_S - LEEWAY_S)));
    assert_eq!(late, "this token has expired");
    let just = token(|claims| claims["exp"] = json!(NOW_S - LEEWAY_S + 1));
    assert!(
        check(&just, &shown(), &settings(), NOW).is_ok(),
        "clocks differ"
    );
    for (change, reason) in [
        (
            (|claims| claims["aud"] = json!("grafana")) as fn(&mut Value),
            "another audience",
        ),
        (
            |claims| claims["iss"] = json!("https://login.example/"),
            "another issuer",
        ),
        (
            |claims| claims["iss"] = json!("https://evil.example"),
            "another issuer",
        ),
        (|claims| claims["nbf"] = json!(NOW_S + 300), "valid yet"),
        (|claims| claims["iat"] = json!(NOW_S + 300), "in the future"),
        (|claims| claims["nonce"] = json!("n"), "an ID token"),
        (
            |claims| {
                claims
                    .as_object_mut()
                    .map(|claims| claims.shift_remove("exp"));
            },
            "no exp",
        ),
        (
            |claims| {
                claims
                    .as_object_mut()
                    .map(|claims| claims.shift_remove("sub"));
            },
            "no sub",
        ),
        (
            |claims| {
                claims
                    .as_object_mut()
                    .map(|claims| claims.shift_remove("client_id"));
            },
            "no client_id",
        ),
        (|claims| claims["exp"] = json!("tomorrow"), "exp"),
    ] {
        let said = refused(&token(change));
        assert!(said.contains(reason), "{said}, not {reason}");
    }
}

#[test]
fn a_signature_is_by_a_key_that_the_provider_shows() {
    let forged = encode(&header(Some("k1")), &claims(), &key(THEIRS)).expect("signs");
    assert!(refused(&forged).contains("isn't the provider's"));
    let unknown = encode(&header(Some("k2")), &claims(), &key(THEIRS)).expect("signs");
    let checked = check(&unknown, &shown(), &settings(), NOW);
    assert_eq!(checked, Err(Refusal::UnknownKey));
    // After the keys were fetched again it holds.
    let both = JwkSet {
        keys: vec![jwk("k1", OURS), jwk("k2", THEIRS)],
    };
    assert!(check(&unknown, &both, &settings(), NOW).is_ok());
    let unnamed = encode(&header(None), &claims(), &key(OURS)).expect("signs");
    assert!(
        check(&unnamed, &shown(), &settings(), NOW).is_ok(),
        "the only key"
    );
    let said = check(&unnamed, &both, &settings(), NOW).expect_err("refused");
    assert!(said.to_string().contains("names no key"), "{said}");
    let mut for_encryption = jwk("k1", OURS);
    for_encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    let keys = JwkSet {
        keys: vec![for_encryption],
    };
    let checked = check(&token(|_| {}), &keys, &settings(), NOW);
    assert_eq!(checked, Err(Refusal::UnknownKey));
}

#[test]
fn no_signature_and_shared_secrets_count_for_nothing() {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "NONE", ""] {
        let header = json!({ "alg": algorithm, "typ": "at+jwt", "kid": "k1" });
        let bare = format!("{}.{}.", part(&header), part(&claims()));
        assert!(refused(&bare).contains("alg must be"), "{algorithm}");
    }
    // The public key, taken for a shared secret.
    let shown = serde_json::to_vec(&jwk("k1", OURS)).expect("writable");
    let mut header = header(Some("k1"));
    header.alg = Algorithm::HS256;
    let mixed = encode(&header, &claims(), &EncodingKey::from_secret(&shown)).expect("signs");
    assert!(refused(&mixed).contains("HS256"));
    let mut other = super::tests::header(Some("k1"));
    other.typ = Some("logout+jwt".to_owned());
    let other = encode(&other, &claims(), &key(OURS)).expect("signs");
    assert!(refused(&other).contains("not an access token"));
}

#[test]
fn altered_and_monstrous_ones_are_refused() {
    let whole = token(|_| {});
    let (head, signature) = whole.rsplit_once('.').expect("three parts");
    let mut payload = claims();
    payload["sub"] = json!("eve");
    let (header, _) = head.split_once('.').expect("two parts");
    let altered = format!(
        "{header}.{}.{signature}",
        URL_SAFE_NO_PAD.encode(payload.to_string())
    );
    assert!(refused(&altered).contains("isn't the provider's"));
    assert!(refused(&"ey".repeat(MAX_TOKEN)).contains("longer than"));
    assert!(refused("ey.ey.ey").contains("header"));
}

#[test]
fn who_it_is_from_is_read_without_being_believed() {
    assert_eq!(
        issuer(&token(|_| {})).as_deref(),
        Some("https://login.example")
    );
    for none in ["", "ey", "ey.ey.ey", "a.b", &"ey.".repeat(MAX_TOKEN)] {
        assert_eq!(issuer(none), None);
    }
}
