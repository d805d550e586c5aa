//! One redactor for everything that is written, shown or sent: passwords, tokens, keys, payment
//! cards, and e-mail addresses where that is chosen.
//!
//! It runs where telemetry is read and before a record is written, always before anything is cut:
//! half a token is a token that nobody recognises. What it takes out it names, as in
//! `password=[redacted: password]`; redacting twice changes nothing.
//!
//! It knows secrets by their shape (a vendor's published prefix, a PEM block, a JSON Web Token), by
//! the name that they stand under (`password=`, `"api_key":`, `Authorization:`), and cards by Luhn's
//! sum. A secret that looks like any other word, under a name that says nothing, isn't found.

use std::borrow::Cow;
use std::ops::Range;

use regex::Regex;
use serde_json::Value;

mod cards;
mod named;
mod shapes;

#[cfg(test)]
mod tests;

/// Patterns of an installation's own at most.
pub const MAX_OWN_PATTERNS: usize = 32;
/// Bytes that one compiled pattern of an installation may take.
const MAX_OWN_PATTERN_BYTES: usize = 256 << 10;
/// How deep a value is looked through; what lies deeper is taken out whole.
const MAX_DEPTH: usize = 64;
/// How often one text is gone through at most: again only where something was taken out.
const MAX_PASSES: usize = 4;
/// What every replacement begins with.
const OPENS: &str = "[redacted: ";

/// Takes secrets out of texts and values.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// For the proof that something would be missed.
    nothing: bool,
    emails: bool,
    own: Vec<Regex>,
}

/// A pattern of the configuration that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("redaction pattern {number}: {why}")]
pub struct BadPattern {
    /// From 1, in the order of the configuration.
    pub number: usize,
    pub why: String,
}

/// A part of a text, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    at: Range<usize>,
    what: &'static str,
}

impl Redactor {
    /// `emails`: addresses are taken out too. `own`: regular expressions of this installation, in
    /// Rust's `regex` syntax; all that they match is taken out.
    pub fn new(emails: bool, own: &[String]) -> Result<Self, BadPattern> {
        if own.len() > MAX_OWN_PATTERNS {
            return Err(BadPattern {
                number: MAX_OWN_PATTERNS + 1,
                why: format!("there may be {MAX_OWN_PATTERNS}, here are {}", own.len()),
            });
        }
        let bad = |number: usize, why: String| BadPattern {
            number: number + 1,
            why,
        };
        let mut patterns = Vec::with_capacity(own.len());
        for (number, text) in own.iter().enumerate() {
            let pattern = regex::RegexBuilder::new(text)
                .size_limit(MAX_OWN_PATTERN_BYTES)
                .build()
                .map_err(|error| bad(number, error.to_string()))?;
            if pattern.is_match("") {
                return Err(bad(number, "it matches the empty text".to_owned()));
            }
            patterns.push(pattern);
        }
        Ok(Self {
            nothing: false,
            emails,
            own: patterns,
        })
    }

    /// The text without its secrets, in time that grows with its length, whatever it holds.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.nothing {
            return Cow::Borrowed(text);
        }
        let mut clean = self.pass(text);
        // What was taken out may have stood between a name and its value.
        for _ in 1..MAX_PASSES {
            let Cow::Owned(before) = &clean else { break };
            match self.pass(before) {
                Cow::Borrowed(_) => break,
                Cow::Owned(after) => clean = Cow::Owned(after),
            }
        }
        clean
    }

    fn pass<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found = Vec::new();
        let hints = shapes::ALL.hints(text);
        shapes::ALL.find(text, &hints, &mut found);
        if !hints.names.is_empty() {
            named::find(text, &hints.names, &mut found);
        }
        cards::find(text, &mut found);
        if self.emails && text.contains('@') {
            shapes::ALL.emails(text, &mut found);
        }
        for pattern in &self.own {
            found.extend(pattern.find_iter(text).map(|hit| Found {
                at: hit.range(),
                what: "by configuration",
            }));
        }
        replaced(text, found)
    }

    /// Every text within, keys included; and what stands under a key that names a secret, such as
    /// `{"password": …}` or `{"name": "DB_PASSWORD", "value": …}`. Whether anything was taken out.
    pub fn redact_value(&self, value: &mut Value) -> bool {
        self.value(value, None, 0)
    }

    /// Takes nothing out: only for showing that a redactor would be missed.
    pub fn nothing() -> Self {
        Self {
            nothing: true,
            ..Self::default()
        }
    }

    /// The same without what is taken out of people's addresses: for records, whose people are
    /// known by them.
    pub fn keeping_addresses(&self) -> Self {
        Self {
            nothing: self.nothing,
            emails: false,
            own: self.own.clone(),
        }
    }

    /// As [`Redactor::redact_value`] for each value that stands under `name`, which is looked at once.
    pub fn redact_column<'v>(&self, name: &str, values: impl Iterator<Item = &'v mut Value>) {
        // Only objects within have names of their own.
        let name = named::secret_name(name).map(|_| name);
        for value in values {
            self.value(value, name, 0);
        }
    }

    /// A text that stands under `name`: a column, a field, a header.
    pub fn redact_named<'a>(&self, name: &str, text: &'a str) -> Cow<'a, str> {
        match named::secret_under(name, text) {
            Some(what) if !self.nothing => Cow::Owned(format!("{OPENS}{what}]")),
            _ => self.redact(text),
        }
    }

    fn value(&self, value: &mut Value, name: Option<&str>, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            *value = Value::String(format!("{OPENS}too deep]"));
            return true;
        }
        match value {
            Value::String(text) => {
                let clean = match name {
                    Some(name) => self.redact_named(name, text),
                    None => self.redact(text),
                };
                match clean {
                    Cow::Borrowed(_) => false,
                    Cow::Owned(clean) => {
                        *text = clean;
                        true
                    }
                }
            }
            Value::Array(items) => items.iter_mut().fold(false, |changed, item| {
                self.value(item, name, depth + 1) | changed
            }),
            Value::Object(_) => self.object(value, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn object(&self, value: &mut Value, depth: usize) -> bool {
        let Value::Object(map) = value else {
            return false;
        };
        // `{"name": N, "value": V}`: V stands under N.
        let said = ["name", "key"]
            .iter()
            .find_map(|key| map.get(*key).and_then(Value::as_str))
            .map(str::to_owned);
        let mut changed = false;
        for (key, inner) in map.iter_mut() {
            let name = if key == "value" {
                said.as_deref().unwrap_or(key)
            } else {
                key.as_str()
            };
            let name = name.to_owned();
            changed |= self.value(inner, Some(&name), depth + 1);
        }
        if map
            .keys()
            .any(|key| matches!(self.redact(key), Cow::Owned(_)))
        {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, inner)| (self.redact(&key).into_owned(), inner))
                .collect();
            changed = true;
        }
        changed
    }
}

/// Whether something was taken out of a text within: what it was before, nobody knows.
pub fn is_marked(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(OPENS),
        Value::Array(items) => items.iter().any(is_marked),
        Value::Object(map) => map.values().any(is_marked),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The text with each part replaced; where parts overlap, the one that begins first covers both.
fn replaced(text: &str, mut found: Vec<Found>) -> Cow<'_, str> {
    // What was taken out before stays as it is.
    found.retain(|part| !part.at.is_empty() && !text[part.at.clone()].starts_with(OPENS));
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_by(|a, b| (a.at.start, b.at.end).cmp(&(b.at.start, a.at.end)));
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for part in found {
        if part.at.end <= copied {
            continue;
        }
        if part.at.start >= copied {
            out.push_str(&text[copied..part.at.start]);
            out.push_str(OPENS);
            out.push_str(part.what);
            out.push(']');
        }
        copied = part.at.end;
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}
