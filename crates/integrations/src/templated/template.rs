//! A body by a template: JSON whose strings have places such as `{{title}}`. Pure.
//!
//! The template is read as JSON once, at start, and places are filled in its strings afterwards: no
//! text of others is ever read as JSON or as a template, whatever it holds. A string that is one
//! place and nothing else becomes the field's own value, so that a number stays one and what isn't
//! there is null. Names of fields of the template have no places.
//!
//! A place may say for which markup its text is: `{{title|markdown}}`, one of [`MARKUPS`]. Without
//! one it is plain text: one line in which nothing becomes a link or a mention.

use model::render::{adaptive_card, html, jira_wiki, markdown, mrkdwn, one_line};
use serde_json::{Map, Value};

use crate::bulletin::measured;
use crate::channel::Telling;
use crate::plain::plain;

/// Bytes of a template.
pub const MAX_TEMPLATE: usize = 64 << 10;
/// Places of a template: with [`MAX_TEXT`], what is sent fits into a request.
pub const MAX_PLACES: usize = 100;
/// Characters of a filled text, before it is rendered.
pub const MAX_TEXT: usize = 2_000;

/// The fields, and what each is.
pub const FIELDS: [(&str, &str); 20] = [
    (
        "key",
        "the notice's key: the same notice sent twice has the same",
    ),
    (
        "topic",
        "incident, report, approval_wanted, acknowledged, assigned, break_glass, outcome or person_needed",
    ),
    ("incident_id", "the incident's id"),
    (
        "text",
        "the whole notice in one line; begins with the severity",
    ),
    ("at", "when what it tells happened, RFC 3339"),
    ("title", "the incident's title"),
    ("severity", "critical, high, medium or low"),
    ("status", "where the incident stands now"),
    ("service", "its service"),
    ("rule", "the rule that raised it"),
    (
        "measured",
        "what was measured, with its unit; null where it was declared",
    ),
    ("observed", "the number alone; null where it was declared"),
    ("threshold", "the number that it was held against"),
    ("unit", "of both numbers"),
    ("evidence", "what the first finding's query showed"),
    ("cause", "the report's conclusion; null before there is one"),
    (
        "confidence",
        "of the first hypothesis, 0 to 1; null before there is one",
    ),
    ("owner", "whose it is; null while it is nobody's"),
    ("team", "which team's; null where that isn't known"),
    (
        "link",
        "the incident's page, where server.public_url is set; else null",
    ),
];

/// Fields that hold nothing that others wrote: they stay as they are, whatever the markup.
const OURS: [&str; 7] = [
    "key",
    "topic",
    "incident_id",
    "at",
    "severity",
    "status",
    "link",
];

/// The markups that a place may name.
pub const MARKUPS: [&str; 5] = ["adaptive_card", "html", "jira_wiki", "markdown", "mrkdwn"];

/// A template that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// A number, a boolean, null.
    Fixed(Value),
    Text(Vec<Part>),
    List(Vec<Node>),
    Fields(Vec<(String, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// The operator's.
    Ours(String),
    Place {
        field: &'static str,
        markup: Option<&'static str>,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong, where, and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEMPLATE {
            return Err(format!(
                "expected {MAX_TEMPLATE} bytes at most, got {}",
                text.len()
            ));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            format!("expected JSON whose strings have places such as \"{{{{title}}}}\": {error}")
        })?;
        let mut places = 0;
        let node = node(&value, "", &mut places)?;
        if places > MAX_PLACES {
            return Err(format!(
                "expected {MAX_PLACES} places at most, got {places}"
            ));
        }
        Ok(Self(node))
    }

    /// The body, with the fields in their places.
    pub fn fill(&self, fields: &Map<String, Value>) -> Vec<u8> {
        fill(&self.0, fields).to_string().into_bytes()
    }
}

fn node(value: &Value, at: &str, places: &mut usize) -> Result<Node, String> {
    Ok(match value {
        Value::String(text) => {
            let parts = parts(text).map_err(|why| match at {
                "" => why,
                at => format!("{at}: {why}"),
            })?;
            let found = parts
                .iter()
                .filter(|part| matches!(part, Part::Place { .. }));
            *places += found.count();
            Node::Text(parts)
        }
        Value::Array(values) => {
            let nodes = values
                .iter()
                .enumerate()
                .map(|(index, value)| node(value, &format!("{at}[{index}]"), places));
            Node::List(nodes.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let mut nodes = Vec::new();
            for (name, value) in fields {
                let at = match at {
                    "" => name.clone(),
                    at => format!("{at}.{name}"),
                };
                if name.contains("{{") {
                    return Err(format!("{at}: a field's name has no places, its value may"));
                }
                nodes.push((name.clone(), node(value, &at, places)?));
            }
            Node::Fields(nodes)
        }
        other => Node::Fixed(other.clone()),
    })
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("{{") {
        if begin > 0 {
            parts.push(Part::Ours(rest[..begin].to_owned()));
        }
        let inner = &rest[begin + 2..];
        let Some(end) = inner.find("}}") else {
            return Err(format!("{:?} has no }}}} behind it", &rest[begin..]));
        };
        parts.push(place(&inner[..end])?);
        rest = &inner[end + 2..];
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Ours(rest.to_owned()));
    }
    Ok(parts)
}

fn place(text: &str) -> Result<Part, String> {
    let (name, markup) = match text.split_once('|') {
        Some((name, markup)) => (name.trim(), Some(markup.trim())),
        None => (text.trim(), None),
    };
    let known = FIELDS.iter().find(|(known, _)| *known == name);
    let Some((field, _)) = known else {
        let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "there is no field {name:?}: expected one of {}",
            names.join(", ")
        ));
    };
    let markup = match markup {
        None => None,
        Some(markup) => {
            let known = MARKUPS.iter().find(|known| **known == markup);
            Some(*known.ok_or_else(|| {
                format!(
                    "there is no markup {markup:?}: expected one of {}",
                    MARKUPS.join(", ")
                )
            })?)
        }
    };
    Ok(Part::Place { field, markup })
}

fn fill(node: &Node, fields: &Map<String, Value>) -> Value {
    match node {
        Node::Fixed(value) => value.clone(),
        Node::List(nodes) => nodes.iter().map(|node| fill(node, fields)).collect(),
        Node::Fields(nodes) => nodes
            .iter()
            .map(|(name, node)| (name.clone(), fill(node, fields)))
            .collect::<Map<_, _>>()
            .into(),
        Node::Text(parts) => match parts.as_slice() {
            [Part::Place { field, markup }] => whole(fields, field, *markup),
            parts => {
                let texts = parts.iter().map(|part| match part {
                    Part::Ours(text) => text.clone(),
                    Part::Place { field, markup } => match whole(fields, field, *markup) {
                        Value::String(text) => text,
                        Value::Null => String::new(),
                        other => other.to_string(),
                    },
                });
                Value::String(texts.collect())
            }
        },
    }
}

/// A field's value, its text rendered.
fn whole(fields: &Map<String, Value>, field: &str, markup: Option<&str>) -> Value {
    match fields.get(field) {
        Some(Value::String(text)) if !OURS.contains(&field) => {
            Value::String(rendered(text, markup))
        }
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

fn rendered(text: &str, markup: Option<&str>) -> String {
    let short = || one_line(text, MAX_TEXT);
    match markup {
        Some("adaptive_card") => adaptive_card(&short()),
        Some("html") => html(&short()),
        Some("jira_wiki") => jira_wiki(&short()),
        Some("markdown") => markdown(&short()),
        Some("mrkdwn") => mrkdwn(&short()),
        _ => plain(text, MAX_TEXT),
    }
}

/// The fields of a notice, as they are: places render them.
pub(super) fn fields(telling: &Telling<'_>, link: Option<&str>) -> Map<String, Value> {
    let (notice, incident) = (telling.notice, telling.incident);
    let finding = incident.findings.first();
    let measured_by = finding.filter(|finding| measured(finding).is_some());
    let report = incident.report.as_ref();
    let text = |text: &str| Value::String(text.to_owned());
    let maybe =
        |text: Option<&str>| text.map_or(Value::Null, |text| Value::String(text.to_owned()));
    let number = |number: Option<f64>| number.map_or(Value::Null, Value::from);
    let topic = serde_json::to_value(notice.topic).unwrap_or_default();
    [
        ("key", text(&notice.key)),
        ("topic", topic),
        ("incident_id", text(incident.id.as_str())),
        ("text", text(&notice.text)),
        ("at", text(&notice.at)),
        ("title", text(&incident.title)),
        ("severity", text(incident.severity.name())),
        ("status", text(incident.status.name())),
        ("service", text(&incident.service)),
        ("rule", text(&incident.rule)),
        ("measured", maybe(finding.and_then(measured).as_deref())),
        (
            "observed",
            number(measured_by.map(|finding| finding.observed)),
        ),
        (
            "threshold",
            number(measured_by.map(|finding| finding.threshold)),
        ),
        (
            "unit",
            maybe(measured_by.map(|finding| finding.unit.as_str())),
        ),
        (
            "evidence",
            maybe(finding.map(|finding| finding.evidence.says.as_str())),
        ),
        (
            "cause",
            maybe(report.map(|report| report.conclusion.as_str())),
        ),
        (
            "confidence",
            number(report.and_then(|report| Some(report.first()?.confidence))),
        ),
        ("owner", maybe(incident.owner.as_deref())),
        ("team", maybe(incident.team.as_deref())),
        ("link", maybe(link)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}
