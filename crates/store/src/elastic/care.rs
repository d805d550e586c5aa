//! What can be told of a cluster: its indices' sizes, and whether the journal is whole.

use std::collections::BTreeMap;

use async_trait::async_trait;
use model::Timestamp;
use serde_json::{Value, json};

use super::Elastic;
use super::client::Call;
use super::setup::Change;
use crate::care::{Care, IndexStats, Inspection, StoreStats};
use crate::embedded::Compaction;
use crate::error::Error;
use crate::indices::{JOURNAL_PREFIX, TIMESTAMP};

/// What is DataPulse's own in a cluster that others may use too.
const OURS: &str = "metrics-system,logs-application,traces-application,deployments-*,alerts-default,agent-audit-*,incidents,lookup-services,runbooks-knowledge,datapulse-tokens,datapulse-people";

/// Indices whose span of time is told at most.
const MAX_INDICES: usize = 1_000;

const JOURNAL: &str = "altered outside of DataPulse: keep the index as it is, and compare it with a snapshot; what lies \
                       before the named record holds";
const SET_UP: &str = "make it again: datapulse store setup";

#[async_trait]
impl Care for Elastic {
    async fn stats(&self, pattern: Option<&str>) -> Result<StoreStats, Error> {
        let pattern = pattern.unwrap_or(OURS);
        let call = Call::get([pattern, "_stats", "docs,store,segments"])
            .with("allow_no_indices", "true")
            .with("ignore_unavailable", "true");
        let reply = self.client().send(&call).await?;
        let mut indices: BTreeMap<String, IndexStats> = BTreeMap::new();
        for (name, index) in reply.body["indices"].as_object().into_iter().flatten() {
            let of = |part: &str, key: &str| index["primaries"][part][key].as_u64().unwrap_or(0);
            let stats = IndexStats {
                index: name.clone(),
                documents: of("docs", "count"),
                segments: of("segments", "count"),
                bytes: index["total"]["store"]["size_in_bytes"]
                    .as_u64()
                    .unwrap_or(0),
                ..IndexStats::default()
            };
            indices.insert(name.clone(), stats);
        }
        for (name, oldest, newest) in self.spans(pattern).await? {
            if let Some(index) = indices.get_mut(&name) {
                (index.oldest, index.newest) = (oldest, newest);
            }
        }
        Ok(StoreStats {
            indices: indices.into_values().collect(),
            ..StoreStats::default()
        })
    }

    async fn compact(&self, _: &str) -> Result<Compaction, Error> {
        Err(Error::Refused(
            "Elasticsearch merges segments by itself; POST INDEX/_forcemerge there does it at once"
                .to_owned(),
        ))
    }
}

impl Elastic {
    /// The smallest and largest `@timestamp` of each index.
    async fn spans(
        &self,
        pattern: &str,
    ) -> Result<Vec<(String, Option<Timestamp>, Option<Timestamp>)>, Error> {
        let body = json!({
            "size": 0,
            "track_total_hits": false,
            "aggs": { "indices": {
                "terms": { "field": "_index", "size": MAX_INDICES },
                "aggs": {
                    "oldest": { "min": { "field": TIMESTAMP } },
                    "newest": { "max": { "field": TIMESTAMP } },
                },
            }},
        });
        let call = Call::post([pattern, "_search"], &body)
            .with("allow_no_indices", "true")
            .with("ignore_unavailable", "true");
        let reply = self.client().send(&call).await?;
        let at = |value: &Value| value["value"].as_f64().map(|ms| Timestamp(ms as i64));
        let buckets = reply.body["aggregations"]["indices"]["buckets"].as_array();
        let spans = buckets.into_iter().flatten().map(|bucket| {
            let name = bucket["key"].as_str().unwrap_or_default().to_owned();
            (name, at(&bucket["oldest"]), at(&bucket["newest"]))
        });
        Ok(spans.collect())
    }

    /// Walks the journal's chains by their ids, holds them against the anchors on this machine, and
    /// looks for documents that no chain has. Segments are the cluster's own to verify.
    ///
    /// # Errors
    /// Where the cluster can't be asked; faults are in the answer.
    pub async fn inspect(&self, retention_days: u32) -> Result<Inspection, Error> {
        let mut found = Inspection::default();
        for step in self.set_up(retention_days, true).await? {
            if step.change != Change::Unchanged {
                found.fault(step.what, "is missing, or of another version", SET_UP);
            }
        }
        let stored = self.journal_documents().await?;
        let verification = self.verify().await?;
        found.checked.anchor_lines = verification.anchor_lines as u64;
        if let Some(fault) = &verification.anchor_file {
            found.fault("the anchor file", fault.to_string(), JOURNAL);
        }
        for check in &verification.incidents {
            found.checked.incidents += 1;
            found.checked.records += check.records;
            let place = || format!("journal, incident {}", check.incident);
            if let Some(fault) = &check.fault {
                found.fault(place(), fault.to_string(), JOURNAL);
            }
            for fault in &check.anchor_faults {
                found.fault(place(), fault.to_string(), JOURNAL);
            }
        }
        if stored > found.checked.records {
            let what = format!(
                "{} documents have ids that no chain of records has",
                stored - found.checked.records
            );
            found.fault(format!("{JOURNAL_PREFIX}*"), what, JOURNAL);
        }
        Ok(found)
    }

    /// How many documents the journal's indices hold, as a search sees them.
    async fn journal_documents(&self) -> Result<u64, Error> {
        let pattern = format!("{JOURNAL_PREFIX}*");
        let call = Call::get([pattern.as_str(), "_count"]).with("allow_no_indices", "true");
        let reply = self.client().send(&call).await?;
        Ok(reply.body["count"].as_u64().unwrap_or(0))
    }
}
