//! Cases from files: recorded answers (`.jsonl`) and printed examples (`.csv-spec`).

use std::error::Error;
use std::path::Path;

use serde_json::{Value, json};

use super::data::DataSets;

/// When the queries are asked: 2026-11-23, as they were recorded.
const NOW_MS: i64 = 1_795_000_000_000;

/// Printed examples that are whole, and that the recorded version can't answer.
const WHOLE_EXAMPLES: [&str; 18] = [
    "absent_doc1",
    "absent_doc2",
    "absent_doc3",
    "present_doc1",
    "present_doc2",
    "present_doc3",
    "contains_doc1",
    "mv_contains_doc1",
    "mv_contains_doc2",
    "fork_doc1",
    "url_encode_doc1",
    "url_encode_component_doc1",
    "url_decode_doc1",
    "variance_doc1",
    "change_point_doc1",
    "url_encode_component_doc2",
    "url_encode_doc2",
    "url_decode_doc2",
];

pub struct Case {
    pub name: String,
    pub area: String,
    pub query: String,
    pub request: Value,
    pub expected: Value,
    /// Else printed.
    pub recorded: bool,
    pub skip: bool,
}

/// What came of a query.
pub struct Reply {
    pub status: u16,
    /// The body of the answer or, where `status` isn't 200, of the error.
    pub body: Value,
    pub warnings: Vec<String>,
}

impl Reply {
    /// Of `error.type` and `error.reason`.
    pub fn error(&self, part: &str) -> &str {
        self.body["error"][part].as_str().unwrap_or_default()
    }

    /// The engine fell over.
    pub fn panicked() -> Self {
        Self {
            status: 500,
            body: json!({"error": {"type": "panic", "reason": "see above"}}),
            warnings: Vec::new(),
        }
    }

    fn of(error: &esql::Error) -> Self {
        Self {
            status: error.status(),
            body: json!({"error": {"type": error.kind(), "reason": error.to_string()}}),
            warnings: Vec::new(),
        }
    }
}

/// Asks the engine in this process.
pub async fn ask(request: &Value, drop_null_columns: bool, sets: &DataSets) -> Reply {
    let body = match esql::body::parse(&recorded_text(request), NOW_MS) {
        Ok(body) => body,
        Err(error) => return Reply::of(&error),
    };
    match esql::run(&body.request, sets).await {
        Ok(answer) => Reply {
            status: 200,
            body: esql::answer::to_json(&answer, body.columnar, drop_null_columns),
            warnings: answer.warnings,
        },
        Err(error) => Reply::of(&error),
    }
}

impl Case {
    /// A recorded answer.
    pub fn of(expected: &Value) -> Self {
        let text = |name: &str| expected[name].as_str().unwrap_or_default().to_owned();
        let query = expected["request"]["query"].as_str();
        Self {
            name: text("name"),
            area: text("area"),
            query: query.unwrap_or_default().to_owned(),
            request: expected["request"].clone(),
            expected: expected.clone(),
            recorded: true,
            skip: false,
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        let places = ["/url_params", ""];
        places.iter().any(|place| {
            let found = self.expected.pointer(&format!("{place}/{name}"));
            found.and_then(Value::as_bool) == Some(true)
        })
    }
}

/// The body as it was sent: with a space after every comma and colon.
pub fn recorded_text(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| {
                    format!("{}: {}", Value::String(name.clone()), recorded_text(value))
                })
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(recorded_text).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}

/// All cases of a file.
pub fn read(path: &Path) -> Result<Vec<Case>, Box<dyn Error>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if path
        .extension()
        .is_some_and(|extension| extension == "jsonl")
    {
        text.lines().map(recorded).collect()
    } else {
        Ok(examples(&text))
    }
}

fn recorded(line: &str) -> Result<Case, Box<dyn Error>> {
    Ok(Case::of(&serde_json::from_str(line)?))
}

/// Blocks of name, query, `;`, header and rows, `;`.
fn examples(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut lines = text
        .lines()
        .filter(|line| !line.starts_with("//"))
        .peekable();
    while lines.peek().is_some() {
        let Some(name) = lines.find(|line| !line.trim().is_empty()) else {
            break;
        };
        let until = |lines: &mut dyn Iterator<Item = &str>| -> Vec<String> {
            lines
                .take_while(|line| line.trim() != ";")
                .map(str::to_owned)
                .collect()
        };
        let query = until(&mut lines).join("\n");
        let mut table = until(&mut lines)
            .into_iter()
            .filter(|line| !line.trim().is_empty());
        let header = table.next().unwrap_or_default();
        let (columns, typed) = columns(&header);
        let rows: Vec<Value> = table.map(|line| row(&line, &columns)).collect();
        cases.push(Case {
            name: name.to_owned(),
            area: "printed".to_owned(),
            query: query.clone(),
            request: json!({"query": query}),
            expected: json!({
                "status": 200, "columns": columns, "values": rows, "any_order": true,
                "approx": true, "warnings": null
            }),
            recorded: false,
            skip: !typed || !WHOLE_EXAMPLES.contains(&name),
        });
    }
    cases
}

fn columns(header: &str) -> (Vec<Value>, bool) {
    let mut typed = true;
    let cells = header.split('|').map(|cell| {
        let cell = cell.trim();
        match cell.rsplit_once(':') {
            Some((name, word)) => json!({"name": name, "type": word}),
            None => {
                typed = false;
                json!({"name": cell, "type": ""})
            }
        }
    });
    let columns: Vec<Value> = cells.collect();
    (columns, typed)
}

fn row(line: &str, columns: &[Value]) -> Value {
    let cells = line.split('|').zip(columns).map(|(cell, column)| {
        let word = column["type"].as_str().unwrap_or_default();
        let cell = cell.trim();
        let list = cell
            .strip_prefix('[')
            .and_then(|cell| cell.strip_suffix(']'));
        match list {
            Some(items) => items
                .split(',')
                .map(|item| value(item.trim(), word))
                .collect(),
            None => value(cell, word),
        }
    });
    Value::Array(cells.collect())
}

fn value(cell: &str, word: &str) -> Value {
    if cell == "null" {
        return Value::Null;
    }
    match word {
        "integer" | "long" | "double" | "boolean" => {
            serde_json::from_str(cell).unwrap_or_else(|_| Value::String(cell.to_owned()))
        }
        _ => Value::String(cell.trim_matches('"').to_owned()),
    }
}
