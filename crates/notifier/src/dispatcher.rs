//! What is due of an incident: the pure decision ([`model::routing::decide`]) with all that it rests
//! on, read. What is held is recorded here, once for each cause.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use casework::{Casework, Error};
use model::routing::agenda::Agenda;
use model::routing::group::Groups;
use model::routing::inhibition::OpenIncidents;
use model::routing::{Callee, Decision, Due, Facts, History, Question, decide};
use model::{
    Actor, Agent, Event, Incident, IncidentId, Record, Routing, Service, Silences, Status,
    Timestamp, Topology,
};
use store::SummaryFilter;
use store::journal::MAX_PAGE;

use crate::outbox;

/// `lookup-services` is read anew when it is older than this, by the wall.
const SERVICES_EVERY: Duration = Duration::from_secs(30);
/// Open incidents of callees that are read for whether people know of them.
const MAX_CALLEES: usize = 20;
/// What waits for a callee's incident is looked at again so often.
const CALLEE_EVERY_MS: i64 = 15_000;
/// Open incidents that a process begins with; those beyond are known when they are looked at.
const MAX_PRIMED: usize = 10_000;
/// Incidents whose time has come that one sweep shows.
const MAX_TIMES_UP: usize = 500;

/// Decides for the agent.
pub struct Dispatcher {
    casework: Casework,
    routing: Routing,
    channels: Vec<String>,
    state: Mutex<State>,
    known: tokio::sync::Mutex<Option<Known>>,
}

#[derive(Default)]
struct State {
    agenda: Agenda,
    groups: Groups,
    open: OpenIncidents,
    /// Groups' members whose wait is over and whose channel tells each by itself.
    released: BTreeSet<(IncidentId, String)>,
}

/// What `lookup-services` says.
#[derive(Clone)]
struct Known {
    read: Instant,
    services: Arc<HashMap<String, Service>>,
    topology: Arc<Topology>,
}

/// What is due of one incident, with the records that say so.
pub struct Plan {
    pub incident: Incident,
    pub records: Vec<Record>,
    pub decision: Decision,
}

impl Plan {
    /// What one channel is to be told now, in order.
    pub fn due_to(&self, channel: &str) -> impl Iterator<Item = &Due> {
        let due = self.decision.due.iter();
        due.filter(move |due| due.channel == channel)
    }
}

impl Dispatcher {
    pub fn new(casework: Casework, routing: Routing, channels: Vec<String>) -> Self {
        Self {
            casework,
            routing,
            channels,
            state: Mutex::default(),
            known: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn casework(&self) -> &Casework {
        &self.casework
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn groups<T>(&self, act: impl FnOnce(&mut Groups) -> T) -> T {
        act(&mut self.state().groups)
    }

    /// What is due now, each alone. `None`: nothing is, and nothing has changed since that was found.
    pub async fn plan(&self, seen: &Incident) -> Result<Option<Plan>, Error> {
        let known = self.known().await?;
        let now = self.casework.clock().now();
        let system = self.casework.system().await?;
        {
            let mut state = self.state();
            let is_open = !seen.status.is_over();
            state.open.note(&seen.id, &seen.service, is_open);
            if state
                .agenda
                .is_idle(&seen.id, seen.last_seq, system.last_seq, now)
            {
                return Ok(None);
            }
        }
        let Some(mut plan) = self
            .decided(&seen.id, &known, &system.silences, now)
            .await?
        else {
            return Ok(None);
        };
        let last_seq = self.note_held(&plan).await?;
        self.let_wait(&mut plan, now);
        if plan.decision.due.is_empty() {
            let (id, next) = (&plan.incident.id, plan.decision.next);
            let mut state = self.state();
            state.agenda.looked(id, last_seq, system.last_seq, next);
        } else {
            self.state().agenda.forget(&plan.incident.id);
        }
        Ok(Some(plan))
    }

    /// Everything that is due, of groups too: for their messages.
    pub(crate) async fn all_due(&self, id: &IncidentId) -> Result<Option<Plan>, Error> {
        let known = self.known().await?;
        let now = self.casework.clock().now();
        let system = self.casework.system().await?;
        self.decided(id, &known, &system.silences, now).await
    }

    async fn decided(
        &self,
        id: &IncidentId,
        known: &Known,
        silences: &Silences,
        now: Timestamp,
    ) -> Result<Option<Plan>, Error> {
        let records = self.records(id).await?;
        if records.is_empty() {
            return Ok(None);
        }
        let incident =
            Incident::fold(&records).map_err(|error| Error::Damaged(error.to_string()))?;
        let facts = Facts::of(&incident, known.services.get(&incident.service));
        let news = outbox::news(&incident, &records);
        let history = History::of(&records);
        let ask = |callee: Option<&Callee>| {
            decide(&Question {
                routing: &self.routing,
                channels: &self.channels,
                facts: &facts,
                news: &news,
                history: &history,
                silences,
                callee,
                now,
            })
        };
        let mut decision = ask(None);
        if self.routing.inhibit_callers
            && !decision.due.is_empty()
            && let Some(callee) = self.callee(&incident, &known.topology).await?
        {
            decision = ask(Some(&callee));
            // Its end is no record of this incident.
            let again = now.plus_ms(CALLEE_EVERY_MS);
            decision.next = Some(decision.next.map_or(again, |next| next.min(again)));
        }
        Ok(Some(Plan {
            incident,
            records,
            decision,
        }))
    }

    pub(crate) async fn records(&self, id: &IncidentId) -> Result<Vec<Record>, Error> {
        let stored = self.casework.journal().records(id).await?;
        let records = stored.iter().map(|line| line.record());
        records
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Damaged(format!("{id}: {error}")))
    }

    /// The nearest open incident of what the service calls of which people know. The index says
    /// which are asked; their own records say whether they are open and known.
    async fn callee(
        &self,
        incident: &Incident,
        topology: &Topology,
    ) -> Result<Option<Callee>, Error> {
        let below: Vec<Callee> = {
            let state = self.state();
            let below = state.open.below(&incident.service, topology);
            below.take(MAX_CALLEES).collect()
        };
        for callee in below {
            let records = self.records(&callee.incident).await?;
            let is_open = Incident::fold(&records).is_ok_and(|other| !other.status.is_over());
            if is_open && History::of(&records).is_known() {
                return Ok(Some(callee));
            }
        }
        Ok(None)
    }

    /// Says in the journal what is held and by what. Gives the number of the last record.
    async fn note_held(&self, plan: &Plan) -> Result<u64, Error> {
        let mut last_seq = plan.incident.last_seq;
        for held in plan.decision.held.iter().filter(|held| held.is_new) {
            let event = Event::NoticeHeld {
                channel: held.channel.clone(),
                topic: held.topic,
                about: held.about,
                by: held.by.clone(),
                until: held.until,
            };
            let actor = Actor::agent(Agent::Notifier);
            let written = self.casework.record(&plan.incident.id, actor, event).await;
            last_seq = match written {
                Ok(incident) => incident.last_seq,
                Err(Error::Illegal(illegal)) => {
                    // An incident of too many records: what isn't held is told all the same.
                    tracing::warn!(incident = %plan.incident.id, %illegal, "held, and not recorded");
                    break;
                }
                Err(error) => return Err(error),
            };
            metrics::counter!("notifier_held_total", "channel" => held.channel.clone())
                .increment(1);
        }
        Ok(last_seq)
    }

    /// Takes out of a plan what waits for others of its group.
    fn let_wait(&self, plan: &mut Plan, now: Timestamp) {
        let id = plan.incident.id.clone();
        let mut state = self.state();
        let mut waits = |due: &Due| match &due.group {
            None => false,
            Some(_) if state.released.contains(&(id.clone(), due.channel.clone())) => false,
            Some(group) => state.groups.add(&due.channel, &id, group, now),
        };
        plan.decision.due.retain(|due| !waits(due));
        let still_due = |channel: &String| plan.due_to(channel).next().is_some();
        let released = std::mem::take(&mut state.released);
        let kept = released
            .into_iter()
            .filter(|(of, channel)| *of != id || still_due(channel));
        state.released = kept.collect();
    }

    /// Lets a group's members be told each by itself.
    pub(crate) fn release(&self, channel: &str, members: Vec<IncidentId>) {
        let mut state = self.state();
        for id in members {
            state.agenda.forget(&id);
            state.released.insert((id, channel.to_owned()));
        }
    }

    /// Incidents that are to be looked at though nothing was recorded: their time has come.
    pub fn times_up(&self) -> Vec<IncidentId> {
        let now = self.casework.clock().now();
        let mut state = self.state();
        let mut ids = state.agenda.due(now, MAX_TIMES_UP);
        let released = state.released.iter().map(|(id, _)| id.clone());
        ids.extend(released.take(MAX_TIMES_UP));
        ids
    }

    /// An incident is looked at again at `at` whatever happens.
    pub(crate) fn again(&self, id: &IncidentId, at: Timestamp) {
        // No incident's last record has the number 0: the look isn't idle.
        self.state().agenda.looked(id, 0, 0, Some(at));
    }

    /// What `lookup-services` says; the first time with all incidents that are open.
    async fn known(&self) -> Result<Known, Error> {
        let mut known = self.known.lock().await;
        if let Some(fresh) = known
            .as_ref()
            .filter(|known| known.read.elapsed() < SERVICES_EVERY)
        {
            return Ok(fresh.clone());
        }
        if known.is_none() && self.routing.inhibit_callers {
            self.prime().await?;
        }
        let services = self.casework.knowledge().services().await?;
        let topology = Arc::new(Topology::of(&services));
        let named = services
            .into_iter()
            .map(|service| (service.name.clone(), service));
        let fresh = Known {
            read: Instant::now(),
            services: Arc::new(named.collect()),
            topology,
        };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    /// Lists only say which incidents may be open.
    async fn prime(&self) -> Result<(), Error> {
        let mut filter = SummaryFilter {
            statuses: Status::ALL
                .into_iter()
                .filter(|status| !status.is_over())
                .collect(),
            limit: MAX_PAGE,
            ..SummaryFilter::default()
        };
        while filter.offset < MAX_PRIMED {
            let page = self.casework.journal().summaries(&filter).await?;
            let got = page.items.len();
            let mut state = self.state();
            for summary in page.items {
                state
                    .open
                    .note(&summary.incident_id, &summary.service, true);
            }
            filter.offset += got;
            if got == 0 || filter.offset as u64 >= page.total {
                break;
            }
        }
        Ok(())
    }
}

/// Says what the metrics of this part are.
pub fn describe_metrics() {
    metrics::describe_counter!(
        "notifier_held_total",
        "Notices that were due and held back, by channel."
    );
}
