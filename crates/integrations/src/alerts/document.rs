//! An alert as a document, so that a query can show that it was told.

use model::Timestamp;
use serde_json::{Map, Value, json};

use super::OutsideAlert;

impl OutsideAlert {
    /// When it began, or ended; `now` where the sender doesn't say.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        let said = match self.firing {
            true => self.started_at,
            false => self.ended_at,
        };
        said.unwrap_or(now)
    }

    /// The document's id: what is told again is the same document, a state each time it is
    /// reached another.
    pub fn document_id(&self, now: Timestamp) -> String {
        format!("{}-{}-{}", self.key, self.state(), self.at(now).ms())
    }

    fn state(&self) -> &'static str {
        match self.firing {
            true => "firing",
            false => "resolved",
        }
    }

    /// The document's fields. Labels and annotations are texts `name=value` in one field each:
    /// others' names make no fields of ours.
    pub fn document(&self, now: Timestamp) -> Map<String, Value> {
        let pairs = |pairs: &std::collections::BTreeMap<String, String>| -> Vec<Value> {
            let texts = pairs.iter().map(|(name, text)| format!("{name}={text}"));
            texts.map(Value::from).collect()
        };
        let time = |at: Option<Timestamp>| at.map(|at| Value::from(at.to_string()));
        let urls = self
            .links
            .iter()
            .map(|link| format!("{} {}", link.name, link.url));
        let links: Vec<Value> = urls.map(Value::from).collect();
        let fields = [
            ("@timestamp", time(Some(self.at(now)))),
            ("event.kind", Some("alert".into())),
            ("event.provider", Some(self.source.name().into())),
            ("event.start", time(self.started_at)),
            ("event.end", time(self.ended_at)),
            ("alert.key", Some(self.key.clone().into())),
            ("alert.state", Some(self.state().into())),
            ("alert.name", Some(self.name.clone().into())),
            ("alert.severity", Some(self.severity.name().into())),
            (
                "alert.severity_reason",
                Some(self.severity_reason.clone().into()),
            ),
            ("alert.value", self.value.map(|value| json!(value))),
            ("alert.labels", Some(pairs(&self.labels).into())),
            ("alert.annotations", Some(pairs(&self.annotations).into())),
            ("alert.links", Some(links.into())),
            ("alert.notes", Some(self.notes.clone().into())),
            ("service.name", self.service.clone().map(Value::from)),
            ("message", Some(self.summary.clone().into())),
            ("description", self.description.clone().map(Value::from)),
        ];
        let told = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        told.filter(|(_, value)| value.as_array().is_none_or(|list| !list.is_empty()))
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}
