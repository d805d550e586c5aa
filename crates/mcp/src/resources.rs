//! Resources: an incident, its report, a runbook, each by its address.

use model::{IncidentId, Redactor};
use rmcp::model::{Resource, ResourceTemplate};
use serde_json::Value;

use crate::answers;
use crate::api::Call;
use crate::arguments::{Arguments, is_id};
use crate::shown::title;

const SCHEME: &str = "datapulse://";
const JSON: &str = "application/json";
/// Incidents of one page of the list.
pub const PAGE: u64 = 50;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Incident(IncidentId),
    Report(IncidentId),
    Runbook(String),
}

impl Address {
    /// `None`: none of ours.
    pub fn parse(uri: &str) -> Option<Self> {
        let parts: Vec<&str> = uri.strip_prefix(SCHEME)?.split('/').collect();
        let incident = |id: &str| IncidentId::parse(id).filter(|id| !id.is_system());
        match parts[..] {
            ["incidents", id] => incident(id).map(Self::Incident),
            ["incidents", id, "report"] => incident(id).map(Self::Report),
            ["runbooks", id] => is_id(id).then(|| Self::Runbook(id.to_owned())),
            _ => None,
        }
    }

    pub fn call(&self) -> Call {
        Call::Get(match self {
            Self::Incident(id) => format!("/incidents/{id}"),
            Self::Report(id) => format!("/incidents/{id}/report"),
            Self::Runbook(_) => "/runbooks".to_owned(),
        })
    }

    /// Of what the call gave; `null`: there is none.
    pub fn answer(&self, answer: Value) -> Value {
        match self {
            Self::Incident(_) => answers::incident(answer, &Arguments::default()),
            Self::Report(_) => answer,
            Self::Runbook(id) => {
                let items = answer["items"].as_array().into_iter().flatten();
                let mut found = items.filter(|book| book["id"] == id.as_str());
                found.next().cloned().unwrap_or(Value::Null)
            }
        }
    }
}

pub fn templates() -> Vec<ResourceTemplate> {
    let template = |path: &str, name: &str, says: &str| {
        ResourceTemplate::new(format!("{SCHEME}{path}"), name)
            .with_description(says)
            .with_mime_type(JSON)
    };
    vec![
        template(
            "incidents/{incident_id}",
            "incident",
            "An incident in short",
        ),
        template(
            "incidents/{incident_id}/report",
            "report",
            "Why it failed, with evidence",
        ),
        template(
            "runbooks/{runbook_id}",
            "runbook",
            "A runbook with its actions",
        ),
    ]
}

/// A page of incidents as resources.
pub fn incidents(page: &Value, redactor: &Redactor) -> Vec<Resource> {
    let items = page["items"].as_array().into_iter().flatten();
    let resource = |line: &Value| {
        let id = IncidentId::parse(line["incident_id"].as_str()?)?;
        let named = title(line["title"].as_str().unwrap_or_default(), redactor);
        let status = line["status"].as_str().unwrap_or_default();
        let resource = Resource::new(format!("{SCHEME}incidents/{id}"), id.as_str())
            .with_title(named)
            .with_description(format!("An incident, {status}"));
        Some(resource.with_mime_type(JSON))
    };
    items.filter_map(resource).collect()
}

pub fn runbooks(listed: &Value, redactor: &Redactor) -> Vec<Resource> {
    let items = listed["items"].as_array().into_iter().flatten();
    let resource = |book: &Value| {
        let id = book["id"].as_str().filter(|id| is_id(id))?;
        let named = title(book["title"].as_str().unwrap_or_default(), redactor);
        let resource = Resource::new(format!("{SCHEME}runbooks/{id}"), id)
            .with_title(named)
            .with_description("A runbook");
        Some(resource.with_mime_type(JSON))
    };
    items.filter_map(resource).collect()
}

#[cfg(test)]
mod tests {
    use super::Address;
    use model::IncidentId;

    #[test]
    fn only_our_addresses_are_read() {
        let id = "INC-202611-0a1b2c3d4e5f";
        let incident = IncidentId::parse(id).expect("an id");
        let parse = |path: &str| Address::parse(&format!("datapulse://{path}"));
        assert_eq!(
            parse(&format!("incidents/{id}")),
            Some(Address::Incident(incident.clone()))
        );
        assert_eq!(
            parse(&format!("incidents/{id}/report")),
            Some(Address::Report(incident))
        );
        assert_eq!(
            parse("runbooks/bad-flag"),
            Some(Address::Runbook("bad-flag".to_owned()))
        );
        for wrong in [
            "tokens",
            "incidents/..",
            "runbooks/../tokens",
            "runbooks/a?b",
            "incidents/SYS-202611-000000000000",
            "",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(Address::parse("file:///etc/passwd"), None);
    }
}
