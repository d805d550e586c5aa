//! What people read: tables and lines. Text from telemetry and people is shown without control
//! codes, so that it can't move the cursor or colour the terminal.

use comfy_table::{ContentArrangement, Table, TableComponent, presets};
use model::render::terminal;
use serde_json::Value;

/// One table with a head. Only the head is underlined, and no line ends in blanks.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.to_vec());
    if !std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        // A file or a pipe has no width: nothing is wrapped.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)).collect::<Vec<_>>());
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// One line in which every character that can't be seen is shown, and none steers.
pub fn plain(text: &str) -> String {
    terminal(text)
}

/// A value of a JSON object as a cell.
pub fn cell(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number
            .as_f64()
            .filter(|_| !number.is_i64() && !number.is_u64())
            .map_or_else(|| number.to_string(), |float| format!("{float:.3}")),
        other => other.to_string(),
    }
}

/// What differs between two values, a changed line a line: `-` before, `+` after.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (lines("", before), lines("", after));
    let gone = before.iter().filter(|line| !after.contains(line));
    let new = after.iter().filter(|line| !before.contains(line));
    let mut shown: Vec<String> = gone.map(|line| format!("- {line}")).collect();
    shown.extend(new.map(|line| format!("+ {line}")));
    shown
}

/// A value's leaves as `path: value`; a text of several lines has as many.
fn lines(path: &str, value: &Value) -> Vec<String> {
    let within = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::Null if path.is_empty() => Vec::new(),
        Value::Object(fields) if !fields.is_empty() => fields
            .iter()
            .flat_map(|(key, value)| lines(&within(key), value))
            .collect(),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items
                .iter()
                .enumerate()
                .flat_map(|(index, item)| lines(&within(&index.to_string()), item))
                .collect()
        }
        Value::String(text) => text
            .lines()
            .map(|line| format!("{path}: {}", plain(line)))
            .collect(),
        other => vec![format!("{path}: {other}")],
    }
}

/// One JSON value on stdout, for programs.
pub fn json(value: &Value) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// `1 incident`, `2 incidents`: for nouns that take an s.
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// A size as people read it.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::differences;

    #[test]
    fn only_what_differs_is_told_line_by_line() {
        let before =
            json!({"query": "FROM a\n| LIMIT 5", "tags": ["x"], "params": {"n": {"type": "long"}}});
        let after = json!({"query": "FROM a\n| LIMIT 9", "tags": ["x"], "params": {}});
        assert_eq!(
            differences(&before, &after),
            [
                "- query: | LIMIT 5",
                "- params.n.type: long",
                "+ query: | LIMIT 9",
                "+ params: {}"
            ]
        );
        assert_eq!(differences(&before, &before), Vec::<String>::new());
        assert_eq!(differences(&Value::Null, &json!({"a": 1})), ["+ a: 1"]);
    }
}
