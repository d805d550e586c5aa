//! Answers as text, for people and spreadsheets.

use serde_json::Value;

use super::values_by_column;
use crate::request::Answer;

/// Comma-separated, as RFC 4180 and Elasticsearch: a header, `\r\n` after every line.
pub fn to_csv(answer: &Answer) -> String {
    separated(answer, "\r\n", |cells| {
        let quoted: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
        quoted.join(",")
    })
}

/// Tab-separated; tabs and line ends in values are escaped.
pub fn to_tsv(answer: &Answer) -> String {
    separated(answer, "\n", |cells| {
        let escaped: Vec<String> = cells
            .iter()
            .map(|cell| cell.replace('\t', "\\t").replace('\n', "\\n"))
            .collect();
        escaped.join("\t")
    })
}

/// A table with aligned columns.
pub fn to_txt(answer: &Answer) -> String {
    let rows = rows(answer, "null");
    let header: Vec<String> = answer
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|index| {
            let cells = std::iter::once(&header).chain(&rows);
            cells
                .map(|row| row[index].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(padded.join("|").trim_end());
        text.push('\n');
    };
    line(&header);
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&[rules.join("+")]);
    for row in &rows {
        line(row);
    }
    text
}

fn separated(answer: &Answer, end: &str, line: impl Fn(&[String]) -> String) -> String {
    let header: Vec<String> = answer
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let mut text = line(&header) + end;
    for row in rows(answer, "") {
        text.push_str(&line(&row));
        text.push_str(end);
    }
    text
}

fn csv_cell(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

fn rows(answer: &Answer, null: &str) -> Vec<Vec<String>> {
    let columns = values_by_column(answer);
    let count: usize = answer.batches.iter().map(|batch| batch.num_rows()).sum();
    let row = |row: usize| {
        columns
            .iter()
            .map(|values| cell(&values[row], null))
            .collect()
    };
    (0..count).map(row).collect()
}

fn cell(value: &Value, null: &str) -> String {
    match value {
        Value::Null => null.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let cells: Vec<String> = values.iter().map(|value| cell(value, null)).collect();
            format!("[{}]", cells.join(","))
        }
        other => other.to_string(),
    }
}
