//! The comparison for people.

use super::compare::{Comparison, Judged, Known, Line};
use super::span::Span;
use crate::print;

/// Lines of one list; `-o json` has all.
const MAX_LINES: usize = 50;

pub fn of(span: &Span, known: &[Known], columns: &[Comparison]) -> String {
    let real = known.iter().filter(|known| !known.false_alarm).count();
    let mut text = format!(
        "{} to {}: people know {}, and called {}\n\n{}",
        span.from,
        span.to,
        print::count(real as u64, "incident"),
        print::count((known.len() - real) as u64, "false alarm"),
        numbers(real, columns)
    );
    for column in columns {
        text.push_str(&format!("\n{}\n", lists(column)));
    }
    text
}

fn numbers(real: usize, columns: &[Comparison]) -> String {
    let mut head = vec![""];
    head.extend(columns.iter().map(|column| column.rule.as_str()));
    let row = |name: &str, value: &dyn Fn(&Comparison) -> String| {
        let mut row = vec![name.to_owned()];
        row.extend(columns.iter().map(value));
        row
    };
    let rows = vec![
        row("incidents opened", &|c| c.opened.len().to_string()),
        row("findings folded into them", &|c| c.folded.to_string()),
        row("known incidents found", &|c| {
            format!("{} of {real}", c.found)
        }),
        row("known incidents missed", &|c| c.missed.len().to_string()),
        row("opened again for one known", &|c| c.again.to_string()),
        row("false alarms", &|c| c.false_alarms.to_string()),
        row("false alarms a week", &|c| {
            format!("{:.2}", c.false_alarms_a_week)
        }),
    ];
    print::table(&head, rows)
}

fn lists(column: &Comparison) -> String {
    let mut text = format!("{}\n", column.rule);
    let rows: Vec<Vec<String>> = column.opened.iter().take(MAX_LINES).map(line).collect();
    if !rows.is_empty() {
        let head = ["opened", "service", "is", "known as", "cause", "confidence"];
        text.push_str(&print::table(&head, rows));
        text.push('\n');
    }
    if column.opened.len() > MAX_LINES {
        text.push_str(&format!(
            "and {} more: -o json has all\n",
            column.opened.len() - MAX_LINES
        ));
    }
    let missed = column.missed.iter().take(MAX_LINES);
    let missed: Vec<Vec<String>> = missed
        .map(|known| {
            vec![
                known.opened_at.to_string(),
                known.service.clone(),
                known.id.to_string(),
            ]
        })
        .collect();
    if !missed.is_empty() {
        text.push_str(&print::table(&["missed", "service", "incident"], missed));
        text.push('\n');
    }
    let noisy = column.services.iter().take(MAX_LINES);
    let noisy: Vec<Vec<String>> = noisy
        .map(|line| {
            vec![
                line.service.clone(),
                line.false_alarms.to_string(),
                format!("{:.2}", line.a_week),
            ]
        })
        .collect();
    if !noisy.is_empty() {
        text.push_str(&print::table(&["service", "false alarms", "a week"], noisy));
        text.push('\n');
    }
    text
}

fn line(line: &Line) -> Vec<String> {
    let opened = &line.opened;
    let judged = match line.judged {
        Judged::Found => "found",
        Judged::Again => "again",
        Judged::FalseAlarm => "false alarm",
    };
    vec![
        opened.at.to_string(),
        opened.service.clone(),
        judged.to_owned(),
        line.known
            .as_ref()
            .map_or_else(|| "–".to_owned(), ToString::to_string),
        opened.cause.clone().unwrap_or_else(|| "–".to_owned()),
        opened
            .confidence
            .map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0)),
    ]
}
