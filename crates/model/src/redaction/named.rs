//! Secrets known by the name that they stand under: `password=…`, `"api_key": "…"`, `--token …`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{Found, OPENS};

/// What a name that holds secrets has in it, and what is said in its place.
const NAMES: &[(&str, &str)] = &[
    ("passphrase", "password"),
    ("password", "password"),
    ("passwort", "password"),
    ("passwd", "password"),
    ("kennwort", "password"),
    ("contraseña", "password"),
    ("pwd", "password"),
    ("secret", "secret"),
    ("apikey", "key"),
    ("accesskey", "key"),
    ("privatekey", "key"),
    ("signingkey", "key"),
    ("encryptionkey", "key"),
    ("masterkey", "key"),
    ("accountkey", "key"),
    ("sharedaccesssignature", "key"),
    ("credential", "credential"),
    ("authorization", "credential"),
    ("sessionid", "session"),
    ("cookie", "session"),
    ("token", "token"),
    ("jwt", "token"),
];

/// Ends of names that say something about a secret, and are none: `password_changed_at`,
/// `token_count`, `secret_name`.
const ABOUT: &[&str] = &[
    "count",
    "counter",
    "counts",
    "length",
    "len",
    "size",
    "limit",
    "max",
    "min",
    "used",
    "usage",
    "type",
    "name",
    "id",
    "ids",
    "file",
    "path",
    "url",
    "uri",
    "endpoint",
    "expiry",
    "expires",
    "expiresin",
    "expired",
    "ttl",
    "at",
    "age",
    "policy",
    "status",
    "state",
    "valid",
    "invalid",
    "hash",
    "ref",
    "version",
    "index",
    "error",
    "errors",
    "total",
    "s",
    "ms",
    "rate",
    "budget",
    "per",
    "second",
    "seconds",
    "required",
    "enabled",
    "disabled",
    "reset",
];
/// `session_id` and `sessionid` are secrets all the same, as an access key's id is half of one.
const NOT_ABOUT: &[&str] = &["sessionid", "sessid", "accesskeyid"];

/// What stands after such a name in prose, and is no secret.
const WORDS: &[&str] = &[
    "a",
    "an",
    "and",
    "any",
    "are",
    "as",
    "bad",
    "blank",
    "cannot",
    "changed",
    "check",
    "denied",
    "does",
    "empty",
    "error",
    "expired",
    "failed",
    "false",
    "for",
    "found",
    "has",
    "have",
    "in",
    "incorrect",
    "invalid",
    "is",
    "issue",
    "issued",
    "it",
    "malformed",
    "mismatch",
    "missing",
    "must",
    "no",
    "none",
    "not",
    "null",
    "of",
    "ok",
    "on",
    "or",
    "rejected",
    "required",
    "reset",
    "revoked",
    "rotated",
    "set",
    "the",
    "too",
    "true",
    "undefined",
    "unknown",
    "unset",
    "updated",
    "valid",
    "was",
    "were",
    "with",
    "wrong",
    "yes",
    "bearer",
    "basic",
    "default",
    "nil",
    "optional",
    "string",
];
/// A value behind a name that is used in prose ("token: …", "secret: …") is one from this length
/// on, or where it has a digit or a sign in it.
const MIN_PLAIN_CHARS: usize = 16;

/// Bytes of a name on either side of the word that gives it away.
const MAX_NAME_SIDE: usize = 64;
/// Bytes behind a name that are looked at: sign, quotes and value.
const MAX_VALUE: usize = 8 << 10;

/// What stands behind a name: quotes that close it, also escaped ones; the sign; the value, in
/// quotes or up to what ends one.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?x)\A
        \\{0,4}["'`\]]{0,2}
        (?P<sign>\s{0,4}(?:=>|:=|==|=|:|%3D|%3d)\s{0,4}|\x20{1,4})
        (?: (?P<reference>\$\{|\$\(|\{\{|\[redacted:)
          | \\{0,4}["'`](?P<quoted>[^"'`\\\r\n]*)
          | (?P<plain>[^\s"'`,;&<>()\[\]{}\\:=][^\s"'`,;&<>()\[\]{}\\]*) )
    "#,
    )
});

/// What stands before a credential, and is none.
const SCHEMES: &[&str] = &[
    "basic",
    "bearer",
    "digest",
    "apikey",
    "token",
    "negotiate",
    "aws4-hmac-sha256",
    "splunk",
    "dpop",
];

/// A header's credential: one word behind the scheme, or pairs with commas (RFC 9110, section 11.4);
/// the pairs of a cookie.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?ix)\b(?:proxy-)?authorization\\{0,4}["']?\s{0,4}[:=]\s{0,4}\\{0,4}["']?
            (?:(?:basic|bearer|digest|apikey|token|negotiate|aws4-hmac-sha256|splunk|dpop)\s+)?
            (?P<value>[a-z0-9_\-]+="?[^\s"',]*"?(?:,\s?[a-z0-9_\-]+="?[^\s"',]*"?)+|[^\s"',;\\\[][^\s"',;\\]{3,})
          |\b(?:set-)?cookie\\{0,4}["']?\s{0,4}[:=]\s{0,4}\\{0,4}["']?
            (?P<cookie>[^\s=;"'\\\[]+=[^\s;"'\\]*(?:;\s?[^\s=;"'\\]+=[^\s;"'\\]*)*)"#,
    )
});

/// `Bearer` and `Basic` with their credential, wherever they stand.
static SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"(?i)\b(?:bearer|basic|apikey)\s+(?P<value>[A-Za-z0-9+/_.~=\-]{8,})")
});

fn compiled(pattern: &str) -> Regex {
    // The patterns are constants, and the tests run each of them.
    #[expect(clippy::expect_used, reason = "a constant pattern")]
    Regex::new(pattern).expect("a constant pattern")
}

/// Parts of `text` that stand under a name that holds secrets. `words`: where the words of such
/// names are, in order.
pub(super) fn find(text: &str, words: &[Range<usize>], found: &mut Vec<Found>) {
    for hit in HEADER.captures_iter(text) {
        for (group, what) in [("value", "credential"), ("cookie", "session")] {
            if let Some(value) = hit.name(group)
                && !SCHEMES.contains(&value.as_str().to_lowercase().as_str())
            {
                found.push(Found {
                    at: value.range(),
                    what,
                });
            }
        }
    }
    for hit in SCHEME.captures_iter(text) {
        if let Some(value) = hit.name("value")
            && strange(value.as_str())
        {
            found.push(Found {
                at: value.range(),
                what: "credential",
            });
        }
    }
    let mut done = 0;
    for word in words {
        if word.start < done {
            continue;
        }
        let name = whole_name(text, word);
        done = name.end;
        // Words of our own.
        if text[..name.start].ends_with(OPENS) {
            continue;
        }
        if let Some(part) = assigned(text, name) {
            done = part.at.end;
            found.push(part);
        }
    }
}

/// The name that a word stands in.
fn whole_name(text: &str, word: &Range<usize>) -> Range<usize> {
    let names = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let mut name = word.clone();
    for (at, letter) in text[..word.start].char_indices().rev() {
        if !names(letter) || word.start - at > MAX_NAME_SIDE {
            break;
        }
        name.start = at;
    }
    for (at, letter) in text[word.end..].char_indices() {
        if !names(letter) || at > MAX_NAME_SIDE {
            break;
        }
        name.end = word.end + at + letter.len_utf8();
    }
    name
}

fn assigned(text: &str, name: Range<usize>) -> Option<Found> {
    let whole = &text[name.clone()];
    let bare = whole.trim_start_matches('-');
    let what = secret_name(bare)?;
    let end = text.floor_char_boundary(name.end.saturating_add(MAX_VALUE).min(text.len()));
    let behind = ASSIGNED.captures(&text[name.end..end])?;
    // `--password hunter2` is one; `password hunter2` in a sentence isn't.
    if behind["sign"].trim().is_empty()
        && (bare.len() == whole.len() || !behind["sign"].contains(' '))
    {
        return None;
    }
    if behind.name("reference").is_some() {
        return None;
    }
    let quoted = behind.name("quoted");
    let value = quoted.or_else(|| behind.name("plain"))?;
    // The shell's working directory.
    if matches!(bare, "PWD" | "OLDPWD") && value.as_str().starts_with('/') {
        return None;
    }
    is_secret(what, value.as_str(), quoted.is_some()).then(|| Found {
        at: name.end + value.start()..name.end + value.end(),
        what,
    })
}

/// What `text` is where it is a secret by the name of its field.
pub(super) fn secret_under(name: &str, text: &str) -> Option<&'static str> {
    if text.starts_with(OPENS) {
        return None;
    }
    let what = secret_name(name)?;
    is_secret(what, text, true).then_some(what)
}

/// What a name like `DB_PASSWORD`, `x-api-key` or `clientSecret` holds.
pub(super) fn secret_name(name: &str) -> Option<&'static str> {
    let mut letters = String::with_capacity(name.len());
    let mut last = String::new();
    let mut lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() {
            last.clear();
            lower = false;
            continue;
        }
        // camelCase begins a word too.
        if letter.is_uppercase() && lower {
            last.clear();
        }
        lower = letter.is_lowercase();
        for small in letter.to_lowercase() {
            letters.push(small);
            last.push(small);
        }
    }
    let (_, what) = NAMES.iter().find(|(part, _)| letters.contains(part))?;
    let about = ABOUT.contains(&last.as_str())
        && last != letters
        && !NOT_ABOUT.iter().any(|whole| letters.ends_with(whole));
    // `tokens` are counted, and tokenizers have none.
    let other = letters.ends_with("tokens") || letters.contains("tokeniz");
    (!about && !other).then_some(*what)
}

fn is_secret(what: &str, value: &str, quoted: bool) -> bool {
    let value = value.trim();
    if value.is_empty()
        || value.starts_with(OPENS)
        || value.starts_with("[redacted")
        || masked(value)
    {
        return false;
    }
    // A reference to a secret is none: `${DB_PASSWORD}`, `$(cat file)`, `{{ .Values.x }}`.
    if value.starts_with("${") || value.starts_with("$(") || value.starts_with("{{") {
        return false;
    }
    let word = value.trim_end_matches(['.', '!', '?', ':']).to_lowercase();
    if WORDS.contains(&word.as_str()) || SCHEMES.contains(&word.as_str()) {
        return false;
    }
    match what {
        "password" | "key" | "credential" | "session" => true,
        // A sentence in quotes is no token.
        _ if quoted && value.contains(' ') => false,
        _ => value.chars().count() >= MIN_PLAIN_CHARS || strange(value),
    }
}

/// `***`, `xxxx`, `<hidden>` was taken out by somebody else.
fn masked(value: &str) -> bool {
    value
        .chars()
        .all(|letter| matches!(letter, '*' | 'x' | 'X' | '•' | '.' | '-' | '_' | '#'))
}

/// Not like a word of a language: it has a digit, or a sign, or letters of both cases within.
fn strange(value: &str) -> bool {
    let mut inner = value.chars().skip(1);
    value.chars().count() >= 6
        && (value.chars().any(|letter| {
            letter.is_ascii_digit() || matches!(letter, '+' | '/' | '=' | '_' | '!' | '$' | '%')
        }) || inner.any(char::is_uppercase) && value.chars().any(char::is_lowercase))
}
