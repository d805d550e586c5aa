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
use crate::record::Record;
use crate::time::Timestamp;

/// What begins the signature within the bytes.
const MARK: &[u8] = b",\"signed\":{";
/// Hexadecimal digits of a key's name: the digest of the public key, shortened.
const NAME_DIGITS: usize = 16;

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
    /// The gateway's key writes for nobody else.
    pub writers: Vec<Writer>,
    /// Records before it were not signed.
    pub since: Timestamp,
}

/// The keys that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    keys: BTreeMap<String, (VerifyingKey, Vec<Writer>)>,
    since: Option<Timestamp>,
}

impl Keyring {
    /// What is wrong with a key names it.
    pub fn new(trusted: &[Trusted]) -> Result<Self, String> {
        let mut keys = BTreeMap::new();
        for one in trusted {
            let shown = &one.public;
            let bytes: [u8; 32] = hex::decode(&one.public)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| format!("{shown:?} is not a key of 32 bytes in hexadecimal"))?;
            let key = VerifyingKey::from_bytes(&bytes)
                .map_err(|error| format!("{shown:?} is not an Ed25519 key: {error}"))?;
            if one.writers.contains(&Writer::Gateway) && one.writers.len() > 1 {
                return Err(format!(
                    "{shown:?}: the gateway's key writes for nobody else"
                ));
            }
            keys.insert(name_of(&bytes), (key, one.writers.clone()));
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

    /// Whether a stored record was written by whoever may write such a one. Records from before
    /// anything was signed pass, unless `strictly`.
    pub fn check(&self, stored: &StoredRecord, strictly: bool) -> Result<(), String> {
        let record = stored
            .record()
            .map_err(|error| format!("it can't be read: {error}"))?;
        let early = self.since.is_some_and(|since| record.at < since);
        let Some((base, signed)) = stored.signature() else {
            return match early && !strictly {
                true => Ok(()),
                false => Err("it is not signed".to_owned()),
            };
        };
        if early && !strictly && !self.keys.contains_key(&signed.key) {
            return Ok(());
        }
        if !record.event.is_open_to(&record.actor) {
            let name = record.event.name();
            return Err(format!("{name} is a person's alone to write"));
        }
        let writer = Writer::of(&record.actor);
        self.verify(writer, &signed.key, &base, &signed.signature)
    }

    /// Whether a signature is one of these bytes by a trusted key that may write for `writer`.
    pub fn verify(
        &self,
        writer: Writer,
        key: &str,
        bytes: &[u8],
        signature: &str,
    ) -> Result<(), String> {
        let Some((public, writers)) = self.keys.get(key) else {
            return Err(format!("its key {key} is not trusted here"));
        };
        let signature = hex::decode(signature)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or("its signature can't be read")?;
        public
            .verify_strict(bytes, &signature)
            .map_err(|_| "its signature isn't that of its bytes".to_owned())?;
        if writers.contains(&writer) {
            return Ok(());
        }
        let names: Vec<&str> = writers.iter().map(|writer| writer.name()).collect();
        Err(format!(
            "it is {}'s to write, and was signed with the key of {}",
            writer.name(),
            names.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::IncidentId;
    use crate::record::Event;

    fn signer(number: u8) -> Signer {
        Signer::new(&[number; 32])
    }

    fn ring() -> Keyring {
        let trusted = |number: u8, writers: &[Writer]| Trusted {
            public: signer(number).public(),
            writers: writers.to_vec(),
            since: Timestamp(1_000),
        };
        let keys = [trusted(1, &[Writer::Gateway]), trusted(2, &Writer::AGENTS)];
        Keyring::new(&keys).expect("keys")
    }

    fn record(actor: Actor, at: i64, text: &str) -> Record {
        Record {
            incident: IncidentId::derive("r", "s", Timestamp(0)),
            seq: 2,
            at: Timestamp(at),
            actor,
            previous: Digest::ZERO,
            event: Event::NoteAdded {
                text: text.to_owned(),
            },
        }
    }

    fn person() -> Actor {
        Actor::Person {
            subject: "person:ada".to_owned(),
            name: "ada".to_owned(),
            via: "session".to_owned(),
        }
    }

    #[test]
    fn each_writes_what_is_theirs() {
        let ring = ring();
        let check = |actor: Actor, number: u8| {
            let stored = StoredRecord::signed(&record(actor, 2_000, "x"), &signer(number));
            let stored = stored.expect("writable");
            assert_eq!(stored.record().expect("readable").seq, 2);
            ring.check(&stored, false)
        };
        assert_eq!(check(person(), 1), Ok(()));
        assert_eq!(check(Actor::agent(Agent::Analyst), 2), Ok(()));
        let forged = check(person(), 2).expect_err("refused");
        assert!(forged.starts_with("it is gateway's to write"), "{forged}");
        assert!(check(Actor::agent(Agent::Executor), 1).is_err());
        assert!(check(person(), 3).is_err_and(|why| why.contains("not trusted")));
    }

    #[test]
    fn another_text_with_the_same_signature_is_seen() {
        let honest = StoredRecord::signed(&record(person(), 2_000, "no"), &signer(1));
        let mut stored = honest.expect("writable");
        let text = String::from_utf8(stored.bytes.clone()).expect("text");
        stored.bytes = text.replace("\"no\"", "\"yes\"").into_bytes();
        stored.digest = Digest::of(&stored.bytes);
        assert!(
            ring()
                .check(&stored, false)
                .is_err_and(|why| why.contains("signature"))
        );
        // A text that looks like a signature is a text.
        let tricky = record(
            person(),
            2_000,
            "a\",\"signed\":{\"key\":\"x\",\"signature\":\"y\"}}",
        );
        let stored = StoredRecord::signed(&tricky, &signer(1)).expect("writable");
        assert_eq!(ring().check(&stored, false), Ok(()));
        let bare = StoredRecord::new(&tricky).expect("writable");
        assert!(ring().check(&bare, false).is_err());
    }

    #[test]
    fn what_was_written_before_anything_was_signed_passes_where_nothing_is_done_on_it() {
        let early = StoredRecord::new(&record(person(), 500, "x")).expect("writable");
        assert_eq!(ring().check(&early, false), Ok(()));
        assert!(ring().check(&early, true).is_err());
        let late = StoredRecord::new(&record(person(), 1_000, "x")).expect("writable");
        assert!(ring().check(&late, false).is_err());
    }

    #[test]
    fn a_key_for_the_gateway_and_others_is_refused() {
        let both = Trusted {
            public: signer(1).public(),
            writers: vec![Writer::Gateway, Writer::Executor],
            since: Timestamp(0),
        };
        assert!(Keyring::new(&[both]).is_err());
    }
}
