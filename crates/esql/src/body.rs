//! The body of `POST /_query` as a [`Request`].

use serde_json::{Map, Value};

use crate::error::Error;
use crate::request::{Parameter, ParameterKind, Request};

/// Larger bodies are refused before they are parsed.
pub const MAX_BODY_BYTES: usize = 10 << 20;

/// Fields that change nothing here, but are no mistake.
const IGNORED: [&str; 7] = [
    "locale",
    "time_zone",
    "profile",
    "include_ccs_metadata",
    "include_execution_metadata",
    "allow_partial_results",
    "accept_pragma_risks",
];

/// A parsed body.
#[derive(Debug, Clone)]
pub struct Body {
    pub request: Request,
    /// Values are wanted by column.
    pub columnar: bool,
    /// Only where it is the body of `POST /_query/async`.
    pub asynchronous: Asynchronous,
}

/// How long an asynchronous query is waited for and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asynchronous {
    /// `wait_for_completion_timeout`
    pub wait_ms: u64,
    pub keep_alive_ms: u64,
    /// Kept even where it ends while it is waited for.
    pub keep_on_completion: bool,
}

impl Default for Asynchronous {
    fn default() -> Self {
        Self {
            wait_ms: 1_000,
            keep_alive_ms: 5 * DAY_MS,
            keep_on_completion: false,
        }
    }
}

const DAY_MS: u64 = 86_400_000;

/// Reads a body of JSON.
///
/// # Errors
///
/// Elasticsearch's `x_content_parse_exception` with line and column, and its complaint about
/// `pragma`.
pub fn parse(text: &str, now_ms: i64) -> Result<Body, Error> {
    read(text, now_ms, false)
}

/// Reads the body of `POST /_query/async`.
///
/// # Errors
///
/// As [`parse`], and for a span of time that is none.
pub fn parse_asynchronous(text: &str, now_ms: i64) -> Result<Body, Error> {
    read(text, now_ms, true)
}

fn read(text: &str, now_ms: i64, may_be_kept: bool) -> Result<Body, Error> {
    if text.len() > MAX_BODY_BYTES {
        let reason = format!("the body has more than {MAX_BODY_BYTES} bytes");
        return Err(wrong(reason));
    }
    let body: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("[{}:{}] {error}", error.line(), error.column())))?;
    let Value::Object(fields) = body else {
        return Err(wrong("[1:1] [esql/query] the body is no object".to_owned()));
    };
    let places = Places::of(text);
    let mut request = Request {
        now_ms,
        ..Request::default()
    };
    let mut columnar = false;
    let mut asynchronous = Asynchronous::default();
    for (name, value) in &fields {
        match name.as_str() {
            "query" => request.query = query(value, &places)?,
            "params" => {
                request.params = parameters(value).ok_or_else(|| places.failed("params", true))?;
            }
            "filter" => request.filter = filter(value, &places)?,
            "columnar" => {
                columnar = flag(value).ok_or_else(|| places.failed("columnar", false))?;
            }
            "wait_for_completion_timeout" if may_be_kept => {
                asynchronous.wait_ms = span(name, value, &places)?;
            }
            "keep_alive" if may_be_kept => {
                asynchronous.keep_alive_ms = span(name, value, &places)?;
            }
            "keep_on_completion" if may_be_kept => {
                asynchronous.keep_on_completion =
                    flag(value).ok_or_else(|| places.failed(name, false))?;
            }
            "pragma" => return Err(no_pragma()),
            ignored if IGNORED.contains(&ignored) => {}
            unknown => {
                let (line, column) = places.start(unknown);
                let reason = format!("[{line}:{column}] [esql/query] unknown field [{unknown}]");
                return Err(wrong(reason));
            }
        }
    }
    if !fields.contains_key("query") {
        return Err(Error::Request {
            kind: "action_request_validation_exception",
            reason: "Validation Failed: 1: [query] is required;".to_owned(),
        });
    }
    Ok(Body {
        request,
        columnar,
        asynchronous,
    })
}

fn span(name: &str, value: &Value, places: &Places) -> Result<u64, Error> {
    match value {
        Value::String(text) => time_ms(name, text),
        other => Err(places.unsupported(name, other)),
    }
}

/// Elasticsearch's spans of time, such as `500ms`, `1s` and `5d`, in milliseconds.
///
/// # Errors
///
/// Elasticsearch's complaint, which names the setting.
pub fn time_ms(setting: &str, text: &str) -> Result<u64, Error> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(DAY_MS),
        "" if count == "0" => Some(1),
        _ => None,
    };
    let span = count.parse::<u64>().ok().zip(factor);
    span.and_then(|(count, factor)| count.checked_mul(factor))
        .ok_or_else(|| {
            Error::IllegalArgument(format!(
                "failed to parse setting [{setting}] with value [{text}] as a time value: unit is missing or unrecognized"
            ))
        })
}

fn wrong(reason: String) -> Error {
    Error::Request {
        kind: "x_content_parse_exception",
        reason,
    }
}

fn no_pragma() -> Error {
    Error::Request {
        kind: "action_request_validation_exception",
        reason: "Validation Failed: 1: [pragma] only allowed in snapshot builds;".to_owned(),
    }
}

fn query(value: &Value, places: &Places) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(places.unsupported("query", other)),
    }
}

fn filter(value: &Value, places: &Places) -> Result<Option<Value>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(value.clone())),
        other => Err(places.unsupported("filter", other)),
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// All of them named, or none; one name an object; no lists. `None`: Elasticsearch refuses them.
fn parameters(value: &Value) -> Option<Vec<Parameter>> {
    let list = value.as_array()?;
    let parameters: Vec<Parameter> = list.iter().map(parameter).collect::<Option<_>>()?;
    let named = parameters.iter().filter(|one| one.name.is_some()).count();
    (named == 0 || named == parameters.len()).then_some(parameters)
}

fn parameter(value: &Value) -> Option<Parameter> {
    match value {
        Value::Array(_) => None,
        Value::Object(object) => {
            let (name, value) = only(object)?;
            let kind = match value {
                Value::Array(_) => return None,
                Value::Object(inner) => classified(inner)?,
                value => ParameterKind::Value(value.clone()),
            };
            is_name(name).then(|| Parameter {
                name: Some(name.clone()),
                kind,
            })
        }
        value => Some(Parameter {
            name: None,
            kind: ParameterKind::Value(value.clone()),
        }),
    }
}

/// `{"value": …}`, `{"identifier": …}`, `{"pattern": …}`.
fn classified(object: &Map<String, Value>) -> Option<ParameterKind> {
    let (kind, value) = only(object)?;
    let text = || value.as_str().map(str::to_owned);
    match kind.as_str() {
        "value" if !value.is_array() && !value.is_object() => {
            Some(ParameterKind::Value(value.clone()))
        }
        "identifier" => text().map(ParameterKind::Identifier),
        "pattern" => text().map(ParameterKind::Pattern),
        _ => None,
    }
}

fn only(object: &Map<String, Value>) -> Option<(&String, &Value)> {
    object.iter().next().filter(|_| object.len() == 1)
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Line and column, from one.
type Place = (usize, usize);

/// Where the values of the body's fields begin and end, for messages.
struct Places {
    /// Name, and line and column of the value's first and last letter.
    fields: Vec<(String, Place, Place)>,
}

impl Places {
    /// Of a text that is known to be an object.
    fn of(text: &str) -> Self {
        let mut scanner = Scanner {
            letters: text.chars().collect(),
            at: 0,
        };
        scanner.skip();
        scanner.at += 1;
        let mut fields = Vec::new();
        loop {
            scanner.skip();
            if scanner.letters.get(scanner.at) != Some(&'"') {
                break;
            }
            let from = scanner.at;
            scanner.value();
            let name: String = scanner.letters[from + 1..scanner.at - 1].iter().collect();
            scanner.skip();
            scanner.at += 1;
            scanner.skip();
            let start = scanner.place(scanner.at);
            scanner.value();
            let end = scanner.place(scanner.at.saturating_sub(1));
            fields.push((name, start, end));
            scanner.skip();
            scanner.at += 1;
        }
        Self { fields }
    }

    fn find(&self, name: &str) -> ((usize, usize), (usize, usize)) {
        let found = self.fields.iter().find(|(known, ..)| known == name);
        found.map_or(((1, 1), (1, 1)), |(_, start, end)| (*start, *end))
    }

    fn start(&self, name: &str) -> (usize, usize) {
        self.find(name).0
    }

    fn failed(&self, name: &str, at_end: bool) -> Error {
        let (start, end) = self.find(name);
        let (line, column) = if at_end { end } else { start };
        wrong(format!(
            "[{line}:{column}] [esql/query] failed to parse field [{name}]"
        ))
    }

    fn unsupported(&self, name: &str, value: &Value) -> Error {
        let (line, column) = self.start(name);
        let token = match value {
            Value::Null => "VALUE_NULL",
            Value::Bool(_) => "VALUE_BOOLEAN",
            Value::Number(_) => "VALUE_NUMBER",
            Value::String(_) => "VALUE_STRING",
            Value::Array(_) => "START_ARRAY",
            Value::Object(_) => "START_OBJECT",
        };
        wrong(format!(
            "[{line}:{column}] [esql/query] {name} doesn't support values of type: {token}"
        ))
    }
}

struct Scanner {
    letters: Vec<char>,
    at: usize,
}

impl Scanner {
    fn skip(&mut self) {
        while self
            .letters
            .get(self.at)
            .is_some_and(|letter| letter.is_whitespace())
        {
            self.at += 1;
        }
    }

    /// Moves behind the value that begins here.
    fn value(&mut self) {
        let mut depth = 0_usize;
        let mut quoted = false;
        while let Some(letter) = self.letters.get(self.at) {
            match letter {
                '\\' if quoted => self.at += 1,
                '"' => {
                    quoted = !quoted;
                    if !quoted && depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ if quoted => {}
                '[' | '{' => depth += 1,
                ']' | '}' if depth == 0 => return,
                ']' | '}' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                ',' if depth == 0 => return,
                letter if letter.is_whitespace() && depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.letters[..at.min(self.letters.len())];
        let line = before.iter().filter(|letter| **letter == '\n').count() + 1;
        let column = before
            .iter()
            .rev()
            .take_while(|letter| **letter != '\n')
            .count()
            + 1;
        (line, column)
    }
}
