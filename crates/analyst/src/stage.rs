//! The shell: claims an investigation, explains, records.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casework::{Casework, Error, Stage};
use model::incident::Doubt;
use model::tuning::{self, Tuning};
use model::{Actor, Agent, Event, Incident, Signal, Status, Timestamp};

use crate::gather::Matter;
use crate::observations::Alarm;
use crate::report::{Investigation, investigate};

/// Time that one investigation may take, of the wall.
pub const BUDGET: Duration = Duration::from_secs(30);
/// A claim is void after this long, in milliseconds of the clock: its holder is gone.
const CLAIM_MS: i64 = 120_000;

/// The agent.
pub struct Analyst {
    casework: Casework,
    budget: Duration,
    tuning: Arc<Tuning>,
}

impl Analyst {
    pub fn new(casework: Casework) -> Self {
        Self::with_budget(casework, BUDGET)
    }

    pub fn with_budget(casework: Casework, budget: Duration) -> Self {
        Self {
            casework,
            budget,
            tuning: Arc::new(tuning::embedded().clone()),
        }
    }

    /// With other numbers than those that are built in.
    #[must_use]
    pub fn tuned(mut self, tuning: Arc<Tuning>) -> Self {
        self.tuning = tuning;
        self
    }

    /// Claims the investigation, explains, records the report, and gives what it was made from;
    /// `None` where the incident doesn't wait for an explanation.
    pub async fn explain(&self, incident: &Incident) -> Result<Option<Investigation>, Error> {
        let now = self.casework.clock().now();
        let claim = format!(
            "{}:{}:{}",
            incident.id,
            incident.last_seq,
            std::process::id()
        );
        let until = now.plus_ms(CLAIM_MS.max(self.clock_ms(self.budget)));
        let claimed = {
            let claim = claim.clone();
            self.casework
                .record_when(&incident.id, analyst(), move |incident| {
                    waits(incident, now).then(|| Event::InvestigationStarted {
                        claim: claim.clone(),
                        until,
                    })
                })
                .await?
        };
        let Some(incident) = claimed else {
            return Ok(None);
        };
        let matter = Matter {
            alarm: alarm(&incident),
            until: now,
            budget: self.budget,
        };
        let told = investigate(&self.casework, &matter, &self.tuning).await;
        if let Some(first) = told.report.first() {
            metrics::histogram!("rca_confidence_score").record(first.confidence);
        }
        let event = Event::ReportRecorded {
            claim: Some(claim.clone()),
            report: Box::new(told.report.clone()),
        };
        let recorded = self.casework.record(&incident.id, analyst(), event).await;
        match recorded {
            Ok(_) => Ok(Some(told)),
            Err(Error::Illegal(illegal)) => {
                let event = Event::InvestigationFailed {
                    claim,
                    reason: illegal.to_string(),
                    known: incident.title.clone(),
                };
                self.casework.record(&incident.id, analyst(), event).await?;
                Ok(Some(told))
            }
            Err(error) => Err(error),
        }
    }

    /// What the Analyst would explain of an incident now.
    pub fn matter(&self, incident: &Incident) -> Matter {
        Matter {
            alarm: alarm(incident),
            until: self.casework.clock().now(),
            budget: self.budget,
        }
    }

    /// How long `wall` is on the casework's clock.
    fn clock_ms(&self, wall: Duration) -> i64 {
        (wall.as_secs_f64() * 1000.0 * self.casework.clock().speed()) as i64
    }
}

fn analyst() -> Actor {
    Actor::agent(Agent::Analyst)
}

/// Actions in vain after which it looks again; after more of them it is a person's turn.
const MAX_DOUBTS: usize = 3;

/// Whether an investigation is due: nobody holds it, and none has ended, or what was done because
/// of it didn't help, or findings were split off.
fn waits(incident: &Incident, now: Timestamp) -> bool {
    let held = incident.claim.as_ref().is_some_and(|held| held.until > now);
    let over = incident.status.is_over() || incident.status == Status::Mitigated;
    if !over && incident.is_report_doubtful() {
        // After a split it looks once more; where no report came of that, a person was asked.
        let in_vain = incident.in_vain().count();
        let asked = in_vain == 0 && incident.doubt == Some(Doubt::Remains);
        return !held && !asked && in_vain <= MAX_DOUBTS;
    }
    // A person was asked after a failed investigation; it isn't tried again by itself.
    let failed = incident.status == Status::Open && incident.person_needed.is_some();
    matches!(incident.status, Status::Open | Status::Investigating)
        && incident.report.is_none()
        && !held
        && !failed
}

/// The alarm as the incident's findings tell it.
fn alarm(incident: &Incident) -> Alarm {
    let first = incident.findings.last().filter(|_| incident.reopened > 0);
    let first = first.or(incident.findings.first());
    let tick = first.map_or(incident.opened_at, |finding| finding.tick);
    let declared = first.is_some_and(|finding| finding.signal == Signal::Declared);
    Alarm {
        at_us: tick.ms() * 1000,
        service: Some(incident.service.clone()).filter(|service| !service.is_empty()),
        summary: match (declared, first) {
            (false, Some(finding)) => format!("{}: {}", incident.title, finding.evidence.says),
            _ => incident.title.clone(),
        },
    }
}

#[async_trait]
impl Stage for Analyst {
    fn name(&self) -> &'static str {
        Agent::Analyst.name()
    }

    async fn look(&self, incident: Incident) -> Result<(), Error> {
        match waits(&incident, self.casework.clock().now()) {
            true => self.explain(&incident).await.map(drop),
            false => Ok(()),
        }
    }
}
