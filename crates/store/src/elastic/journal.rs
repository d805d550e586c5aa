//! The journal: `agent-audit-YYYY.MM`, a document a record, created and never overwritten.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Digest, IncidentId, Projection, StoredRecord};
use reqwest::Method;
use serde_json::{Value, json};

use super::Elastic;
use super::client::{Again, Call, Client};
use super::failure::Failure;
use super::wait::{chance, pause};
use crate::anchors::Head;
use crate::error::Error;
use crate::indices::JOURNAL_PREFIX;
use crate::journal::{Journal, SummaryFilter, SummaryPage, decision, read_record};

/// How often a create is tried whose outcome isn't known.
const MAX_SETTLING: u32 = 4;

/// Time for one create: it waits for the primary shard at most as long.
const CREATE: Duration = Duration::from_secs(20);

/// Records of the first request of a fold: most incidents have fewer.
const FIRST_BLOCK: u64 = 64;
/// Records of each further one.
const BLOCK: u64 = 256;

/// Incidents of one page, when all are listed.
const INCIDENTS_A_PAGE: usize = 1_000;

#[async_trait]
impl Journal for Elastic {
    async fn append(&self, record: &StoredRecord, shown: Option<&Projection>) -> Result<(), Error> {
        self.writable()?;
        let columns = read_record(record)?;
        let attempt = attempt()?;
        let body = document(record, &attempt)?;
        create(self.client(), record, &attempt, &body).await?;
        self.anchor(Head {
            incident: record.incident.clone(),
            seq: record.seq,
            digest: record.digest,
            at: columns.at,
        })
        .await;
        // The record is what counts: what is shown of it is made again with the next one.
        if let Some(shown) = shown
            && let Err(error) = self.put_projection(shown).await
        {
            tracing::warn!(%error, incident = %record.incident, "the incident's projection lags behind");
        }
        Ok(())
    }

    async fn records_after(
        &self,
        incident: &IncidentId,
        after: u64,
    ) -> Result<Vec<StoredRecord>, Error> {
        self.fold_after(incident, after, 0).await
    }

    async fn incidents(&self) -> Result<Vec<IncidentId>, Error> {
        let heads = self.heads().await?;
        Ok(heads.into_iter().map(|(incident, _)| incident).collect())
    }

    async fn summaries(&self, filter: &SummaryFilter) -> Result<SummaryPage, Error> {
        self.search_summaries(filter).await
    }

    async fn project(&self, shown: &Projection) -> Result<(), Error> {
        self.writable()?;
        self.put_projection(shown).await
    }
}

impl Elastic {
    /// Records by seq, up to the first one that isn't there; but all up to `known`, so that
    /// verification can name the one that is missing among them.
    pub(super) async fn fold(
        &self,
        incident: &IncidentId,
        known: u64,
    ) -> Result<Vec<StoredRecord>, Error> {
        self.fold_after(incident, 0, known).await
    }

    /// The same from behind `after`.
    async fn fold_after(
        &self,
        incident: &IncidentId,
        after: u64,
        known: u64,
    ) -> Result<Vec<StoredRecord>, Error> {
        let mut records = Vec::new();
        let (mut from, mut block) = (after + 1, FIRST_BLOCK);
        loop {
            let found = self.block(incident, from, block).await?;
            let gap = (found.len() as u64) < block;
            records.extend(found);
            from += block;
            if gap && from > known {
                return Ok(up_to_gap(records, after, known));
            }
            block = BLOCK;
        }
    }

    async fn block(
        &self,
        incident: &IncidentId,
        from: u64,
        count: u64,
    ) -> Result<Vec<StoredRecord>, Error> {
        let ids: Vec<String> = (from..from + count).map(|seq| id(incident, seq)).collect();
        let index = incident.journal_index();
        let call = Call::post([index.as_str(), "_mget"], &json!({ "ids": ids }))
            .with("realtime", "true")
            .with("_source_includes", "bytes,digest");
        let reply = self.client().send(&call).await?;
        let documents = reply.body["docs"].as_array().map_or(&[][..], Vec::as_slice);
        if documents.len() as u64 != count {
            return Err(Error::Unavailable(format!(
                "{index}: {} of {count} documents were answered for",
                documents.len()
            )));
        }
        let read = (from..)
            .zip(documents)
            .filter_map(|(seq, document)| read(incident, seq, document).transpose());
        read.collect()
    }

    /// Every incident with the largest seq that a search finds.
    pub(super) async fn heads(&self) -> Result<Vec<(IncidentId, u64)>, Error> {
        let pattern = format!("{JOURNAL_PREFIX}*");
        let refresh = Call::new(Method::POST, [pattern.as_str(), "_refresh"])
            .with("allow_no_indices", "true");
        self.client().send(&refresh).await?;
        let mut heads = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut composite = json!({
                "size": INCIDENTS_A_PAGE,
                "sources": [{ "incident": { "terms": { "field": "incident_id" } } }],
            });
            if !after.is_null() {
                composite["after"] = after;
            }
            let body = json!({
                "size": 0,
                "track_total_hits": false,
                "aggs": { "incidents": {
                    "composite": composite,
                    "aggs": { "last": { "max": { "field": "seq" } } },
                }},
            });
            let call = Call::post([pattern.as_str(), "_search"], &body)
                .with("allow_no_indices", "true")
                .with("allow_partial_search_results", "false");
            let reply = self.client().send(&call).await?;
            let page = &reply.body["aggregations"]["incidents"];
            for bucket in page["buckets"].as_array().into_iter().flatten() {
                heads.push(head(bucket)?);
            }
            after = page["after_key"].clone();
            if after.is_null() {
                return Ok(heads);
            }
        }
    }
}

/// Documents of one request are read one after the other: one that was created meanwhile may be
/// seen without the one before it, and must wait for the next fold.
fn up_to_gap(mut records: Vec<StoredRecord>, after: u64, known: u64) -> Vec<StoredRecord> {
    let mut last = after;
    records.retain(|record| {
        let kept = record.seq <= known || record.seq == last + 1;
        if kept {
            last = record.seq;
        }
        kept
    });
    records
}

fn head(bucket: &Value) -> Result<(IncidentId, u64), Error> {
    let name = bucket["key"]["incident"].as_str().unwrap_or_default();
    let id = IncidentId::parse(name)
        .ok_or_else(|| Error::Damaged(format!("journal: {name:?} is not an incident id")))?;
    let last = bucket["last"]["value"].as_f64().unwrap_or_default();
    Ok((id, last as u64))
}

fn id(incident: &IncidentId, seq: u64) -> String {
    format!("{incident}:{seq}")
}

/// Creates the record's document. Where no answer comes, the same create is tried again: it can't
/// do harm, because the id exists at most once, and whose it is shows the attempt in it.
async fn create(
    client: &Client,
    record: &StoredRecord,
    attempt: &str,
    body: &Value,
) -> Result<(), Error> {
    let index = record.incident.journal_index();
    let id = id(&record.incident, record.seq);
    let call = Call::put([index.as_str(), "_create", id.as_str()], body)
        .again(Again::AskFirst)
        .within(CREATE);
    let mut unsettled = None;
    for tried in 1..=MAX_SETTLING {
        match client.send(&call).await {
            Ok(_) => return Ok(()),
            Err(failure) if failure.is_conflict() => {
                // Without a try in doubt it can only be somebody else's.
                if unsettled.is_some() && is_ours(client, record, attempt).await? {
                    return Ok(());
                }
                return Err(Error::Conflict(format!("record {id}")));
            }
            Err(failure @ Failure::Unknown(_)) => unsettled = Some(failure),
            Err(failure) if failure.is_busy() => unsettled = Some(failure),
            // An earlier try may have been done all the same.
            Err(failure) if unsettled.is_some() => {
                return match is_ours(client, record, attempt).await {
                    Ok(true) => Ok(()),
                    Ok(false) | Err(_) => Err(failure.into()),
                };
            }
            Err(failure) => return Err(failure.into()),
        }
        if is_ours(client, record, attempt).await.unwrap_or(false) {
            return Ok(());
        }
        tokio::time::sleep(pause(tried, chance())).await;
    }
    let said = unsettled.map_or_else(String::new, |failure| Error::from(failure).to_string());
    Err(Error::Unavailable(format!(
        "record {id}: whether it was stored isn't known after {MAX_SETTLING} tries: {said}"
    )))
}

/// Whether the document under the record's id is the one that this attempt made: the same bytes
/// alone don't show that, two agents may write the same in one millisecond.
async fn is_ours(client: &Client, record: &StoredRecord, attempt: &str) -> Result<bool, Error> {
    let index = record.incident.journal_index();
    let id = id(&record.incident, record.seq);
    let call = Call::get([index.as_str(), "_doc", id.as_str()]).with("realtime", "true");
    match client.send(&call).await {
        Ok(reply) => {
            let same = read(&record.incident, record.seq, &reply.body)?
                .is_some_and(|stored| stored.bytes == record.bytes);
            Ok(same && reply.body["_source"]["attempt"].as_str() == Some(attempt))
        }
        Err(failure) if failure.is_missing_index() => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// A number that no other attempt has.
fn attempt() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Unavailable(format!("the system has no chance left: {error}")))?;
    Ok(hex::encode(bytes))
}

fn document(stored: &StoredRecord, attempt: &str) -> Result<Value, Error> {
    let record = read_record(stored)?;
    let (decision, approved_by) = decision(&record);
    Ok(json!({
        "@timestamp": record.at,
        "agent": record.actor.label(),
        "incident_id": stored.incident,
        "action": record.event.name(),
        "decision": decision,
        "approved_by": approved_by,
        "seq": stored.seq,
        "digest": stored.digest.to_string(),
        "previous": record.previous.to_string(),
        "record": String::from_utf8_lossy(&stored.bytes),
        "bytes": STANDARD.encode(&stored.bytes),
        "attempt": attempt,
    }))
}

/// A document of `_mget` or a GET; `None` where it isn't there.
fn read(incident: &IncidentId, seq: u64, document: &Value) -> Result<Option<StoredRecord>, Error> {
    if document.get("error").is_some_and(|error| !error.is_null()) {
        let failure = Failure::said(500, document);
        return match failure.is_missing_index() {
            true => Ok(None),
            false => Err(failure.into()),
        };
    }
    if document["found"] != Value::Bool(true) {
        return Ok(None);
    }
    let source = &document["_source"];
    let text = |name: &str| source[name].as_str().unwrap_or_default();
    Ok(Some(StoredRecord {
        incident: incident.clone(),
        seq,
        // Bytes and digests that can't be read fit nothing: verification names the record.
        bytes: STANDARD.decode(text("bytes")).unwrap_or_default(),
        digest: Digest::parse(text("digest")).unwrap_or(Digest::ZERO),
    }))
}

#[cfg(test)]
mod tests {
    use model::{Actor, Agent, Event, Record, Timestamp};
    use serde_json::json;

    use super::*;

    fn stored() -> StoredRecord {
        let incident = IncidentId::derive("error-rate", "cart", Timestamp(1_790_000_000_000));
        StoredRecord::new(&Record {
            incident,
            seq: 3,
            at: Timestamp(1_790_000_000_000),
            actor: Actor::agent(Agent::Sentinel),
            previous: Digest::ZERO,
            event: Event::NoteAdded {
                text: "naïve \"quote\"".to_owned(),
            },
        })
        .expect("a record is JSON")
    }

    #[test]
    fn a_document_gives_the_very_bytes_back() {
        let record = stored();
        let source = document(&record, "a1").expect("is a record");
        assert_eq!(source["action"], "note_added");
        assert_eq!(source["agent"], "sentinel");
        let found = json!({"found": true, "_source": source});
        let back = read(&record.incident, 3, &found).expect("is read");
        assert_eq!(back, Some(record));
    }

    #[test]
    fn a_fold_ends_at_the_first_gap_but_verification_sees_beyond_it() {
        let seqs = |seqs: &[u64], known| {
            let records = seqs.iter().map(|seq| StoredRecord {
                seq: *seq,
                ..stored()
            });
            let kept = up_to_gap(records.collect(), 0, known);
            kept.iter().map(|record| record.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(&[1, 2, 4], 0), [1, 2]);
        assert_eq!(seqs(&[2, 3], 0), [0_u64; 0]);
        assert_eq!(seqs(&[1, 2, 4, 5, 7], 4), [1, 2, 4, 5]);
    }

    #[test]
    fn what_is_not_there_is_none_and_other_errors_are_errors() {
        let incident = stored().incident;
        let read = |document| read(&incident, 1, &document);
        assert_eq!(read(json!({"found": false})).expect("is read"), None);
        let missing =
            json!({"error": {"type": "index_not_found_exception", "reason": "no such index"}});
        assert_eq!(read(missing).expect("is read"), None);
        let broken =
            json!({"error": {"type": "no_shard_available_action_exception", "reason": "x"}});
        assert!(matches!(read(broken), Err(Error::Unavailable(_))));
    }

    #[test]
    fn bytes_that_were_altered_are_read_as_what_they_are() {
        let incident = stored().incident;
        let altered = json!({"found": true, "_source": {"bytes": "!", "digest": "none"}});
        let record = read(&incident, 1, &altered)
            .expect("is read")
            .expect("is there");
        assert!(record.bytes.is_empty());
        assert_eq!(record.digest, Digest::ZERO);
    }
}
