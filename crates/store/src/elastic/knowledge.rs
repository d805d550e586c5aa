//! Services, runbooks, tokens and people, an index each.

use async_trait::async_trait;
use model::{Runbook, Service, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Elastic;
use super::client::{Again, Call};
use super::failure::Failure;
use crate::embedding;
use crate::error::Error;
use crate::indices::{PEOPLE, RUNBOOKS, SERVICES, TOKENS};
use crate::knowledge::{Knowledge, SavedPerson, SavedToken};

/// Services, runbooks or tokens that are read at once: one page of a search.
pub const MAX_KNOWN: usize = 10_000;

/// Vectors that are looked at for each that is wanted, and at most (`num_candidates`).
const LOOKED_AT: usize = 10;
const MAX_LOOKED_AT: usize = 10_000;

/// How often a token that others write to at the same time is tried.
const MAX_REVOKING: usize = 5;

#[async_trait]
impl Knowledge for Elastic {
    async fn services(&self) -> Result<Vec<Service>, Error> {
        let hits = self.all(SERVICES, "service.name").await?;
        hits.into_iter().map(service).collect()
    }

    async fn put_service(&self, service: &Service) -> Result<(), Error> {
        self.writable()?;
        self.put(SERVICES, &service.name, &json_of(service)?).await
    }

    async fn runbooks(&self) -> Result<Vec<Runbook>, Error> {
        let hits = self.all(RUNBOOKS, "id").await?;
        hits.iter().map(|hit| kept(hit, "runbook")).collect()
    }

    async fn nearest_runbooks(&self, vector: &[f32], limit: usize) -> Result<Vec<String>, Error> {
        // What has no direction is near to nothing, and `cosine` refuses it.
        if limit == 0 || vector.iter().all(|value| *value == 0.0) {
            return Ok(Vec::new());
        }
        let body = json!({
            "knn": {
                "field": "content_embedding",
                "query_vector": vector,
                "k": limit,
                "num_candidates": limit.saturating_mul(LOOKED_AT).min(MAX_LOOKED_AT),
            },
            "size": limit,
            "_source": ["id"],
            "sort": ["_score", { "id": "asc" }],
        });
        let hits = self.hits(RUNBOOKS, &body).await?;
        let ids = hits.iter().filter_map(|hit| hit["_source"]["id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    async fn put_runbook(&self, runbook: &Runbook) -> Result<(), Error> {
        self.writable()?;
        let text = embedding::runbook_text(runbook);
        let vector = tokio::task::spawn_blocking(move || embedding::embed(&text))
            .await
            .map_err(|error| Error::Unavailable(format!("the store's work ended: {error}")))?;
        self.put(RUNBOOKS, &runbook.id, &runbook_document(runbook, &vector)?)
            .await
    }

    async fn put_token(&self, token: &SavedToken) -> Result<(), Error> {
        self.writable()?;
        self.put(TOKENS, &token.hash, &token_document(token)?).await
    }

    async fn token(&self, hash: &str) -> Result<Option<SavedToken>, Error> {
        self.one(TOKENS, hash, "token").await
    }

    async fn tokens(&self) -> Result<Vec<SavedToken>, Error> {
        let hits = self.all(TOKENS, "id").await?;
        hits.iter().map(|hit| kept(hit, "token")).collect()
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<(), Error> {
        self.writable()?;
        for _ in 0..MAX_REVOKING {
            let tokens = self.tokens().await?;
            let Some(known) = tokens.into_iter().find(|token| token.id == id) else {
                return Err(Error::NotFound(format!("token {id}")));
            };
            // The first revocation stands: when it was taken back is part of the record.
            let revoke = |token: &mut SavedToken| {
                token.revoked_at.get_or_insert(at);
            };
            if self.alter_token(&known.hash, revoke).await? {
                return Ok(());
            }
        }
        Err(Error::Unavailable(format!(
            "token {id}: others wrote to it {MAX_REVOKING} times: try again"
        )))
    }

    async fn touch_token(&self, hash: &str, at: Timestamp) -> Result<(), Error> {
        self.writable()?;
        let touch = |token: &mut SavedToken| token.last_used_at = token.last_used_at.max(Some(at));
        // Where another writer was first, the token's next use is noted.
        self.alter_token(hash, touch).await.map(drop)
    }

    async fn put_person(&self, person: &SavedPerson) -> Result<(), Error> {
        self.writable()?;
        let document = json!({
            "id": person.subject,
            "name": person.name,
            "person": text_of(person)?,
        });
        self.put(PEOPLE, &person.subject, &document).await
    }

    async fn person(&self, subject: &str) -> Result<Option<SavedPerson>, Error> {
        self.one(PEOPLE, subject, "person").await
    }

    async fn people(&self) -> Result<Vec<SavedPerson>, Error> {
        let hits = self.all(PEOPLE, "id").await?;
        hits.iter().map(|hit| kept(hit, "person")).collect()
    }
}

impl Elastic {
    /// What was kept as text in one field of the document of this id.
    async fn one<T: DeserializeOwned>(
        &self,
        index: &str,
        id: &str,
        field: &str,
    ) -> Result<Option<T>, Error> {
        let call = Call::get([index, "_doc", id]).with("realtime", "true");
        match self.client().send(&call).await {
            Ok(reply) if reply.body["found"] == Value::Bool(true) => {
                kept(&reply.body, field).map(Some)
            }
            Ok(_) => Ok(None),
            Err(failure) if failure.is_missing_index() => Err(not_set_up(index)),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Whether it is as `alter` makes it now; false where another writer was first, or there is
    /// none.
    async fn alter_token(
        &self,
        hash: &str,
        alter: impl Fn(&mut SavedToken) + Send,
    ) -> Result<bool, Error> {
        let get = Call::get([TOKENS, "_doc", hash]).with("realtime", "true");
        let reply = self.client().send(&get).await?;
        if reply.body["found"] != Value::Bool(true) {
            return Ok(false);
        }
        let before: SavedToken = kept(&reply.body, "token")?;
        let mut token = before.clone();
        alter(&mut token);
        if token == before {
            return Ok(true);
        }
        let put = Call::put([TOKENS, "_doc", hash], &token_document(&token)?)
            .with("if_seq_no", reply.body["_seq_no"].to_string())
            .with("if_primary_term", reply.body["_primary_term"].to_string())
            .with("refresh", "true")
            .again(Again::AskFirst);
        match self.client().send(&put).await {
            Ok(_) => Ok(true),
            // Read again: it may have been ours.
            Err(failure) if failure.is_conflict() => Ok(false),
            Err(Failure::Unknown(_)) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Adds or replaces, seen by searches when this returns.
    async fn put(&self, index: &str, id: &str, document: &Value) -> Result<(), Error> {
        let call = Call::put([index, "_doc", id], document).with("refresh", "true");
        self.client().send(&call).await?;
        Ok(())
    }

    /// The hits of a whole index, by one field.
    async fn all(&self, index: &str, sort: &str) -> Result<Vec<Value>, Error> {
        let body = json!({
            "size": MAX_KNOWN,
            "query": { "match_all": {} },
            "sort": [{ sort: "asc" }],
        });
        let hits = self.hits(index, &body).await?;
        if hits.len() == MAX_KNOWN {
            return Err(Error::Refused(format!(
                "index {index} has {MAX_KNOWN} documents or more, and no more than that are read: delete what isn't used"
            )));
        }
        Ok(hits)
    }

    async fn hits(&self, index: &str, body: &Value) -> Result<Vec<Value>, Error> {
        let call =
            Call::post([index, "_search"], body).with("allow_partial_search_results", "false");
        let mut reply = match self.client().send(&call).await {
            Ok(reply) => reply,
            Err(failure) if failure.is_missing_index() => return Err(not_set_up(index)),
            Err(failure) => return Err(failure.into()),
        };
        match reply.body["hits"]["hits"].take() {
            Value::Array(hits) => Ok(hits),
            _ => Ok(Vec::new()),
        }
    }
}

fn not_set_up(index: &str) -> Error {
    Error::Refused(format!(
        "the index {index} isn't there: run `datapulse store setup`"
    ))
}

fn json_of<T: Serialize>(value: &T) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Refused(format!("can't be stored: {error}")))
}

/// Written by intake or by hand, so lists of one may be written without brackets.
fn service(hit: Value) -> Result<Service, Error> {
    let source = hit["_source"].as_object().cloned().unwrap_or_default();
    crate::knowledge::service(&source)
        .map_err(|reason| Error::Damaged(format!("{SERVICES}: {}: {reason}", hit["_id"])))
}

/// What was kept as text in one field of a document.
fn kept<T: DeserializeOwned>(hit: &Value, field: &str) -> Result<T, Error> {
    let text = hit["_source"][field].as_str().unwrap_or_default();
    serde_json::from_str(text).map_err(|error| {
        Error::Damaged(format!(
            "document {} of index {} can't be read: {error}",
            hit["_id"], hit["_index"]
        ))
    })
}

fn text_of<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::Refused(format!("can't be stored: {error}")))
}

fn runbook_document(runbook: &Runbook, vector: &[f32]) -> Result<Value, Error> {
    let kinds = runbook.actions.iter().map(|action| json_of(&action.kind));
    let mut document = json!({
        "id": runbook.id,
        "title": runbook.title,
        "summary": runbook.summary,
        "content": runbook.content,
        "symptoms": runbook.symptoms,
        "signals": json_of(&runbook.signals)?,
        "actions": kinds.collect::<Result<Vec<_>, _>>()?,
        "runbook": text_of(runbook)?,
    });
    // A text without words has no direction, which `cosine` refuses.
    if vector.iter().any(|value| *value != 0.0) {
        document["content_embedding"] = json!(vector);
    }
    Ok(document)
}

fn token_document(token: &SavedToken) -> Result<Value, Error> {
    Ok(json!({
        "id": token.id,
        "hash": token.hash,
        "name": token.name,
        "token": text_of(token)?,
    }))
}
