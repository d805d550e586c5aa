//! The store in Elasticsearch: journal, knowledge and telemetry in the indices that people and
//! Kibana read too.
//!
//! The journal's lock is Elasticsearch's `op_type=create`; a fold reads by real-time `_mget`,
//! never by a search, whose answer may lag behind. Anchors stay in a file on this machine, so
//! that who can write to the cluster can't rewrite them too.
//!
//! Read first: [`client`] (what is tried again, and when), [`journal`], then [`setup`].

mod address;
mod bulk;
mod care;
mod client;
mod failure;
mod journal;
mod kibana;
mod knowledge;
pub mod ml;
pub mod privileges;
mod projection;
mod question;
mod setup;
mod telemetry;
mod templates;
mod verify;
mod wait;
mod warning;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use address::{Address, Login};
pub use client::{MAX_ANSWER_BYTES, MAX_ATTEMPTS};
pub use kibana::Kibana;
pub use knowledge::MAX_KNOWN;
pub use privileges::KeyOf;
pub use setup::{Change, Step};

use client::{Call, Client};

use crate::anchors::{AnchorFile, Head};
use crate::error::{Error, at};
use crate::lock::Lock;
use crate::telemetry::Feature;

/// Rows of an ES|QL answer where the cluster doesn't say how many it allows.
const USUAL_ROWS: usize = 10_000;

/// The oldest version that has all that is used: lookup joins above all.
const OLDEST: (u32, u32) = (8, 19);

/// The version from which ES|QL has each feature that not all our tools' texts can do without.
const SINCE: [(Feature, (u32, u32)); 1] = [(Feature::Knn, (9, 2))];

/// A store in a cluster. Cheap to clone; the local folder is let go with the last clone.
#[derive(Clone)]
pub struct Elastic {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    server: Server,
    max_rows: usize,
    anchors_path: PathBuf,
    /// `None`: opened for reading only.
    anchors: Option<Mutex<AnchorFile>>,
    _lock: Option<Lock>,
}

/// What answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub version: String,
    pub cluster_name: String,
    pub cluster_uuid: String,
}

impl Elastic {
    /// Opens for reading and writing. `folder` holds the anchors: made where it isn't there, and
    /// locked. Nothing in the cluster is changed: [`Elastic::set_up`] does that.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where nothing answers or another process holds the folder,
    /// [`Error::Refused`] where what answers is too old, no Elasticsearch, or lets us not in.
    pub async fn open(address: Address, folder: &Path) -> Result<Self, Error> {
        let client = Client::new(address)?;
        let server = server(&client).await?;
        std::fs::create_dir_all(folder).map_err(|error| at(folder, "can't be made", &error))?;
        let lock = Lock::take(folder, "data folder")?;
        let path = anchors_path(folder, &server);
        let (anchors, _) = AnchorFile::open(&path, true)?;
        Self::over(client, server, path, Some((anchors, lock))).await
    }

    /// Opens for reading only, also beside a process that writes.
    ///
    /// # Errors
    /// As [`Elastic::open`]; the folder need not be there.
    pub async fn open_reading(address: Address, folder: &Path) -> Result<Self, Error> {
        let client = Client::new(address)?;
        let server = server(&client).await?;
        let path = anchors_path(folder, &server);
        Self::over(client, server, path, None).await
    }

    async fn over(
        client: Client,
        server: Server,
        anchors_path: PathBuf,
        held: Option<(AnchorFile, Lock)>,
    ) -> Result<Self, Error> {
        let max_rows = max_rows(&client).await;
        let (anchors, lock) = held.unzip();
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                server,
                max_rows,
                anchors_path,
                anchors: anchors.map(Mutex::new),
                _lock: lock,
            }),
        })
    }

    /// The server that answered when this was opened.
    pub fn server(&self) -> &Server {
        &self.inner.server
    }

    /// Whether ES|QL there has it, by the server's version.
    pub fn has(&self, feature: Feature) -> bool {
        let known = SINCE.iter().find(|(known, _)| *known == feature);
        let release = release(&self.inner.server.version);
        known.is_none_or(|(_, since)| release.is_some_and(|release| release >= *since))
    }

    /// The cluster's own word on itself: `green`, `yellow` or `red`.
    pub async fn cluster_status(&self) -> Result<String, Error> {
        let call = Call::get(["_cluster", "health"]);
        let reply = self.client().send(&call).await?;
        Ok(reply.body["status"]
            .as_str()
            .unwrap_or("unknown")
            .to_owned())
    }

    fn client(&self) -> &Client {
        &self.inner.client
    }

    fn writable(&self) -> Result<&Mutex<AnchorFile>, Error> {
        self.inner.anchors.as_ref().ok_or_else(|| {
            Error::Refused(
                "the store was opened for reading only; ask the process that serves it".to_owned(),
            )
        })
    }

    /// Writes a head's line. The record is durable whatever becomes of it: the incident's next
    /// record is anchored anyway, and covers this one.
    async fn anchor(&self, head: Head) {
        let inner = self.inner.clone();
        let written = tokio::task::spawn_blocking(move || match &inner.anchors {
            Some(anchors) => anchors
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&[head]),
            None => Ok(()),
        })
        .await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an anchor line is missing"),
            Err(error) => tracing::warn!(%error, "an anchor line is missing"),
        }
    }
}

/// One file a cluster: another cluster's journal is another journal.
fn anchors_path(folder: &Path, server: &Server) -> PathBuf {
    folder.join(format!("anchors-{}.log", server.cluster_uuid))
}

async fn server(client: &Client) -> Result<Server, Error> {
    let reply = client.send(&Call::get([])).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&reply.body["version"]["number"]);
    let server = Server {
        cluster_name: text(&reply.body["cluster_name"]),
        // A name of a file is made of it.
        cluster_uuid: text(&reply.body["cluster_uuid"])
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
            .collect(),
        version,
    };
    if server.cluster_uuid.is_empty() || server.version.is_empty() {
        return Err(Error::Refused(format!(
            "{} answers, but not as Elasticsearch does; check [backends] store",
            client.shown()
        )));
    }
    match release(&server.version) {
        Some(release) if release >= OLDEST => Ok(server),
        _ => Err(Error::Refused(format!(
            "{} is Elasticsearch {}; DataPulse needs {}.{} or newer",
            client.shown(),
            server.version,
            OLDEST.0,
            OLDEST.1
        ))),
    }
}

/// Major and minor.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What the cluster allows; who may not ask gets the usual number.
async fn max_rows(client: &Client) -> usize {
    const SETTING: &str = "esql.query.result_truncation_max_size";
    let call = Call::get(["_cluster", "settings"])
        .with("include_defaults", "true")
        .with("flat_settings", "true")
        .with("filter_path", format!("*.{SETTING}"))
        .within(Duration::from_secs(10));
    let Ok(reply) = client.send(&call).await else {
        return USUAL_ROWS;
    };
    ["transient", "persistent", "defaults"]
        .iter()
        .find_map(|group| reply.body[group][SETTING].as_str()?.parse().ok())
        .unwrap_or(USUAL_ROWS)
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, release};

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(release("8.9.2") < Some(OLDEST));
        assert!(release("8.19.21") >= Some(OLDEST));
        assert!(release("10.0.0-SNAPSHOT") > Some(OLDEST));
        assert_eq!(release("opensearch"), None);
    }
}
