//! Waits between callers and services, asked by one query a tick; a long one becomes a finding.

use std::collections::BTreeMap;

use casework::open::Heading;
use casework::{Asked, Opened};
use indexmap::IndexMap;
use model::{Actor, Agent, Event, Finding, Incident, Signal, Subject, Timestamp, Window};
use serde_json::Value;

use super::numbers::short;
use super::resolve::Health;
use super::{Error, Sentinel, Ticked};
use crate::correlate::{Placement, Topology, place};
use crate::detect::{BASELINE, Deviation};
use crate::reading::Reading;
use crate::severity::severity;
use crate::waits::{Interval, Wait, Waits};

/// The rule's id: stable, part of incident ids.
pub(super) const RULE: &str = "call-wait";
/// Without these fields nobody can say who called whom, and how long it took.
const NEEDED: [&str; 4] = ["parent.id", "span.id", "trace.id", "span.duration.us"];
/// How much of the past is read at the start.
const LEARNED_MS: i64 = 3_600_000;
/// How much is asked back at each tick: spans are delivered at their end.
const BACK_MS: i64 = 5 * 60_000;

/// What is remembered between ticks.
#[derive(Debug, Default)]
pub(super) struct Watched {
    waits: Waits,
    read_to: Option<Timestamp>,
}

impl Sentinel {
    /// Opens or joins an incident for each wait that is long. What can't be read is said in the
    /// log: the rest of the tick doesn't depend on it.
    pub(super) async fn place_waits(
        &self,
        watched: &mut Watched,
        tick: Timestamp,
        to: Timestamp,
        seen: &BTreeMap<String, Reading>,
        topology: &Topology,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        if let Err(error) = self.read_waits(watched, to).await {
            tracing::warn!(%error, "the waits between callers and services can't be read");
            return Ok(());
        }
        for wait in watched.waits.long(to) {
            self.place_wait(&wait, tick, to, seen, topology, ticked)
                .await?;
        }
        Ok(())
    }

    async fn read_waits(&self, watched: &mut Watched, to: Timestamp) -> Result<(), Error> {
        let fields = self.casework.telemetry().fields("traces-*").await;
        let fields = fields.map_err(casework::Error::from)?;
        let has = |name: &&str| fields.iter().any(|field| field.name == **name);
        if !NEEDED.iter().all(has) {
            return Ok(());
        }
        let step = self.settings.interval_ms;
        let back = match watched.read_to {
            Some(read_to) => read_to.plus_ms(-BACK_MS),
            None => to.plus_ms(-LEARNED_MS),
        };
        // A part of an interval has another median than the whole.
        let from = Timestamp(back.max(to.plus_ms(-LEARNED_MS)).ms().div_euclid(step) * step);
        let values = IndexMap::from([(
            "step".to_owned(),
            Value::from(format!("{step} milliseconds")),
        )]);
        let tool = self.tool("call_waits")?;
        let window = Window::new(from, to);
        let asked = self
            .casework
            .ask_through(tool, None, window, values)
            .await?;
        for row in &asked.rows {
            if let (Some(service), Some(at), Some(calls), Some(wait_ms)) = (
                asked.text(row, "service.name"),
                asked.time(row, "interval"),
                asked.number(row, "calls"),
                asked.number(row, "wait_ms"),
            ) {
                let interval = Interval { at, calls, wait_ms };
                watched.waits.take(service, interval);
            }
        }
        watched.read_to = Some(to);
        Ok(())
    }

    async fn place_wait(
        &self,
        wait: &Wait,
        tick: Timestamp,
        to: Timestamp,
        seen: &BTreeMap<String, Reading>,
        topology: &Topology,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let open = self.open_incidents().await?;
        if let Some(known) = open.iter().find(|incident| holds(incident, wait)) {
            ticked.attached.push(known.id.clone());
            return Ok(());
        }
        let window = Window::new(wait.since.min(to.plus_ms(-1)), to);
        let asked = self.check_wait(&wait.service, window).await?;
        let finding = finding(wait, tick, window, &asked);
        let actor = Actor::agent(Agent::Sentinel);
        if let Placement::Joins {
            incident,
            relation,
            reason,
        } = place(&wait.service, tick, &open, topology)
        {
            let id = open[incident].id.clone();
            let event = Event::FindingAttached {
                finding: Box::new(finding),
                relation,
                reason,
            };
            self.casework.record(&id, actor, event).await?;
            ticked.attached.push(id);
            return Ok(());
        }
        let reading = seen.get(&wait.service);
        let criticality = reading.and_then(|reading| reading.criticality);
        let (severity, severity_reason) = severity(&deviation(wait), criticality);
        let heading = Heading {
            title: title(wait),
            severity,
            severity_reason,
        };
        let opened = self.casework.open(actor, finding, heading).await?;
        let id = opened.incident().id.clone();
        match opened {
            Opened::New(_) | Opened::Reopened(_) => ticked.opened.push(id),
            Opened::Known(_) => ticked.attached.push(id),
        }
        Ok(())
    }

    pub(super) async fn check_wait(&self, service: &str, window: Window) -> Result<Asked, Error> {
        let values = IndexMap::from([("service".to_owned(), Value::from(service))]);
        let tool = self.tool("wait_check")?;
        Ok(self
            .casework
            .ask_through(tool, None, window, values)
            .await?)
    }

    /// The wait in the tick's window.
    pub(super) async fn health_of_wait(&self, finding: &Finding, window: Window) -> Health {
        // What was found is not news of how it went on.
        let from = window.from.max(finding.window.to);
        if from >= window.to {
            return Health::Silent;
        }
        let window = Window::new(from, window.to);
        let asked = match self.check_wait(&finding.subject.service, window).await {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(%error, "a wait can't be read");
                return Health::Silent;
            }
        };
        let row = asked.rows.first();
        match row.and_then(|row| asked.number(row, "value")) {
            None => Health::Silent,
            Some(value) if finding.is_beyond(value) => Health::Ill,
            Some(_) => Health::Well,
        }
    }
}

fn finding(wait: &Wait, tick: Timestamp, window: Window, asked: &Asked) -> Finding {
    let Deviation {
        signal,
        observed,
        threshold,
        held_against,
        unit,
        requests,
    } = deviation(wait);
    Finding {
        rule: RULE.to_owned(),
        subject: Subject::service(wait.service.clone()),
        tick,
        window,
        signal,
        observed,
        threshold,
        unit: unit.to_owned(),
        held_against: held_against.to_owned(),
        requests,
        since: Some(wait.since),
        notes: vec![format!(
            "the median of {} calls: time that passes between the caller's span and the service's own",
            wait.calls
        )],
        evidence: asked.evidence("F1", title(wait)),
    }
}

fn deviation(wait: &Wait) -> Deviation {
    Deviation {
        signal: Signal::Metric,
        observed: wait.wait_ms,
        threshold: wait.line_ms,
        held_against: BASELINE,
        unit: "ms",
        requests: None,
    }
}

/// Whether an incident holds a finding of the same service's wait.
fn holds(incident: &Incident, wait: &Wait) -> bool {
    let mut findings = incident.findings.iter();
    findings.any(|finding| is_wait(finding) && finding.subject.service == wait.service)
}

pub(super) fn is_wait(finding: &Finding) -> bool {
    finding.rule == RULE
}

fn title(wait: &Wait) -> String {
    format!(
        "{}: callers wait {} ms for it, usually {} ms",
        wait.service,
        short(wait.wait_ms),
        short(wait.usual_ms)
    )
}
