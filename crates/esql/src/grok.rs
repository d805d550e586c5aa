//! `GROK`: regular expressions with names for their parts.
//!
//! `%{SYNTAX:name:type}` stands for a pattern of [`patterns`]. Expressions run in linear time, so
//! that no text can stall them; the price is that look-around isn't there. What numbers and
//! addresses need of it (no digit just before or after) is checked once a match is found.

mod patterns;

use std::collections::BTreeMap;

use regex::{Captures, Regex, RegexBuilder};

use crate::datatype::DataType;
use crate::plan::{Extracted, Extractor};

/// Patterns within patterns.
const MAX_DEPTH: usize = 20;

/// Bytes that a compiled expression may have.
const MAX_COMPILED_BYTES: usize = 10 << 20;

/// Starts of one text that are tried after a match whose surroundings don't fit.
const MAX_STARTS: usize = 1_000;

/// One or several patterns; the first that matches counts.
#[derive(Debug, Clone)]
pub struct Grok {
    expressions: Vec<Expression>,
    /// By name: the type, and whether a match can give several values.
    fields: BTreeMap<String, (DataType, bool)>,
}

#[derive(Debug, Clone)]
struct Expression {
    regex: Regex,
    /// Group by group: for which name it is.
    names: Vec<(String, String)>,
    /// Groups that some letters may not touch.
    guards: Vec<(String, Guard)>,
}

/// What may not stand just before and after a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Number,
    Address,
    Time,
}

impl Guard {
    fn allows(self, before: Option<char>, after: Option<char>) -> bool {
        let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
        match self {
            Self::Number => !before.is_some_and(|l| l.is_ascii_digit() || "+-.".contains(l)),
            Self::Address => !digit(before) && !digit(after),
            Self::Time => !digit(after),
        }
    }
}

impl Grok {
    /// # Errors
    ///
    /// Elasticsearch's text.
    pub fn new(texts: &[&str]) -> Result<Self, String> {
        let mut grok = Self {
            expressions: Vec::new(),
            fields: BTreeMap::new(),
        };
        for text in texts {
            let expression = grok.expression(text)?;
            grok.expressions.push(expression);
        }
        Ok(grok)
    }

    /// Names and types, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, DataType)> {
        self.fields
            .iter()
            .map(|(name, (data_type, _))| (name.as_str(), *data_type))
    }

    fn expression(&mut self, text: &str) -> Result<Expression, String> {
        let mut writer = Writer::default();
        writer.write(text, text, 0)?;
        let regex = RegexBuilder::new(&writer.regex)
            .size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| format!("Invalid grok pattern [{text}]: [{}]", words(&error)))?;
        for (name, _, data_type) in &writer.names {
            let times = writer
                .names
                .iter()
                .filter(|(other, ..)| other == name)
                .count();
            let field = self
                .fields
                .entry(name.clone())
                .or_insert((*data_type, false));
            if field.0 != *data_type {
                return Err(format!(
                    "Invalid GROK pattern [{text}]: the attribute [{name}] is defined multiple times with different types"
                ));
            }
            field.1 |= times > 1;
        }
        let names = writer
            .names
            .into_iter()
            .map(|(name, group, _)| (name, group));
        Ok(Expression {
            regex,
            names: names.collect(),
            guards: writer.guards,
        })
    }
}

/// What is wrong with an expression, as Elasticsearch's library says it.
fn words(error: &regex::Error) -> String {
    let text = error.to_string();
    let known = [
        ("unclosed group", "end pattern with unmatched parenthesis"),
        ("unopened group", "unmatched close parenthesis"),
        ("unclosed character class", "premature end of char-class"),
        (
            "repetition operator missing",
            "target of repeat operator is not specified",
        ),
        ("look-around", "look-around is not supported by this engine"),
    ];
    let found = known.iter().find(|(ours, _)| text.contains(ours));
    found.map_or_else(
        || text.lines().last().unwrap_or_default().to_owned(),
        |(_, theirs)| (*theirs).to_owned(),
    )
}

/// An expression in the making.
#[derive(Default)]
struct Writer {
    regex: String,
    /// Name, group, type.
    names: Vec<(String, String, DataType)>,
    guards: Vec<(String, Guard)>,
}

impl Writer {
    /// Writes `text`, a part of the pattern `whole`, with every `%{…}` replaced.
    fn write(&mut self, text: &str, whole: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!(
                "Invalid pattern [{whole}] for grok: it is too deep"
            ));
        }
        let mut rest = text;
        while let Some(at) = rest.find("%{").into_iter().chain(rest.find("(?<")).min() {
            let (before, found) = rest.split_at(at);
            self.regex.push_str(before);
            rest = match found.strip_prefix("%{") {
                Some(found) => self.named_pattern(found, whole, depth)?,
                None => self.named_group(found),
            };
        }
        self.regex.push_str(rest);
        Ok(())
    }

    /// After `%{`; gives what follows the brace.
    fn named_pattern<'t>(
        &mut self,
        found: &'t str,
        whole: &str,
        depth: usize,
    ) -> Result<&'t str, String> {
        let Some((inside, rest)) = found.split_once('}') else {
            self.regex.push_str("%\\{");
            return Ok(found);
        };
        let mut parts = inside.splitn(3, ':');
        let syntax = parts.next().unwrap_or_default();
        let name = parts.next().filter(|name| !name.is_empty());
        let Some((pattern, guard)) = patterns::find(syntax) else {
            return Err(format!(
                "Invalid pattern [{whole}] for grok: Unable to find pattern [{syntax}] in Grok's pattern dictionary"
            ));
        };
        match name {
            Some(name) => self.open(name, type_of(parts.next())),
            None => self.regex.push_str("(?:"),
        }
        if let Some(guard) = guard {
            let group = format!("guard{}", self.guards.len());
            self.regex.push_str(&format!("(?P<{group}>"));
            self.guards.push((group, guard));
        }
        self.write(pattern, whole, depth + 1)?;
        self.regex
            .push_str(if guard.is_some() { "))" } else { ")" });
        Ok(rest)
    }

    /// At `(?<`: a group that the pattern names itself, or a look behind, which is left to the
    /// compiler to refuse.
    fn named_group<'t>(&mut self, found: &'t str) -> &'t str {
        let name = found[3..].split_once('>').map(|(name, _)| name);
        match name.filter(|name| !name.is_empty() && !name.starts_with(['=', '!'])) {
            Some(whole) => {
                let (name, kind) = match whole.split_once(':') {
                    Some((name, kind)) => (name, Some(kind)),
                    None => (whole, None),
                };
                self.open(name, type_of(kind));
                &found[3 + whole.len() + 1..]
            }
            None => {
                self.regex.push_str("(?<");
                &found[3..]
            }
        }
    }

    fn open(&mut self, name: &str, data_type: DataType) {
        let group = format!("field{}", self.names.len());
        self.regex.push_str(&format!("(?P<{group}>"));
        self.names.push((name.to_owned(), group, data_type));
    }
}

/// An unknown type is a string's, as in Elasticsearch.
fn type_of(name: Option<&str>) -> DataType {
    match name {
        Some("int") => DataType::Integer,
        Some("long") => DataType::Long,
        Some("float" | "double") => DataType::Double,
        Some("boolean") => DataType::Boolean,
        _ => DataType::Keyword,
    }
}

impl Expression {
    /// The first match whose surroundings fit.
    fn find<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        let mut from = 0;
        for _ in 0..MAX_STARTS {
            let captures = self.regex.captures_at(text, from)?;
            if self.guards.iter().all(|guard| fits(guard, &captures, text)) {
                return Some(captures);
            }
            let start = captures.get(0)?.start();
            from = start + text[start..].chars().next()?.len_utf8();
        }
        None
    }
}

fn fits((group, guard): &(String, Guard), captures: &Captures<'_>, text: &str) -> bool {
    captures.name(group).is_none_or(|found| {
        let before = text[..found.start()].chars().next_back();
        guard.allows(before, text[found.end()..].chars().next())
    })
}

fn value(text: &str, data_type: DataType) -> Option<Extracted> {
    Some(match data_type {
        DataType::Integer => Extracted::Integer(text.parse().ok()?),
        DataType::Long => Extracted::Long(text.parse().ok()?),
        DataType::Double => Extracted::Double(text.parse().ok()?),
        DataType::Boolean => Extracted::Boolean(text.eq_ignore_ascii_case("true")),
        _ => Extracted::Text(text.to_owned()),
    })
}

impl Extractor for Grok {
    fn extract(&self, text: &str) -> Option<Vec<Vec<Extracted>>> {
        let found = self.expressions.iter().find_map(|expression| {
            let captures = expression.find(text)?;
            Some((expression, captures))
        });
        let (expression, captures) = found?;
        let of_name = |(name, (data_type, _)): (&String, &(DataType, bool))| {
            let groups = expression.names.iter().filter(|(of, _)| of == name);
            groups
                .filter_map(|(_, group)| value(captures.name(group)?.as_str(), *data_type))
                .collect()
        };
        Some(self.fields.iter().map(of_name).collect())
    }

    fn repeats(&self) -> bool {
        self.fields.values().any(|(_, several)| *several)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: &str) {
        let grok = Grok::new(&[pattern]).unwrap_or_else(|error| panic!("{error}"));
        let found = grok.extract(text).map(|values| {
            let pairs = grok.fields().zip(values);
            let shown = pairs.map(|((name, _), values)| format!("{name}={values:?}"));
            shown.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(
            found.unwrap_or_else(|| "no match".to_owned()),
            expected,
            "{pattern}"
        );
    }

    #[test]
    fn every_pattern_compiles() {
        for name in patterns::names() {
            let grok = Grok::new(&[&format!("%{{{name}:x}}")]);
            assert!(grok.is_ok(), "{name}: {grok:?}");
        }
    }

    #[test]
    fn parts_get_their_names_and_types() {
        check(
            "%{WORD:verb} %{INT:code:int}",
            "> GET 200",
            "code=[Integer(200)] verb=[Text(\"GET\")]",
        );
        check(
            "(?<user>\\w+)@%{HOSTNAME:host}",
            "a@b.c",
            "host=[Text(\"b.c\")] user=[Text(\"a\")]",
        );
        check("%{WORD:w} %{WORD:w}", "a b", "w=[Text(\"a\"), Text(\"b\")]");
        check("%{INT:n:int}", "99999999999", "n=[]");
        check("^%{LOGLEVEL:level}:", "WARN: x", "level=[Text(\"WARN\")]");
    }

    #[test]
    fn numbers_and_addresses_are_whole() {
        check("%{NUMBER:n} ms", "1.2.3 ms", "no match");
        check("%{NUMBER:n:double} ms", "took 12.5 ms", "n=[Double(12.5)]");
        check("%{IP:ip}", "1234.1.1.1", "no match");
        check("%{IP:ip}", "from 10.0.0.1:80", "ip=[Text(\"10.0.0.1\")]");
        check("%{IP:ip}", "from fe80::1 on", "ip=[Text(\"fe80::1\")]");
    }

    #[test]
    fn well_known_lines() {
        check(
            "%{TIMESTAMP_ISO8601:t} %{LOGLEVEL:l} %{GREEDYDATA:m}",
            "2026-11-24T10:00:00.123Z ERROR it broke",
            "l=[Text(\"ERROR\")] m=[Text(\"it broke\")] t=[Text(\"2026-11-24T10:00:00.123Z\")]",
        );
        check(
            "%{COMMONAPACHELOG}",
            "10.0.0.1 - ada [24/Nov/2026:10:00:00 +0000] \"GET /x?y=1 HTTP/1.1\" 200 512",
            "auth=[Text(\"ada\")] bytes=[Text(\"512\")] clientip=[Text(\"10.0.0.1\")] httpversion=[Text(\"1.1\")] ident=[Text(\"-\")] rawrequest=[] request=[Text(\"/x?y=1\")] response=[Text(\"200\")] timestamp=[Text(\"24/Nov/2026:10:00:00 +0000\")] verb=[Text(\"GET\")]",
        );
        check(
            "%{SYSLOGTIMESTAMP:t} %{SYSLOGHOST:h} %{SYSLOGPROG}:",
            "Nov 24 10:00:00 web-1 sshd[42]: x",
            "h=[Text(\"web-1\")] pid=[Text(\"42\")] program=[Text(\"sshd\")] t=[Text(\"Nov 24 10:00:00\")]",
        );
        check(
            "%{URI:u}",
            "see https://a.b:80/c/d?e=f#g now",
            "u=[Text(\"https://a.b:80/c/d?e=f#g\")]",
        );
        check(
            "%{UUID:u}",
            "id 123e4567-e89b-12d3-a456-426614174000.",
            "u=[Text(\"123e4567-e89b-12d3-a456-426614174000\")]",
        );
        check(
            "%{PATH:p}",
            "in /var/log/x.log today",
            "p=[Text(\"/var/log/x.log\")]",
        );
        check(
            "%{QUOTEDSTRING:q}",
            "say \"a \\\" b\" now",
            "q=[Text(\"\\\"a \\\\\\\" b\\\"\")]",
        );
    }

    #[test]
    fn wrong_patterns_are_refused() {
        let wrong = |pattern: &str| Grok::new(&[pattern]).map(|_| ()).expect_err("refused");
        assert_eq!(
            wrong("%{NOPE:b}"),
            "Invalid pattern [%{NOPE:b}] for grok: Unable to find pattern [NOPE] in Grok's pattern dictionary"
        );
        assert_eq!(
            wrong("(unclosed"),
            "Invalid grok pattern [(unclosed]: [end pattern with unmatched parenthesis]"
        );
        assert!(wrong("%{INT:b:int} %{WORD:b}").contains("[b] is defined multiple times"));
        assert!(
            wrong("(?<!a)b").contains("look-around"),
            "{}",
            wrong("(?<!a)b")
        );
    }
}
