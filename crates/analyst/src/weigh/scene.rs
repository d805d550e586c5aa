//! Small observations for tests, made by hand. Time begins at 0; a step is a minute.

use model::tuning::Tuning;

use crate::observations::{Alarm, Change, LogLine, Observations, Series, Span};

pub const MINUTE_US: i64 = 60_000_000;

/// The numbers that tests reckon with.
pub fn tuning() -> Tuning {
    Tuning::parse(include_str!("by_hand.toml")).expect("a tuning file")
}

pub fn series(service: &str, metric: &str, values: &[f64]) -> Series {
    let at = |minute: usize| minute as i64 * MINUTE_US;
    Series {
        service: service.to_owned(),
        node: None,
        destination: None,
        metric: metric.to_owned(),
        points: values
            .iter()
            .enumerate()
            .map(|(minute, value)| (at(minute), *value))
            .collect(),
    }
}

/// `before` for so many minutes, then `after` for so many.
pub fn step(service: &str, metric: &str, before: (usize, f64), after: (usize, f64)) -> Series {
    let mut values = vec![before.1; before.0];
    values.extend(vec![after.1; after.0]);
    series(service, metric, &values)
}

pub fn alarm(minute: i64, service: Option<&str>) -> Observations {
    Observations {
        alarm: Alarm {
            at_us: minute * MINUTE_US,
            service: service.map(str::to_owned),
            summary: String::new(),
        },
        ..Observations::default()
    }
}

/// A span that begins with its trace.
pub fn span(
    trace: usize,
    at_us: i64,
    id: &str,
    parent: Option<&str>,
    service: &str,
    ms: i64,
) -> Span {
    Span {
        at_us,
        duration_us: ms * 1000,
        service: service.to_owned(),
        node: None,
        name: format!("{service} work"),
        trace: format!("t{trace}"),
        id: format!("t{trace} {id}"),
        parent: parent.map(|parent| format!("t{trace} {parent}")),
        failed: false,
        destination: None,
        error: None,
    }
}

pub fn line(at_us: i64, service: &str, level: &str, message: &str) -> LogLine {
    LogLine {
        at_us,
        service: Some(service.to_owned()),
        node: None,
        level: Some(level.to_owned()),
        message: message.to_owned(),
        error_type: None,
        trace: None,
        span: None,
    }
}

pub fn change(minute: i64, id: &str, service: &str, description: &str) -> Change {
    Change {
        at_us: minute * MINUTE_US,
        id: id.to_owned(),
        kind: "deploy".to_owned(),
        service: Some(service.to_owned()),
        version: None,
        description: description.to_owned(),
        files: Vec::new(),
        diff: String::new(),
    }
}
