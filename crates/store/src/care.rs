//! What an operator asks of a store: is all of it whole, how large is it.

use async_trait::async_trait;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::embedded::Compaction;
use crate::error::Error;

/// Told how many bytes of how many have been gone through.
pub type Watch<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// What both backends answer.
#[async_trait]
pub trait Care: Send + Sync {
    /// What the indices that match hold, by name; without a pattern, all that DataPulse keeps.
    async fn stats(&self, pattern: Option<&str>) -> Result<StoreStats, Error>;

    /// Puts the segments of the indices that match together.
    async fn compact(&self, pattern: &str) -> Result<Compaction, Error>;
}

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inspection {
    pub faults: Vec<Fault>,
    /// No fault, but worth knowing: such as a file that a crash left.
    pub notes: Vec<String>,
    pub checked: Checked,
}

impl Inspection {
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn fault(
        &mut self,
        place: impl Into<String>,
        what: impl Into<String>,
        advice: &str,
    ) {
        self.faults.push(Fault {
            place: place.into(),
            what: what.into(),
            advice: advice.to_owned(),
        });
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A file, a record, or a table.
    pub place: String,
    pub what: String,
    /// What to do.
    pub advice: String,
}

/// How much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    pub segments: u64,
    pub segment_bytes: u64,
    /// In segments.
    pub documents: u64,
    pub log_files: u64,
    /// Batches of documents in the log.
    pub log_batches: u64,
    pub incidents: u64,
    pub records: u64,
    pub anchor_lines: u64,
}

/// A store's size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreStats {
    pub indices: Vec<IndexStats>,
    /// Of acknowledged documents that are in no segment yet; `None` where there is no such log.
    pub log_bytes: Option<u64>,
    /// Of journal, knowledge and catalog; `None` where they lie in indices.
    pub database_bytes: Option<u64>,
    /// What was set aside, each with why.
    pub damaged: Vec<String>,
}

/// What one index holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexStats {
    pub index: String,
    /// Those that count: replaced ones don't.
    pub documents: u64,
    /// Of `documents`, those in memory and log only.
    pub documents_in_memory: u64,
    pub segments: u64,
    /// On the disk; rows of SQLite count as none.
    pub bytes: u64,
    pub largest_segment_bytes: u64,
    /// The smallest and largest `@timestamp`.
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
    /// `None`: they are fixed.
    pub fields: Option<u64>,
}

/// Rows of one page of indices at most.
pub const MAX_STATS_PAGE: usize = 1_000;

/// Sorts by `index`, `documents`, `bytes`, `segments`, `oldest` or `newest`; with `-` before it,
/// the largest first.
///
/// # Errors
/// [`Error::Refused`] for another name.
pub fn sort_stats(indices: &mut [IndexStats], sort: &str) -> Result<(), Error> {
    let (name, descending) = match sort.strip_prefix('-') {
        Some(name) => (name, true),
        None => (sort, false),
    };
    let key: fn(&IndexStats) -> i64 = match name {
        "index" => |_| 0,
        "documents" => |index| index.documents as i64,
        "bytes" => |index| index.bytes as i64,
        "segments" => |index| index.segments as i64,
        "oldest" => |index| index.oldest.map_or(i64::MIN, |at| at.ms()),
        "newest" => |index| index.newest.map_or(i64::MIN, |at| at.ms()),
        _ => {
            return Err(Error::Refused(format!(
                "sort: {name:?} is none of index, documents, bytes, segments, oldest, newest"
            )));
        }
    };
    indices.sort_by(|a, b| {
        let order = key(a).cmp(&key(b));
        let names = a.index.cmp(&b.index);
        match (descending, name) {
            (true, "index") => names.reverse(),
            (true, _) => order.reverse().then(names),
            (false, _) => order.then(names),
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{IndexStats, sort_stats};

    fn sorted(sort: &str) -> Result<Vec<&'static str>, String> {
        let index = |name: &str, bytes| IndexStats {
            index: name.to_owned(),
            bytes,
            ..IndexStats::default()
        };
        let mut all = [index("b", 1), index("c", 3), index("a", 1)];
        sort_stats(&mut all, sort).map_err(|error| error.to_string())?;
        let known = ["a", "b", "c"];
        let name = |index: &IndexStats| known.into_iter().find(|name| *name == index.index);
        Ok(all.iter().filter_map(name).collect())
    }

    #[test]
    fn indices_are_sorted_by_what_is_asked_and_then_by_name() {
        assert_eq!(sorted("index"), Ok(vec!["a", "b", "c"]));
        assert_eq!(sorted("-index"), Ok(vec!["c", "b", "a"]));
        assert_eq!(sorted("-bytes"), Ok(vec!["c", "a", "b"]));
        assert_eq!(sorted("bytes"), Ok(vec!["a", "b", "c"]));
        let refused = sorted("size").expect_err("is no key");
        assert!(refused.contains("\"size\" is none of index,"), "{refused}");
    }
}
