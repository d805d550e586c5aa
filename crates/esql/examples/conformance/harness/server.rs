//! The same questions over HTTP: a running server, ours or Elasticsearch.

use std::error::Error;

use reqwest::header::{HeaderMap, WARNING};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::cases::{Reply, recorded_text};
use super::data::IndexData;

/// What Elasticsearch says of every query without a limit: it is no part of an answer.
const NO_LIMIT: &str = "No limit defined";

pub struct Server {
    url: String,
    client: Client,
}

impl Server {
    /// An address such as `http://127.0.0.1:9200`, with a login where it wants one
    /// (`http://user:password@…`).
    pub fn new(url: &str) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            client: Client::builder().build()?,
        })
    }

    /// Makes the indices that aren't there or are empty, and gives the names of those that are
    /// somebody else's: they have other documents and stay as they are.
    pub async fn load(&self, indices: &[IndexData]) -> Result<Vec<String>, Box<dyn Error>> {
        let mut others = Vec::new();
        for index in indices {
            let name = &index.name;
            let count = self
                .send(Method::GET, &format!("/{name}/_count"), None)
                .await?;
            let found = count.body["count"].as_u64().unwrap_or(0);
            let is_there = count.status == 200;
            if is_there && found == 0 {
                // A new store has some indices of its own; nothing is lost with an empty one.
                self.send(Method::DELETE, &format!("/{name}"), None).await?;
            }
            let ours = is_there && found > 0 && self.has(index).await?;
            if ours || (!(is_there && found > 0) && self.make(index).await?) {
                continue;
            }
            others.push(name.clone());
        }
        Ok(others)
    }

    /// Whether an index holds the documents of the data, by their number and the last one's id.
    async fn has(&self, index: &IndexData) -> Result<bool, Box<dyn Error>> {
        let Some(id) = index.ids.last() else {
            return Ok(false);
        };
        let count = self
            .send(Method::GET, &format!("/{}/_count", index.name), None)
            .await?;
        let last = self
            .send(Method::GET, &format!("/{}/_doc/{id}", index.name), None)
            .await?;
        Ok(count.body["count"] == json!(index.documents.len()) && last.status == 200)
    }

    /// `false` where the server keeps the name for itself.
    async fn make(&self, index: &IndexData) -> Result<bool, Box<dyn Error>> {
        let path = format!("/{}", index.name);
        let made = self
            .send(Method::PUT, &path, Some(index.body.to_string()))
            .await?;
        if made.error("type") == "resource_already_exists_exception" {
            return Ok(false);
        }
        if made.status != 200 {
            return Err(format!("{}{path}: {}", self.url, made.body).into());
        }
        if index.documents.is_empty() {
            return Ok(true);
        }
        let mut lines = String::new();
        for (id, document) in index.ids.iter().zip(&index.documents) {
            lines.push_str(&format!("{}\n{document}\n", json!({"index": {"_id": id}})));
        }
        let path = format!("/{}/_bulk?refresh=true", index.name);
        let stored = self.send(Method::POST, &path, Some(lines)).await?;
        if stored.status != 200 || stored.body["errors"] != json!(false) {
            return Err(format!("{}{path}: {}", self.url, stored.body).into());
        }
        Ok(true)
    }

    pub async fn ask(
        &self,
        request: &Value,
        drop_null_columns: bool,
    ) -> Result<Reply, Box<dyn Error>> {
        let path = if drop_null_columns {
            "/_query?drop_null_columns=true"
        } else {
            "/_query"
        };
        self.send(Method::POST, path, Some(recorded_text(request)))
            .await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Reply, Box<dyn Error>> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            let kind = if path.contains("_bulk") {
                "application/x-ndjson"
            } else {
                "application/json"
            };
            request = request.header("content-type", kind).body(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let warnings = warnings(response.headers());
        let text = response.text().await?;
        let body =
            serde_json::from_str(&text).map_err(|error| format!("{path}: {error}: {text}"))?;
        Ok(Reply {
            status,
            body,
            warnings,
        })
    }
}

/// The texts of headers such as `299 Elasticsearch-8.19.21 "text"`.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(WARNING).iter().filter_map(|value| {
        let value = value.as_bytes();
        let start = value.iter().position(|byte| *byte == b'"')? + 1;
        let text = value.get(start..)?.strip_suffix(b"\"")?;
        Some(unescaped(text))
    });
    texts.filter(|text| !text.starts_with(NO_LIMIT)).collect()
}

/// Without backslashes before quotes and backslashes, and with percent-encoded bytes as they were.
fn unescaped(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let hex = |bytes: &[u8]| {
            let digits = std::str::from_utf8(bytes.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        match (first, after.first(), hex(after)) {
            (b'\\', Some(next), _) => {
                bytes.push(*next);
                rest = &after[1..];
            }
            (b'%', _, Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            // Up to U+00FF the characters come as they are.
            _ => {
                let mut letter = [0; 4];
                bytes.extend(char::from(*first).encode_utf8(&mut letter).bytes());
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
