//! A place in a JSON document, which knows its path: so that a refusal says where.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::Timestamp;
use serde_json::Value;

use super::Refusal;

/// Characters of others' text that a refusal repeats.
const MAX_QUOTED: usize = 80;

/// How Go writes a time that was never set, and whatever lies before it.
const ZERO_TIME_MS: i64 = -62_135_596_800_000;

pub struct Place<'a> {
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Place<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value: Some(value),
        }
    }

    /// A field of an object; absent where this is none.
    pub fn at(&self, name: &str) -> Self {
        Self {
            path: field(&self.path, name),
            value: self.value.and_then(|value| value.get(name)),
        }
    }

    /// Absent, `null` and the empty text are the same: senders use all three.
    fn told(&self) -> Option<&'a Value> {
        self.value
            .filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    pub fn wrong(&self, what: impl Into<String>) -> Refusal {
        let path = match self.path.is_empty() {
            true => "the body".to_owned(),
            false => self.path.clone(),
        };
        Refusal::Wrong {
            path,
            what: what.into(),
        }
    }

    fn expected(&self, what: &str) -> Refusal {
        match self.told() {
            None => self.wrong(format!("is missing: expected {what}")),
            Some(value) => self.wrong(format!("expected {what}, got {}", quoted(value))),
        }
    }

    pub fn items(&self) -> Result<impl Iterator<Item = Self>, Refusal> {
        let Some(Value::Array(items)) = self.value else {
            return Err(self.expected("an array"));
        };
        Ok(items.iter().enumerate().map(|(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value: Some(value),
        }))
    }

    /// A text, or a number or a boolean as text; `None` where it is absent.
    pub fn text(&self) -> Result<Option<String>, Refusal> {
        match self.told() {
            None => Ok(None),
            Some(value) => scalar(value)
                .map(Some)
                .ok_or_else(|| self.expected("a text")),
        }
    }

    pub fn need(&self) -> Result<String, Refusal> {
        self.text()?.ok_or_else(|| self.expected("a text"))
    }

    /// RFC 3339; `None` where it is absent or the zero time.
    pub fn time(&self) -> Result<Option<Timestamp>, Refusal> {
        let Some(given) = self.text()? else {
            return Ok(None);
        };
        let time = Timestamp::parse(&given)
            .ok_or_else(|| self.expected("a time such as 2026-01-10T13:00:00Z"))?;
        Ok((time.ms() > ZERO_TIME_MS).then_some(time))
    }

    pub fn need_time(&self) -> Result<Timestamp, Refusal> {
        self.time()?
            .ok_or_else(|| self.expected("a time such as 2026-01-10T13:00:00Z"))
    }

    /// A count; what is none counts as 0.
    pub fn count(&self) -> u64 {
        self.value.and_then(Value::as_u64).unwrap_or_default()
    }

    /// Names with their texts, the empty left out; none where it is absent.
    pub fn pairs(&self) -> Result<BTreeMap<String, String>, Refusal> {
        let object = match self.told() {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(object)) => object,
            Some(_) => return Err(self.expected("an object of texts")),
        };
        let mut pairs = BTreeMap::new();
        for name in object.keys() {
            if let Some(text) = self.at(name).text()? {
                pairs.insert(name.clone(), text);
            }
        }
        Ok(pairs)
    }

    /// Names with their numbers, what is none left out; none where it is absent.
    pub fn numbers(&self) -> BTreeMap<String, f64> {
        let object = self.value.and_then(Value::as_object);
        object
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
            .filter(|(_, number)| number.is_finite())
            .collect()
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn field(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.len() <= MAX_QUOTED;
    let plain = plain
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_'));
    let mut path = path.to_owned();
    match (plain, path.is_empty()) {
        (true, true) => path.push_str(name),
        (true, false) => {
            path.push('.');
            path.push_str(name);
        }
        (false, _) => {
            let _ = write!(path, "[{}]", short(name));
        }
    }
    path
}

/// Others' text for people: its beginning, with what can't be printed escaped.
pub fn short(text: &str) -> String {
    let mut begins: String = text.chars().take(MAX_QUOTED).collect();
    if begins.len() < text.len() {
        begins.push('…');
    }
    format!("{begins:?}")
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => short(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => "null".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
