//! `GET /`: who answers, which clients ask for before all else; and how it is, which shippers do.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::indices::embedded;
use super::{Refusal, VERSION};
use crate::state::Gateway;

/// The oldest versions that this one's neighbours and indices may have, as its release has them.
const MINIMUM_WIRE: &str = "8.19.0";
const MINIMUM_INDEX: &str = "8.0.0";
const LUCENE: &str = "10.3.0";

pub async fn root(State(gateway): State<Gateway>) -> Result<Json<Value>, Refusal> {
    let uuid = match &gateway.store {
        Some(store) => store.cluster_uuid().await?,
        None => "_na_".to_owned(),
    };
    Ok(Json(json!({
        "name": "datapulse",
        "cluster_name": "datapulse",
        "cluster_uuid": uuid,
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "datapulse",
            "build_hash": "unknown",
            "build_date": "unknown",
            "build_snapshot": false,
            "lucene_version": LUCENE,
            "minimum_wire_compatibility_version": MINIMUM_WIRE,
            "minimum_index_compatibility_version": MINIMUM_INDEX,
        },
        "tagline": "You Know, for Search",
    })))
}

/// Red: some stored documents can't be read. Yellow: new ones are in log and memory alone.
fn status(health: &store::Health) -> &'static str {
    if !health.damaged.is_empty() {
        "red"
    } else if health.flush_error.is_some() {
        "yellow"
    } else {
        "green"
    }
}

/// `GET /_cluster/health`
pub async fn health(State(gateway): State<Gateway>) -> Result<Json<Value>, Refusal> {
    let store = embedded(&gateway)?;
    let indices = store.describe("*").len();
    Ok(Json(json!({
        "cluster_name": "datapulse",
        "status": status(&store.health()),
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": indices,
        "active_shards": indices,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    })))
}

/// `GET /_cat/health`: cluster, status, nodes, nodes with data, shards, primary shards.
pub async fn cat_health(State(gateway): State<Gateway>) -> Result<Response, Refusal> {
    let store = embedded(&gateway)?;
    let (status, indices) = (status(&store.health()), store.describe("*").len());
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=UTF-8")];
    let line = format!("datapulse {status} 1 1 {indices} {indices}\n");
    Ok((kind, line).into_response())
}
