//! The loop: wakes and a sweep let each agent look at each incident that isn't over.
//!
//! Events only wake; state decides. An agent that is woken for nothing finds nothing to do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bus::Heard;
use model::{Incident, IncidentId, Status};
use store::SummaryFilter;
use store::journal::MAX_PAGE;
use tokio::sync::watch;

use crate::case::Casework;
use crate::error::Error;

/// Incidents that one agent works on at once.
pub const MAX_AT_ONCE: usize = 4;
/// Incidents that wait for one agent; beyond it, the sweep finds them later.
pub const MAX_WAITING: usize = 4_096;
/// The sweep that makes up for lost wakes, in wall time.
pub const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// Incidents that one sweep looks at.
pub const MAX_SWEPT: usize = 2_000;
/// Of those that are over, the sweep follows up the latest ones.
pub const MAX_FOLLOWED_UP: usize = 50;
/// The same for the first sweep of a process: what another one left undone when it ended.
pub const MAX_FOLLOWED_UP_AT_START: usize = 1_000;

/// One agent's part in an incident.
#[async_trait]
pub trait Stage: Send + Sync + 'static {
    /// For logs and metrics.
    fn name(&self) -> &'static str;

    /// Looks at the incident as it is now and does what is this agent's to do: often nothing.
    /// Also called for incidents that are over, once after each of their records.
    async fn look(&self, incident: Incident) -> Result<(), Error>;

    /// Whether the sweep shows it incidents that ended lately too: for an agent that may have
    /// something left to do after the end, such as telling people of it.
    fn follows_up(&self) -> bool {
        false
    }

    /// Incidents that this agent couldn't finish and that can be tried again now, over or not: the
    /// sweep shows it those too. The agent bounds them.
    fn left_over(&self) -> Vec<IncidentId> {
        Vec::new()
    }
}

/// Runs one agent until told to stop.
pub struct Driver {
    casework: Casework,
    stage: Arc<dyn Stage>,
}

impl Driver {
    pub fn new(casework: Casework, stage: Arc<dyn Stage>) -> Self {
        Self { casework, stage }
    }

    /// Ends when `stop` turns true; work under way is finished first.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut listener = self.casework.bus().listen();
        let mut waiting: BTreeSet<IncidentId> = BTreeSet::new();
        let mut followed_up = MAX_FOLLOWED_UP_AT_START;
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut working = tokio::task::JoinSet::new();
        let mut busy: BTreeSet<IncidentId> = BTreeSet::new();
        loop {
            tokio::select! {
                _ = stop.changed() => if *stop.borrow() { break },
                heard = listener.hear() => match heard {
                    Heard::Wake(wake) => {
                        if waiting.len() < MAX_WAITING {
                            waiting.insert(wake.incident);
                        }
                    }
                    Heard::Lost(_) => sweep.reset_immediately(),
                    Heard::Closed => break,
                },
                _ = sweep.tick() => {
                    self.swept(&mut waiting, followed_up).await;
                    followed_up = MAX_FOLLOWED_UP;
                }
                Some(done) = working.join_next() => {
                    match done {
                        Ok(id) => { busy.remove(&id); }
                        Err(error) => {
                            // A panic in one look: which incident is lost, so all are free again.
                            tracing::error!(agent = self.stage.name(), %error, "a look ended badly");
                            busy.clear();
                        }
                    }
                }
            }
            while busy.len() < MAX_AT_ONCE {
                let Some(id) = waiting.iter().find(|id| !busy.contains(*id)).cloned() else {
                    break;
                };
                waiting.remove(&id);
                busy.insert(id.clone());
                working.spawn(look(self.casework.clone(), Arc::clone(&self.stage), id));
            }
        }
        while working.join_next().await.is_some() {}
    }

    async fn swept(&self, waiting: &mut BTreeSet<IncidentId>, followed_up: usize) {
        let room = |waiting: &BTreeSet<IncidentId>| MAX_WAITING.saturating_sub(waiting.len());
        waiting.extend(self.stage.left_over().into_iter().take(room(waiting)));
        let swept = match self.stage.follows_up() {
            true => open_and_ended_lately(&self.casework, followed_up).await,
            false => open_incidents(&self.casework).await,
        };
        match swept {
            Ok(ids) => waiting.extend(ids.into_iter().take(MAX_WAITING)),
            Err(error) => {
                tracing::warn!(agent = self.stage.name(), %error, "can't list open incidents");
            }
        }
    }
}

/// Incidents that aren't over, oldest first.
pub async fn open_incidents(casework: &Casework) -> Result<Vec<IncidentId>, Error> {
    let open = SummaryFilter {
        statuses: Status::ALL
            .into_iter()
            .filter(|status| !status.is_over())
            .collect(),
        sort: Some("opened_at".to_owned()),
        ..SummaryFilter::default()
    };
    listed(casework, open, MAX_SWEPT).await
}

/// Those too of which `most` ended latest.
async fn open_and_ended_lately(casework: &Casework, most: usize) -> Result<Vec<IncidentId>, Error> {
    let mut ids = open_incidents(casework).await?;
    let over = SummaryFilter {
        statuses: Status::ALL
            .into_iter()
            .filter(|status| status.is_over())
            .collect(),
        sort: Some("-updated_at".to_owned()),
        ..SummaryFilter::default()
    };
    ids.extend(listed(casework, over, most).await?);
    Ok(ids)
}

/// The first `most` incidents that a filter finds, page by page.
async fn listed(
    casework: &Casework,
    mut filter: SummaryFilter,
    most: usize,
) -> Result<Vec<IncidentId>, Error> {
    let mut ids = Vec::new();
    loop {
        filter.limit = MAX_PAGE.min(most - ids.len());
        let page = casework.journal().summaries(&filter).await?;
        let got = page.items.len();
        ids.extend(page.items.into_iter().map(|summary| summary.incident_id));
        filter.offset += got;
        if got == 0 || filter.offset as u64 >= page.total || ids.len() >= most {
            return Ok(ids);
        }
    }
}

async fn look(casework: Casework, stage: Arc<dyn Stage>, id: IncidentId) -> IncidentId {
    let began = Instant::now();
    let done = match casework.incident(&id).await {
        Ok(incident) => stage.look(incident).await,
        Err(error) => Err(error),
    };
    metrics::histogram!("agent_run_duration_seconds", "agent" => stage.name())
        .record(began.elapsed().as_secs_f64());
    if let Err(error) = done {
        tracing::warn!(agent = stage.name(), incident = %id, %error, "looked in vain");
    }
    id
}
