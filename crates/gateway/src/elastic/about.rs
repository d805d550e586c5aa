//! `GET /`: who answers, which clients ask for before all else.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::VERSION;
use crate::state::Gateway;

/// The oldest versions that this one's neighbours and indices may have, as its release has them.
const MINIMUM_WIRE: &str = "8.19.0";
const MINIMUM_INDEX: &str = "8.0.0";
const LUCENE: &str = "10.3.0";

pub async fn root(State(gateway): State<Gateway>) -> Json<Value> {
    Json(json!({
        "name": "datapulse",
        "cluster_name": "datapulse",
        "cluster_uuid": *gateway.cluster_uuid,
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
    }))
}
