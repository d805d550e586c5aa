//! Incidents of the span that people know: those of the store's own journal.

use anyhow::Result;
use casework::Clock;
use model::{ClosedAs, Incident};

use super::compare::{Known, services};
use super::span::Span;
use crate::backend::Backend;
use crate::context::Context as Here;
use crate::wire;

/// The latest incidents that are looked through.
const MAX_KNOWN: usize = 10_000;

/// Duplicates are left out: the other one stands for both.
pub async fn read(here: &Here, store: &Backend, span: &Span) -> Result<Vec<Known>> {
    let casework = wire::casework(store, &here.configuration, Clock::wall())?;
    let mut known = Vec::new();
    for summary in casework.latest(Vec::new(), MAX_KNOWN).await? {
        if summary.opened_at < span.from || summary.opened_at >= span.to {
            continue;
        }
        let incident = casework.incident(&summary.incident_id).await?;
        // Duplicates and merged ones are known by where they go on; mistakes are none.
        if incident.goes_on_in().is_none() && incident.status.counts() {
            known.push(of(&incident));
        }
    }
    known.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    Ok(known)
}

fn of(incident: &Incident) -> Known {
    let closed = incident.closed_as.is_some().then_some(incident.updated_at);
    Known {
        id: incident.id.clone(),
        title: incident.title.clone(),
        service: incident.service.clone(),
        services: services(incident),
        opened_at: incident.opened_at,
        ended_at: incident.resolved_at.or(closed),
        false_alarm: matches!(incident.closed_as, Some(ClosedAs::FalseAlarm {})),
    }
}
