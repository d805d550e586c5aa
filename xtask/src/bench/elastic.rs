//! The peer: a real Elasticsearch, one node, set up by our own templates, asked over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http::Connection;
use super::server::Server;
use super::{Plan, fresh};
use crate::servers::Elasticsearch;

/// What the node is given of the machine's memory.
pub const HEAP_MIB: usize = 4_096;
const HEAP_QUICK_MIB: usize = 1_024;

/// What telemetry lies in, as it is merged and measured.
const STREAMS: [&str; 3] = ["metrics-system", "logs-application", "traces-application"];
/// Templates of these streams.
const TEMPLATES: [&str; 3] = ["datapulse-metrics", "datapulse-logs", "datapulse-traces"];
const OTHERS: [&str; 2] = ["deployments-default", "lookup-services"];

const READY_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub struct Node {
    server: Elasticsearch,
    pub address: SocketAddr,
}

impl Node {
    /// On a folder; where it holds documents, they can be asked for when this returns.
    pub fn start(plan: &Plan, home: &Path) -> Result<Self> {
        let server = Elasticsearch::start_in(home, plan.size(HEAP_MIB, HEAP_QUICK_MIB))?;
        let address = server
            .url
            .trim_start_matches("http://")
            .parse()
            .with_context(|| server.url.clone())?;
        let node = Self { server, address };
        let began = Instant::now();
        loop {
            let health = node.get("/_cluster/health")?;
            // Yellow: all there is on one node.
            let is_there = health["status"] != "red" && health["initializing_shards"] == 0;
            if is_there {
                return Ok(node);
            }
            if began.elapsed() > READY_WITHIN {
                bail!("Elasticsearch's shards aren't there: {health}");
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Templates, indices and runbooks, made by `datapulse serve` on it.
    pub fn set_up(&self, plan: &Plan, logsdb: bool) -> Result<()> {
        let configuration = format!("[backends]\nstore = \"{}\"\n", self.server.url);
        Server::start(plan, &fresh("set-up")?, &configuration)?.stop()?;
        if !logsdb {
            return Ok(());
        }
        for name in TEMPLATES {
            let path = format!("/_index_template/{name}");
            let mut body = self.get(&path)?["index_templates"][0]["index_template"].take();
            body["template"]["settings"]["index"]["mode"] = json!("logsdb");
            let answer = self.connect()?.send(
                "PUT",
                &path,
                "application/json",
                body.to_string().as_bytes(),
            )?;
            answer.json(&path)?;
        }
        Ok(())
    }

    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.address).with_context(|| self.address.to_string())
    }

    pub fn refresh(&self) -> Result<()> {
        self.post("/_refresh")
    }

    /// All of an index into one segment, synced.
    pub fn merge(&self) -> Result<()> {
        for index in STREAMS.iter().chain(&OTHERS) {
            self.post(&format!("/{index}/_forcemerge?max_num_segments=1"))?;
            self.post(&format!("/{index}/_flush"))?;
        }
        self.refresh()
    }

    /// Bytes of the telemetry's shards.
    pub fn bytes(&self) -> Result<f64> {
        let path = format!("/{}/_stats/store", STREAMS.join(","));
        let bytes = &self.get(&path)?["_all"]["primaries"]["store"]["size_in_bytes"];
        bytes.as_f64().context(path)
    }

    /// How documents are compressed: what a segment says of itself.
    pub fn codec(&self) -> Result<String> {
        let told = self.get(&format!("/{}/_segments", STREAMS[1]))?;
        let index = told["indices"]
            .as_object()
            .and_then(|all| all.values().next());
        let segments = index.map(|index| &index["shards"]["0"][0]["segments"]);
        let first = segments.and_then(|all| all.as_object()?.values().next());
        let modes = first.and_then(|one| one["attributes"].as_object());
        let mode = modes
            .into_iter()
            .flatten()
            .find(|(name, _)| name.contains("StoredFields"));
        let mode = mode.and_then(|(_, mode)| mode.as_str());
        Ok(mode.context("a segment without a codec")?.to_owned())
    }

    pub fn version(&self) -> Result<String> {
        let told = self.get("/")?;
        let version = told["version"]["number"].as_str();
        Ok(format!("Elasticsearch {}", version.context("its version")?))
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.connect()?.get(path)?.json(path)
    }

    fn post(&self, path: &str) -> Result<()> {
        let answer = self
            .connect()?
            .send("POST", path, "application/json", b"")?;
        answer.json(path).map(drop)
    }
}
