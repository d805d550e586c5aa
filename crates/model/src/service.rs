//! A service as `lookup-services` describes it.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, Default)]
pub struct Service {
    #[serde(rename = "service.name")]
    pub name: String,
    pub team: Option<String>,
    /// 1 is the most critical.
    pub criticality: Option<u8>,
    pub on_call: Option<String>,
    /// The services that it calls.
    #[serde(default)]
    pub depends_on: Vec<String>,
}
