//! What is taken out, what stays, and what it costs.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::json;

use super::Redactor;

/// Text, and what must not be left of it. Put together here, so that no scanner of this
/// repository finds a secret in it.
fn secrets() -> Vec<(String, String)> {
    let key = "Zx81".repeat(8);
    let hex = "9f".repeat(20);
    let upper = "QWERTY27".repeat(2);
    let mut cases = Vec::new();
    let mut case = |before: &str, secret: String, after: &str| {
        cases.push((format!("{before}{secret}{after}"), secret));
    };
    case("login password=", "hunter2!".to_owned(), " failed");
    case("login passwd: ", "geheim".to_owned(), "");
    case("{\"password\":\"", "correct horse".to_owned(), "\"}");
    case("{\\\"client_secret\\\":\\\"", key.clone(), "\\\"}");
    case("GET /a?api_key=", key.clone(), "&b=1");
    case("GET /a?access_token%3D", key.clone(), "&b=1");
    case("clientSecret='", "s3cr3t-value".to_owned(), "'");
    case("DB_PASSWORD=", "pa55".to_owned(), " DB_HOST=db");
    case("mysql --password ", "tiger99".to_owned(), " -h db");
    case("Authorization: Bearer ", key.clone(), "");
    case(
        "\"authorization\": \"Basic ",
        "dXNlcjpwYXNz".to_owned(),
        "\"",
    );
    case("proxy said bearer ", key.clone(), ".");
    case("Cookie: ", "sid=abc; theme=dark".to_owned(), "");
    case("x-api-key: ", key.clone(), "");
    case("API key: ", key.clone(), "");
    case("postgres://app:", "p%40ss".to_owned(), "@db:5432/shop");
    case("redis://:", "only-password".to_owned(), "@cache");
    case("key ", format!("AKIA{upper}"), " used");
    case("push with ", format!("ghp_{key}"), "");
    case("clone ", format!("glpat-{key}"), "");
    case("bot ", format!("xoxb-12345-{key}"), "");
    case(
        "https://hooks.slack.com/services/",
        format!("T0/B0/{key}"),
        "",
    );
    case("pay ", format!("sk_live_{key}"), "");
    case("model ", format!("sk-ant-{key}"), "");
    case("maps ", format!("AIza{}abc", key.clone()), "");
    case("publish ", format!("npm_{key}"), "");
    case("vault ", format!("hvs.{key}"), "");
    case("ours ", format!("dp_ab12_{key}"), "");
    case("jwt ", format!("eyJhbGciOi.{key}.{key}"), "");
    case("url ?X-Amz-Signature=", hex.clone(), "&x=1");
    case(
        "-----BEGIN RSA PRIVATE KEY-----",
        format!("\n{key}\n{key}\n"),
        "-----END RSA PRIVATE KEY-----",
    );
    case("-----BEGIN PRIVATE KEY-----", format!("\\n{key}"), "");
    for card in [
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "6011000990139424",
    ] {
        case("paid with ", card.to_owned(), ".");
    }
    cases
}

/// What looks a little like a secret, and is none.
const PLAIN: &[&str] = &[
    "",
    "password: expired",
    "the token is invalid",
    "invalid token: missing signature",
    "password=",
    "password=***",
    "password=${DB_PASSWORD}",
    "password = {{ .Values.password }}",
    "token_count=4096 max_tokens: 128000",
    "secret_name=payment-db",
    "password_changed_at=2026-01-01T00:00:00Z",
    "PWD=/srv/app",
    "session started for user 17",
    "trace.id=4bf92f3577b34da6a3ce929d0e0e4736",
    "took 1732693245123456789 ns",
    "order 4111111111111112",
    "id 41111111111111110000",
    "4111111111111111.5",
    "v4111111111111111",
    "0000000000000000",
    "tokenizer=wordpiece-v2",
    "GET https://shop.example/cart?item=17",
    "http://host:8080/a@b",
    "mail anna@example.org",
    "sk-learn 1.5 at xoxo",
    "bearer of bad news",
    "basic authentication failed",
];

#[test]
fn secrets_are_taken_out_and_named() {
    let redactor = Redactor::default();
    for (text, secret) in secrets() {
        let clean = redactor.redact(&text);
        assert!(!clean.contains(&secret), "{text}\n{clean}");
        assert!(clean.contains("[redacted: "), "{text}\n{clean}");
        let again = redactor.redact(&clean);
        assert!(matches!(again, Cow::Borrowed(_)), "{clean}\n{again}");
        // Also in the midst of a log line, in JSON, and in a URL's encoding of quotes.
        let line = json!({"message": format!("2026-11-27 ERROR {text}\nnext line")});
        let clean = redactor.redact(&line.to_string()).into_owned();
        let inner = secret.replace('\n', "\\n").replace("\\n", "\n");
        assert!(
            !clean.contains(&secret) && !clean.contains(&inner),
            "{clean}"
        );
    }
}

#[test]
fn ordinary_text_stays() {
    let redactor = Redactor::default();
    for text in PLAIN {
        assert_eq!(redactor.redact(text), *text);
    }
}

#[test]
fn what_stands_around_a_secret_is_kept() {
    let redactor = Redactor::default();
    let shows = |text: &str| redactor.redact(text).into_owned();
    assert_eq!(
        shows("user=anna password=hunter2, then"),
        "user=anna password=[redacted: password], then"
    );
    assert_eq!(
        shows("postgres://app:pw1@db/shop is down"),
        "postgres://app:[redacted: password]@db/shop is down"
    );
    assert_eq!(
        shows("GET /x?token=abc123def&b=2"),
        "GET /x?token=[redacted: token]&b=2"
    );
    assert_eq!(
        shows("Authorization: Bearer abc.def-1 rejected by 10.0.0.1"),
        "Authorization: Bearer [redacted: credential] rejected by 10.0.0.1"
    );
    assert_eq!(
        shows("authorization: Digest username=\"a\", response=\"b1\" failed"),
        "authorization: Digest [redacted: credential] failed"
    );
    assert_eq!(
        shows("Cookie: sid=abc; theme=dark was refused"),
        "Cookie: [redacted: session] was refused"
    );
    assert_eq!(
        shows("card 4111 1111 1111 1111."),
        "card [redacted: card number]."
    );
}

#[test]
fn values_are_cleaned_under_the_names_of_their_fields() {
    let redactor = Redactor::default();
    let mut value = json!({
        "image": "app:v1",
        "env": [{"name": "DB_PASSWORD", "value": "plainword"}, {"name": "MODE", "value": "fast"}],
        "headers": {"Cookie": ["c=1", "d=2"], "Accept": "text/plain"},
        "apiKey": "k1", "replicas": 3,
        "says ghp_ZZZZZZZZZZZZZZZZZZZZZZZZ": true,
    });
    assert!(redactor.redact_value(&mut value));
    assert_eq!(
        value,
        json!({
            "image": "app:v1",
            "env": [{"name": "DB_PASSWORD", "value": "[redacted: password]"}, {"name": "MODE", "value": "fast"}],
            "headers": {"Cookie": ["[redacted: session]", "[redacted: session]"], "Accept": "text/plain"},
            "apiKey": "[redacted: key]", "replicas": 3,
            "says [redacted: GitHub token]": true,
        })
    );
    assert!(!redactor.redact_value(&mut value));
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    assert!(redactor.redact_value(&mut deep));
}

#[test]
fn addresses_and_own_patterns_by_choice() {
    let own = vec![r"KD-\d{6}".to_owned()];
    let redactor = Redactor::new(true, &own).expect("good patterns");
    assert_eq!(
        redactor.redact("anna.b+x@mail.example.org asked about KD-123456"),
        "[redacted: e-mail address] asked about [redacted: by configuration]"
    );
    for bad in ["(", "a*", r"\w{1000000}"] {
        let error = Redactor::new(false, &[bad.to_owned()]).expect_err("a bad pattern");
        assert_eq!(error.number, 1, "{error}");
    }
    assert!(Redactor::new(false, &vec!["x".to_owned(); 33]).is_err());
}

/// Work that grew with the square of the length would keep this from ending.
#[test]
fn hostile_texts_end() {
    let redactor = Redactor::new(true, &[]).expect("no patterns");
    for piece in [
        "token=",
        "password:",
        "a=a=",
        "a:a:",
        "-----BEGIN PRIVATE KEY-----",
        "eyJa.",
        "://a:",
        "4111 ",
        "@",
        "a@a.",
        "password=xxxx ",
        "authorization: ",
        "cookie=",
        "${password=",
        "\\\\\\\"token",
        "bearer ",
        "xoxb-",
        "\u{301}token\u{200b}",
    ] {
        let text = piece.repeat((256 << 10) / piece.len());
        let clean = redactor.redact(&text);
        let again = redactor.redact(&clean);
        assert_eq!(clean, again, "{piece}");
    }
}

proptest! {
    #[test]
    fn any_text_is_cleaned_once(text in r#"(password|token|[=: "'\\]|[a-z0-9]{1,9}|://|@|eyJ|\.|-----BEGIN|[0-9]{4} |é|\x{202e}){0,40}"#) {
        let redactor = Redactor::new(true, &[]).expect("no patterns");
        let once = redactor.redact(&text).into_owned();
        let twice = redactor.redact(&once).into_owned();
        prop_assert_eq!(once, twice);
    }
}

/// Lines a second on one core, by hand: `cargo test --release -p model -- --ignored --nocapture throughput`.
#[test]
#[ignore = "a measurement, not a check"]
fn throughput() {
    let redactor = Redactor::default();
    let line = "2026-11-27T05:56:32.123Z INFO payment 4bf92f3577b34da6a3ce929d0e0e4736 GET /cart/17?item=4 took 12.5 ms for user 8841 from 10.1.2.3";
    let began = std::time::Instant::now();
    let lines = 200_000;
    let kept: usize = (0..lines).map(|_| redactor.redact(line).len()).sum();
    let took = began.elapsed().as_secs_f64();
    println!(
        "{:.0} lines a second, {:.0} MB a second",
        f64::from(lines) / took,
        kept as f64 / took / 1e6
    );
}
