//! What Elastic's machine learning found, where a cluster has it: records become findings.

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
use crate::detect::{Deviation, THRESHOLD};
use crate::reading::Reading;
use crate::severity::severity;

/// Where the jobs of a cluster leave their results.
const RESULTS: &str = ".ml-anomalies-*";

/// Without these fields there is no record of any job.
const NEEDED: [&str; 7] = [
    "timestamp",
    "result_type",
    "job_id",
    "is_interim",
    "partition_field_name",
    "partition_field_value",
    "record_score",
];

/// How far back records are read: a bucket is judged when it is over and its documents are in.
const BACK_MS: i64 = 30 * 60_000;

/// The rule's id: stable, part of incident ids.
pub(super) const RULE: &str = "ml-anomaly";

/// The newest record of each service and job that was taken in.
pub(super) type Taken = BTreeMap<(String, String), Timestamp>;

/// The highest record of one service and job.
#[derive(Debug, Clone, PartialEq)]
struct Anomaly {
    service: String,
    job: String,
    /// Start of its bucket.
    at: Timestamp,
    /// Of the bucket, in milliseconds.
    span_ms: i64,
    score: f64,
    /// What was measured, and what is typical, in words.
    says: String,
}

impl Sentinel {
    /// Opens or joins an incident for each anomaly that none is about. What can't be read is
    /// said in the log: the rest of the tick doesn't depend on it.
    pub(super) async fn place_anomalies(
        &self,
        taken: &mut Taken,
        tick: Timestamp,
        to: Timestamp,
        seen: &BTreeMap<String, Reading>,
        topology: &Topology,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let anomalies = match self.anomalies(to).await {
            Ok(anomalies) => anomalies,
            Err(error) => {
                tracing::warn!(%error, "the anomalies that machine learning found can't be read");
                return Ok(());
            }
        };
        taken.retain(|_, at| *at >= to.plus_ms(-2 * BACK_MS));
        for anomaly in anomalies {
            let key = (anomaly.service.clone(), anomaly.job.clone());
            if taken.get(&key).is_some_and(|at| *at >= anomaly.at) {
                continue;
            }
            self.place_anomaly(&anomaly, tick, to, seen, topology, ticked)
                .await?;
            taken.insert(key, anomaly.at);
        }
        Ok(())
    }

    async fn anomalies(&self, to: Timestamp) -> Result<Vec<Anomaly>, Error> {
        let fields = self.casework.telemetry().fields(RESULTS).await;
        let fields = fields.map_err(casework::Error::from)?;
        let has = |name: &&str| fields.iter().any(|field| field.name == **name);
        if !NEEDED.iter().all(has) {
            return Ok(Vec::new());
        }
        let window = Window::new(to.plus_ms(-BACK_MS), to);
        let values = IndexMap::from([("score".to_owned(), Value::from(self.settings.ml_score))]);
        let tool = self.tool("ml_anomalies")?;
        let asked = self.casework.ask_through(tool, None, window, values);
        Ok(anomalies(&asked.await?))
    }

    async fn place_anomaly(
        &self,
        anomaly: &Anomaly,
        tick: Timestamp,
        to: Timestamp,
        seen: &BTreeMap<String, Reading>,
        topology: &Topology,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let open = self.open_incidents().await?;
        if let Some(known) = open.iter().find(|incident| holds(incident, anomaly)) {
            ticked.attached.push(known.id.clone());
            return Ok(());
        }
        let finding = self.finding_of_anomaly(anomaly, tick, to).await?;
        let actor = Actor::agent(Agent::Sentinel);
        if let Placement::Joins {
            incident,
            relation,
            reason,
        } = place(&anomaly.service, tick, &open, topology)
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
        let reading = seen.get(&anomaly.service);
        let criticality = reading.and_then(|reading| reading.criticality);
        let (severity, severity_reason) = severity(&self.deviation_of(anomaly), criticality);
        let heading = Heading {
            title: title(anomaly),
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

    fn deviation_of(&self, anomaly: &Anomaly) -> Deviation {
        Deviation {
            signal: Signal::Metric,
            observed: anomaly.score,
            threshold: self.settings.ml_score,
            held_against: THRESHOLD,
            unit: "",
            requests: None,
        }
    }

    /// Its evidence is the score of this service and job in the bucket: what the recovery check
    /// asks of later ones.
    async fn finding_of_anomaly(
        &self,
        anomaly: &Anomaly,
        tick: Timestamp,
        to: Timestamp,
    ) -> Result<Finding, Error> {
        let end = anomaly.at.plus_ms(anomaly.span_ms.max(1)).min(to);
        let window = Window::new(anomaly.at, end.max(anomaly.at.plus_ms(1)));
        let asked = self
            .check_anomaly(&anomaly.service, &anomaly.job, window)
            .await?;
        let Deviation {
            signal,
            observed,
            threshold,
            held_against,
            unit,
            requests,
        } = self.deviation_of(anomaly);
        Ok(Finding {
            rule: RULE.to_owned(),
            subject: Subject::service(anomaly.service.clone()),
            tick,
            window,
            signal,
            observed,
            threshold,
            unit: unit.to_owned(),
            held_against: held_against.to_owned(),
            requests,
            since: Some(anomaly.at),
            notes: vec![
                anomaly.says.clone(),
                "found by Elastic's machine learning: the number is its record score, of 100"
                    .to_owned(),
            ],
            evidence: asked.evidence("F1", title(anomaly)),
        })
    }

    pub(super) async fn check_anomaly(
        &self,
        service: &str,
        job: &str,
        window: Window,
    ) -> Result<Asked, Error> {
        let values = IndexMap::from([
            ("service".to_owned(), Value::from(service)),
            ("job".to_owned(), Value::from(job)),
        ]);
        let tool = self.tool("ml_check")?;
        let asked = self.casework.ask_through(tool, None, window, values);
        Ok(asked.await?)
    }

    /// The job's newest word on the service in the last half hour.
    pub(super) async fn health_of_anomaly(&self, finding: &Finding, to: Timestamp) -> Health {
        let Some(job) = job_of(finding) else {
            return Health::Silent;
        };
        let mut from = to.plus_ms(-BACK_MS);
        // What was found is not news of how it went on.
        from = from.max(finding.window.to);
        if from >= to {
            return Health::Silent;
        }
        let service = &finding.subject.service;
        let asked = self
            .check_anomaly(service, job, Window::new(from, to))
            .await;
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(%error, job, "a machine learning job's results can't be read");
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

/// The job that a finding is of; `None`: it is no finding of machine learning.
pub(super) fn job_of(finding: &Finding) -> Option<&str> {
    let of_a_job = finding.rule == RULE;
    of_a_job.then(|| finding.evidence.parameters.get("job")?.as_str())?
}

/// Whether an incident holds a finding of the same service and job.
fn holds(incident: &Incident, anomaly: &Anomaly) -> bool {
    incident.findings.iter().any(|finding| {
        job_of(finding) == Some(&anomaly.job) && finding.subject.service == anomaly.service
    })
}

fn title(anomaly: &Anomaly) -> String {
    let Anomaly {
        service,
        job,
        score,
        says,
        ..
    } = anomaly;
    format!("{service}: {says}: anomaly score {score:.0} ({job})")
}

/// The first record, which is the highest, of each service and job.
fn anomalies(asked: &Asked) -> Vec<Anomaly> {
    let mut found: Vec<Anomaly> = Vec::new();
    for row in &asked.rows {
        let (Some(service), Some(job), Some(at), Some(score)) = (
            asked.text(row, "service.name"),
            asked.text(row, "job_id"),
            asked.time(row, "timestamp"),
            asked.number(row, "record_score"),
        ) else {
            continue;
        };
        if found
            .iter()
            .any(|one| one.service == service && one.job == job)
        {
            continue;
        }
        let number = |name: &str| first_number(asked.value(row, name));
        let what = asked.text(row, "field_name").unwrap_or("the count");
        let says = match (number("actual"), number("typical")) {
            (Some(actual), Some(typical)) => {
                format!(
                    "{what} {} where {} is typical",
                    short(actual),
                    short(typical)
                )
            }
            _ => format!("{what} is unusual"),
        };
        found.push(Anomaly {
            service: service.to_owned(),
            job: job.to_owned(),
            at,
            span_ms: number("bucket_span").map_or(0, |seconds| (seconds * 1000.0) as i64),
            score,
            says,
        });
    }
    found
}

/// Actual and typical are lists of one.
fn first_number(value: &Value) -> Option<f64> {
    match value {
        Value::Array(values) => values.first()?.as_f64(),
        value => value.as_f64(),
    }
}
