//! `DISSECT`: a text is cut at the delimiters between keys.
//!
//! `%{key}` takes what stands before the next delimiter. Modifiers: `%{}` and `%{?key}` are left
//! out, `%{+key}` is joined to the key's other parts (`/n` says in which order), and `%{key->}`
//! takes the delimiter as often as it is repeated.

use std::collections::BTreeMap;

use crate::plan::{Extracted, Extractor};

/// Keys of one pattern at most.
const MAX_KEYS: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Dissector {
    leading: String,
    parts: Vec<Part>,
    /// Names of the values, in the order in which the pattern has them first.
    names: Vec<String>,
    separator: String,
}

/// A key and what stands between it and the next one.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    /// Which name it is for; `None`: it is left out.
    name: Option<usize>,
    /// Where it stands among the parts that are joined, where the pattern says so.
    order: Option<usize>,
    /// The delimiter may be repeated.
    padded: bool,
    delimiter: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    Pattern,
    /// `%{*key}` and `%{&key}`, as written.
    Reference(String),
}

impl Dissector {
    pub fn new(pattern: &str, separator: &str) -> Result<Self, Wrong> {
        let mut pieces = pattern.split("%{");
        let mut dissector = Self {
            leading: pieces.next().unwrap_or_default().to_owned(),
            parts: Vec::new(),
            names: Vec::new(),
            separator: separator.to_owned(),
        };
        for piece in pieces {
            let (key, delimiter) = piece.split_once('}').ok_or(Wrong::Pattern)?;
            let part = dissector.part(key, delimiter)?;
            dissector.parts.push(part);
        }
        let last = dissector.parts.len().saturating_sub(1);
        let mut before_last = dissector.parts.iter().take(last);
        // Two keys with nothing between them can't be told apart.
        if before_last.any(|part| part.delimiter.is_empty())
            || dissector.names.is_empty()
            || dissector.parts.len() > MAX_KEYS
        {
            return Err(Wrong::Pattern);
        }
        Ok(dissector)
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn part(&mut self, key: &str, delimiter: &str) -> Result<Part, Wrong> {
        let (key, padded) = match key.strip_suffix("->") {
            Some(key) => (key, true),
            None => (key, false),
        };
        let mut part = Part {
            name: None,
            order: None,
            padded,
            delimiter: delimiter.to_owned(),
        };
        if key.is_empty() || key.starts_with('?') {
            return Ok(part);
        }
        if key.starts_with(['*', '&']) {
            return Err(Wrong::Reference(format!("%{{{key}}}")));
        }
        let name = match key.strip_prefix('+') {
            None => key,
            Some(joined) => match joined.rsplit_once('/') {
                Some((name, order)) => {
                    part.order = Some(order.parse().map_err(|_| Wrong::Pattern)?);
                    name
                }
                None => joined,
            },
        };
        if name.is_empty() {
            return Err(Wrong::Pattern);
        }
        let known = self.names.iter().position(|other| other == name);
        part.name = Some(known.unwrap_or(self.names.len()));
        if known.is_none() {
            self.names.push(name.to_owned());
        }
        Ok(part)
    }

    /// What each key took; `None` where a delimiter is missing.
    fn taken<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        if text.is_empty() {
            return None;
        }
        let mut rest = text.strip_prefix(self.leading.as_str())?;
        let mut taken = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            if part.delimiter.is_empty() {
                taken.push(rest);
                rest = "";
                continue;
            }
            let (value, after) = rest.split_once(part.delimiter.as_str())?;
            taken.push(value);
            rest = after;
            while part.padded
                && let Some(after) = rest.strip_prefix(part.delimiter.as_str())
            {
                rest = after;
            }
        }
        Some(taken)
    }
}

impl Extractor for Dissector {
    fn extract(&self, text: &str) -> Option<Vec<Vec<Extracted>>> {
        let taken = self.taken(text)?;
        let mut values: Vec<BTreeMap<(usize, usize), &str>> =
            vec![BTreeMap::new(); self.names.len()];
        for (place, (part, value)) in self.parts.iter().zip(taken).enumerate() {
            if let Some(name) = part.name {
                values[name].insert((part.order.unwrap_or(0), place), value);
            }
        }
        let joined = values.into_iter().map(|parts| {
            let parts: Vec<&str> = parts.into_values().collect();
            vec![Extracted::Text(parts.join(&self.separator))]
        });
        Some(joined.collect())
    }

    fn repeats(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: &str) {
        let dissector = Dissector::new(pattern, "").expect("a pattern");
        let found = dissector.extract(text).map(|values| {
            let texts = values.into_iter().flatten().map(|value| match value {
                Extracted::Text(text) => text,
                other => format!("{other:?}"),
            });
            let pairs = dissector.names().iter().zip(texts);
            pairs
                .map(|(name, text)| format!("{name}={text}"))
                .collect::<Vec<_>>()
                .join(" ")
        });
        assert_eq!(found.unwrap_or_else(|| "no match".to_owned()), expected);
    }

    #[test]
    fn texts_are_cut_at_delimiters() {
        check("%{a} %{b}", "x y z", "a=x b=y z");
        check("[%{a}] %{b}", "[x] y", "a=x b=y");
        check("[%{a}] %{b}", "x y", "no match");
        check("%{a},%{b},%{c}", "1,,3", "a=1 b= c=3");
        check("%{a->} %{b}", "x    y", "a=x b=y");
        check("%{} %{?skipped} %{b}", "x y z", "b=z");
        check("%{+a/2}-%{+a/1}", "x-y", "a=yx");
        check("%{a}]", "x] and more", "a=x");
        check("%{a} %{b}", "only", "no match");
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for pattern in ["no keys", "%{a}%{b}", "%{a", "%{}", "%{+a/x}"] {
            assert_eq!(
                Dissector::new(pattern, ""),
                Err(Wrong::Pattern),
                "{pattern}"
            );
        }
        let reference = Err(Wrong::Reference("%{*a}".to_owned()));
        assert_eq!(Dissector::new("%{*a} %{&a}", ""), reference);
    }
}
