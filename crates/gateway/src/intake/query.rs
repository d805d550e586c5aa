//! `POST /_query` and `/_query/async`: Elasticsearch's request and response.

pub mod apart;
pub mod asynchronous;
mod form;
pub mod turns;

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use esql::answer::{to_arrow, to_json, to_separated, to_txt, without_null_columns};
use esql::body::Body;
use esql::{Answer, Limits};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::form::Form;
use super::{Came, inflate};
use crate::api::Asked;
use crate::elastic::{Refusal, VERSION};
use crate::routes::MAX_BODY;
use crate::state::Gateway;

/// What one query may have. With [`turns::MAX_AT_ONCE`] of them, all queries together are bounded.
pub const LIMITS: Limits = Limits {
    default_rows: 1_000,
    max_rows: 10_000,
    memory_bytes: 256 << 20,
    time_ms: 60_000,
};

/// Bytes of the values of an answer that is sent; as text they are several times as many.
const MAX_ANSWER: usize = 64 << 20;

/// Behind the question mark; others, such as `allow_partial_results`, change nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    format: Option<String>,
    delimiter: Option<String>,
    header: Option<String>,
    drop_null_columns: Option<String>,
}

impl Wanted {
    fn drops_nulls(&self) -> bool {
        matches!(self.drop_null_columns.as_deref(), Some("" | "true"))
    }
}

pub async fn run(
    State(gateway): State<Gateway>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
    body: Came,
) -> Result<Response, Refusal> {
    let began = Instant::now();
    let form = Form::of(&wanted, &headers)?;
    let body = inflate(&headers, body, MAX_BODY)?;
    let text = String::from_utf8_lossy(&body);
    let body = esql::body::parse(&text, gateway.casework.clock().now().ms())?;
    form.check(body.columnar)?;
    let answer = evaluate(&gateway, &body).await?;
    let shown = Shown {
        form,
        columnar: body.columnar,
        drop_nulls: wanted.drops_nulls(),
        took_ms: began.elapsed().as_millis() as u64,
    };
    shown.print(answer, Map::new()).await
}

/// Runs a query when it is its turn. It ends where this future is dropped: a client that goes
/// away ends its query.
async fn evaluate(gateway: &Gateway, body: &Body) -> Result<Answer, Refusal> {
    let _turn = gateway.queries.turns.take().await?;
    let mut request = body.request.clone();
    request.limits = LIMITS;
    let gateway = gateway.clone();
    let query = async move { gateway.casework.telemetry().query(&request).await };
    apart::apart(query).await?.map_err(|error| match error {
        // Nobody has too much to do: the cluster behind us isn't there.
        store::Error::Unavailable(reason) => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable_shards_exception",
            reason,
        ),
        error => error.into(),
    })
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy)]
struct Shown {
    form: Form,
    columnar: bool,
    drop_nulls: bool,
    took_ms: u64,
}

impl Shown {
    /// `head`: what stands before the answer in JSON. Printing is work, and so it has a thread of
    /// its own.
    async fn print(self, answer: Answer, head: Map<String, Value>) -> Result<Response, Refusal> {
        let bytes = answer_bytes(&answer);
        if bytes > MAX_ANSWER {
            return Err(esql::Error::Limit(format!(
                "[esql] Data too large, the answer's values have [{bytes}] bytes, which is larger than the limit of [{MAX_ANSWER}]: ask for fewer rows or columns"
            ))
            .into());
        }
        let warnings = answer.warnings.clone();
        let printing = tokio::task::spawn_blocking(move || self.body(answer, head));
        let body = printing.await.unwrap_or_else(|error| {
            let reason = format!("the answer can't be printed: {error}");
            Err(esql::Error::Internal(reason))
        })?;
        let mut response = ([(header::CONTENT_TYPE, self.form.media())], body).into_response();
        warn(&mut response, &warnings);
        Ok(response)
    }

    fn body(self, answer: Answer, head: Map<String, Value>) -> Result<Vec<u8>, esql::Error> {
        if self.form == Form::Json {
            return Ok(self.json(&answer, head).to_string().into_bytes());
        }
        let answer = if self.drop_nulls {
            without_null_columns(answer)?
        } else {
            answer
        };
        Ok(match self.form {
            Form::Separated(form) => to_separated(&answer, form).into_bytes(),
            Form::Arrow => to_arrow(&answer)?,
            Form::Table | Form::Json => to_txt(&answer).into_bytes(),
        })
    }

    fn json(self, answer: &Answer, head: Map<String, Value>) -> Value {
        let mut body = head;
        body.insert("took".to_owned(), self.took_ms.into());
        if let Value::Object(rest) = to_json(answer, self.columnar, self.drop_nulls) {
            body.extend(rest);
        }
        Value::Object(body)
    }
}

fn answer_bytes(answer: &Answer) -> usize {
    let columns = answer.batches.iter().flat_map(|batch| batch.columns());
    columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
        .sum()
}

/// As Elasticsearch sends them: RFC 7234's header, quoted, one a warning.
fn warn(response: &mut Response, warnings: &[String]) {
    for warning in warnings {
        let mut value = format!("299 Elasticsearch-{VERSION}-unknown \"").into_bytes();
        value.extend(in_header(warning));
        value.push(b'"');
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// Quotes and backslashes are escaped, Latin letters are one byte, all else is percent-encoded.
fn in_header(warning: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(warning.len());
    for letter in warning.chars() {
        match letter {
            '"' | '\\' => bytes.extend([b'\\', letter as u8]),
            '\t' | ' '..='$' | '&'..='~' | '\u{80}'..='\u{ff}' => bytes.push(letter as u8),
            other => {
                let mut buffer = [0; 4];
                for byte in other.encode_utf8(&mut buffer).bytes() {
                    bytes.extend(format!("%{byte:02X}").into_bytes());
                }
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::in_header;

    #[test]
    fn warnings_are_written_as_elasticsearch_does() {
        let text = |warning: &str| String::from_utf8_lossy(&in_header(warning)).into_owned();
        assert_eq!(text("[a/\"b\"] is 5%"), "[a/\\\"b\\\"] is 5%25");
        assert_eq!(text("two\nlines"), "two%0Alines");
        assert_eq!(in_header("é"), [0xe9]);
        assert_eq!(text("→"), "%E2%86%92");
    }
}
