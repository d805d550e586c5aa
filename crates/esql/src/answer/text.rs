//! Answers as text, for people and spreadsheets.

use serde_json::Value;

use super::values_by_column;
use crate::request::Answer;

/// How values are set apart, and whether the columns' names come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separated {
    /// As RFC 4180 and Elasticsearch: quoted where needed, `\r\n` after every line.
    Csv { delimiter: char, header: bool },
    /// Tabs and line ends in values are escaped.
    Tsv { header: bool },
}

/// Comma-separated, with a header.
pub fn to_csv(answer: &Answer) -> String {
    let (delimiter, header) = (',', true);
    to_separated(answer, Separated::Csv { delimiter, header })
}

/// Tab-separated, with a header.
pub fn to_tsv(answer: &Answer) -> String {
    to_separated(answer, Separated::Tsv { header: true })
}

/// A line a row.
pub fn to_separated(answer: &Answer, form: Separated) -> String {
    match form {
        Separated::Csv { delimiter, header } => separated(answer, "\r\n", header, |cells| {
            let quoted = cells.iter().map(|cell| csv_cell(cell, delimiter));
            quoted.collect::<Vec<_>>().join(&delimiter.to_string())
        }),
        Separated::Tsv { header } => separated(answer, "\n", header, |cells| {
            let escaped = cells
                .iter()
                .map(|cell| cell.replace('\t', "\\t").replace('\n', "\\n"));
            escaped.collect::<Vec<_>>().join("\t")
        }),
    }
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

fn separated(
    answer: &Answer,
    end: &str,
    with_header: bool,
    line: impl Fn(&[String]) -> String,
) -> String {
    let mut text = String::new();
    if with_header {
        let names = answer.columns.iter().map(|column| column.name.clone());
        text = line(&names.collect::<Vec<_>>()) + end;
    }
    for row in rows(answer, "") {
        text.push_str(&line(&row));
        text.push_str(end);
    }
    text
}

fn csv_cell(cell: &str, delimiter: char) -> String {
    if cell.contains([delimiter, '"', '\n', '\r']) {
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
