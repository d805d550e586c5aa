//! Places outside for anchors: an S3 bucket, and a receiver of signed webhooks. Beside them time
//! stamps (RFC 3161), which keep nothing and prove when a line was there.
//!
//! A place keeps lines by their numbers, from 1 without gaps, and gives them back in order. It
//! never looks into a line: whether the lines hold together, `model::anchor::outside` says.
//!
//! Read first: [`AnchorPlace`], then [`Custody`].

mod bucket;
mod call;
mod receiver;
mod timestamp;

use std::fmt;

use async_trait::async_trait;

use crate::error::Error;

pub use bucket::{Addressing, Bucket, BucketSettings, Credentials, Lock, Overwriting};
pub use receiver::{Receiver, ReceiverSettings};
pub use timestamp::{Roots, Stamped, TimeStamp};

/// Bytes of one line. The first anchor names the head of every incident, about 130 bytes each, so
/// that this is some 120,000 incidents.
pub const MAX_LINE: usize = 16 << 20;
/// Lines of one page: what one listing of S3 holds at most.
pub const MAX_PAGE_LINES: usize = 1_000;
/// Bytes of one page: what a reader holds at once that goes from page to page.
pub const MAX_PAGE_BYTES: usize = 64 << 20;
/// Bytes of all lines that [`AnchorPlace::read`] gathers: an anchor a minute of half a kilobyte for
/// four years. Beyond it pages are read one by one.
pub const MAX_READ_BYTES: usize = 1 << 30;

/// Who can rewrite what lies in a place, from the strongest to the weakest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Custody {
    /// Nobody before the retention of each line ends, this service's operator and the place's
    /// administrators included.
    Locked { days: u32 },
    /// Who keeps the receiver: another team, if it runs there. This service can only add.
    Receiver,
    /// Who may delete in the place, its administrators. This service can only add, if its rights
    /// are no more than `docs/anchors.md` lists.
    CreateOnly,
    /// Who may write to the place, this service too: a line that is there is looked for before each
    /// write, and somebody quick or with the same rights can still replace it.
    Overwritable,
}

impl fmt::Display for Custody {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { days } => write!(out, "nobody for {days} days after each line"),
            Self::Receiver => out.write_str("who keeps the receiver"),
            Self::CreateOnly => out.write_str("who may delete there"),
            Self::Overwritable => out.write_str("who may write there, this service too"),
        }
    }
}

/// A place outside that keeps lines.
#[async_trait]
pub trait AnchorPlace: Send + Sync {
    /// As the configuration calls it: for messages and metrics.
    fn name(&self) -> &str;

    /// Who can rewrite what lies there, by how the place is set up.
    fn custody(&self) -> Custody;

    /// Keeps a line, without its line end, under its number (from 1). The same number with the same
    /// bytes is done already, so that a write whose outcome isn't known is just done again.
    ///
    /// # Errors
    /// [`Error::Refused`]: the place holds other bytes under this number, and keeps them; or it
    /// doesn't let us write. [`Error::NotDone`] and [`Error::CannotTell`]: worth another try.
    async fn write(&self, seq: u64, line: &[u8]) -> Result<(), Error>;

    /// The lines whose numbers follow `after` (0: from the first), in order and without gaps: at
    /// most [`MAX_PAGE_LINES`], and no more than about [`MAX_PAGE_BYTES`]. None: there are no more.
    ///
    /// # Errors
    /// [`Error::Refused`]: what lies there isn't whole, by number, or isn't ours to read.
    async fn page(&self, after: u64) -> Result<Vec<Vec<u8>>, Error>;

    /// All lines in order, read from the place page by page. Who needn't hold them all at once
    /// reads [`Self::page`] after page.
    ///
    /// # Errors
    /// Those of [`Self::page`]; [`Error::Refused`] beyond [`MAX_READ_BYTES`], and where the place
    /// gives the same page again.
    async fn read(&self) -> Result<Vec<Vec<u8>>, Error> {
        let (mut lines, mut bytes) = (Vec::<Vec<u8>>::new(), 0_usize);
        loop {
            let page = self.page(lines.len() as u64).await?;
            let Some(first) = page.first() else {
                return Ok(lines);
            };
            // Every anchor holds the digest of the one before, so no two are alike.
            if lines.first() == Some(first) {
                return Err(Error::Refused(format!(
                    "{}: it gives its first lines again instead of those that follow",
                    self.name()
                )));
            }
            bytes += page.iter().map(Vec::len).sum::<usize>();
            if bytes > MAX_READ_BYTES {
                return Err(Error::Refused(format!(
                    "{}: its lines are over {MAX_READ_BYTES} bytes: read them page by page",
                    self.name()
                )));
            }
            lines.extend(page);
        }
    }
}

/// A line that can be kept: numbered from 1, not empty, without a line end, not too long.
fn check_line(name: &str, seq: u64, line: &[u8]) -> Result<(), Error> {
    let fault = if seq == 0 {
        "anchors are numbered from 1"
    } else if line.is_empty() {
        "a line is empty"
    } else if line.contains(&b'\n') {
        "a line has a line end in it"
    } else if line.len() > MAX_LINE {
        return Err(Error::Refused(format!(
            "{name}: anchor {seq} is over {MAX_LINE} bytes"
        )));
    } else {
        return Ok(());
    };
    Err(Error::Configuration(format!("{name}: {fault}")))
}

/// What is said of a line that the place holds otherwise.
fn other_bytes(name: &str, seq: u64) -> Error {
    Error::Refused(format!(
        "{name}: it holds anchor {seq} with other bytes: somebody else writes there, or our journal is another"
    ))
}

/// An address that can be called.
fn address(name: &str, text: &str) -> Result<url::Url, Error> {
    let wrong = |why: &str| Error::Configuration(format!("{name}: {text:?}: {why}"));
    let parsed = url::Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(wrong("expected http or https"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(wrong("a secret has no place in an address"));
    }
    Ok(parsed)
}
