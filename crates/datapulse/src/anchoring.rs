//! Anchors in a place outside: a file that others keep, a bucket, somebody else's service. Written
//! soon after each decision, start of an execution and resolution, and every minute that has new
//! records; read back from there alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bus::Heard;
use casework::Casework;
use integrations::anchors::AnchorPlace;
use model::anchor::AnchorLine;
use model::anchor::outside::{Heads, Known};
use model::{ChainFault, Digest, IncidentId, Keyring, Timestamp, Writer};

use crate::backend::Backend;

pub mod places;

/// Records that are anchored at once.
const AT_ONCE: [&str; 3] = ["decided", "execution_started", "resolved"];
/// After a failure, the place is tried again so soon, and then less often.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Bytes of one read of the local list of heads.
const MAX_PIECE: u64 = 16 << 20;

/// Where anchors go, and from what.
pub struct Anchoring {
    pub casework: Casework,
    /// The list of heads that the store keeps.
    pub heads: PathBuf,
    pub place: Arc<dyn AnchorPlace>,
    pub every: Duration,
}

/// Follows the store's list of heads.
#[derive(Default)]
struct Follower {
    offset: u64,
    heads: Heads,
}

impl Follower {
    /// Reads on; what is torn at the end is read when it is whole.
    fn read_on(&mut self, path: &Path) -> Result<()> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).context(path.display().to_string()),
        };
        loop {
            file.seek(SeekFrom::Start(self.offset))?;
            let mut bytes = Vec::new();
            (&mut file).take(MAX_PIECE).read_to_end(&mut bytes)?;
            let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') else {
                return Ok(());
            };
            for line in bytes[..end].split(|&byte| byte == b'\n') {
                let line: AnchorLine = serde_json::from_slice(line)
                    .with_context(|| format!("{}: a line can't be read", path.display()))?;
                self.heads.insert(line.incident, (line.seq, line.digest));
            }
            self.offset += end as u64 + 1;
        }
    }
}

impl Anchoring {
    /// Never ends. A place that is away is tried again: the next anchor covers all that came.
    pub async fn run(self) {
        let mut listener = self.casework.bus().listen();
        let mut minute = tokio::time::interval(self.every);
        minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut pause = FIRST_PAUSE;
        let mut follower = Follower::default();
        let mut known = None;
        loop {
            tokio::select! {
                _ = minute.tick() => {}
                heard = listener.hear() => match heard {
                    Heard::Wake(wake) if !AT_ONCE.contains(&wake.event) => continue,
                    Heard::Wake(_) | Heard::Lost(_) => {}
                    Heard::Closed => return std::future::pending().await,
                },
            }
            while let Err(error) = self.anchor(&mut follower, &mut known).await {
                metrics::counter!("anchor_failures_total").increment(1);
                tracing::warn!(
                    place = self.place.name(),
                    error = format!("{error:#}"),
                    "records are not anchored outside"
                );
                // Whatever is there now is read anew.
                known = None;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            pause = FIRST_PAUSE;
        }
    }

    /// One anchor, where something moved; it is kept when this returns.
    async fn anchor(&self, follower: &mut Follower, known: &mut Option<Known>) -> Result<()> {
        let heads = self.heads.clone();
        let mut held = std::mem::take(follower);
        let (held, read_on) = tokio::task::spawn_blocking(move || {
            let done = held.read_on(&heads);
            (held, done)
        })
        .await?;
        *follower = held;
        read_on?;
        let keys = self.casework.keys().context("there are no keys")?;
        let signer = keys.signers.get(&Writer::Gateway);
        let signer =
            signer.context("anchors are signed with the gateway's key, which isn't here")?;
        let known = match known {
            Some(known) => known,
            None => known.insert(read(self.place.as_ref(), &keys.ring).await?.0),
        };
        let at = self.casework.clock().now();
        let Some(line) = known.next(&follower.heads, at, signer)? else {
            return Ok(());
        };
        self.place.write(known.number + 1, line.as_bytes()).await?;
        known
            .take(&line, &keys.ring)
            .map_err(anyhow::Error::msg)
            .map(drop)
    }
}

/// What a chain's head was, by which anchor.
type Proven = BTreeMap<IncidentId, Vec<(u64, Digest, u64)>>;

/// Reads the whole place, page by page. A place that isn't there holds nothing.
async fn read(place: &dyn AnchorPlace, ring: &Keyring) -> Result<(Known, Proven)> {
    let (mut known, mut proven) = (Known::default(), Proven::new());
    loop {
        let page = place.page(known.number).await?;
        if page.is_empty() {
            return Ok((known, proven));
        }
        for line in page {
            let heads = std::str::from_utf8(&line)
                .map_err(|_| "a line isn't text".to_owned())
                .and_then(|line| known.take(line, ring))
                .map_err(|fault| anyhow::anyhow!("{}: {fault}", place.name()))?;
            for head in heads {
                let of = proven.entry(head.incident).or_default();
                of.push((head.seq, head.digest, known.number));
            }
        }
    }
}

/// What the place proves of a journal.
#[derive(Debug, Default)]
pub struct Outside {
    pub anchors: u64,
    /// Up to when the journal is proven.
    pub until: Option<Timestamp>,
    /// The place itself can't be trusted.
    pub place_fault: Option<String>,
    pub faults: Vec<ChainFault>,
    /// Records that came after what is proven.
    pub after: u64,
}

impl Outside {
    pub fn is_intact(&self) -> bool {
        self.place_fault.is_none() && self.faults.is_empty()
    }
}

/// Holds the journal against what the place says.
pub async fn verify(store: &Backend, ring: &Keyring, place: &dyn AnchorPlace) -> Result<Outside> {
    let (known, proven) = match read(place, ring).await {
        Ok(found) => found,
        Err(error) => {
            return Ok(Outside {
                place_fault: Some(format!("{error:#}")),
                ..Outside::default()
            });
        }
    };
    let mut outside = Outside {
        anchors: known.number,
        until: known.at,
        ..Outside::default()
    };
    let journal = store.journal();
    let mut chains = journal.incidents().await?;
    chains.extend(proven.keys().cloned());
    chains.sort();
    chains.dedup();
    for chain in chains {
        let stored = journal.records(&chain).await?;
        let heads = proven.get(&chain).map_or(&[][..], Vec::as_slice);
        for (seq, digest, number) in heads {
            let found = stored.iter().find(|line| line.seq == *seq);
            let reason = match found {
                None => "the journal has no such record: deleted, or its tail was cut",
                Some(line) if line.digest != *digest => {
                    "the journal's record is another: edited, or the chain was written anew"
                }
                Some(_) => continue,
            };
            outside.faults.push(ChainFault {
                incident: chain.clone(),
                seq: *seq,
                reason: format!("anchor {number} outside proves it, and {reason}"),
            });
        }
        let last = heads.last().map_or(0, |(seq, _, _)| *seq);
        outside.after += (stored.len() as u64).saturating_sub(last);
    }
    Ok(outside)
}
