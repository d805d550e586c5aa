//! What `datapulse login` keeps: one token a server, in the user's own folder, readable by them alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use casework::Clock;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::owner_only;

/// Servers that logins are kept for; the ones that ended first go first.
const MAX_LOGINS: usize = 100;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    pub token: String,
    pub expires_at: Timestamp,
}

/// By the server's address.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Logins(BTreeMap<String, Login>);

/// `$XDG_CONFIG_HOME/datapulse/logins.json`, else below `~/.config`.
fn path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = match set("XDG_CONFIG_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(set("HOME")?).join(".config"),
    };
    Some(folder.join("datapulse").join("logins.json"))
}

fn read() -> Logins {
    let bytes = path().and_then(|path| fs::read(path).ok());
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// The token of a login at this server that hasn't ended.
pub fn token(url: &str) -> Option<String> {
    let login = read().0.remove(url)?;
    (Clock::wall().now() < login.expires_at).then_some(login.token)
}

/// Keeps a login, or with `None` forgets it.
pub fn keep(url: &str, login: Option<Login>) -> Result<()> {
    let path = path().context("neither XDG_CONFIG_HOME nor HOME is set: there is no folder to keep the login in; pass tokens with --token instead")?;
    let folder = path.parent().context("a file lies in a folder")?;
    owner_only::folder(folder)?;
    let mut logins = read();
    match login {
        Some(login) => logins.0.insert(url.to_owned(), login),
        None => logins.0.remove(url),
    };
    while logins.0.len() > MAX_LOGINS {
        let first = logins.0.iter().min_by_key(|(_, login)| login.expires_at);
        let Some(first) = first.map(|(url, _)| url.clone()) else {
            break;
        };
        logins.0.remove(&first);
    }
    owner_only::write(&path, &serde_json::to_vec(&logins)?)
}
