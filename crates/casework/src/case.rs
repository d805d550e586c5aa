//! The only writer: reads the records, lets the state machine judge, appends, projects, wakes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bus::{Bus, Wake};
use model::{
    Actor, Digest, Event, Incident, IncidentId, Keyring, Policy, Projection, Purpose, Record,
    Redactor, Signer, StoredRecord, Timestamp, Writer,
};
use store::{Journal, Knowledge, Telemetry};

use crate::clock::Clock;
use crate::deliveries::Deliveries;
use crate::error::Error;
use crate::pulse::Pulse;
use crate::system::Memory;
use crate::tools::Toolbox;

/// How often an append is tried anew after another writer was first.
pub(crate) const MAX_ATTEMPTS: usize = 16;

/// All that work needs; cheap to clone.
#[derive(Clone)]
pub struct Casework {
    parts: Arc<Parts>,
}

struct Parts {
    journal: Arc<dyn Journal>,
    telemetry: Arc<dyn Telemetry>,
    knowledge: Arc<dyn Knowledge>,
    bus: Bus,
    clock: Clock,
    policy: Policy,
    toolbox: Toolbox,
    pulse: Pulse,
    deliveries: Deliveries,
    system: Memory,
    keys: RwLock<Option<Arc<Keys>>>,
    read_keys: OnceLock<ReadKeys>,
    redactor: OnceLock<Redactor>,
}

/// What this process signs with, and whom it trusts.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Of the roles that this process runs, and of no others.
    pub signers: BTreeMap<Writer, Signer>,
    pub ring: Keyring,
}

/// Reads the keys anew: another process may have got a new one meanwhile.
pub type ReadKeys = Arc<dyn Fn() -> Result<Keys, String> + Send + Sync>;

/// An incident with the digest of its last record: what the next record must follow.
#[derive(Debug, Clone)]
pub struct Head {
    pub incident: Incident,
    pub digest: Digest,
}

impl Casework {
    pub fn new(
        journal: Arc<dyn Journal>,
        telemetry: Arc<dyn Telemetry>,
        knowledge: Arc<dyn Knowledge>,
        bus: Bus,
        clock: Clock,
        policy: Policy,
        toolbox: Toolbox,
    ) -> Self {
        Self {
            parts: Arc::new(Parts {
                journal,
                telemetry,
                knowledge,
                bus,
                clock,
                policy,
                toolbox,
                pulse: Pulse::default(),
                deliveries: Deliveries::default(),
                system: Memory::default(),
                keys: RwLock::default(),
                read_keys: OnceLock::new(),
                redactor: OnceLock::new(),
            }),
        }
    }

    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.parts.journal
    }

    pub fn telemetry(&self) -> &Arc<dyn Telemetry> {
        &self.parts.telemetry
    }

    pub fn knowledge(&self) -> &Arc<dyn Knowledge> {
        &self.parts.knowledge
    }

    pub fn bus(&self) -> &Bus {
        &self.parts.bus
    }

    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    pub fn policy(&self) -> &Policy {
        &self.parts.policy
    }

    pub fn toolbox(&self) -> &Toolbox {
        &self.parts.toolbox
    }

    /// Signs all records from now on with these keys, and holds others' against them.
    pub fn sign_with(&self, keys: Keys) {
        let mut held = self
            .parts
            .keys
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = Some(Arc::new(keys));
    }

    /// Where a signature doesn't hold, the keys are read once more this way; once, at the start.
    pub fn read_keys_with(&self, read: ReadKeys) {
        let _ = self.parts.read_keys.set(read);
    }

    /// `None`: nothing is signed here.
    pub fn keys(&self) -> Option<Arc<Keys>> {
        let held = self.parts.keys.read();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What signatures are held against; empty where nothing is signed.
    pub fn ring(&self) -> Keyring {
        self.keys()
            .map_or_else(Keyring::default, |keys| keys.ring.clone())
    }

    /// The ring as it is now, where it can be read.
    fn ring_read_anew(&self) -> Option<Keyring> {
        match self.parts.read_keys.get()?() {
            Ok(keys) => {
                let ring = keys.ring.clone();
                self.sign_with(keys);
                Some(ring)
            }
            Err(error) => {
                tracing::warn!(%error, "the keys can't be read anew: those that are known go on to count");
                None
            }
        }
    }

    /// Takes secrets out by this redactor from now on; once, before the first record.
    pub fn redact_with(&self, redactor: Redactor) {
        let _ = self.parts.redactor.set(redactor);
    }

    /// What takes secrets out of all that is read, written and shown.
    pub fn redactor(&self) -> &Redactor {
        self.parts.redactor.get_or_init(Redactor::default)
    }

    /// The bytes to be stored, signed where there are keys.
    pub(crate) fn stored(&self, record: &Record) -> Result<StoredRecord, Error> {
        let stored = match self.keys() {
            None => StoredRecord::new(record),
            Some(keys) => {
                let writer = Writer::of(&record.actor);
                let signer = keys.signers.get(&writer).ok_or_else(|| {
                    let (name, writer) = (record.event.name(), writer.name());
                    Error::Internal(format!(
                        "{name} is {writer}'s to write, and this process has no key of that role"
                    ))
                })?;
                StoredRecord::signed(record, signer)
            }
        };
        stored.map_err(|error| Error::Internal(format!("a record can't be written: {error}")))
    }

    /// What is wrong with the signatures that an action on `proposal` would rest on: on each
    /// decision, word of a rule and verdict, whenever they were written.
    pub async fn unsound(&self, id: &IncidentId, proposal: &str) -> Result<Option<String>, Error> {
        let Some(keys) = self.keys() else {
            return Ok(None);
        };
        let stored = self.parts.journal.records(id).await?;
        let mut lines = Vec::new();
        for line in stored {
            let record = line
                .record()
                .map_err(|error| Error::Damaged(format!("{id}:{}: {error}", line.seq)))?;
            if let Event::Decided { proposal: on, .. }
            | Event::AutomationDecided { proposal: on, .. }
            | Event::VerdictReached { proposal: on, .. } = &record.event
                && on == proposal
            {
                lines.push(line);
            }
        }
        let now = self.parts.clock.now();
        let found = fault(&lines, &keys.ring, now);
        if found.is_none() {
            return Ok(None);
        }
        // A key that was made a moment ago is no forgery.
        Ok(match self.ring_read_anew() {
            Some(ring) => fault(&lines, &ring, now),
            None => found,
        })
    }

    pub(crate) fn system_memory(&self) -> &Memory {
        &self.parts.system
    }

    pub fn pulse(&self) -> &Pulse {
        &self.parts.pulse
    }

    pub fn deliveries(&self) -> &Deliveries {
        &self.parts.deliveries
    }

    /// Folds the incident's records; `None` where there are none.
    pub async fn head(&self, id: &IncidentId) -> Result<Option<Head>, Error> {
        let stored = self.parts.journal.records(id).await?;
        let Some(last) = stored.last() else {
            return Ok(None);
        };
        let digest = last.digest;
        let incident =
            model::chain::verify(id, &stored).map_err(|fault| Error::Damaged(fault.to_string()))?;
        Ok(Some(Head { incident, digest }))
    }

    pub async fn incident(&self, id: &IncidentId) -> Result<Incident, Error> {
        self.head(id)
            .await?
            .map(|head| head.incident)
            .ok_or_else(|| Error::NoIncident(id.to_string()))
    }

    /// Appends what `event` says, as the state machine allows it *now*: where another writer was
    /// first, the incident is read again and judged again.
    pub async fn record(
        &self,
        id: &IncidentId,
        actor: Actor,
        event: Event,
    ) -> Result<Incident, Error> {
        self.record_when(id, actor, |_| Some(event.clone()))
            .await?
            .ok_or_else(|| Error::Internal("an event that always applies did not".to_owned()))
    }

    /// As [`Casework::record`], but `decide` sees the incident as it is at the moment of writing
    /// and may say that there is nothing to write any more.
    pub async fn record_when(
        &self,
        id: &IncidentId,
        actor: Actor,
        decide: impl Fn(&Incident) -> Option<Event> + Send + Sync,
    ) -> Result<Option<Incident>, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let head = self
                .head(id)
                .await?
                .ok_or_else(|| Error::NoIncident(id.to_string()))?;
            let Some(event) = decide(&head.incident) else {
                return Ok(None);
            };
            match self.append(head, actor.clone(), event).await {
                Err(Error::Store(store::Error::Conflict(_))) => continue,
                done => return done.map(Some),
            }
        }
        Err(Error::Busy(format!(
            "{id}: other writers were first {MAX_ATTEMPTS} times"
        )))
    }

    async fn append(&self, head: Head, actor: Actor, event: Event) -> Result<Incident, Error> {
        let Head {
            mut incident,
            digest,
        } = head;
        let event = self.without_secrets(&incident.id, event)?;
        let record = Record {
            incident: incident.id.clone(),
            seq: incident.last_seq + 1,
            // The clock may be behind what another process wrote; history never goes back.
            at: self.parts.clock.now().max(incident.updated_at),
            actor,
            previous: digest,
            event,
        };
        incident.apply(&record)?;
        self.store(&record, &incident).await?;
        Ok(incident)
    }

    /// Writes record 1. [`store::Error::Conflict`]: the incident is known already.
    pub(crate) async fn create(&self, mut record: Record) -> Result<Incident, Error> {
        record.event = self.without_secrets(&record.incident, record.event)?;
        let incident = Incident::open(&record)?;
        self.store(&record, &incident).await?;
        metrics::counter!(
            "incidents_created_total",
            "severity" => incident.severity.name(),
            "service" => incident.service.clone()
        )
        .increment(1);
        Ok(incident)
    }

    async fn store(&self, record: &Record, incident: &Incident) -> Result<(), Error> {
        let stored = self.stored(record)?;
        let shown = Projection::from(incident);
        self.parts.journal.append(&stored, Some(&shown)).await?;
        tracing::info!(
            incident = %record.incident,
            seq = record.seq,
            event = record.event.name(),
            actor = record.actor.label(),
            "recorded"
        );
        self.parts.bus.wake(Wake {
            incident: record.incident.clone(),
            seq: record.seq,
            event: record.event.name(),
        });
        Ok(())
    }
}

/// The first of these records that nothing may be done on.
fn fault(lines: &[StoredRecord], ring: &Keyring, now: Timestamp) -> Option<String> {
    lines.iter().find_map(|line| {
        let why = ring.check(line, Purpose::Act { now }).err()?;
        Some(format!("record {}: {why}", line.seq))
    })
}
