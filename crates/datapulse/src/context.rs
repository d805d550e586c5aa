//! Where a command finds its answers: a server that holds the folder, else the folder itself.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use axum::body::Body;
use axum::http::{Method, Request, header};
use casework::Clock;
use gateway::{Gateway, Principal};
use serde_json::Value;
use tower::ServiceExt;

use crate::arguments::{Elsewhere, Everywhere, Output};
use crate::backend::Backend;
use crate::client::{API, Client};
use crate::configuration::Configuration;
use crate::progress::during;
use crate::refusal::of_status;
use crate::{keys, serve, wire};

/// Bytes of an answer that a command reads.
const MAX_ANSWER: usize = 64 << 20;

pub struct Context {
    pub configuration: Configuration,
    pub folder: PathBuf,
    pub output: Output,
    pub everywhere: Everywhere,
}

impl Context {
    pub fn new(everywhere: Everywhere) -> Result<Self> {
        let configuration = Configuration::read(everywhere.config.as_deref())?;
        Ok(Self {
            folder: configuration.folder(everywhere.data.as_deref()),
            configuration,
            output: everywhere.output,
            everywhere,
        })
    }

    /// The server, or an error that says how to start one: decisions and marks go through it.
    pub fn server(&self) -> Result<Client> {
        Client::need(&self.folder, &self.everywhere)
    }

    pub fn find_server(&self) -> Result<Option<Client>> {
        Client::find(&self.folder, &self.everywhere)
    }

    /// The server that is named, else the one that holds the folder.
    pub fn server_at(&self, elsewhere: &Elsewhere) -> Result<Option<Client>> {
        match &elsewhere.url {
            Some(url) => Client::at(url, &self.everywhere).map(Some),
            None => self.find_server(),
        }
    }

    /// The store, read as it is now.
    pub async fn reading(&self) -> Result<Backend> {
        let shown = self.folder.display();
        if !self.configuration.is_elasticsearch() && !self.folder.exists() {
            bail!(
                "there is no data folder {shown}: `datapulse serve` and `datapulse demo` make it; name another with --data"
            );
        }
        let opening = Backend::open_reading(&self.configuration, &self.folder);
        during("reading the store", opening).await
    }

    /// What `GET` of the API's path gives: from the server, else from the folder by the same
    /// handlers.
    pub async fn read(&self, path: &str) -> Result<Value> {
        match self.find_server()? {
            Some(server) => server.get(path).await,
            None => during("reading", self.here(Method::GET, path, None)).await,
        }
    }

    /// What `POST` gives where it changes nothing.
    pub async fn ask(&self, path: &str, body: &Value) -> Result<Value> {
        match self.find_server()? {
            Some(server) => server.post(path, body).await,
            None => during("asking", self.here(Method::POST, path, Some(body))).await,
        }
    }

    /// Whoever may read the folder's files may read what is in them.
    async fn here(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let store = self.reading().await?;
        let casework = wire::casework(&store, &self.configuration, Clock::wall())?;
        let ring = keys::ring(&self.folder)?;
        let options = gateway::Options {
            no_auth: true,
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            audit: serve::audit(&store, move || ring.clone()),
            care: store.care(),
            metrics: Arc::new(String::new) as gateway::Metrics,
        };
        let router = gateway::router(Gateway::new(casework, options));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{API}{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)?;
        request.extensions_mut().insert(Principal::local());
        let response = router.oneshot(request).await?;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), MAX_ANSWER).await?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let detail = value["detail"].as_str().unwrap_or("no reason given");
        Err(of_status(status.as_u16(), detail.to_owned()))
    }
}
