//! The keys that this installation signs its records with, in the folder `keys` beside the data: one
//! for each role, readable by its owner alone; and `trusted.json`, the public keys that records are
//! held against, with whose they are and for how long.
//!
//! A process reads the private keys of the roles that it runs and no others. How keys are made and
//! replaced: [`change`]. How they are moved: [`bundle`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use casework::{Casework, Keys};
use model::{Act, Actor, ChainFault, Keyring, Purpose, Signer, Timestamp, Trusted, Writer};
use tokio::sync::watch;

use crate::backend::Backend;

pub mod bundle;
pub mod change;

pub const FOLDER: &str = "keys";
const TRUSTED: &str = "trusted.json";
/// Bytes of a private key.
const SEED: usize = 32;
/// A running process looks so often whether keys were replaced.
const READ_EVERY: Duration = Duration::from_secs(2);

/// The private key of a role.
fn file_of(writer: Writer) -> String {
    format!("{}.key", writer.name())
}

/// Whose keys a process holds, and where they lie.
#[derive(Debug, Clone)]
pub struct Held {
    /// The folder `keys` itself.
    folder: PathBuf,
    roles: Vec<Writer>,
}

impl Held {
    fn read(&self, now: Timestamp) -> Result<Keys> {
        read(&self.folder, &self.roles, now)
    }
}

/// Signs all that this process records from now on with the keys of these roles. Where there are
/// no keys yet, or the agents still have one together, and all roles are here, they are made, and
/// that is recorded.
pub async fn sign(casework: &Casework, folder: &Path, roles: &[Writer]) -> Result<Held> {
    let held = Held {
        folder: folder.join(FOLDER),
        roles: roles.to_vec(),
    };
    let acts = match Writer::ALL.iter().all(|writer| roles.contains(writer)) {
        true => change::complete(&held.folder, casework.clock().now())?,
        false => {
            change::must_be_complete(&held.folder)?;
            Vec::new()
        }
    };
    casework.sign_with(held.read(casework.clock().now())?);
    let (reading, clock) = (held.clone(), casework.clock().clone());
    casework.read_keys_with(Arc::new(move || {
        reading
            .read(clock.now())
            .map_err(|error| format!("{error:#}"))
    }));
    record(casework, acts).await?;
    Ok(held)
}

/// In the system chain, as the process itself.
async fn record(casework: &Casework, acts: Vec<Act>) -> Result<()> {
    for act in acts {
        let actor = Actor::System {
            subject: "process".to_owned(),
            name: "datapulse".to_owned(),
        };
        casework.record_act(actor, act).await?;
    }
    Ok(())
}

/// Takes up keys that were replaced, without a restart; the gateway's process records that. Keys
/// that can't be read are said, and those that are known go on to count.
pub async fn follow(casework: Casework, held: Held, mut stop: watch::Receiver<bool>) {
    let mut known = casework.ring();
    let mut said = String::new();
    loop {
        tokio::select! {
            _ = stop.changed() => if *stop.borrow() { return },
            () = tokio::time::sleep(READ_EVERY) => {}
        }
        match take_up(&casework, &held, &mut known).await {
            Ok(()) => said.clear(),
            Err(error) => {
                let error = format!("{error:#}");
                if error != said {
                    tracing::warn!(%error, "the keys can't be read anew: those that are known go on to count");
                }
                said = error;
            }
        }
    }
}

async fn take_up(casework: &Casework, held: &Held, known: &mut Keyring) -> Result<()> {
    let keys = held.read(casework.clock().now())?;
    let acts = change::between(known, &keys.ring);
    let before = casework.keys();
    let names = |keys: &Keys| -> Vec<String> {
        let names = keys.signers.values().map(Signer::name);
        names.map(str::to_owned).collect()
    };
    let same = before.is_some_and(|before| names(&before) == names(&keys));
    if acts.is_empty() && same {
        return Ok(());
    }
    let ring = keys.ring.clone();
    casework.sign_with(keys);
    tracing::info!("keys were replaced: records are signed with the new ones");
    if held.roles.contains(&Writer::Gateway) {
        record(casework, acts).await?;
    }
    *known = ring;
    Ok(())
}

/// Signs with the keys of all roles that are there, and with none where there are none: for
/// commands beside a server.
pub fn sign_if_any(casework: &Casework, folder: &Path) -> Result<()> {
    if let Some(keys) = all(folder, casework.clock().now())? {
        casework.sign_with(keys);
    }
    Ok(())
}

/// Whether the private half of a key lies in the folder `keys`.
pub fn holds(folder: &Path, key: &Trusted) -> bool {
    key.writers.iter().any(|writer| {
        private(&folder.join(file_of(*writer))).is_ok_and(|signer| signer.public() == key.public)
    })
}

/// All keys of a folder; `None`: there are none.
pub fn all(folder: &Path, now: Timestamp) -> Result<Option<Keys>> {
    let folder = folder.join(FOLDER);
    if !folder.join(TRUSTED).exists() {
        return Ok(None);
    }
    let here: Vec<Writer> = Writer::ALL
        .into_iter()
        .filter(|writer| folder.join(file_of(*writer)).exists())
        .collect();
    read(&folder, &here, now).map(Some)
}

/// The public keys of a folder; none where nothing is signed there.
pub fn ring(folder: &Path) -> Result<Keyring> {
    let path = folder.join(FOLDER).join(TRUSTED);
    match path.exists() {
        true => Keyring::new(&trusted(&path)?)
            .map_err(|fault| anyhow::anyhow!("{}: {fault}", path.display())),
        false => Ok(Keyring::default()),
    }
}

/// Records that were not written by whoever may write such ones.
pub async fn faults(store: &Backend, ring: &Keyring) -> Result<Vec<ChainFault>> {
    let mut faults = Vec::new();
    if ring.is_empty() {
        return Ok(faults);
    }
    let journal = store.journal();
    for chain in journal.incidents().await? {
        for line in journal.records(&chain).await? {
            if let Err(reason) = ring.check(&line, Purpose::Verify) {
                faults.push(ChainFault {
                    incident: chain.clone(),
                    seq: line.seq,
                    reason,
                });
            }
        }
    }
    Ok(faults)
}

/// The keys of these roles, each held against the ring: what is signed with another would count for
/// nothing.
fn read(folder: &Path, roles: &[Writer], now: Timestamp) -> Result<Keys> {
    let path = folder.join(TRUSTED);
    let ring = Keyring::new(&trusted(&path)?)
        .map_err(|fault| anyhow::anyhow!("{}: {fault}", path.display()))?;
    let mut signers = BTreeMap::new();
    for writer in roles {
        let file = folder.join(file_of(*writer));
        let signer = private(&file)?;
        let public = signer.public();
        let counts = ring
            .trusted()
            .any(|one| one.public == public && one.writers == [*writer] && one.in_force(now));
        if !counts {
            let name = writer.name();
            bail!(
                "{} is not the key that {} trusts for {name}: put the right one there, or make another with `datapulse keys rotate {name}`",
                file.display(),
                path.display()
            );
        }
        signers.insert(*writer, signer);
    }
    Ok(Keys { signers, ring })
}

fn trusted(path: &Path) -> Result<Vec<Trusted>> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("{shown} can't be read"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{shown} is not a list of keys"))
}

fn private(path: &Path) -> Result<Signer> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| {
        format!("{shown} can't be read: without it nothing can be recorded; put it back from where you keep it, or make another with `datapulse keys rotate`")
    })?;
    let seed: Option<[u8; SEED]> = hex::decode(text.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    match seed {
        Some(seed) => Ok(Signer::new(&seed)),
        None => bail!("{shown} is not a key: expected {SEED} bytes in hexadecimal"),
    }
}

#[cfg(test)]
mod tests;
