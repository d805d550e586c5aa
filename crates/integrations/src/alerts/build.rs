//! From what a sender told to an [`OutsideAlert`]: name, severity, service and texts by stated
//! orders, everything within its limit.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, Severity, Timestamp};

use super::place::short;
use super::{
    Link, MAX_ANNOTATIONS, MAX_LABELS, MAX_LINK, MAX_NAME, MAX_SUMMARY, MAX_TEXT, MAX_VALUES,
    OutsideAlert, Rules, Source, severity,
};

/// Hexadecimal digits of a key that is made here.
pub const KEY_DIGITS: usize = 32;
/// Bytes of a fingerprint that is taken as it is; theirs have 16.
const MAX_FINGERPRINT: usize = 64;

/// Annotations that may be the summary, the shortest kind first.
const SUMMARIES: [&str; 5] = ["summary", "title", "reason", "message", "description"];
/// Annotations that may be the description.
const DESCRIPTIONS: [&str; 3] = ["description", "message", "reason"];

/// What a sender told of one alert, of any length.
pub struct Told {
    pub source: Source,
    pub firing: bool,
    pub name: Option<String>,
    pub fingerprint: Option<String>,
    /// The service, where it is told by itself; else labels say it.
    pub service: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub values: BTreeMap<String, f64>,
    pub value_text: Option<String>,
    pub trial: bool,
    pub notes: Vec<String>,
    links: Vec<Link>,
}

impl Told {
    pub fn new(source: Source, firing: bool) -> Self {
        Self {
            source,
            firing,
            name: None,
            fingerprint: None,
            service: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            started_at: None,
            ended_at: None,
            values: BTreeMap::new(),
            value_text: None,
            trial: false,
            notes: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Takes an address, if it is one that a browser may be given; the first of a name counts.
    pub fn link(&mut self, name: &'static str, url: Option<String>) {
        let Some(url) = url else { return };
        let web = ["http://", "https://"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if url.len() > MAX_LINK {
            let note = format!("the link {name} was left out: over {MAX_LINK} bytes");
            self.notes.push(note);
        } else if !web || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let note = format!(
                "the link {name} was left out: {} isn't a web address",
                short(&url)
            );
            self.notes.push(note);
        } else if self.links.iter().all(|known| known.name != name) {
            self.links.push(Link { name, url });
        }
    }
}

/// Never fails: what is too long is cut or left out, and a note says so.
pub fn made(told: Told, rules: &Rules) -> OutsideAlert {
    let mut notes = told.notes;
    let name = told.name.as_deref().map(str::trim);
    let name = cut(
        name.filter(|name| !name.is_empty())
            .unwrap_or("unnamed alert"),
        MAX_NAME,
    );
    let (severity, severity_reason) = how_bad(&told.labels, rules);
    let service = service(told.service, &told.labels, rules, &mut notes);
    let first = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| told.annotations.get(*name));
        found.find(|text| !text.trim().is_empty())
    };
    let line = first(&SUMMARIES).and_then(|text| text.trim().lines().next());
    let summary = cut(line.unwrap_or(name).trim_end(), MAX_SUMMARY).to_owned();
    let description = first(&DESCRIPTIONS).map(|text| cut(text, MAX_TEXT).to_owned());
    let values = some_values(told.values, &mut notes);
    let said = || told.annotations.get("value").and_then(|text| number(text));
    let value = match (values.len(), values.values().next()) {
        (1, Some(only)) => Some(*only),
        _ => said(),
    };
    let key = key(told.source, told.fingerprint.as_deref(), &told.labels);
    let looked_at: BTreeSet<&str> = rules
        .service_labels
        .iter()
        .chain(&rules.severity_labels)
        .map(String::as_str)
        .chain(["alertname"])
        .collect();
    let name = name.to_owned();
    let value_text = told.value_text.map(|text| cut(&text, MAX_TEXT).to_owned());
    OutsideAlert {
        source: told.source,
        key,
        firing: told.firing,
        name,
        severity,
        severity_reason,
        service,
        summary,
        description,
        labels: within(told.labels, "label", MAX_LABELS, &looked_at, &mut notes),
        annotations: within(
            told.annotations,
            "annotation",
            MAX_ANNOTATIONS,
            &BTreeSet::new(),
            &mut notes,
        ),
        started_at: told.started_at,
        ended_at: told.ended_at,
        value,
        values,
        value_text,
        links: told.links,
        trial: told.trial,
        notes,
    }
}

/// A finite number, written as one and nothing else.
pub fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

/// The sender's fingerprint where it is one, else a digest of all labels: it must neither grow nor
/// be mistaken for another part of an id.
fn key(source: Source, fingerprint: Option<&str>, labels: &BTreeMap<String, String>) -> String {
    let is_one = |text: &&str| {
        let fits = !text.is_empty() && text.len() <= MAX_FINGERPRINT;
        fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let id = match fingerprint.filter(is_one) {
        Some(fingerprint) => fingerprint.to_owned(),
        None => {
            let pairs = labels.iter();
            let pieces: Vec<&[u8]> = pairs
                .flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()])
                .collect();
            Digest::of_pieces(&pieces).short(KEY_DIGITS)
        }
    };
    format!("{}-{id}", source.name())
}

fn how_bad(labels: &BTreeMap<String, String>, rules: &Rules) -> (Severity, String) {
    let mut unknown = None;
    for label in &rules.severity_labels {
        let Some(word) = labels.get(label) else {
            continue;
        };
        let own = rules.severities.get(&word.trim().to_lowercase()).copied();
        match own.or_else(|| severity::of(word)) {
            Some(severity) => return (severity, format!("label {label}={}", short(word))),
            None => unknown = unknown.or(Some((label, word))),
        }
    }
    let default = rules.default_severity;
    let reason = match unknown {
        Some((label, word)) => format!(
            "label {label}={} isn't a severity that is known: {} by default",
            short(word),
            default.name()
        ),
        None => format!("no label says how bad it is: {} by default", default.name()),
    };
    (default, reason)
}

fn service(
    told: Option<String>,
    labels: &BTreeMap<String, String>,
    rules: &Rules,
    notes: &mut Vec<String>,
) -> Option<String> {
    let labelled = rules
        .service_labels
        .iter()
        .filter_map(|label| labels.get(label));
    for name in told.iter().chain(labelled) {
        let name = name.trim();
        if name.len() > MAX_NAME {
            notes.push(format!(
                "{} is no service: over {MAX_NAME} bytes",
                short(name)
            ));
        } else if !name.is_empty() {
            return Some(name.to_owned());
        }
    }
    None
}

fn some_values(values: BTreeMap<String, f64>, notes: &mut Vec<String>) -> BTreeMap<String, f64> {
    let told = values.len();
    let fit = values
        .into_iter()
        .filter(|(name, _)| name.len() <= MAX_NAME);
    let kept: BTreeMap<_, _> = fit.take(MAX_VALUES).collect();
    if kept.len() < told {
        notes.push(format!(
            "{} of {told} values were left out",
            told - kept.len()
        ));
    }
    kept
}

/// At most `most` pairs, those of `first` before all others, each within its length.
fn within(
    pairs: BTreeMap<String, String>,
    what: &str,
    most: usize,
    first: &BTreeSet<&str>,
    notes: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let told = pairs.len();
    let (before, after): (Vec<_>, Vec<_>) = pairs
        .into_iter()
        .filter(|(name, _)| name.len() <= MAX_NAME)
        .partition(|(name, _)| first.contains(name.as_str()));
    let mut kept = BTreeMap::new();
    for (name, text) in before.into_iter().chain(after).take(most) {
        let short_text = cut(&text, MAX_TEXT);
        if short_text.len() < text.len() {
            let name = short(&name);
            notes.push(format!(
                "the {what} {name} was cut: it had {} bytes",
                text.len()
            ));
        }
        kept.insert(name, short_text.to_owned());
    }
    if kept.len() < told {
        notes.push(format!(
            "{} of {told} {what}s were left out",
            told - kept.len()
        ));
    }
    kept
}

/// The beginning of a text, in at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
