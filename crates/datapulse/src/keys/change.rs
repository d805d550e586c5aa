//! How keys are made and replaced. `trusted.json` is the word that counts; a private key without its
//! line there signs nothing.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use model::{Act, Keyring, Signer, Timestamp, Trusted, Writer};

use super::{SEED, TRUSTED, file_of, trusted};
use crate::owner_only;

/// Beside a new key the old one counts for so long: processes take up the new one within seconds,
/// and what people agreed to a moment ago is still done.
pub const OVERLAP_MS: i64 = 10 * 60 * 1000;
/// At least: until then every process has taken it up.
pub const SHORTEST_OVERLAP_MS: i64 = 10_000;
/// The private key that all agents had together, before each had its own.
const AGENTS: &str = "agents.key";
/// Keys of one ring at most: rotated every day, it is full after some years, and says so.
const MAX_KEYS: usize = 10_000;

/// Makes the keys that are missing: all of them at the first start; each agent's where they still
/// have one together. Gives what is to be recorded.
pub fn complete(folder: &Path, now: Timestamp) -> Result<Vec<Act>> {
    let before = known(folder)?;
    if before.is_empty() {
        owner_only::folder(folder)?;
        return replace(folder, before, &Writer::ALL, now, OVERLAP_MS);
    }
    let missing = without_own(&before);
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let acts = replace(folder, before, &missing, now, OVERLAP_MS)?;
    // What it signed is verified with its public half.
    let _ = fs::remove_file(folder.join(AGENTS));
    Ok(acts)
}

/// A process that runs some roles makes no keys: those of others are none of its business.
pub fn must_be_complete(folder: &Path) -> Result<()> {
    let missing = without_own(&known(folder)?);
    match missing.first() {
        None => Ok(()),
        Some(role) => bail!(
            "{} has no key of {}'s own: make all with `datapulse keys init` in one place, and give each process {TRUSTED} and the keys of its own roles",
            folder.display(),
            role.name()
        ),
    }
}

/// A new key for a role. The old one goes on to count for `overlap_ms` and is then good for
/// verifying what it signed. Gives what is to be recorded.
pub fn rotate(folder: &Path, writer: Writer, now: Timestamp, overlap_ms: i64) -> Result<Vec<Act>> {
    let before = known(folder)?;
    if before.is_empty() {
        bail!(
            "{} has no keys: `datapulse keys init` makes them",
            folder.display()
        );
    }
    must_be_complete(folder)?;
    replace(folder, before, &[writer], now, overlap_ms)
}

/// What is new, and what was retired, in a ring that was read anew.
pub fn between(before: &Keyring, after: &Keyring) -> Vec<Act> {
    let mut acts = Vec::new();
    for key in after.trusted() {
        let earlier = before.trusted().find(|one| one.public == key.public);
        match earlier {
            None => acts.push(Act::KeyTrusted { key: key.clone() }),
            Some(earlier) if earlier.until.is_none() && key.until.is_some() => {
                acts.push(Act::KeyRetired { key: key.clone() });
            }
            Some(_) => {}
        }
    }
    acts
}

/// Roles without a key of their own that nothing ended.
fn without_own(ring: &[Trusted]) -> Vec<Writer> {
    let has_own = |writer: Writer| {
        let mut of = ring.iter();
        of.any(|one| one.writers == [writer] && one.until.is_none())
    };
    let mut roles = Writer::ALL.to_vec();
    roles.retain(|writer| !has_own(*writer));
    roles
}

fn known(folder: &Path) -> Result<Vec<Trusted>> {
    let path = folder.join(TRUSTED);
    match path.exists() {
        true => trusted(&path),
        false => Ok(Vec::new()),
    }
}

/// New keys for these roles, and an end to those that they had. A private key that replaces another
/// comes after the ring, which has both: a process that reads in between signs with the old one,
/// which still counts. One that replaces none comes before, so that the ring names none that isn't
/// there.
fn replace(
    folder: &Path,
    before: Vec<Trusted>,
    roles: &[Writer],
    now: Timestamp,
    overlap_ms: i64,
) -> Result<Vec<Act>> {
    if before.len() + roles.len() > MAX_KEYS {
        bail!("{}: over {MAX_KEYS} keys", folder.display());
    }
    let (mut ring, mut acts, mut seeds) = (before, Vec::new(), Vec::new());
    for key in &mut ring {
        if key.until.is_none() && key.writers.iter().all(|writer| roles.contains(writer)) {
            key.until = Some(now.plus_ms(overlap_ms));
            acts.push(Act::KeyRetired { key: key.clone() });
        }
    }
    for writer in roles {
        let mut seed = [0; SEED];
        getrandom::fill(&mut seed)
            .map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let key = Trusted::new(&Signer::new(&seed), &[*writer], now);
        ring.push(key.clone());
        acts.insert(0, Act::KeyTrusted { key });
        seeds.push((*writer, hex::encode(seed)));
    }
    let write = |seeds: &[(Writer, String)]| -> Result<()> {
        for (writer, seed) in seeds {
            owner_only::write(&folder.join(file_of(*writer)), seed.as_bytes())?;
        }
        Ok(())
    };
    let (replacing, fresh): (Vec<_>, Vec<_>) = seeds
        .into_iter()
        .partition(|(writer, _)| folder.join(file_of(*writer)).exists());
    write(&fresh)?;
    owner_only::write(&folder.join(TRUSTED), &serde_json::to_vec_pretty(&ring)?)?;
    write(&replacing)?;
    Ok(acts)
}
