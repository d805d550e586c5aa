//! The store as its operator sees it.

use axum::Json;
use axum::extract::State;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::care::{IndexStats, MAX_STATS_PAGE, sort_stats};

use super::{Asked, Body};
use crate::problem::Problem;
use crate::state::Gateway;

/// Indices of a page where none is named.
const PAGE: usize = 50;

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub struct StatsQuery {
    /// Names and wildcards, separated by commas.
    index: Option<String>,
    /// `index`, `documents`, `bytes`, `segments`, `oldest` or `newest`; `-` before it: the largest first.
    #[param(pattern = "^-?(index|documents|bytes|segments|oldest|newest)$")]
    sort: Option<String>,
    offset: u32,
    limit: Option<u32>,
}

/// One index.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IndexLine {
    pub index: String,
    pub documents: u64,
    /// Of `documents`, those in memory and log only.
    pub documents_in_memory: u64,
    pub segments: u64,
    pub bytes: u64,
    pub largest_segment_bytes: u64,
    /// The smallest and largest `@timestamp`.
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
    pub fields: Option<u64>,
}

impl From<IndexStats> for IndexLine {
    fn from(index: IndexStats) -> Self {
        Self {
            index: index.index,
            documents: index.documents,
            documents_in_memory: index.documents_in_memory,
            segments: index.segments,
            bytes: index.bytes,
            largest_segment_bytes: index.largest_segment_bytes,
            oldest: index.oldest,
            newest: index.newest,
            fields: index.fields,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StatsPage {
    /// Indices that match.
    pub total: u64,
    /// Of all that match.
    pub documents: u64,
    pub bytes: u64,
    /// Of documents that are in no segment yet; null on Elasticsearch.
    pub log_bytes: Option<u64>,
    /// Of journal, knowledge and catalog; null on Elasticsearch.
    pub database_bytes: Option<u64>,
    /// What was set aside, each with why.
    pub damaged: Vec<String>,
    pub items: Vec<IndexLine>,
}

#[derive(Debug, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompactionRequest {
    /// Names and wildcards, separated by commas; without it, all.
    pub index: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CompactionDone {
    /// Segments that were put together, and those that stand for them now.
    pub segments_before: u64,
    pub segments_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub documents: u64,
}

/// Answers when it is through. It goes on where the caller has gone.
pub async fn compact(
    State(gateway): State<Gateway>,
    Body(body): Body<CompactionRequest>,
) -> Result<Json<CompactionDone>, Problem> {
    let care = gateway.options.care.clone();
    let done = tokio::spawn(async move {
        let pattern = body.index.as_deref().unwrap_or("*");
        care.compact(pattern).await
    });
    let done = done
        .await
        .map_err(|error| store::Error::Unavailable(format!("the compaction ended: {error}")))??;
    Ok(Json(CompactionDone {
        segments_before: done.segments_before as u64,
        segments_after: done.segments_after as u64,
        bytes_before: done.bytes_before,
        bytes_after: done.bytes_after,
        documents: done.rows,
    }))
}

pub async fn stats(
    State(gateway): State<Gateway>,
    Asked(query): Asked<StatsQuery>,
) -> Result<Json<StatsPage>, Problem> {
    let care = &gateway.options.care;
    let mut found = care.stats(query.index.as_deref()).await?;
    sort_stats(&mut found.indices, query.sort.as_deref().unwrap_or("index"))?;
    let limit = query.limit.map_or(PAGE, |limit| limit as usize);
    let limit = limit.min(MAX_STATS_PAGE);
    Ok(Json(StatsPage {
        total: found.indices.len() as u64,
        documents: found.indices.iter().map(|index| index.documents).sum(),
        bytes: found.indices.iter().map(|index| index.bytes).sum(),
        log_bytes: found.log_bytes,
        database_bytes: found.database_bytes,
        damaged: found.damaged,
        items: found
            .indices
            .into_iter()
            .skip(query.offset as usize)
            .take(limit)
            .map(IndexLine::from)
            .collect(),
    }))
}
