//! One look: ask, detect, correlate, open, resolve. The only part with I/O.

use std::collections::{BTreeMap, BTreeSet};

use casework::open::Heading;
use casework::tools::Profile;
use casework::{Asked, Casework, Opened};
use indexmap::IndexMap;
use model::{
    Actor, Agent, Event, Evidence, Finding, Incident, IncidentId, Signal, Status, Subject,
    Timestamp, Window,
};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::baseline::{Baselines, learn};
use crate::correlate::{Placement, Topology, place};
use crate::detect::{BASELINE, Deviation, THRESHOLD, deviations, rule, scheduled, silence, title};
use crate::error::Error;
use crate::memory::Memory;
use crate::reading::{Reading, readings};
use crate::settings::Settings;
use crate::severity::severity;
use crate::watch::Trouble;
use numbers::Numbers;

mod anomalies;
mod numbers;
mod resolve;
mod waits;

/// Ticks that are looked at afterwards when some were missed: older ones are past helping.
pub const MAX_CAUGHT_UP: i64 = 5;

/// The agent. One per process; its memory is made anew from telemetry after a restart.
pub struct Sentinel {
    casework: Casework,
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    learned: Option<Learned>,
    numbers: Numbers,
    taken: anomalies::Taken,
    waits: waits::Watched,
    /// The newest document of each service at the last tick.
    newest_of: BTreeMap<String, Option<Timestamp>>,
    /// The newest document of all, and the end of the window that was looked at then.
    looked_at: Option<(Option<Timestamp>, Timestamp)>,
    /// What the last look saw.
    services: usize,
    /// Healthy ticks in a row of each finding, by incident.
    healthy: BTreeMap<IncidentId, Vec<usize>>,
}

struct Learned {
    at: Timestamp,
    profiles: Vec<Profile>,
    /// One a profile, in the profiles' order.
    baselines: Vec<Baselines>,
    /// Intervals that the history has in all, one a profile.
    intervals: Vec<usize>,
}

/// What one tick did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ticked {
    pub tick: Option<Timestamp>,
    pub services: usize,
    pub deviating: usize,
    pub opened: Vec<IncidentId>,
    pub attached: Vec<IncidentId>,
    pub resolved: Vec<IncidentId>,
}

/// A deviation that has lasted long enough, with its reading.
struct Due {
    service: String,
    deviation: Deviation,
    since: Option<Timestamp>,
    profile: usize,
    /// Whether it is enough to open an incident: a learned line alone is not, numbers of the
    /// same trouble must agree, where the service reports any.
    opens: bool,
}

impl Sentinel {
    pub fn new(casework: Casework, settings: Settings) -> Self {
        Self {
            casework,
            settings,
            state: Mutex::new(State::default()),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Looks at the tick that is due at the clock's now, and at those before it that were missed.
    pub async fn look(&self) -> Result<Ticked, Error> {
        let due = scheduled(self.casework.clock().now(), self.settings.interval_ms);
        let mut state = self.state.lock().await;
        let step = self.settings.interval_ms;
        let last = state.memory.last_tick().map_or_else(
            // After a start: look at the ticks that `for N of M` reaches back to.
            || due.plus_ms(-step * self.settings.of as i64),
            |last| last.max(due.plus_ms(-step * MAX_CAUGHT_UP)),
        );
        let mut ticked = Ticked::default();
        let mut tick = last.plus_ms(step);
        while tick <= due {
            ticked = self.tick(&mut state, tick, tick == due).await?;
            tick = tick.plus_ms(step);
        }
        Ok(ticked)
    }

    /// The newest document of any telemetry, for the pulse.
    pub async fn newest(&self) -> Result<Option<Timestamp>, Error> {
        let telemetry = self.casework.telemetry();
        let mut newest = None;
        for pattern in ["metrics-*", "traces-*", "logs-*"] {
            newest = newest.max(telemetry.newest(pattern).await?);
        }
        Ok(newest)
    }

    fn window(&self, tick: Timestamp) -> Window {
        let to = tick.plus_ms(-self.settings.delay_ms);
        Window::new(to.plus_ms(-self.settings.window_ms), to)
    }

    /// `act` is false for ticks that are only looked at to remember what they showed.
    async fn tick(&self, state: &mut State, tick: Timestamp, act: bool) -> Result<Ticked, Error> {
        let window = self.window(tick);
        if act && self.is_nothing_new(state, window).await? {
            state
                .memory
                .note(tick, &BTreeMap::new(), &[], self.settings.of);
            return Ok(Ticked {
                tick: Some(tick),
                services: state.services,
                ..Ticked::default()
            });
        }
        self.learn_when_due(state, window).await?;
        let Some(learned) = state.learned.as_ref() else {
            return Ok(Ticked::default());
        };
        let answers = self.health(&learned.profiles, window).await?;
        let seen = readings(&answers, self.settings.min_requests);
        let deviating = self.deviating(learned, &seen);
        let keys: Vec<(String, Signal)> = deviating
            .iter()
            .map(|(service, deviation)| (service.clone(), deviation.signal))
            .collect();
        let fresh = fresh(&mut state.newest_of, &seen, &keys, window);
        state.memory.note(tick, &fresh, &keys, self.settings.of);
        state.services = seen.len();
        let mut ticked = Ticked {
            tick: Some(tick),
            services: seen.len(),
            deviating: deviating.len(),
            ..Ticked::default()
        };
        if !act {
            return Ok(ticked);
        }
        let profiles = learned.profiles.clone();
        let topology = self.topology().await?;
        let about = self.about(&seen, &profiles);
        let troubles = self
            .watch(&mut state.numbers, tick, window, &about, &topology)
            .await?;
        let due = self.due(state, &seen, deviating, &troubles);
        self.place_all(tick, window, due, &seen, &profiles, &topology, &mut ticked)
            .await?;
        self.place_troubles(tick, window, &troubles, &seen, &topology, &mut ticked)
            .await?;
        let taken = &mut state.taken;
        self.place_anomalies(taken, tick, window.to, &seen, &topology, &mut ticked)
            .await?;
        let waits = &mut state.waits;
        self.place_waits(waits, tick, window.to, &seen, &topology, &mut ticked)
            .await?;
        self.resolve_healthy(state, tick, &seen, &profiles, &mut ticked)
            .await?;
        Ok(ticked)
    }

    /// Whether no document came since the last look, which saw them all: then nothing can have
    /// changed, and a service that is silent is silent among silent ones.
    async fn is_nothing_new(&self, state: &mut State, window: Window) -> Result<bool, Error> {
        let newest = self.newest().await?;
        let before = state.looked_at.replace((newest, window.to));
        Ok(before
            .is_some_and(|(known, to)| known == newest && newest.is_none_or(|newest| newest < to)))
    }

    async fn health(&self, profiles: &[Profile], window: Window) -> Result<Vec<Asked>, Error> {
        let tool = self.tool("service_health")?;
        let mut answers = Vec::with_capacity(profiles.len());
        for profile in profiles {
            let asked = self
                .casework
                .ask_through(tool, Some(profile), window, IndexMap::new())
                .await?;
            answers.push(asked);
        }
        Ok(answers)
    }

    fn tool(&self, id: &str) -> Result<&casework::Tool, Error> {
        let found = self.casework.toolbox().get(id);
        found.ok_or_else(|| casework::Error::NoTool(id.to_owned()).into())
    }

    /// Learns the baselines anew when they are old, or when a profile began to fit.
    async fn learn_when_due(&self, state: &mut State, window: Window) -> Result<(), Error> {
        let profiles = self.casework.profiles_that_fit().await?;
        if let Some(learned) = &state.learned
            && learned.profiles == profiles
            && window.from.ms() - learned.at.ms() < self.settings.baseline.refresh_ms
            && window.from >= learned.at
        {
            return Ok(());
        }
        let to = window.from.plus_ms(-self.settings.baseline.gap_ms);
        let past = Window::new(to.plus_ms(-self.settings.baseline.history_ms), to);
        let step = self.settings.window_ms / 1000;
        let mut baselines = Vec::with_capacity(profiles.len());
        let mut intervals = Vec::with_capacity(profiles.len());
        for profile in &profiles {
            let values =
                IndexMap::from([("step".to_owned(), Value::from(format!("{step} seconds")))]);
            let tool = self.tool("service_history")?;
            let history = self
                .casework
                .ask_through(tool, Some(profile), past, values)
                .await?;
            let distinct: BTreeSet<&str> = history
                .rows
                .iter()
                .filter_map(|row| history.text(row, "interval"))
                .collect();
            intervals.push(distinct.len());
            baselines.push(learn(&history, &self.settings));
        }
        state.learned = Some(Learned {
            at: window.from,
            profiles,
            baselines,
            intervals,
        });
        Ok(())
    }

    fn deviating(
        &self,
        learned: &Learned,
        seen: &BTreeMap<String, Reading>,
    ) -> Vec<(String, Deviation)> {
        let mut found = Vec::new();
        for (service, reading) in seen {
            let errors = learned.baselines.get(reading.error_profile);
            let latency = learned.baselines.get(reading.latency_profile);
            let deviating = deviations(
                reading,
                errors.and_then(|baselines| baselines.get(service)),
                latency.and_then(|baselines| baselines.get(service)),
                &self.settings,
            );
            found.extend(deviating.into_iter().map(|d| (service.clone(), d)));
        }
        // Silence is judged by the first profile: metrics are sent on a schedule, spans are not.
        if let Some(baselines) = learned.baselines.first() {
            let intervals = learned.intervals.first().copied().unwrap_or(0);
            for (service, baseline) in baselines {
                let documents = seen.get(service).map_or(0.0, |reading| reading.documents);
                let others = seen
                    .iter()
                    .any(|(other, reading)| other != service && reading.documents > 0.0);
                let silent = silence(baseline, intervals, documents, others, &self.settings);
                found.extend(silent.map(|deviation| (service.clone(), deviation)));
            }
        }
        found
    }

    /// Those that lasted; the worst first, so that it gives the incident its name.
    fn due(
        &self,
        state: &State,
        seen: &BTreeMap<String, Reading>,
        deviating: Vec<(String, Deviation)>,
        troubles: &[Trouble],
    ) -> Vec<Due> {
        let agreed: BTreeSet<&str> = troubles.iter().flat_map(Trouble::services).collect();
        let mut due: Vec<Due> = deviating
            .into_iter()
            .filter_map(|(service, deviation)| {
                let (count, since) = state.memory.count(&service, deviation.signal);
                let reading = seen.get(&service);
                let profile = reading.map_or(0, |reading| match deviation.signal {
                    Signal::Latency => reading.latency_profile,
                    _ => reading.error_profile,
                });
                (count >= self.settings.needed).then(|| Due {
                    // Where there are only spans, there is nobody to agree.
                    opens: deviation.held_against != BASELINE
                        || agreed.contains(service.as_str())
                        || !state.numbers.know(&service),
                    service,
                    deviation,
                    since,
                    profile,
                })
            })
            .collect();
        due.sort_by(|a, b| {
            let weight = |due: &Due| {
                let criticality = seen.get(&due.service).and_then(|r| r.criticality);
                severity(&due.deviation, criticality).0
            };
            let times = |due: &Due| due.deviation.observed / due.deviation.threshold.max(1e-9);
            weight(b)
                .cmp(&weight(a))
                .then(times(b).total_cmp(&times(a)))
                .then_with(|| a.service.cmp(&b.service))
                .then(a.deviation.signal.cmp(&b.deviation.signal))
        });
        due
    }

    /// Who calls whom, as `lookup-services` says.
    async fn topology(&self) -> Result<Topology, Error> {
        Ok(Topology::of(&self.casework.knowledge().services().await?))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one tick's whole view, used once"
    )]
    async fn place_all(
        &self,
        tick: Timestamp,
        window: Window,
        due: Vec<Due>,
        seen: &BTreeMap<String, Reading>,
        profiles: &[Profile],
        topology: &Topology,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let mut open = self.open_incidents().await?;
        for due in due {
            if let Some(known) = open.iter().find(|incident| holds(incident, &due)) {
                // The incident knows this trouble: nothing new to record at every tick.
                ticked.attached.push(known.id.clone());
                continue;
            }
            let placement = place(&due.service, tick, &open, topology);
            if placement == Placement::New && !due.opens {
                continue;
            }
            let is_weak = due.deviation.held_against != THRESHOLD;
            if placement == Placement::New
                && is_weak
                && let Some(other) = same_time(&open, topology)
            {
                ticked.attached.push(other.id.clone());
                continue;
            }
            let Some(finding) = self.finding(tick, window, &due, seen, profiles).await? else {
                continue;
            };
            let incident = self
                .put(finding, &due, seen, placement, &open, ticked)
                .await?;
            open.retain(|known| known.id != incident.id);
            open.push(incident);
        }
        Ok(())
    }

    async fn put(
        &self,
        finding: Finding,
        due: &Due,
        seen: &BTreeMap<String, Reading>,
        placement: Placement,
        open: &[Incident],
        ticked: &mut Ticked,
    ) -> Result<Incident, Error> {
        let actor = Actor::agent(Agent::Sentinel);
        if let Placement::Joins {
            incident,
            relation,
            reason,
        } = placement
        {
            let id = open[incident].id.clone();
            let event = Event::FindingAttached {
                finding: Box::new(finding),
                relation,
                reason,
            };
            ticked.attached.push(id.clone());
            return Ok(self.casework.record(&id, actor, event).await?);
        }
        let reading = seen.get(&due.service);
        let criticality = reading.and_then(|reading| reading.criticality);
        let (severity, severity_reason) = severity(&due.deviation, criticality);
        let p99_is = reading.map_or("P99", |reading| reading.p99_is.as_str());
        let heading = Heading {
            title: title(&due.service, &due.deviation, p99_is),
            severity,
            severity_reason,
        };
        let opened = self.casework.open(actor, finding, heading).await?;
        match &opened {
            Opened::New(incident) | Opened::Reopened(incident) => {
                ticked.opened.push(incident.id.clone());
            }
            Opened::Known(incident) => ticked.attached.push(incident.id.clone()),
        }
        Ok(opened.incident().clone())
    }

    async fn open_incidents(&self) -> Result<Vec<Incident>, Error> {
        let mut incidents = Vec::new();
        for id in casework::driver::open_incidents(&self.casework).await? {
            incidents.push(self.casework.incident(&id).await?);
        }
        Ok(incidents)
    }

    /// Asks about the one service again, so that the finding's evidence is about it alone; that
    /// query is what the recovery check runs later. `None` where it no longer shows the trouble.
    async fn finding(
        &self,
        tick: Timestamp,
        window: Window,
        due: &Due,
        seen: &BTreeMap<String, Reading>,
        profiles: &[Profile],
    ) -> Result<Option<Finding>, Error> {
        let Some(profile) = profiles.get(due.profile) else {
            return Ok(None);
        };
        let Due {
            service, deviation, ..
        } = due;
        let asked = self.check(service, profile, window).await?;
        let reading = seen.get(service);
        let p99_is = reading.map_or("P99", |reading| reading.p99_is.as_str());
        let evidence: Evidence = asked.evidence("F1", title(service, deviation, p99_is));
        Ok(Some(Finding {
            rule: rule(deviation.signal).to_owned(),
            subject: Subject::service(service.clone()),
            tick,
            window,
            signal: deviation.signal,
            observed: deviation.observed,
            threshold: deviation.threshold,
            unit: deviation.unit.to_owned(),
            held_against: deviation.held_against.to_owned(),
            requests: deviation.requests,
            since: due.since,
            notes: reading
                .map(|reading| reading.notes.clone())
                .unwrap_or_default(),
            evidence,
        }))
    }

    async fn check(
        &self,
        service: &str,
        profile: &Profile,
        window: Window,
    ) -> Result<Asked, Error> {
        let values = IndexMap::from([("service".to_owned(), Value::from(service))]);
        let tool = self.tool("service_check")?;
        Ok(self
            .casework
            .ask_through(tool, Some(profile), window, values)
            .await?)
    }
}

/// The services that this tick brought something new of, a document or its lack, and for how many
/// looks that is: one, or as many as there are documents where those of the last look are past.
fn fresh(
    known: &mut BTreeMap<String, Option<Timestamp>>,
    seen: &BTreeMap<String, Reading>,
    deviating: &[(String, Signal)],
    window: Window,
) -> BTreeMap<String, usize> {
    let silent = deviating
        .iter()
        .filter(|(_, signal)| *signal == Signal::Silence);
    let mut fresh: BTreeMap<String, usize> =
        silent.map(|(service, _)| (service.clone(), 1)).collect();
    for (service, reading) in seen {
        let before = known.get(service).copied().flatten();
        if before.is_some() && before == reading.newest {
            continue;
        }
        let follows = before.is_some_and(|before| before >= window.from);
        let looks = if follows { 1.0 } else { reading.documents };
        fresh.insert(service.clone(), (looks as usize).max(1));
    }
    known.extend(
        seen.iter()
            .map(|(service, reading)| (service.clone(), reading.newest)),
    );
    let remembered = window.from.plus_ms(-(window.to.ms() - window.from.ms()));
    known.retain(|_, newest| newest.is_some_and(|newest| newest >= remembered));
    fresh
}

/// An open incident, where nobody said who calls whom: trouble at the same time is then taken
/// for the same, unless it crossed a line that somebody drew.
fn same_time<'a>(open: &'a [Incident], topology: &Topology) -> Option<&'a Incident> {
    let any = open.iter().find(|incident| !incident.status.is_over());
    any.filter(|_| topology.is_unknown())
}

/// Whether an incident holds a finding of the same rule and subject.
fn holds(incident: &Incident, due: &Due) -> bool {
    !matches!(incident.status, Status::Closed | Status::Voided)
        && incident.findings.iter().any(|finding| {
            finding.signal == due.deviation.signal && finding.subject.service == due.service
        })
}
