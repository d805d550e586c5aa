//! The system chain: what people and processes do outside of incidents, with the same digests and
//! anchors. One chain a month; the first record of a month carries what the month before left.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Role};
use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::incident::Illegal;
use crate::policy::Policy;
use crate::record::{Event, Record};
use crate::signing::Trusted;
use crate::time::Timestamp;

/// Records of one month's chain.
pub const MAX_SYSTEM_RECORDS: u64 = 1_000_000;

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Act {
    /// The first record of a month, with what holds from before.
    MonthBegan {
        /// The chain before, and the digest of its last record.
        follows: Option<IncidentId>,
        digest: Digest,
        stopped: Option<Stopped>,
        policy_version: Option<String>,
    },
    /// Nothing is executed until a responder lifts it.
    AutomationStopped {
        reason: String,
    },
    AutomationResumed {
        reason: String,
    },
    /// A process began with this policy.
    PolicyInForce {
        version: String,
        policy: Box<Policy>,
    },
    /// Records of these writers are signed with this key from now on.
    KeyTrusted {
        key: Trusted,
    },
    /// What is signed with this key counts no more from its `until` on.
    KeyRetired {
        key: Trusted,
    },
    TokenIssued {
        token: String,
        name: String,
        role: Role,
        person: bool,
        expires: Option<Timestamp>,
    },
    TokenRevoked {
        token: String,
    },
    /// A browser's session began; `subject` is the person's.
    LoggedIn {
        subject: String,
        via: String,
    },
    PersonDisabled {
        subject: String,
        reason: String,
    },
    PersonEnabled {
        subject: String,
        reason: String,
    },
}

impl Act {
    pub fn name(&self) -> &'static str {
        match self {
            Self::MonthBegan { .. } => "month_began",
            Self::AutomationStopped { .. } => "automation_stopped",
            Self::AutomationResumed { .. } => "automation_resumed",
            Self::PolicyInForce { .. } => "policy_in_force",
            Self::KeyTrusted { .. } => "key_trusted",
            Self::KeyRetired { .. } => "key_retired",
            Self::TokenIssued { .. } => "token_issued",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::LoggedIn { .. } => "logged_in",
            Self::PersonDisabled { .. } => "person_disabled",
            Self::PersonEnabled { .. } => "person_enabled",
        }
    }
}

/// Who stopped all executions, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stopped {
    pub by: Actor,
    pub at: Timestamp,
    pub reason: String,
}

/// The sum of the system chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct System {
    /// `null`: executions and automation run.
    pub stopped: Option<Stopped>,
    pub policy_version: Option<String>,
    pub last_seq: u64,
    pub updated_at: Timestamp,
}

fn illegal(act: &'static str, reason: impl Into<String>) -> Illegal {
    Illegal {
        event: act,
        reason: reason.into(),
    }
}

impl System {
    /// The only place that says what may follow. On an error nothing has changed.
    pub fn apply(&mut self, record: &Record) -> Result<(), Illegal> {
        let Event::System { act } = &record.event else {
            let name = record.event.name();
            return Err(illegal(name, "it belongs to an incident"));
        };
        let name = act.name();
        if record.seq != self.last_seq + 1 || record.seq > MAX_SYSTEM_RECORDS {
            return Err(illegal(name, format!("seq {} is not next", record.seq)));
        }
        if record.at < self.updated_at {
            return Err(illegal(name, "its time lies before the record before it"));
        }
        if matches!(record.actor, Actor::Agent { .. }) {
            return Err(illegal(name, "agents have no part in the system chain"));
        }
        let first = matches!(act, Act::MonthBegan { .. });
        if first != (record.seq == 1) {
            return Err(illegal(name, "a month begins with `month_began`, once"));
        }
        self.take(record, act)?;
        self.last_seq = record.seq;
        self.updated_at = record.at;
        Ok(())
    }

    fn take(&mut self, record: &Record, act: &Act) -> Result<(), Illegal> {
        let name = act.name();
        let reasoned = |reason: &str| match reason.trim().is_empty() {
            true => Err(illegal(name, "it needs a reason")),
            false => Ok(()),
        };
        match act {
            Act::MonthBegan {
                stopped,
                policy_version,
                ..
            } => {
                self.stopped = stopped.clone();
                self.policy_version = policy_version.clone();
            }
            Act::AutomationStopped { reason } => {
                reasoned(reason)?;
                if self.stopped.is_some() {
                    return Err(illegal(name, "everything is stopped already"));
                }
                self.stopped = Some(Stopped {
                    by: record.actor.clone(),
                    at: record.at,
                    reason: reason.clone(),
                });
            }
            Act::AutomationResumed { reason } => {
                reasoned(reason)?;
                if !record.actor.is_person() {
                    return Err(illegal(name, "only a person lifts a stop"));
                }
                if self.stopped.take().is_none() {
                    return Err(illegal(name, "nothing is stopped"));
                }
            }
            Act::PolicyInForce { version, policy } => {
                if policy.version() != *version {
                    return Err(illegal(name, "the version isn't that of the policy"));
                }
                self.policy_version = Some(version.clone());
            }
            Act::PersonDisabled { reason, .. } | Act::PersonEnabled { reason, .. } => {
                reasoned(reason)?;
            }
            Act::KeyRetired { key } if key.until.is_none() => {
                return Err(illegal(name, "it says from when on"));
            }
            Act::KeyTrusted { .. }
            | Act::KeyRetired { .. }
            | Act::TokenIssued { .. }
            | Act::TokenRevoked { .. }
            | Act::LoggedIn { .. } => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Agent;

    fn person() -> Actor {
        Actor::Person {
            subject: "person:ada".to_owned(),
            name: "ada".to_owned(),
            via: "session".to_owned(),
        }
    }

    fn add(system: &mut System, actor: Actor, act: Act) -> Result<(), Illegal> {
        let record = Record {
            incident: IncidentId::system(Timestamp(0)),
            seq: system.last_seq + 1,
            at: system.updated_at.plus_ms(1),
            actor,
            previous: Digest::ZERO,
            event: Event::System { act },
        };
        system.apply(&record)
    }

    fn begun() -> System {
        let mut system = System::default();
        let began = Act::MonthBegan {
            follows: None,
            digest: Digest::ZERO,
            stopped: None,
            policy_version: None,
        };
        add(&mut system, person(), began).expect("legal");
        system
    }

    #[test]
    fn a_stop_is_lifted_by_a_person() {
        let mut system = begun();
        let machine = Actor::System {
            subject: "token:1".to_owned(),
            name: "monitor".to_owned(),
        };
        let stop = || Act::AutomationStopped {
            reason: "it acts strangely".to_owned(),
        };
        let lift = || Act::AutomationResumed {
            reason: "it was me".to_owned(),
        };
        assert!(
            add(&mut system, person(), lift()).is_err(),
            "nothing is stopped"
        );
        add(&mut system, machine.clone(), stop()).expect("anybody stops");
        assert!(add(&mut system, person(), stop()).is_err(), "twice");
        assert!(
            add(&mut system, machine, lift()).is_err(),
            "a machine lifts"
        );
        assert!(system.stopped.is_some());
        add(&mut system, person(), lift()).expect("a person lifts");
        assert_eq!(system.stopped, None);
    }

    #[test]
    fn agents_and_incidents_have_no_part_in_it() {
        let mut system = begun();
        let stop = Act::AutomationStopped {
            reason: "why not".to_owned(),
        };
        assert!(add(&mut system, Actor::agent(Agent::Executor), stop).is_err());
        let note = Record {
            incident: IncidentId::system(Timestamp(0)),
            seq: 2,
            at: system.updated_at,
            actor: person(),
            previous: Digest::ZERO,
            event: Event::NoteAdded {
                text: "here".to_owned(),
            },
        };
        assert!(system.apply(&note).is_err());
    }
}
