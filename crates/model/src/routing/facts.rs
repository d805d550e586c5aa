//! What is known of an incident that a route or a silence may ask for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::identity::IncidentId;
use crate::incident::{Incident, Status};
use crate::matcher::{Fields, LABEL};
use crate::notice::Topic;
use crate::service::Service;
use crate::severity::Severity;

/// Of one incident, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub incident: IncidentId,
    pub service: String,
    /// Who it was given to; else whose the service is.
    pub team: Option<String>,
    /// The service's criticality; 1 is the most critical.
    pub tier: Option<u8>,
    pub on_call: Vec<String>,
    pub severity: Severity,
    pub rule: String,
    pub signal: String,
    pub status: Status,
    /// What the query that raised it was asked with.
    pub labels: BTreeMap<String, String>,
}

impl Facts {
    pub fn of(incident: &Incident, service: Option<&Service>) -> Self {
        let of_service = service.and_then(|service| service.team.clone());
        let on_call = service.and_then(|service| service.on_call.as_deref());
        let first = incident.findings.first();
        let parameters = first.iter().flat_map(|first| &first.evidence.parameters);
        Self {
            incident: incident.id.clone(),
            service: incident.service.clone(),
            team: incident.team.clone().or(of_service),
            tier: service.and_then(|service| service.criticality),
            on_call: names(on_call.unwrap_or_default()),
            severity: incident.severity,
            rule: incident.rule.clone(),
            signal: first
                .map(|first| first.signal.name().to_owned())
                .unwrap_or_default(),
            status: incident.status,
            labels: parameters
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
        }
    }

    /// With the topic of a notice.
    pub fn about(&self, topic: Topic) -> Asked<'_> {
        Asked { facts: self, topic }
    }
}

/// `lookup-services` names several with commas or semicolons.
pub(super) fn names(text: &str) -> Vec<String> {
    let names = text.split([',', ';']).map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A notice, as matchers ask it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub facts: &'a Facts,
    pub topic: Topic,
}

impl Fields for Asked<'_> {
    fn texts(&self, field: &str) -> Vec<Cow<'_, str>> {
        let facts = self.facts;
        let one = |text: &'static str| vec![Cow::Borrowed(text)];
        match field {
            "service" => vec![Cow::Borrowed(facts.service.as_str())],
            "team" => facts.team.iter().map(|team| team.as_str().into()).collect(),
            "tier" => facts
                .tier
                .iter()
                .map(|tier| tier.to_string().into())
                .collect(),
            "on_call" => facts
                .on_call
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            "severity" => one(facts.severity.name()),
            "topic" => one(self.topic.name()),
            "rule" => vec![Cow::Borrowed(facts.rule.as_str())],
            "signal" => vec![Cow::Borrowed(facts.signal.as_str())],
            "status" => one(facts.status.name()),
            other => {
                let label = other
                    .strip_prefix(LABEL)
                    .and_then(|name| facts.labels.get(name));
                label.iter().map(|text| text.as_str().into()).collect()
            }
        }
    }
}
