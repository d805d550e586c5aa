//! What answers: DataPulse's own HTTP API, by whatever way it is reached.

use async_trait::async_trait;
use serde_json::Value;

/// What came with the request over HTTP, such as who the gateway found is asking; over stdio
/// nothing does.
pub type Caller = http::Extensions;

/// The API. The gateway asks its own router as whoever called it; `datapulse mcp` asks a server,
/// or the folder that it is given.
#[async_trait]
pub trait Api: Send + Sync {
    async fn ask(&self, caller: &Caller, call: Call) -> Result<Value, Refusal>;
}

/// One request to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// `GET` of a path below the API's root.
    Get(String),
    /// `POST` of JSON that changes nothing.
    Ask(String, Value),
    /// `POST` of JSON that writes a record.
    Write(String, Value),
    /// ES|QL. The answer is Elasticsearch's, its warnings in `warnings`.
    Query(Value),
}

impl Call {
    pub fn writes(&self) -> bool {
        matches!(self, Self::Write(..))
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP's status, where there was an answer at all.
    pub status: Option<u16>,
    pub says: String,
}

impl Refusal {
    pub fn new(status: Option<u16>, says: impl Into<String>) -> Self {
        let says = says.into();
        Self { status, says }
    }
}

/// A value of a query string.
pub fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
