//! Keys in one file that a passphrase opens, for a safe place or for another machine: backups of the
//! store hold none. AES-256-GCM under PBKDF2-HMAC-SHA256; what the file says of itself is
//! authenticated too.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use integrations::Secret;
use model::{Keyring, Writer};
use serde::{Deserialize, Serialize};

use super::{TRUSTED, file_of, private, trusted};
use crate::owner_only;

const FORMAT: &str = "datapulse-keys-1";
/// Rounds of the derivation, as OWASP's Password Storage Cheat Sheet asks of PBKDF2-HMAC-SHA256.
const ROUNDS: u32 = 600_000;
/// A file that asks for more would only keep us busy.
const MOST_ROUNDS: u32 = 10_000_000;
const SALT: usize = 16;
/// Characters of a passphrase at least.
const SHORTEST_PASSPHRASE: usize = 12;
/// Bytes of a bundle: a full ring with room to spare.
const MAX_BUNDLE: u64 = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    format: String,
    rounds: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

impl Bundle {
    /// What is authenticated beside the sealed bytes.
    fn header(&self) -> Vec<u8> {
        format!("{}|{}|{}", self.format, self.rounds, self.salt).into_bytes()
    }
}

/// The ring and the private keys of these roles, sealed. Gives the roles whose keys are in it.
pub fn seal(
    folder: &Path,
    roles: &[Writer],
    passphrase: &Secret,
) -> Result<(Vec<u8>, Vec<Writer>)> {
    long_enough(passphrase)?;
    let mut files = BTreeMap::new();
    let ring = folder.join(TRUSTED);
    trusted(&ring)?;
    files.insert(TRUSTED.to_owned(), fs::read_to_string(&ring)?);
    let mut held = Vec::new();
    for role in roles {
        let file = folder.join(file_of(*role));
        private(&file)?;
        files.insert(file_of(*role), fs::read_to_string(&file)?);
        held.push(*role);
    }
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE_LEN]);
    for bytes in [salt.as_mut_slice(), nonce.as_mut_slice()] {
        getrandom::fill(bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    }
    let mut bundle = Bundle {
        format: FORMAT.to_owned(),
        rounds: ROUNDS,
        salt: hex::encode(salt),
        nonce: hex::encode(nonce),
        sealed: String::new(),
    };
    let mut bytes = serde_json::to_vec(&files)?;
    key(passphrase, &salt, ROUNDS)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bundle.header()),
            &mut bytes,
        )
        .map_err(|_| anyhow::anyhow!("the keys can't be sealed"))?;
    bundle.sealed = hex::encode(bytes);
    Ok((serde_json::to_vec_pretty(&bundle)?, held))
}

/// Puts what a bundle holds into a folder without keys. Gives the roles whose keys were in it.
pub fn open(file: &Path, folder: &Path, passphrase: &Secret) -> Result<Vec<Writer>> {
    if folder.join(TRUSTED).exists() {
        bail!(
            "{} has keys: move them away first, since what they signed is verified with them",
            folder.display()
        );
    }
    let files = unsealed(file, passphrase)?;
    let roles: Vec<Writer> = Writer::ALL
        .into_iter()
        .filter(|role| files.contains_key(&file_of(*role)))
        .collect();
    let shown = file.display();
    let ring = files
        .get(TRUSTED)
        .with_context(|| format!("{shown} holds no {TRUSTED}"))?;
    if files.len() != roles.len() + 1 {
        bail!("{shown} holds files that are no keys");
    }
    let ring = serde_json::from_str::<Vec<model::Trusted>>(ring)
        .with_context(|| format!("{shown}: {TRUSTED} is not a list of keys"))?;
    Keyring::new(&ring).map_err(|fault| anyhow::anyhow!("{shown}: {fault}"))?;
    owner_only::folder(folder)?;
    // The ring comes last: before it is there, none of them counts.
    for role in &roles {
        let name = file_of(*role);
        owner_only::write(&folder.join(&name), files[&name].as_bytes())?;
    }
    owner_only::write(&folder.join(TRUSTED), files[TRUSTED].as_bytes())?;
    Ok(roles)
}

fn unsealed(file: &Path, passphrase: &Secret) -> Result<BTreeMap<String, String>> {
    let shown = file.display();
    let size = fs::metadata(file)
        .with_context(|| format!("{shown} can't be read"))?
        .len();
    if size > MAX_BUNDLE {
        bail!("{shown} is {size} bytes: more than {MAX_BUNDLE}, it is no bundle of keys");
    }
    let bundle: Bundle = serde_json::from_slice(&fs::read(file)?)
        .with_context(|| format!("{shown} is no bundle of keys"))?;
    if bundle.format != FORMAT {
        bail!(
            "{shown}: expected the format {FORMAT}, got {:?}",
            bundle.format
        );
    }
    let (salt, nonce) = (hex::decode(&bundle.salt)?, hex::decode(&bundle.nonce)?);
    let nonce = Nonce::try_assume_unique_for_key(&nonce)
        .map_err(|_| anyhow::anyhow!("{shown}: expected a nonce of {NONCE_LEN} bytes"))?;
    let mut bytes = hex::decode(&bundle.sealed)?;
    let opened = key(passphrase, &salt, bundle.rounds)
        .with_context(|| shown.to_string())?
        .open_in_place(nonce, Aad::from(bundle.header()), &mut bytes)
        .map_err(|_| {
            anyhow::anyhow!(
                "{shown} doesn't open: the passphrase is another, or the file was altered"
            )
        })?;
    Ok(serde_json::from_slice(opened)?)
}

fn key(passphrase: &Secret, salt: &[u8], rounds: u32) -> Result<LessSafeKey> {
    let rounds = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= MOST_ROUNDS);
    let rounds = rounds.with_context(|| format!("expected 1 to {MOST_ROUNDS} rounds"))?;
    let mut bytes = [0; 32];
    let secret = passphrase.reveal().as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, secret, &mut bytes);
    let key = UnboundKey::new(&AES_256_GCM, &bytes)
        .map_err(|_| anyhow::anyhow!("no key of the passphrase"))?;
    Ok(LessSafeKey::new(key))
}

fn long_enough(passphrase: &Secret) -> Result<()> {
    let length = passphrase.reveal().chars().count();
    if length < SHORTEST_PASSPHRASE {
        bail!("the passphrase has {length} characters: expected {SHORTEST_PASSPHRASE} at least");
    }
    Ok(())
}
