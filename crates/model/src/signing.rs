//! Who wrote a record, provably: the process that writes it signs the bytes (Ed25519, RFC 8032)
//! with a key that may write for certain writers only.
//!
//! The signature is part of the stored bytes, so that the chain's digest covers it: where the
//! signed record ends, `,"signed":{"key":…,"signature":…}` is put before the last brace, and what
//! was signed is the record without it.

use std::collections::BTreeMap;
use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Agent};
use crate::chain::StoredRecord;
use crate::digest::Digest;
use crate::incident::may_write;
use crate::record::{Event, Record};
use crate::time::Timestamp;

/// What begins the signature within the bytes.
const MARK: &[u8] = b",\"signed\":{";
/// Hexadecimal digits of a key's name: the digest of the public key, shortened.
const NAME_DIGITS: usize = 16;
/// How far the clocks of two machines may be apart when one of them makes a key and another uses it.
const CLOCKS_APART_MS: i64 = 60_000;

/// For whom a key may write.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    /// What people and other systems say: no agent's key may.
    Gateway,
    Sentinel,
    Analyst,
    Resolver,
    Executor,
    Notifier,
}

impl Writer {
    pub const ALL: [Self; 6] = [
        Self::Gateway,
        Self::Sentinel,
        Self::Analyst,
        Self::Resolver,
        Self::Executor,
        Self::Notifier,
    ];

    /// All agents.
    pub const AGENTS: [Self; 5] = [
        Self::Sentinel,
        Self::Analyst,
        Self::Resolver,
        Self::Executor,
        Self::Notifier,
    ];

    pub fn of(actor: &Actor) -> Self {
        match actor {
            Actor::Person { .. } | Actor::System { .. } => Self::Gateway,
            Actor::Agent { agent } => match agent {
                Agent::Sentinel => Self::Sentinel,
                Agent::Analyst => Self::Analyst,
                Agent::Resolver => Self::Resolver,
                Agent::Executor => Self::Executor,
                Agent::Notifier => Self::Notifier,
            },
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|writer| writer.name() == text)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Sentinel => "sentinel",
            Self::Analyst => "analyst",
            Self::Resolver => "resolver",
            Self::Executor => "executor",
            Self::Notifier => "notifier",
        }
    }
}

/// A private key.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    name: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signer({})", self.name)
    }
}

impl Signer {
    /// From 32 random bytes.
    pub fn new(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let name = name_of(&key.verifying_key().to_bytes());
        Self { key, name }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key, hexadecimal.
    pub fn public(&self) -> String {
        hex::encode(self.key.verifying_key().to_bytes())
    }

    /// Over these bytes, hexadecimal.
    pub fn sign(&self, bytes: &[u8]) -> String {
        hex::encode(self.key.sign(bytes).to_bytes())
    }
}

fn name_of(public: &[u8]) -> String {
    Digest::of(public).short(NAME_DIGITS)
}

impl StoredRecord {
    /// As [`StoredRecord::new`], with the writer's signature in the bytes.
    pub fn signed(record: &Record, signer: &Signer) -> Result<Self, serde_json::Error> {
        let mut bytes = serde_json::to_vec(record)?;
        let signature = signer.sign(&bytes);
        bytes.pop();
        bytes.extend_from_slice(MARK);
        let rest = format!(
            "\"key\":\"{}\",\"signature\":\"{signature}\"}}}}",
            signer.name
        );
        bytes.extend_from_slice(rest.as_bytes());
        Ok(Self {
            incident: record.incident.clone(),
            seq: record.seq,
            digest: Digest::of(&bytes),
            bytes,
        })
    }

    /// What was signed, and by whom; `None`: nobody signed it.
    fn signature(&self) -> Option<(Vec<u8>, Signed)> {
        let at = self
            .bytes
            .windows(MARK.len())
            .rposition(|window| window == MARK)?;
        // From the object's brace to the record's own, which is the last.
        let object = self.bytes.get(at + MARK.len() - 1..self.bytes.len() - 1)?;
        let signed: Signed = serde_json::from_slice(object).ok()?;
        let mut base = self.bytes.get(..at)?.to_vec();
        base.push(b'}');
        Some((base, signed))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    key: String,
    signature: String,
}

/// A public key that is trusted here, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Trusted {
    /// Hexadecimal, 32 bytes.
    pub public: String,
    /// The gateway's key writes for nobody else. Several agents on one key: from before each had
    /// its own.
    pub writers: Vec<Writer>,
    /// Records before the first of all keys were not signed.
    pub since: Timestamp,
    /// From then on it signs nothing any more, and nothing is done on what it signed before, which
    /// can still be verified. `None`: it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Trusted {
    /// A key in force from `since` on.
    pub fn new(signer: &Signer, writers: &[Writer], since: Timestamp) -> Self {
        Self {
            public: signer.public(),
            writers: writers.to_vec(),
            since,
            until: None,
        }
    }

    /// What records call it by; what is wrong with a key names it.
    pub fn name(&self) -> Result<String, String> {
        self.bytes().map(|bytes| name_of(&bytes))
    }

    pub fn is_of(&self, writer: Writer) -> bool {
        self.writers.contains(&writer)
    }

    /// Whether something may be done at `now` on what it signed.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    fn bytes(&self) -> Result<[u8; 32], String> {
        let shown = &self.public;
        hex::decode(shown)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| format!("{shown:?} is not a key of 32 bytes in hexadecimal"))
    }

    /// Whether a record of this time may bear its signature. The lower bound forgives clocks that
    /// differ; the upper one has the rotation's own overlap.
    fn covers(&self, at: Timestamp) -> Result<(), String> {
        if at.plus_ms(CLOCKS_APART_MS) < self.since {
            return Err(format!("its key counts from {} on", self.since));
        }
        match self.until {
            Some(until) if at >= until => Err(format!("its key was retired at {until}")),
            _ => Ok(()),
        }
    }
}

/// What a signature is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To tell whether the record is what was written: records from before anything was signed
    /// pass, and keys that were retired count for their time.
    Verify,
    /// To do something on it, now: it must be signed, with a key that is in force.
    Act { now: Timestamp },
}

/// The keys that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    keys: BTreeMap<String, (VerifyingKey, Trusted)>,
    since: Option<Timestamp>,
}

impl Keyring {
    /// What is wrong with a key names it.
    pub fn new(trusted: &[Trusted]) -> Result<Self, String> {
        let mut keys = BTreeMap::new();
        for one in trusted {
            let shown = &one.public;
            let bytes = one.bytes()?;
            let key = VerifyingKey::from_bytes(&bytes)
                .map_err(|error| format!("{shown:?} is not an Ed25519 key: {error}"))?;
            if one.is_of(Writer::Gateway) && one.writers.len() > 1 {
                return Err(format!(
                    "{shown:?}: the gateway's key writes for nobody else"
                ));
            }
            // The same key twice would let one line widen what another allows.
            if keys.insert(name_of(&bytes), (key, one.clone())).is_some() {
                return Err(format!(
                    "{shown:?} stands there twice: a key is one role's alone"
                ));
            }
        }
        Ok(Self {
            keys,
            since: trusted.iter().map(|one| one.since).min(),
        })
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Nothing is signed here.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All of them, in no order that means anything.
    pub fn trusted(&self) -> impl Iterator<Item = &Trusted> {
        self.keys.values().map(|(_, trusted)| trusted)
    }

    /// Whether a stored record was written by whoever may write such a one.
    pub fn check(&self, stored: &StoredRecord, purpose: Purpose) -> Result<(), String> {
        let record = stored
            .record()
            .map_err(|error| format!("it can't be read: {error}"))?;
        let lenient =
            purpose == Purpose::Verify && self.since.is_some_and(|since| record.at < since);
        let Some((base, signed)) = stored.signature() else {
            return match lenient {
                true => Ok(()),
                false => Err("it is not signed".to_owned()),
            };
        };
        let Some((_, trusted)) = self.keys.get(&signed.key) else {
            return match lenient {
                true => Ok(()),
                false => Err(untrusted(&signed.key)),
            };
        };
        may_be_written(&record)?;
        let writer = Writer::of(&record.actor);
        self.verify(writer, &signed.key, &base, &signed.signature)?;
        trusted.covers(record.at)?;
        match (purpose, trusted.until) {
            (Purpose::Act { now }, Some(until)) if !trusted.in_force(now) => Err(format!(
                "its key was retired at {until}: nothing is done on it any more"
            )),
            _ => Ok(()),
        }
    }

    /// Whether a signature is one of these bytes by a trusted key that may write for `writer`.
    pub fn verify(
        &self,
        writer: Writer,
        key: &str,
        bytes: &[u8],
        signature: &str,
    ) -> Result<(), String> {
        let Some((public, trusted)) = self.keys.get(key) else {
            return Err(untrusted(key));
        };
        let signature = hex::decode(signature)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or("its signature can't be read")?;
        public
            .verify_strict(bytes, &signature)
            .map_err(|_| "its signature isn't that of its bytes".to_owned())?;
        if trusted.is_of(writer) {
            return Ok(());
        }
        let names: Vec<&str> = trusted.writers.iter().map(|writer| writer.name()).collect();
        Err(format!(
            "it is {}'s to write, and was signed with the key of {}",
            writer.name(),
            names.join(", ")
        ))
    }
}

fn untrusted(key: &str) -> String {
    format!("its key {key} is not trusted here")
}

/// Whether its actor may write such a record at all, by the state machine's own table.
fn may_be_written(record: &Record) -> Result<(), String> {
    let name = record.event.name();
    if record.event.is_a_persons() && !record.actor.is_person() {
        return Err(format!("{name} is a person's alone to write"));
    }
    let allowed = match &record.event {
        Event::System { .. } => Writer::of(&record.actor) == Writer::Gateway,
        event => may_write(&record.actor, event),
    };
    match allowed {
        true => Ok(()),
        false => Err(format!("{} may not write {name}", record.actor.label())),
    }
}

#[cfg(test)]
mod tests;
