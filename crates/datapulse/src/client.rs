//! The CLI's way to a running server: its address lies in the folder that it holds.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, WARNING};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::Everywhere;
use crate::progress::during;
use crate::refusal::{of_status, wrong_use};
use crate::{logins, owner_only};

/// Where `serve` and `demo` leave their address, readable by their owner alone.
pub const ADDRESS_FILE: &str = "server.json";
/// The API's root.
pub const API: &str = "/api/datapulse/v1";
/// An answer's time limit.
const TIMEOUT: Duration = Duration::from_secs(30);
/// That of an answer that comes when much work is done.
const PATIENT_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// A server on this machine takes a connection at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub url: String,
    pub pid: u32,
    /// The token of whoever started the server: a person on this machine.
    pub token: Option<String>,
}

impl Address {
    /// Written with mode 0600 from the start, so that nobody else can read the token meanwhile.
    pub fn write(&self, folder: &Path) -> Result<()> {
        owner_only::write(&folder.join(ADDRESS_FILE), &serde_json::to_vec(self)?)
    }

    pub fn remove(folder: &Path) {
        let _ = fs::remove_file(folder.join(ADDRESS_FILE));
    }

    /// The address of a server that answers; a file left behind by one that was killed is none,
    /// even where another process has its number by now.
    pub fn read(folder: &Path) -> Option<Self> {
        let bytes = fs::read(folder.join(ADDRESS_FILE)).ok()?;
        let address: Self = serde_json::from_slice(&bytes).ok()?;
        let runs = Path::new(&format!("/proc/{}", address.pid)).exists();
        (runs && address.listens()).then_some(address)
    }

    fn listens(&self) -> bool {
        let socket = self
            .url
            .strip_prefix("http://")
            .and_then(|text| text.parse().ok());
        socket.is_some_and(|socket| TcpStream::connect_timeout(&socket, CONNECT_TIMEOUT).is_ok())
    }
}

/// Talks to one server as the caller's principal.
#[derive(Debug)]
pub struct Client {
    url: String,
    token: String,
    wire: Wire,
    http: reqwest::Client,
}

/// Whom we trust to be the server, and what we show it.
#[derive(Debug, Clone)]
struct Wire {
    ca: Option<reqwest::Certificate>,
    identity: Option<reqwest::Identity>,
}

impl Wire {
    fn plain() -> Self {
        Self {
            ca: None,
            identity: None,
        }
    }

    fn read(everywhere: &Everywhere) -> Result<Self> {
        let file = |flag: &str, path: &Path| {
            fs::read(path).with_context(|| format!("{flag}: {} can't be read", path.display()))
        };
        let ca = match &everywhere.ca {
            None => None,
            Some(path) => Some(
                reqwest::Certificate::from_pem(&file("--ca", path)?)
                    .with_context(|| format!("--ca: {} is no certificate", path.display()))?,
            ),
        };
        let identity = match (&everywhere.cert, &everywhere.key) {
            (Some(cert), Some(key)) => {
                let mut pem = file("--key", key)?;
                pem.push(b'\n');
                pem.extend(file("--cert", cert)?);
                let shown = format!("--cert and --key: {}", cert.display());
                Some(reqwest::Identity::from_pem(&pem).context(shown)?)
            }
            _ => None,
        };
        Ok(Self { ca, identity })
    }

    fn client(&self, time: Duration) -> Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder().timeout(time);
        // Who names an authority means that one.
        if let Some(ca) = &self.ca {
            builder = builder.tls_certs_only([ca.clone()]);
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        builder.build().context("no client of these certificates")
    }
}

impl Client {
    /// `None` where no server holds the folder.
    pub fn find(folder: &Path, everywhere: &Everywhere) -> Result<Option<Self>> {
        if let Some(url) = &everywhere.server {
            return Self::at(url, everywhere).map(Some);
        }
        let Some(address) = Address::read(folder) else {
            return Ok(None);
        };
        // Who has logged in is that person, even beside the server's own token.
        let token = everywhere
            .token
            .clone()
            .or_else(|| logins::token(&address.url))
            .or(address.token)
            .unwrap_or_default();
        Ok(Some(Self {
            url: address.url,
            token,
            wire: Wire::plain(),
            http: Wire::plain().client(TIMEOUT)?,
        }))
    }

    /// A server by its address.
    pub fn at(url: &str, everywhere: &Everywhere) -> Result<Self> {
        let parsed = url::Url::parse(url).ok();
        let known = parsed.filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(known) = known else {
            return Err(wrong_use(format!(
                "--url {url:?}: expected an address such as https://datapulse.example:5610"
            )));
        };
        let url = known.as_str().trim_end_matches('/').to_owned();
        let token = everywhere.token.clone().or_else(|| logins::token(&url));
        let wire = Wire::read(everywhere)?;
        Ok(Self {
            url,
            token: token.unwrap_or_default(),
            http: wire.client(TIMEOUT)?,
            wire,
        })
    }

    /// The same as somebody else.
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = token.to_owned();
        self
    }

    /// The server, or an error that says what to do.
    pub fn need(folder: &Path, everywhere: &Everywhere) -> Result<Self> {
        match Self::find(folder, everywhere)? {
            Some(client) => Ok(client),
            None => bail!(
                "no server holds the folder {}: start one with `datapulse serve --data {}`",
                folder.display(),
                folder.display()
            ),
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// As [`Client::post`], for what may take as long as it takes.
    pub async fn post_patiently(&self, path: &str, body: &Value) -> Result<Value> {
        let patient = Self {
            url: self.url.clone(),
            token: self.token.clone(),
            wire: self.wire.clone(),
            http: self.wire.client(PATIENT_TIMEOUT)?,
        };
        patient.post(path, body).await
    }

    /// `path` lies under the API's root. A refusal is an error with the server's own words.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self
            .http
            .request(method, format!("{}{API}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = self.answer(request).await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let detail = value
            .get("detail")
            .or_else(|| value.get("title"))
            .and_then(Value::as_str)
            .unwrap_or("no reason given");
        Err(of_status(status.as_u16(), detail.to_owned()))
    }

    /// ES|QL through the server, whose clock `NOW()` reads: the answer in the form that `accept`
    /// names, and its warnings.
    pub async fn query(&self, body: &Value, accept: &str) -> Result<(String, Vec<String>)> {
        let request = self
            .http
            .post(format!("{}/_query", self.url))
            .header(ACCEPT, accept)
            .json(body);
        let response = self.answer(request).await?;
        let status = response.status();
        let warnings = response.headers().get_all(WARNING);
        let warnings = warnings
            .iter()
            .map(|value| warning(value.as_bytes()))
            .collect();
        let text = response.text().await?;
        if status.is_success() {
            return Ok((text, warnings));
        }
        let error: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let reason = error["error"]["reason"]
            .as_str()
            .or(error["detail"].as_str());
        Err(of_status(
            status.as_u16(),
            reason.unwrap_or("no reason given").to_owned(),
        ))
    }

    /// One `_bulk`, as Elasticsearch takes it; `None`: the server has too much to do now.
    pub async fn bulk(&self, body: String) -> Result<Option<Value>> {
        let request = self
            .http
            .post(format!("{}/_bulk", self.url))
            .header(CONTENT_TYPE, "application/x-ndjson")
            .body(body);
        let response = self.answer(request).await?;
        let status = response.status();
        let answer: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(Some(answer));
        }
        if status.as_u16() == 429 {
            return Ok(None);
        }
        let reason = answer["error"]["reason"].as_str();
        let reason = reason.or(answer["detail"].as_str());
        Err(of_status(
            status.as_u16(),
            reason.unwrap_or("no reason given").to_owned(),
        ))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        let sent = request.bearer_auth(&self.token).send();
        let answered = during("waiting for the server", sent).await;
        answered.with_context(|| format!("the server at {} doesn't answer", self.url))
    }
}

/// The text between the quotes of `299 DataPulse "…"`.
fn warning(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let quoted = text
        .split_once('"')
        .map_or(text.as_ref(), |(_, rest)| rest.trim_end_matches('"'));
    quoted.replace("\\\"", "\"").replace("\\\\", "\\")
}

/// `name=value` of `--param`: a value that is JSON is taken as such, anything else is text.
pub fn parameters(given: &[String]) -> Result<indexmap::IndexMap<String, Value>> {
    given
        .iter()
        .map(|text| {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| wrong_use(format!("--param {text:?}: expected name=value")))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            Ok((name.to_owned(), value))
        })
        .collect()
}

/// Percent-encodes a path's segment or a query's value.
pub fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The folder, made absolute for messages that outlive the working directory.
pub fn shown(folder: &Path) -> PathBuf {
    folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_path_buf())
}
