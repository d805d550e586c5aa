//! Incidents that are over and look like one at hand: what was it then, and what helped?

use std::collections::{HashMap, HashSet};

use model::{Incident, IncidentId, Status, Summary, Timestamp};
use serde::Serialize;
use store::SummaryFilter;
use store::journal::MAX_PAGE;

use crate::case::Casework;
use crate::error::Error;

/// The latest incidents that are over that one is held against.
pub const MAX_CANDIDATES: usize = 1_000;
/// Incidents that are shown.
pub const MAX_SHOWN: usize = 5;
/// Likeness below which two incidents have nothing to say to each other. Set by hand: two
/// incidents of one service with different causes stay below it, see the test.
const LEAST_LIKENESS: f64 = 0.25;

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Similar {
    pub incident_id: IncidentId,
    pub title: String,
    pub status: Status,
    #[serde(rename = "service.name")]
    pub service: String,
    pub opened_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    /// 0 to 1: the weight of what both show over the weight of what either shows, where a feature
    /// weighs more the fewer incidents show it.
    pub likeness: f64,
    /// What both show, the rarest first.
    pub shared: Vec<String>,
    /// The cause as the report said it, or as a person put it right.
    pub cause: Option<String>,
    /// Whether a person called that answer right.
    pub cause_is_right: Option<bool>,
    /// The action that was followed by recovery.
    pub helped: Option<String>,
}

/// The most alike of `past` first; of equals the later, then by id. False alarms and duplicates
/// don't count: nothing helped there.
pub fn similar(incident: &Incident, past: &[Summary]) -> Vec<Similar> {
    let own = model::signature::signature(incident);
    let mut frequency: HashMap<&str, f64> = HashMap::new();
    for feature in past.iter().flat_map(|other| &other.signature).chain(&own) {
        *frequency.entry(feature).or_default() += 1.0;
    }
    let all = past.len() as f64 + 1.0;
    let weight = |feature: &str| (1.0 + all / frequency.get(feature).unwrap_or(&1.0)).ln();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let known: HashSet<&str> = own.iter().copied().collect();
    let sum = |features: &[&str]| features.iter().map(|feature| weight(feature)).sum::<f64>();
    let mut found: Vec<Similar> = past
        .iter()
        .filter(|other| other.status == Status::Resolved && other.incident_id != incident.id)
        .filter_map(|other| {
            let (mut shared, theirs): (Vec<&str>, Vec<&str>) = other
                .signature
                .iter()
                .map(String::as_str)
                .partition(|feature| known.contains(feature));
            let likeness = sum(&shared) / (sum(&own) + sum(&theirs));
            shared.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.cmp(b)));
            (likeness >= LEAST_LIKENESS).then(|| shown(other, likeness, &shared))
        })
        .collect();
    found.sort_by(|a, b| {
        b.likeness
            .total_cmp(&a.likeness)
            .then(b.opened_at.cmp(&a.opened_at))
            .then(a.incident_id.cmp(&b.incident_id))
    });
    found.truncate(MAX_SHOWN);
    found
}

fn shown(other: &Summary, likeness: f64, shared: &[&str]) -> Similar {
    Similar {
        incident_id: other.incident_id.clone(),
        title: other.title.clone(),
        status: other.status,
        service: other.service.clone(),
        opened_at: other.opened_at,
        resolved_at: other.resolved_at,
        likeness,
        shared: shared.iter().map(|&feature| feature.to_owned()).collect(),
        cause: other.feedback_cause.clone().or_else(|| other.cause.clone()),
        cause_is_right: other.feedback_right,
        helped: other.helped.clone(),
    }
}

impl Casework {
    /// Resolved incidents among the latest [`MAX_CANDIDATES`] that look like this one.
    pub async fn similar(&self, id: &IncidentId) -> Result<Vec<Similar>, Error> {
        let incident = self.incident(id).await?;
        let past = self.latest(vec![Status::Resolved], MAX_CANDIDATES).await?;
        Ok(similar(&incident, &past))
    }

    /// Summaries of the latest incidents in these states, at most `most`; all states where none
    /// is named.
    pub async fn latest(&self, statuses: Vec<Status>, most: usize) -> Result<Vec<Summary>, Error> {
        let mut all = Vec::new();
        while all.len() < most {
            let filter = SummaryFilter {
                statuses: statuses.clone(),
                sort: Some("-opened_at".to_owned()),
                offset: all.len(),
                limit: MAX_PAGE.min(most - all.len()),
                ..SummaryFilter::default()
            };
            let page = self.journal().summaries(&filter).await?;
            let last = page.items.len() < filter.limit;
            all.extend(page.items);
            if last {
                break;
            }
        }
        Ok(all)
    }
}
