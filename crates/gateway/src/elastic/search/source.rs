//! `_source`: the document from its fields. The store keeps columns, not texts of documents, so
//! it is made as Elasticsearch's synthetic source is: objects nested, several values in order.

use serde_json::{Map, Value};

use super::super::filter_path::fits;
use super::super::refusal::Refusal;

/// Which parts of a document are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    none: bool,
    includes: Vec<String>,
    excludes: Vec<String>,
}

impl Wanted {
    pub fn whole() -> Self {
        Self {
            none: false,
            includes: Vec::new(),
            excludes: Vec::new(),
        }
    }

    /// True, false, a pattern, patterns, or both kinds of them.
    pub fn read(given: Option<Value>) -> Result<Self, Refusal> {
        let mut wanted = Self::whole();
        match given {
            None | Some(Value::Null | Value::Bool(true)) => {}
            Some(Value::Bool(false)) => wanted.none = true,
            Some(Value::Object(object)) => {
                let list = |name: &str, other: &str| {
                    let given = object.get(name).or_else(|| object.get(other));
                    patterns(given.unwrap_or(&Value::Null))
                };
                wanted.includes = list("includes", "include")?;
                wanted.excludes = list("excludes", "exclude")?;
            }
            Some(other) => wanted.includes = patterns(&other)?,
        }
        Ok(wanted)
    }

    pub fn is_none(&self) -> bool {
        self.none
    }

    pub fn has(&self, field: &str) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, field));
        !self.none && (self.includes.is_empty() || named(&self.includes)) && !named(&self.excludes)
    }
}

fn patterns(given: &Value) -> Result<Vec<String>, Refusal> {
    let wrong = || Refusal::illegal(format!("[_source]: expected names, got {given}"));
    match given {
        Value::Null => Ok(Vec::new()),
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(many) => many
            .iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

/// A pattern names a field, or an object that it lies in.
pub fn covers(pattern: &str, field: &str) -> bool {
    fits(pattern, field) || fits(&format!("{pattern}.*"), field)
}

/// Puts a field's value into the document.
pub fn put(document: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        document.insert(name.to_owned(), value);
        return;
    };
    let object = document
        .entry(first.to_owned())
        .or_insert_with(|| Value::Object(Map::new()));
    match object {
        Value::Object(inner) => put(inner, rest, value),
        // A field is a value and has others below it: the name stays whole.
        _ => drop(document.insert(name.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_of_a_document() {
        let wanted = |given: Value| Wanted::read(Some(given)).expect("readable");
        assert!(wanted(json!("host")).has("host.name"));
        assert!(!wanted(json!(["host.*"])).has("hostname"));
        let both = wanted(json!({ "includes": ["a*"], "excludes": ["a.b"] }));
        assert!(both.has("a.c") && !both.has("a.b.c") && !both.has("b"));
        assert!(!wanted(json!(false)).has("a"));
        assert!(Wanted::read(Some(json!(3))).is_err());
    }

    #[test]
    fn objects_are_nested_again() {
        let mut document = Map::new();
        for (name, value) in [("a.b", 1), ("a.c", 2), ("d", 3), ("d.e", 4)] {
            put(&mut document, name, value.into());
        }
        assert_eq!(
            Value::Object(document),
            json!({ "a": { "b": 1, "c": 2 }, "d": 3, "d.e": 4 })
        );
    }
}
