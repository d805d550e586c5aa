//! The system chain: read with a memory of what was read, written one record after the other.

use model::{Act, Actor, Digest, Event, IncidentId, Record, StoredRecord, System, chain};
use tokio::sync::Mutex;

use crate::case::{Casework, MAX_ATTEMPTS};
use crate::error::Error;

/// What was read of the present month's chain.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    read: Mutex<Option<Read>>,
}

#[derive(Debug, Clone)]
struct Read {
    chain: IncidentId,
    system: System,
    /// Of the last record; zeros before the first.
    digest: Digest,
    /// The last chain before this month's, and the digest of its last record.
    follows: Option<(IncidentId, Digest)>,
}

impl Casework {
    /// How things stand: whether executions are stopped, and which policy is in force.
    pub async fn system(&self) -> Result<System, Error> {
        let mut memory = self.system_memory().read.lock().await;
        Ok(self.up_to_date(&mut memory).await?.system)
    }

    /// Appends what was done, as the chain allows it now.
    pub async fn record_act(&self, actor: Actor, act: Act) -> Result<System, Error> {
        let mut memory = self.system_memory().read.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            let read = self.up_to_date(&mut memory).await?;
            let began = read.system.last_seq > 0;
            let next = if began {
                act.clone()
            } else {
                let digest = read
                    .follows
                    .as_ref()
                    .map_or(Digest::ZERO, |(_, digest)| *digest);
                Act::MonthBegan {
                    follows: read.follows.as_ref().map(|(chain, _)| chain.clone()),
                    digest,
                    stopped: read.system.stopped.clone(),
                    policy_version: read.system.policy_version.clone(),
                    silences: read.system.silences.carried(self.clock().now()),
                    sight: read.system.sight.clone().map(Box::new),
                }
            };
            match self.append_act(read, actor.clone(), next).await {
                Ok(read) => {
                    let system = read.system.clone();
                    *memory = Some(read);
                    if began {
                        return Ok(system);
                    }
                }
                Err(Error::Store(store::Error::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy(format!(
            "the system chain: other writers were first {MAX_ATTEMPTS} times"
        )))
    }

    /// The policy that this process runs with, where the chain names another.
    pub async fn note_policy(&self, process: &str) -> Result<(), Error> {
        let version = self.policy().version();
        if self.system().await?.policy_version.as_deref() == Some(version.as_str()) {
            return Ok(());
        }
        let actor = Actor::System {
            subject: "process".to_owned(),
            name: process.to_owned(),
        };
        let policy = Box::new(self.policy().clone());
        self.record_act(actor, Act::PolicyInForce { version, policy })
            .await?;
        Ok(())
    }

    async fn append_act(&self, mut read: Read, actor: Actor, act: Act) -> Result<Read, Error> {
        let record = Record {
            incident: read.chain.clone(),
            seq: read.system.last_seq + 1,
            at: self.clock().now().max(read.system.updated_at),
            actor,
            previous: read.digest,
            event: Event::System { act },
        };
        read.system.apply(&record)?;
        let stored = self.stored(&record)?;
        self.journal().append(&stored, None).await?;
        tracing::info!(
            seq = record.seq,
            event = record.event.name(),
            actor = record.actor.label(),
            "recorded in the system chain"
        );
        read.digest = stored.digest;
        Ok(read)
    }

    /// Reads what came since the last look; the first look of a month reads all of it.
    async fn up_to_date(&self, memory: &mut Option<Read>) -> Result<Read, Error> {
        let chain = IncidentId::system(self.clock().now());
        let known = memory.take().filter(|read| read.chain == chain);
        let mut read = match known {
            Some(read) => read,
            None => self.before(chain).await?,
        };
        let stored = self
            .journal()
            .records_after(&read.chain, read.system.last_seq)
            .await?;
        follow(&mut read.system, &mut read.digest, &read.chain, &stored)?;
        *memory = Some(read.clone());
        Ok(read)
    }

    /// What the last month that has a chain left; this month's own records are still to be read.
    async fn before(&self, chain: IncidentId) -> Result<Read, Error> {
        let earlier = self
            .journal()
            .incidents()
            .await?
            .into_iter()
            .filter(|known| known.is_system() && *known < chain)
            .max();
        let mut system = System::default();
        let mut follows = None;
        if let Some(earlier) = earlier {
            let mut digest = Digest::ZERO;
            let stored = self.journal().records(&earlier).await?;
            follow(&mut system, &mut digest, &earlier, &stored)?;
            follows = Some((earlier, digest));
            system.last_seq = 0;
        }
        Ok(Read {
            chain,
            system,
            digest: Digest::ZERO,
            follows,
        })
    }
}

fn follow(
    system: &mut System,
    digest: &mut Digest,
    chain: &IncidentId,
    stored: &[StoredRecord],
) -> Result<(), Error> {
    for line in stored {
        let record = chain::next(chain, system.last_seq + 1, *digest, line)
            .map_err(|fault| Error::Damaged(fault.to_string()))?;
        system.apply(&record)?;
        *digest = line.digest;
    }
    Ok(())
}
