//! Health, seen by the rule that raised the alarm, for several ticks in a row.

use std::collections::BTreeMap;

use casework::tools::Profile;
use model::incident::ProposalStage;
use model::{Actor, Agent, Event, Finding, Incident, Signal, Timestamp, Window};

use super::anomalies::job_of;
use super::waits::is_wait;
use super::{Error, Numbers, Sentinel, State, Ticked};
use crate::reading::Reading;

/// What one tick says of one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    Ill,
    /// No rows or low traffic: says nothing.
    Silent,
}

/// Holds one reading against the line that a finding crossed.
pub(super) fn health(
    signal: Signal,
    threshold: f64,
    reading: Option<&Reading>,
    min_requests: f64,
) -> Health {
    let Some(reading) = reading else {
        return Health::Silent;
    };
    let judge = |value: Option<f64>, requests: Option<f64>| match (value, requests) {
        (Some(value), Some(requests)) if requests >= min_requests => {
            if value > threshold {
                Health::Ill
            } else {
                Health::Well
            }
        }
        _ => Health::Silent,
    };
    match signal {
        Signal::ErrorRate => judge(reading.error_rate, reading.requests),
        Signal::Latency => judge(reading.p99_ms, reading.p99_requests),
        Signal::Silence if reading.documents > 0.0 => Health::Well,
        Signal::Silence => Health::Ill,
        // A person declared it: a person says when it is over. Numbers are judged by themselves.
        Signal::Declared | Signal::Metric => Health::Silent,
    }
}

/// Healthy ticks in a row, by finding. A tick that says nothing of a finding neither lengthens its
/// row nor ends it: silence is not health, and where traffic is low it is not illness either.
fn lengthen(runs: &mut Vec<usize>, now: &[Health]) {
    runs.resize(now.len(), 0);
    for (run, health) in runs.iter_mut().zip(now) {
        match health {
            Health::Well => *run += 1,
            Health::Ill => *run = 0,
            Health::Silent => {}
        }
    }
}

/// Holds a number's newest value against the line that it crossed.
fn health_of_number(finding: &Finding, numbers: &Numbers) -> Health {
    let field = finding.evidence.parameters.get("metric");
    let value = field.and_then(|field| numbers.newest(&finding.subject.service, field.as_str()?));
    match value {
        None => Health::Silent,
        Some(value) if finding.is_beyond(value) => Health::Ill,
        Some(_) => Health::Well,
    }
}

fn under_way(incident: &Incident) -> bool {
    incident.proposals.iter().any(|state| {
        matches!(
            state.stage,
            ProposalStage::Approved | ProposalStage::Executing | ProposalStage::Executed
        )
    })
}

impl Sentinel {
    /// Resolves incidents all of whose findings were well for `healthy_ticks` ticks in a row.
    pub(super) async fn resolve_healthy(
        &self,
        state: &mut State,
        tick: Timestamp,
        seen: &BTreeMap<String, Reading>,
        profiles: &[Profile],
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let open = self.open_incidents().await?;
        state
            .healthy
            .retain(|id, _| open.iter().any(|incident| incident.id == *id));
        for incident in open {
            if under_way(&incident) {
                state.healthy.remove(&incident.id);
                continue;
            }
            let to = self.window(tick).to;
            let mut now = Vec::with_capacity(incident.findings.len());
            for finding in &incident.findings {
                now.push(if job_of(finding).is_some() {
                    self.health_of_anomaly(finding, to).await
                } else if is_wait(finding) {
                    self.health_of_wait(finding, self.window(tick)).await
                } else if finding.signal == Signal::Metric {
                    health_of_number(finding, &state.numbers)
                } else {
                    let reading = seen.get(&finding.subject.service);
                    let least = self.settings.min_requests;
                    health(finding.signal, finding.threshold, reading, least)
                });
            }
            let runs = state.healthy.entry(incident.id.clone()).or_default();
            lengthen(runs, &now);
            let count = runs.iter().copied().min().unwrap_or(0);
            // The window must lie wholly after the last act, or its trouble is still in it.
            let settled = incident.mitigated_at.is_none_or(|at| {
                self.window(tick).from >= at
                    || incident.proposals.iter().all(|p| p.finished_at.is_none())
            });
            // What nobody repaired must be well for longer before it counts as over.
            let needed = if incident.mitigated_at.is_some() {
                self.settings.healthy_ticks
            } else {
                self.settings.healthy_ticks * 3
            };
            if count >= needed && (settled || count >= needed * 2) {
                self.resolve(&incident, tick, seen, profiles).await?;
                state.healthy.remove(&incident.id);
                ticked.resolved.push(incident.id.clone());
            }
        }
        Ok(())
    }

    async fn resolve(
        &self,
        incident: &Incident,
        tick: Timestamp,
        seen: &BTreeMap<String, Reading>,
        profiles: &[Profile],
    ) -> Result<(), Error> {
        let window: Window = self.window(tick);
        let Some(first) = incident.findings.first() else {
            return Ok(());
        };
        let service = &first.subject.service;
        let profile = seen.get(service).map_or(0, |reading| match first.signal {
            Signal::Latency => reading.latency_profile,
            _ => reading.error_profile,
        });
        let Some(profile) = profiles.get(profile) else {
            return Ok(());
        };
        let asked = match (job_of(first), first.evidence.parameters.get("metric")) {
            (Some(job), _) => self.check_anomaly(service, job, window).await?,
            (None, _) if is_wait(first) => self.check_wait(service, window).await?,
            (None, Some(field)) if first.signal == Signal::Metric => {
                self.check_number(service, field, window).await?
            }
            _ => self.check(service, profile, window).await?,
        };
        let says = format!(
            "{service} and all that deviated are under their lines for {} ticks in a row",
            self.settings.healthy_ticks
        );
        let event = Event::Resolved {
            says: says.clone(),
            evidence: Some(Box::new(asked.evidence("R1", says))),
        };
        let actor = Actor::agent(Agent::Sentinel);
        self.casework.record(&incident.id, actor, event).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_tick_says_nothing() {
        use Health::{Ill, Silent, Well};
        let mut runs = Vec::new();
        for now in [[Well, Well], [Silent, Well], [Well, Ill], [Well, Silent]] {
            lengthen(&mut runs, &now);
        }
        assert_eq!(runs, [3, 0]);
        lengthen(&mut runs, &[Well, Well, Well]);
        assert_eq!(runs, [4, 1, 1]);
    }

    #[test]
    fn no_rows_and_low_traffic_are_never_health() {
        let low = Reading {
            error_rate: Some(0.0),
            requests: Some(3.0),
            ..Reading::default()
        };
        assert_eq!(health(Signal::ErrorRate, 0.05, None, 20.0), Health::Silent);
        assert_eq!(
            health(Signal::ErrorRate, 0.05, Some(&low), 20.0),
            Health::Silent
        );
        let fine = Reading {
            requests: Some(300.0),
            ..low
        };
        assert_eq!(
            health(Signal::ErrorRate, 0.05, Some(&fine), 20.0),
            Health::Well
        );
    }
}
