//! Calls to the cluster: time limits, what is tried again, and what an answer is.
//!
//! A call is tried again, on another node where there is one, when it certainly wasn't done (no
//! connection), when Elasticsearch had too much to do, and, if doing it twice is the same as
//! doing it once ([`Again::Harmless`]), when no answer came.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde_json::Value;
use url::Url;

use super::address::Address;
use super::failure::Failure;
use super::wait::{chance, pause};
use super::warning::warnings;
use crate::error::Error;

/// Bytes of an answer, inflated.
pub const MAX_ANSWER_BYTES: usize = 256 << 20;

/// How often a call is tried.
pub const MAX_ATTEMPTS: u32 = 4;

/// Time to a connection with one node.
const CONNECT: Duration = Duration::from_secs(5);

/// Smaller bodies aren't worth compressing.
const COMPRESS_FROM: usize = 1024;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// What doing a call twice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The same as doing it once.
    Harmless,
    /// Something else: the caller looks what became of it.
    AskFirst,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Vec<u8>,
    media: &'static str,
    again: Again,
    within: Option<Duration>,
    headers: Vec<(&'static str, &'static str)>,
    compressed: bool,
}

impl Call {
    pub fn new<'a>(method: Method, path: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            method,
            path: path.into_iter().map(str::to_owned).collect(),
            query: Vec::new(),
            body: Vec::new(),
            media: JSON,
            again: Again::Harmless,
            within: None,
            headers: Vec::new(),
            compressed: true,
        }
    }

    pub fn get<'a>(path: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn put<'a>(path: impl IntoIterator<Item = &'a str>, body: &Value) -> Self {
        Self::new(Method::PUT, path).body(body)
    }

    pub fn post<'a>(path: impl IntoIterator<Item = &'a str>, body: &Value) -> Self {
        Self::new(Method::POST, path).body(body)
    }

    pub fn body(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    pub fn lines(mut self, lines: Vec<u8>) -> Self {
        self.body = lines;
        self.media = NDJSON;
        self
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub fn again(mut self, again: Again) -> Self {
        self.again = again;
        self
    }

    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends the body as it is, whatever its length.
    pub fn uncompressed(mut self) -> Self {
        self.compressed = false;
        self
    }

    /// On one node. Segments of the path are escaped; one that is a list of patterns stays whole.
    fn url(&self, node: &Url) -> Url {
        let mut url = node.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&self.path);
        }
        for (name, value) in &self.query {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }
}

/// What Elasticsearch said to a call that it didn't refuse.
#[derive(Debug)]
pub struct Reply {
    /// Texts of the `Warning` headers.
    pub warnings: Vec<String>,
    pub body: Value,
}

#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Arc<Address>,
    authorization: Option<HeaderValue>,
    /// The node that answered last.
    node: Arc<AtomicUsize>,
}

impl Client {
    pub fn new(address: Address) -> Result<Self, Error> {
        let refused = |error: reqwest::Error| {
            Error::Refused(format!("[elasticsearch] ca_file: {}", causes(&error)))
        };
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .user_agent(concat!("datapulse/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = &address.authorities {
            let trusted = reqwest::Certificate::from_pem_bundle(pem).map_err(refused)?;
            builder = builder.tls_certs_merge(trusted);
        }
        let authorization = match address.login.header() {
            Some(text) => {
                let mut value = HeaderValue::from_str(&text).map_err(|_| {
                    Error::Refused(
                        "[elasticsearch] the secret has characters that no header can hold"
                            .to_owned(),
                    )
                })?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Self {
            http: builder.build().map_err(refused)?,
            address: Arc::new(address),
            authorization,
            node: Arc::new(AtomicUsize::new(0)),
        })
    }

    /// The nodes, for messages.
    pub fn shown(&self) -> String {
        let nodes: Vec<&str> = self.address.nodes.iter().map(Url::as_str).collect();
        nodes.join(",")
    }

    /// What Elasticsearch says, after as many tries as are safe and useful.
    ///
    /// All tries are one trace (`traceparent`, W3C Trace Context), so that the cluster's slow logs
    /// and its tasks name the call.
    pub async fn send(&self, call: &Call) -> Result<Reply, Failure> {
        let trace = trace_id();
        let mut attempt = 1;
        loop {
            let number = self.node.load(Ordering::Relaxed);
            let failure = match self.once(call, number, trace).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            if attempt == MAX_ATTEMPTS || !tried_again(&failure, call.again) {
                return Err(failure);
            }
            tracing::debug!(?failure, attempt, trace = %format!("{trace:032x}"), "a call to Elasticsearch is tried again");
            // Whoever else failed on this node has moved on already.
            let next = (number + 1) % self.address.nodes.len().max(1);
            let _ = self
                .node
                .compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed);
            tokio::time::sleep(pause(attempt, chance())).await;
            attempt += 1;
        }
    }

    async fn once(&self, call: &Call, number: usize, trace: u128) -> Result<Reply, Failure> {
        let nodes = &self.address.nodes;
        let Some(node) = nodes.get(number % nodes.len().max(1)) else {
            return Err(Failure::Unreached("no node is named".to_owned()));
        };
        let mut request = self
            .http
            .request(call.method.clone(), call.url(node))
            .timeout(call.within.unwrap_or(self.address.timeout))
            .header("traceparent", traceparent(trace));
        for (name, value) in &call.headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, call.media);
            let smaller = call.compressed.then(|| compressed(&call.body)).flatten();
            request = match smaller {
                Some(bytes) => request.header(CONTENT_ENCODING, "gzip").body(bytes),
                None => request.body(call.body.clone()),
            };
        }
        let response = request.send().await.map_err(|error| {
            let says = format!("{node}: {}", causes(&error));
            match error.is_connect() || error.is_builder() {
                true => Failure::Unreached(says),
                false => Failure::Unknown(says),
            }
        })?;
        read(node, response).await
    }
}

/// Of a trace of our own; never all zeros, which no trace is.
fn trace_id() -> u128 {
    let mut bytes = [0; 16];
    // Without chance the id says less; the call is as good.
    let _ = getrandom::fill(&mut bytes);
    u128::from_be_bytes(bytes).max(1)
}

/// A span of its own for each try; not sampled: we send no spans of these calls.
fn traceparent(trace: u128) -> String {
    let span = (trace_id() as u64).max(1);
    format!("00-{trace:032x}-{span:016x}-00")
}

fn tried_again(failure: &Failure, again: Again) -> bool {
    match failure {
        Failure::Unreached(_) => true,
        // A gateway's 502 and 504 say nothing of whether the node behind it did the work.
        Failure::Said { status: 429, .. } => true,
        Failure::Said { .. } => failure.is_busy() && again == Again::Harmless,
        Failure::Unknown(_) => again == Again::Harmless,
        Failure::Unreadable(_) => false,
    }
}

async fn read(node: &Url, mut response: Response) -> Result<Reply, Failure> {
    let status = response.status().as_u16();
    let warnings = warnings(response.headers());
    let json = is_json(response.headers());
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Failure::Unknown(format!("{node}: {}", causes(&error))))?
    {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Failure::Unreadable(format!(
                "it has more than {MAX_ANSWER_BYTES} bytes"
            )));
        }
        bytes.extend_from_slice(&chunk);
    }
    let body = match serde_json::from_slice::<Value>(&bytes) {
        Ok(body) => body,
        Err(_) if bytes.is_empty() => Value::Null,
        Err(error) if json || status < 300 => {
            return Err(Failure::Unreadable(format!("{node}: {error}")));
        }
        // Some proxy's own page.
        Err(_) => Value::Null,
    };
    if status >= 400 && !is_plain_miss(status, &body) || (300..400).contains(&status) {
        return Err(Failure::said(status, &body));
    }
    Ok(Reply { warnings, body })
}

/// A document that isn't there is an answer, no error.
fn is_plain_miss(status: u16, body: &Value) -> bool {
    status == 404 && body["found"] == Value::Bool(false)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    media.is_some_and(|media| media.contains("json"))
}

fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < COMPRESS_FROM {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// An error with what lies under it: reqwest's own text leaves out why. Its URL is left out,
/// because it may be long.
fn causes(error: &reqwest::Error) -> String {
    let mut text = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "no answer in time".to_owned(),
        (_, true) => "no connection".to_owned(),
        _ => "the exchange broke off".to_owned(),
    };
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::address::Address;
    use super::{Again, Call, Failure, is_plain_miss, traceparent, tried_again};

    #[test]
    fn a_trace_has_a_span_for_each_try() {
        let (first, second) = (traceparent(7), traceparent(7));
        assert!(
            first.starts_with("00-00000000000000000000000000000007-"),
            "{first}"
        );
        assert_eq!(first.len(), 55);
        assert_ne!(first, second);
    }

    #[test]
    fn paths_are_escaped_and_lie_under_the_nodes_own() {
        let address = Address::parse("http://a:9200/es").expect("is one");
        let call = Call::get(["logs-*,traces-*", "_doc", "a/b?c"]).with("version", "1");
        assert_eq!(
            call.url(&address.nodes[0]).as_str(),
            "http://a:9200/es/logs-*,traces-*/_doc/a%2Fb%3Fc?version=1"
        );
        let root = Address::parse("http://a:9200").expect("is one");
        assert_eq!(Call::get([]).url(&root.nodes[0]).as_str(), "http://a:9200/");
    }

    #[test]
    fn only_what_is_safe_is_tried_again() {
        let unknown = Failure::Unknown(String::new());
        assert!(tried_again(&unknown, Again::Harmless));
        assert!(!tried_again(&unknown, Again::AskFirst));
        assert!(tried_again(
            &Failure::Unreached(String::new()),
            Again::AskFirst
        ));
        let said = |status| Failure::said(status, &Value::Null);
        assert!(tried_again(&said(429), Again::AskFirst));
        assert!(tried_again(&said(503), Again::Harmless));
        assert!(!tried_again(&said(503), Again::AskFirst));
        assert!(!tried_again(&said(400), Again::Harmless));
    }

    #[test]
    fn a_missing_document_is_no_error_but_a_missing_index_is() {
        assert!(is_plain_miss(404, &json!({"_id": "1", "found": false})));
        assert!(!is_plain_miss(
            404,
            &json!({"error": {"type": "index_not_found_exception"}})
        ));
    }
}
