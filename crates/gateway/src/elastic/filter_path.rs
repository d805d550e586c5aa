//! `filter_path`: which parts of an answer are wanted.

use serde_json::{Map, Value};

/// Paths of one request, and names in one path.
const MAX_PATHS: usize = 64;
const MAX_NAMES: usize = 32;

/// Paths with dots between names; `*` stands for some of a name, `**` for any names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterPath {
    included: Vec<Vec<String>>,
    excluded: Vec<Vec<String>>,
}

impl FilterPath {
    /// Paths with commas between them; a minus before one takes it out. What is beyond the
    /// bounds is left out.
    pub fn parse(text: &str) -> Self {
        let paths = text
            .split(',')
            .map(str::trim)
            .filter(|path| !path.is_empty());
        let mut filter = Self {
            included: Vec::new(),
            excluded: Vec::new(),
        };
        for path in paths.take(MAX_PATHS) {
            let (list, path) = match path.strip_prefix('-') {
                Some(path) => (&mut filter.excluded, path),
                None => (&mut filter.included, path),
            };
            let names = path.split('.').take(MAX_NAMES);
            list.push(names.map(str::to_owned).collect());
        }
        filter
    }

    /// What is left of an answer.
    pub fn of(&self, value: Value) -> Value {
        let mut value = value;
        if !self.excluded.is_empty() {
            value = without(value, &rests(&self.excluded)).unwrap_or_else(empty);
        }
        if !self.included.is_empty() {
            value = only(value, &rests(&self.included)).unwrap_or_else(empty);
        }
        value
    }
}

fn empty() -> Value {
    Value::Object(Map::new())
}

/// What remains to be matched of each path.
type Rests<'a> = Vec<&'a [String]>;

fn rests(paths: &[Vec<String>]) -> Rests<'_> {
    paths.iter().map(Vec::as_slice).collect()
}

/// The paths that go on after a name.
fn after<'a>(paths: &Rests<'a>, name: &str) -> Rests<'a> {
    let mut rests = Rests::new();
    for path in paths {
        match path {
            [any, rest @ ..] if any == "**" => {
                rests.push(path);
                rests.extend(after(&vec![rest], name));
            }
            [wanted, rest @ ..] if fits(wanted, name) => rests.push(rest),
            _ => {}
        }
    }
    rests
}

fn ends(paths: &Rests<'_>) -> bool {
    paths.iter().any(|path| path.is_empty())
}

fn only(value: Value, paths: &Rests<'_>) -> Option<Value> {
    if ends(paths) {
        return Some(value);
    }
    match value {
        Value::Object(object) => {
            let kept = object.into_iter().filter_map(|(name, value)| {
                let kept = only(value, &after(paths, &name))?;
                Some((name, kept))
            });
            let kept: Map<String, Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let kept = items.into_iter().filter_map(|item| only(item, paths));
            let kept: Vec<Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        // A path that ends in `**` takes what is below it whole.
        leaf => {
            let any = |path: &&[String]| !path.is_empty() && path.iter().all(|name| name == "**");
            paths.iter().any(any).then_some(leaf)
        }
    }
}

fn without(value: Value, paths: &Rests<'_>) -> Option<Value> {
    if ends(paths) {
        return None;
    }
    Some(match value {
        Value::Object(object) => {
            let kept = object.into_iter().filter_map(|(name, value)| {
                let kept = without(value, &after(paths, &name))?;
                Some((name, kept))
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => {
            let kept = items.into_iter().filter_map(|item| without(item, paths));
            Value::Array(kept.collect())
        }
        leaf => leaf,
    })
}

/// `*` stands for any letters. Names are short, and so are patterns.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, rest)) => {
            let Some(name) = name.strip_prefix(before) else {
                return false;
            };
            let mut starts = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            starts.any(|at| fits(rest, &name[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_named_is_left() {
        let answer = json!({
            "took": 3, "errors": true,
            "items": [{ "index": { "_id": "a", "status": 201 } }, { "create": { "_id": "b", "error": { "type": "x" } } }],
        });
        let left = |paths: &str| FilterPath::parse(paths).of(answer.clone());
        assert_eq!(left("took"), json!({ "took": 3 }));
        assert_eq!(
            left("errors,items.*.error"),
            json!({ "errors": true, "items": [{ "create": { "error": { "type": "x" } } }] })
        );
        assert_eq!(
            left("**.type"),
            json!({ "items": [{ "create": { "error": { "type": "x" } } }] })
        );
        assert_eq!(left("-items"), json!({ "took": 3, "errors": true }));
        assert_eq!(left("t*k"), json!({ "took": 3 }));
        assert_eq!(left("none"), json!({}));
    }
}
