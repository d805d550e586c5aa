//! Where text comes out, and in whose markup it is read there.

use model::render;
use serde_json::{Value, json};

use crate::arguments::Guard;

/// How a text is read where it comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Values of JSON: read by programs.
    Data,
    /// CommonMark with GitHub's extensions.
    Markdown,
    Html,
    Terminal,
    /// Slack's.
    Mrkdwn,
    /// Atlassian's document format; the text is its JSON.
    Adf,
    /// Jira's, of Data Center.
    Wiki,
    /// A spreadsheet.
    Csv,
}

#[derive(Debug, Clone)]
pub struct Sink {
    pub name: String,
    pub reads: Reads,
    pub text: String,
}

impl Sink {
    fn new(name: &str, reads: Reads, text: String) -> Self {
        Self {
            name: name.to_owned(),
            reads,
            text,
        }
    }

    /// All texts of a JSON value, a line each.
    pub fn data(name: &str, value: &Value) -> Self {
        let mut texts = Vec::new();
        collect(value, &mut texts);
        Self::new(name, Reads::Data, texts.join("\n"))
    }

    pub fn markdown(name: &str, text: &str) -> Self {
        Self::new(name, Reads::Markdown, text.to_owned())
    }

    pub fn terminal(name: &str, text: &str) -> Self {
        Self::new(name, Reads::Terminal, text.to_owned())
    }
}

fn collect<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(map) => {
            for (key, inner) in map {
                into.push(key);
                collect(inner, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What the renderers make of it for each kind of channel: every text of the notices, the incident's
/// records and the tools' answers, whichever of them a channel shows.
pub fn channels(said: &[Value], off: Option<Guard>) -> Vec<Sink> {
    let mut texts = Vec::new();
    said.iter().for_each(|value| collect(value, &mut texts));
    texts.sort_unstable();
    texts.dedup();
    let through = |guard: Guard, render: fn(&str) -> String| {
        let render = if off == Some(guard) {
            str::to_owned
        } else {
            render
        };
        let lines: Vec<String> = texts.iter().map(|text| render(text)).collect();
        lines.join("\n\n")
    };
    let adf: Vec<Value> = texts
        .iter()
        .map(|text| match off {
            Some(Guard::Adf) => json!([{ "type": "text", "text": text }]),
            _ => render::adf_text(text),
        })
        .collect();
    let adf = Value::Array(adf).to_string();
    vec![
        Sink::new(
            "Slack's markup",
            Reads::Mrkdwn,
            through(Guard::Mrkdwn, render::mrkdwn),
        ),
        Sink::new("Jira's documents", Reads::Adf, adf),
        Sink::new(
            "Jira's wiki markup",
            Reads::Wiki,
            through(Guard::Wiki, render::jira_wiki),
        ),
        Sink::new("HTML", Reads::Html, through(Guard::Html, render::html)),
        Sink::new(
            "Markdown",
            Reads::Markdown,
            through(Guard::Markdown, render::markdown),
        ),
        Sink::new(
            "terminal",
            Reads::Terminal,
            through(Guard::Terminal, render::terminal),
        ),
        Sink::new("CSV", Reads::Csv, through(Guard::Csv, render::csv)),
    ]
}
