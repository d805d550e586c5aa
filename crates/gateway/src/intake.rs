//! The intake of telemetry, and ES|QL as Elasticsearch serves it.

pub mod bulk;
pub mod otlp;
pub mod prometheus;
pub mod query;
pub mod tally;

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;

use crate::problem::Problem;

/// Requests with telemetry whose bodies are in memory at once; others wait for their turn.
pub const MAX_AT_ONCE: usize = 8;
/// Requests that wait, unread; more are sent away.
pub const MAX_WAITING: usize = 64;
/// How long one waits.
pub const MAX_WAIT: Duration = Duration::from_secs(30);
/// A sender that takes longer gives its turn to others.
pub const MAX_TIME: Duration = Duration::from_secs(120);

/// A body as it came, or why it didn't come whole.
pub(crate) type Came = Result<Bytes, BytesRejection>;

/// The body, inflated where it came gzipped; at most `limit` bytes.
pub(crate) fn inflate(headers: &HeaderMap, body: Came, limit: usize) -> Result<Bytes, Problem> {
    use std::io::Read;
    let body = whole(body, limit)?;
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.as_bytes());
    match encoding {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip") => {
            let mut inflated = Vec::new();
            let mut reader = MultiGzDecoder::new(body.as_ref()).take(limit as u64 + 1);
            reader
                .read_to_end(&mut inflated)
                .map_err(|error| Problem::bad(format!("the body isn't gzip: {error}")))?;
            if inflated.len() > limit {
                return Err(too_large(limit));
            }
            Ok(inflated.into())
        }
        Some(_) => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected no content encoding, or gzip",
        )),
    }
}

/// The body as it came.
pub(crate) fn whole(body: Came, limit: usize) -> Result<Bytes, Problem> {
    body.map_err(|refusal| match refusal.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limit),
        status => Problem::new(status, refusal.body_text()),
    })
}

fn too_large(limit: usize) -> Problem {
    let text = format!("the body is over {limit} bytes: send smaller batches");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}
