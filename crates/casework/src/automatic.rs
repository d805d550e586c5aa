//! What a decision without a person rests on: what ran by itself before, how sure answers fared
//! here, and whether everything is stopped.

use std::collections::BTreeSet;

use model::policy::automation::{self, Answers, Band, History};
use model::{Incident, IncidentId, Proposal, Report, Timestamp};
use store::SummaryFilter;
use store::journal::MAX_PAGE;

use crate::case::Casework;
use crate::error::Error;

/// Incidents that are read for what ran by itself; beyond it not all is known, and nothing runs.
pub const MAX_EARLIER: usize = 1_000;

impl Casework {
    /// All but the target's revision, which its reader fills in. Lists only say which incidents
    /// were touched lately: what ran is folded from the journal.
    pub async fn automatic_history(
        &self,
        incident: &Incident,
        proposal: &Proposal,
    ) -> Result<History, Error> {
        let mut history = History::of(incident, proposal);
        let stopped = self.system().await?.stopped;
        history.stopped = stopped.map(|stop| format!("{}: {}", stop.by.label(), stop.reason));
        if let Some(first) = incident.report.as_ref().and_then(Report::first) {
            let band = Band::of(first.confidence);
            let score = self.answer_score().await?;
            history.answers = score.bands.get(band.number()).map(|counted| Answers {
                band,
                right: counted.right as u64,
                wrong: counted.judged.saturating_sub(counted.right) as u64,
            });
        }
        self.earlier_runs(&incident.id, &mut history).await?;
        Ok(history)
    }

    async fn earlier_runs(&self, this: &IncidentId, history: &mut History) -> Result<(), Error> {
        let back = automation::looks_back_ms(self.policy());
        let since = self.clock().now().plus_ms(-back);
        let mut filter = SummaryFilter {
            sort: Some("-updated_at".to_owned()),
            limit: MAX_PAGE,
            ..SummaryFilter::default()
        };
        // What is updated meanwhile moves others to the next page.
        let mut seen: BTreeSet<IncidentId> = BTreeSet::new();
        loop {
            let page = self.journal().summaries(&filter).await?;
            let (got, total) = (page.items.len(), page.total);
            for summary in page.items {
                let updated: Timestamp = summary.updated_at;
                if updated < since {
                    history.runs_since = Some(since);
                    return Ok(());
                }
                if seen.len() == MAX_EARLIER {
                    history.runs_since = Some(updated.plus_ms(1));
                    return Ok(());
                }
                let id = summary.incident_id;
                if id == *this || !seen.insert(id.clone()) {
                    continue;
                }
                if let Some(head) = self.head(&id).await? {
                    history.add(this, &head.incident);
                }
            }
            filter.offset += got;
            if got == 0 || filter.offset as u64 >= total {
                history.runs_since = Some(since);
                return Ok(());
            }
        }
    }
}
