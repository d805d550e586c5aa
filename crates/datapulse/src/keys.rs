//! The keys that this installation signs its records with, in the folder `keys` beside the data:
//! one for what people and other systems say, one for what agents write, each readable by its owner
//! alone; and `trusted.json`, the public keys that records are held against.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use casework::{Casework, Keys};
use model::{Act, Actor, ChainFault, Keyring, Signer, Timestamp, Trusted, Writer};

use crate::backend::Backend;
use crate::owner_only;

const FOLDER: &str = "keys";
const GATEWAY: &str = "gateway.key";
const AGENTS: &str = "agents.key";
const TRUSTED: &str = "trusted.json";
/// Bytes of a private key.
const SEED: usize = 32;

/// Signs all that this process records from now on; where there are no keys yet, they are made,
/// and that is recorded.
pub async fn sign(casework: &Casework, folder: &Path) -> Result<Keys> {
    let folder = folder.join(FOLDER);
    let whole = [GATEWAY, AGENTS, TRUSTED]
        .iter()
        .all(|name| folder.join(name).exists());
    let made = match whole {
        true => Vec::new(),
        false => make(&folder, casework.clock().now())?,
    };
    let keys = read(&folder)?;
    casework.sign_with(keys.clone());
    for key in made {
        let actor = Actor::System {
            subject: "process".to_owned(),
            name: "datapulse".to_owned(),
        };
        casework.record_act(actor, Act::KeyTrusted { key }).await?;
    }
    Ok(keys)
}

/// The same where there are keys, and nothing where there are none: for commands beside a server.
pub fn sign_if_any(casework: &Casework, folder: &Path) -> Result<()> {
    if let Some(keys) = all(folder)? {
        casework.sign_with(keys);
    }
    Ok(())
}

/// All keys of a folder; `None`: there are none.
pub fn all(folder: &Path) -> Result<Option<Keys>> {
    let folder = folder.join(FOLDER);
    match folder.join(TRUSTED).exists() {
        true => read(&folder).map(Some),
        false => Ok(None),
    }
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
            if let Err(reason) = ring.check(&line, false) {
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

fn read(folder: &Path) -> Result<Keys> {
    let path = folder.join(TRUSTED);
    let ring = Keyring::new(&trusted(&path)?)
        .map_err(|fault| anyhow::anyhow!("{}: {fault}", path.display()))?;
    Ok(Keys {
        gateway: private(&folder.join(GATEWAY))?,
        agents: private(&folder.join(AGENTS))?,
        ring,
    })
}

fn trusted(path: &Path) -> Result<Vec<Trusted>> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("{shown} can't be read"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{shown} is not a list of keys"))
}

fn private(path: &Path) -> Result<Signer> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| {
        format!("{shown} can't be read: without it nothing can be recorded; restore it from where you keep it")
    })?;
    let seed: Option<[u8; SEED]> = hex::decode(text.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    match seed {
        Some(seed) => Ok(Signer::new(&seed)),
        None => bail!("{shown} is not a key: expected {SEED} bytes in hexadecimal"),
    }
}

/// New keys, beside those that were trusted before. `trusted.json` comes last: before it is there,
/// none of them counts.
fn make(folder: &Path, since: Timestamp) -> Result<Vec<Trusted>> {
    owner_only::folder(folder)?;
    let path = folder.join(TRUSTED);
    let mut all = match path.exists() {
        true => trusted(&path)?,
        false => Vec::new(),
    };
    let mut made = Vec::new();
    for (name, writers) in [
        (GATEWAY, vec![Writer::Gateway]),
        (AGENTS, Writer::AGENTS.to_vec()),
    ] {
        let mut seed = [0; SEED];
        getrandom::fill(&mut seed)
            .map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        owner_only::write(&folder.join(name), hex::encode(seed).as_bytes())?;
        made.push(Trusted {
            public: Signer::new(&seed).public(),
            writers,
            since,
        });
    }
    all.extend(made.iter().cloned());
    owner_only::write(&path, &serde_json::to_vec_pretty(&all)?)?;
    Ok(made)
}
