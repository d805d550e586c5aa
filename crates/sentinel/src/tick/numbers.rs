//! Every number that services report, asked by one query a tick, and trouble that they show.

use std::collections::{BTreeMap, BTreeSet};

use casework::open::Heading;
use casework::tools::{MAX_IDENTIFIERS, Profile};
use casework::{Asked, Opened};
use indexmap::IndexMap;
use model::{Actor, Agent, Finding, Incident, Signal, Subject, Timestamp, Window};
use serde_json::Value;

use super::{Error, Sentinel, Ticked, same_time};
use crate::correlate::{Placement, Topology, place};
use crate::detect::{BASELINE, Deviation, rule};
use crate::reading::Reading;
use crate::severity::severity;
use crate::watch::{About, Piece, Sample, Trouble, Watch};

/// Fields whose means one query asks for; by name, the first ones.
pub const MAX_FIELDS: usize = MAX_IDENTIFIERS;
/// How much of the past is read at the start.
const LEARNED_MS: i64 = 2 * 3_600_000;
/// Documents that come so late are missed; asked back less where they come more often.
const MAX_LATE_MS: i64 = 15 * 60_000;
/// Steps of the usual series that are asked back: one may be on its way.
const STEPS_BACK: i64 = 2;
/// Intervals that are asked back at least.
const INTERVALS_BACK: i64 = 3;
/// Further numbers that a title names.
const MAX_NAMED: usize = 2;

/// What is remembered of numbers between ticks.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    watch: Watch,
    /// Up to where they were read.
    read_to: Option<Timestamp>,
}

impl Numbers {
    /// The newest value of one service's number.
    pub(super) fn newest(&self, service: &str, field: &str) -> Option<f64> {
        self.watch.newest(service, field)
    }

    /// Whether numbers could agree with what else is seen of a service.
    pub(super) fn know(&self, service: &str) -> bool {
        self.watch.knows(service)
    }

    /// Where the next question begins.
    fn from(&self, to: Timestamp, interval_ms: i64) -> Timestamp {
        let Some(read_to) = self.read_to else {
            return to.plus_ms(-LEARNED_MS);
        };
        let steps = self.watch.step_ms().map(|step| step * STEPS_BACK);
        let back = steps
            .unwrap_or(MAX_LATE_MS)
            .max(interval_ms * INTERVALS_BACK)
            .min(MAX_LATE_MS);
        let from = read_to.plus_ms(-back).max(to.plus_ms(-LEARNED_MS));
        // A part of an interval has another mean than the whole.
        Timestamp(from.ms().div_euclid(interval_ms) * interval_ms)
    }
}

impl Sentinel {
    /// Which services had next to no requests, and which fields count them. What counts documents
    /// for requests says nothing.
    pub(super) fn about(&self, seen: &BTreeMap<String, Reading>, profiles: &[Profile]) -> About {
        let ways = || profiles.iter().flat_map(|profile| &profile.requests);
        let stand_ins: BTreeSet<&String> = ways().filter_map(|way| way.note.as_ref()).collect();
        let is_idle = |reading: &&Reading| {
            let counted = !reading.notes.iter().any(|note| stand_ins.contains(note));
            let requests = reading.requests.filter(|_| counted);
            requests.is_some_and(|requests| requests < self.settings.min_requests)
        };
        About {
            idle: seen
                .values()
                .filter(is_idle)
                .map(|reading| reading.service.clone())
                .collect(),
            requests: ways().flat_map(|way| way.needs.clone()).collect(),
        }
    }

    /// Reads what is new and looks at it.
    pub(super) async fn watch(
        &self,
        numbers: &mut Numbers,
        tick: Timestamp,
        window: Window,
        about: &About,
        topology: &Topology,
    ) -> Result<Vec<Trouble>, Error> {
        let fields = self.numeric_fields().await?;
        if fields.is_empty() {
            return Ok(Vec::new());
        }
        let from = numbers.from(window.to, self.settings.interval_ms);
        let asked = self.means(&fields, Window::new(from, window.to)).await?;
        let samples = samples(&asked, &fields);
        let first = numbers.read_to.is_none();
        numbers.read_to = Some(window.to);
        if first {
            numbers.watch.learn(&samples);
            return Ok(Vec::new());
        }
        Ok(numbers.watch.look(tick, &samples, about, topology))
    }

    async fn numeric_fields(&self) -> Result<Vec<String>, Error> {
        let fields = self.casework.telemetry().fields("metrics-*").await?;
        Ok(fields
            .into_iter()
            .filter(|field| field.data_type.is_numeric() && field.parent.is_none())
            .map(|field| field.name)
            .take(MAX_FIELDS)
            .collect())
    }

    async fn means(&self, fields: &[String], window: Window) -> Result<Asked, Error> {
        let step = format!("{} milliseconds", self.settings.interval_ms);
        let values = IndexMap::from([
            ("metrics".to_owned(), Value::from(fields.to_vec())),
            ("step".to_owned(), Value::from(step)),
        ]);
        let tool = self.tool("service_metrics")?;
        Ok(self
            .casework
            .ask_through(tool, None, window, values)
            .await?)
    }

    /// One number of one service again: what the recovery check asks later.
    pub(super) async fn check_number(
        &self,
        service: &str,
        field: &Value,
        window: Window,
    ) -> Result<Asked, Error> {
        let values = IndexMap::from([
            ("service".to_owned(), Value::from(service)),
            ("metric".to_owned(), field.clone()),
        ]);
        let tool = self.tool("metric_check")?;
        Ok(self
            .casework
            .ask_through(tool, None, window, values)
            .await?)
    }

    /// Opens an incident for each trouble that no open one is about.
    pub(super) async fn place_troubles(
        &self,
        tick: Timestamp,
        window: Window,
        troubles: &[Trouble],
        seen: &BTreeMap<String, Reading>,
        topology: &Topology,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        for trouble in troubles.iter().filter(|trouble| !trouble.known) {
            let open = self.open_incidents().await?;
            if let Some(known) = known(trouble, tick, &open, topology) {
                ticked.attached.push(known.id.clone());
                continue;
            }
            let Some(strongest) = trouble.pieces.first() else {
                continue;
            };
            let finding = self
                .finding_of_number(tick, window, trouble, strongest)
                .await?;
            let reading = seen.get(&strongest.service);
            let criticality = reading.and_then(|reading| reading.criticality);
            let (severity, severity_reason) = severity(&deviation(strongest), criticality);
            let heading = Heading {
                title: title(trouble, strongest),
                severity,
                severity_reason,
            };
            let actor = Actor::agent(Agent::Sentinel);
            let opened = self.casework.open(actor, finding, heading).await?;
            let id = opened.incident().id.clone();
            match opened {
                Opened::New(_) | Opened::Reopened(_) => ticked.opened.push(id),
                Opened::Known(_) => ticked.attached.push(id),
            }
        }
        Ok(())
    }

    async fn finding_of_number(
        &self,
        tick: Timestamp,
        window: Window,
        trouble: &Trouble,
        piece: &Piece,
    ) -> Result<Finding, Error> {
        let field = Value::from(piece.field.as_str());
        let asked = self.check_number(&piece.service, &field, window).await?;
        let deviation = deviation(piece);
        Ok(Finding {
            rule: rule(Signal::Metric).to_owned(),
            subject: Subject::service(piece.service.clone()),
            tick,
            window,
            signal: Signal::Metric,
            observed: deviation.observed,
            threshold: deviation.threshold,
            unit: deviation.unit.to_owned(),
            held_against: deviation.held_against.to_owned(),
            requests: None,
            since: trouble.pieces.iter().filter_map(|piece| piece.since).min(),
            notes: trouble.pieces.iter().skip(1).map(told).collect(),
            evidence: asked.evidence("F1", title(trouble, piece)),
        })
    }
}

/// The open incident that a trouble belongs to.
fn known<'a>(
    trouble: &Trouble,
    tick: Timestamp,
    open: &'a [Incident],
    topology: &Topology,
) -> Option<&'a Incident> {
    let services = trouble.services();
    let placed = services
        .iter()
        .find_map(|service| match place(service, tick, open, topology) {
            Placement::Joins { incident, .. } => open.get(incident),
            Placement::New => None,
        });
    placed.or_else(|| same_time(open, topology))
}

fn deviation(piece: &Piece) -> Deviation {
    Deviation {
        signal: Signal::Metric,
        observed: piece.observed,
        threshold: piece.line,
        held_against: BASELINE,
        // A metric's name may tell it; nothing else does.
        unit: "",
        requests: None,
    }
}

fn title(trouble: &Trouble, strongest: &Piece) -> String {
    let mut title = format!("{}: {}", strongest.service, told_short(strongest));
    let others = trouble.pieces.iter().filter(|piece| *piece != strongest);
    let named: Vec<String> = others
        .take(MAX_NAMED)
        .map(|piece| format!("{} of {}", piece.field, piece.service))
        .collect();
    if !named.is_empty() {
        title.push_str(&format!(", with {}", named.join(" and ")));
    }
    title
}

fn told(piece: &Piece) -> String {
    format!("{}: {}", piece.service, told_short(piece))
}

fn told_short(piece: &Piece) -> String {
    let Piece {
        field,
        observed,
        usual,
        ..
    } = piece;
    format!(
        "{field} {} where {} is usual",
        short(*observed),
        short(*usual)
    )
}

/// Four significant digits.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(digits.clamp(-300, 300));
    format!("{}", (value * scale).round() / scale)
}

/// The answer's values, oldest first.
fn samples<'a>(asked: &'a Asked, fields: &'a [String]) -> Vec<Sample<'a>> {
    let columns: Vec<Option<usize>> = (0..fields.len())
        .map(|index| asked.column(&format!("metrics_{index}")))
        .collect();
    let mut samples = Vec::new();
    for row in asked.rows.iter().rev() {
        let (Some(service), Some(at)) =
            (asked.text(row, "service.name"), asked.time(row, "interval"))
        else {
            continue;
        };
        for (field, column) in fields.iter().zip(&columns) {
            let value = column.and_then(|column| row.get(column)?.as_f64());
            samples.extend(value.map(|value| Sample {
                service,
                field,
                at,
                value,
            }));
        }
    }
    samples
}
