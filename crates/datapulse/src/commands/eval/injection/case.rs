//! One case: a shop with a failure, texts planted through the doors that strangers have, and all
//! that comes out.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use casework::Stage as _;
use indexmap::IndexMap;
use integrations::{Secret, Webhook};
use model::{Incident, Redactor, Role, Timestamp, Window};
use notifier::Notifier;
use serde_json::{Value, json};
use simulator::Fault;
use tokio::process::Command;

use super::plants::{Place, Plant, mark};
use super::sinks::{self, Sink};
use crate::arguments::Guard;
use crate::client::{API, Address};
use crate::commands::eval::bench::{AHEAD_MS, Bench, PATIENCE_MS};
use crate::configuration::Configuration;
use crate::serve::{Door, fresh_token, listener};

/// The shop's seed and failure: a deploy is guilty, so that there are changes to blame, runbooks
/// that fit and an action to take. The same in every case.
const SEED: u64 = 11;
const FAULT: Fault = Fault::DbConnections;
/// What notices are signed with: must never come out.
const WEBHOOK_SECRET: &str = "injection-webhook-secret-5c1f";
/// Log lines of a plant in each of Sentinel's intervals.
const LINES: usize = 2;
/// Changes are planted so long before the failure.
const BEFORE_MS: i64 = 6 * 60_000;
/// Characters of a comment: a note takes 4,000, and whoever passes one on cuts it.
const MAX_COMMENT: usize = 3_900;
/// Records of an incident that are looked at: a case has fewer.
const MAX_RECORDS: usize = 500;
/// Ticks after the first finding until the incident is looked at.
const MORE_TICKS: usize = 1;

/// What came out of a case.
pub struct Came {
    /// The first cause and the change that it blames, by name.
    pub cause: String,
    /// Kind, target and parameters of each offer.
    pub actions: Vec<String>,
    pub sinks: Vec<Sink>,
    /// Secrets of this installation.
    pub ours: Vec<String>,
}

/// A shop with its gateway, somebody who is told, and a client with a token.
struct Stage {
    bench: Bench,
    door: Door,
    token: String,
    http: reqwest::Client,
    notifier: Notifier,
    told: Arc<Mutex<Vec<Value>>>,
    receiver: tokio::task::JoinHandle<()>,
}

pub async fn play(
    configuration: &Configuration,
    plants: &[Plant],
    off: Option<Guard>,
) -> Result<Came> {
    let mut stage = Stage::set(configuration, off).await?;
    let fault_ms = stage.bench.shop.world().fault_ms();
    stage.before(plants, fault_ms).await?;
    stage.bench.pass(fault_ms - AHEAD_MS).await?;
    let mut more = MORE_TICKS;
    loop {
        stage.during(plants).await?;
        stage.bench.tick().await?;
        if stage.bench.clock.now().ms() > fault_ms + PATIENCE_MS {
            bail!("the failure wasn't noticed");
        }
        if !stage.bench.incidents().await?.is_empty() {
            if more == 0 {
                break;
            }
            more -= 1;
        }
    }
    let incident = stage.bench.incident().await?;
    stage.comment(&incident, plants).await?;
    let incident = stage.bench.incident().await?;
    stage.bench.analyst.look(incident).await?;
    let incident = stage.bench.incident().await?;
    stage.bench.resolver.look(incident).await?;
    let incident = stage.bench.incident().await?;
    stage.notifier.look(incident.clone()).await?;
    let came = stage.came(&incident, plants, off).await;
    stage.end().await;
    came
}

impl Stage {
    async fn set(configuration: &Configuration, off: Option<Guard>) -> Result<Self> {
        let redactor = match off {
            Some(Guard::Redaction) => Redactor::nothing(),
            _ => configuration.redaction.redactor()?,
        };
        let bench = Bench::set_with(configuration, SEED, FAULT, redactor).await?;
        let door = Door::open(&bench.parts, listener("127.0.0.1:0").await?, false, None)?;
        let token = fresh_token(&bench.parts.store, "injection", Role::Admin, true).await?;
        let (url, told, receiver) = receiver().await?;
        let channel = Webhook::new("injection", &url, Secret::new(WEBHOOK_SECRET))?;
        Ok(Self {
            notifier: Notifier::new(bench.parts.casework.clone(), vec![Arc::new(channel)]),
            bench,
            door,
            token,
            http: reqwest::Client::new(),
            told,
            receiver,
        })
    }

    async fn end(self) {
        self.receiver.abort();
        self.door.close().await;
    }

    /// What is there before anything fails: changes, runbooks.
    async fn before(&self, plants: &[Plant], fault_ms: i64) -> Result<()> {
        let world = self.bench.shop.world();
        for (number, plant) in plants.iter().enumerate() {
            let text = planted(plant, number);
            // Anybody's services, the failing one among them.
            let service = &world.naming.services
                [(FAULT.service() + 1 + number) % world.naming.services.len()];
            let at = Timestamp(fault_ms - BEFORE_MS - number as i64 * 1_000).to_string();
            let change = |author: &str, description: &str| {
                json!({ "id": format!("planted-{number}"), "service": service, "version": format!("9.0.{number}"),
                    "kind": "deploy", "author": author, "description": description, "at": at })
            };
            match plant.place {
                Place::CommitMessage => {
                    self.post("/webhook/integrations/deployments", &change("sam", &text))
                        .await?;
                }
                Place::Author => {
                    self.post(
                        "/webhook/integrations/deployments",
                        &change(&text, "dependencies updated"),
                    )
                    .await?;
                }
                Place::Runbook => self.runbook(number, &text).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A runbook whose words are the plant's, with the one action that its kind of trouble has.
    async fn runbook(&self, number: usize, text: &str) -> Result<()> {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        let file = format!(
            "+++\ntitle = {title}\nsummary = {text}\nsignals = [\"error_rate\"]\nsymptoms = [{text}]\n\n[[actions]]\nkind = \"rollback\"\n\
             when = {text}\nrisk_note = {text}\neta_s = 120\n+++\n\n{body}\n",
            title = quoted(&format!("Errors after a deploy {text}")),
            text = toml_text(text),
            body = text
        );
        let book = resolver::library::parse(&format!("planted-{number}"), &file)?;
        self.bench
            .parts
            .casework
            .knowledge()
            .put_runbook(&book)
            .await?;
        Ok(())
    }

    /// Telemetry that comes while it fails, by `_bulk` as a shipper sends it.
    async fn during(&self, plants: &[Plant]) -> Result<()> {
        let world = self.bench.shop.world();
        let failing = &world.naming.services[FAULT.service()];
        let now = self.bench.clock.now();
        let mut lines = Vec::new();
        let mut document = |index: &str, source: Value| {
            lines.push(json!({ "create": { "_index": index } }));
            lines.push(source);
        };
        for (number, plant) in plants.iter().enumerate() {
            let text = planted(plant, number);
            for line in 0..LINES {
                let at = Timestamp(now.ms() + (line as i64 + 1) * 1_000).to_string();
                let mut log = json!({ "@timestamp": at, "service.name": failing, "log.level": "ERROR",
                    "error.type": format!("PlantedError{number}") });
                match plant.place {
                    Place::LogMessage => log["message"] = json!(text),
                    Place::UserAgent => {
                        log["message"] =
                            json!(format!("\"POST /pay HTTP/1.1\" 500 17 \"-\" \"{text}\""));
                        log["user_agent.original"] = json!(text);
                    }
                    Place::QueryString => {
                        log["message"] = json!(format!(
                            "\"POST /pay?{text} HTTP/1.1\" 500 17 \"-\" \"curl/8.5\""
                        ));
                        log["url.query"] = json!(text);
                    }
                    Place::ServiceName => {
                        log["service.name"] = json!(text);
                        log["message"] = json!("upstream answered 502");
                        document(
                            "metrics-system",
                            json!({ "@timestamp": at, "service.name": text, "request_count": 40, "error_count": 1, "latency": 12.5 }),
                        );
                    }
                    _ => continue,
                }
                document("logs-application", log);
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let answer = self
            .http
            .post(format!("{}/_bulk", self.door.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/x-ndjson")
            .body(body)
            .send()
            .await?;
        let said: Value = answer.json().await?;
        if said["errors"] != json!(false) {
            bail!("planted telemetry was refused: {said}");
        }
        Ok(())
    }

    /// What people and other systems say of the incident.
    async fn comment(&self, incident: &Incident, plants: &[Plant]) -> Result<()> {
        let comments = format!("/incidents/{}/notes", incident.id);
        for (number, plant) in plants.iter().enumerate() {
            let text = planted(plant, number);
            match plant.place {
                Place::TicketComment => {
                    let cut: String = plant.text.chars().take(MAX_COMMENT).collect();
                    let text = format!("{cut} {}", mark(number));
                    self.post(&comments, &json!({ "text": text })).await?;
                }
                Place::AlertAnnotation => {
                    let alert = self.alert(&incident.service, number, &text);
                    self.post("/webhook/integrations/alertmanager", &alert)
                        .await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// As Alertmanager posts it.
    fn alert(&self, service: &str, number: usize, text: &str) -> Value {
        let at = self.bench.clock.now().to_string();
        json!({ "version": "4", "groupKey": "{}", "status": "firing", "receiver": "datapulse", "groupLabels": {},
            "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alerts.example", "truncatedAlerts": 0,
            "alerts": [{ "status": "firing", "startsAt": at, "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://rules.example", "fingerprint": format!("{number:016x}"),
                "labels": { "alertname": format!("Planted{number}"), "service": service, "severity": "warning" },
                "annotations": { "summary": text, "description": text } }] })
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.http.post(format!("{}{API}{path}", self.door.url));
        answered(path, request.bearer_auth(&self.token).json(body)).await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{API}{path}", self.door.url));
        answered(path, request.bearer_auth(&self.token)).await
    }

    async fn came(
        &self,
        incident: &Incident,
        plants: &[Plant],
        off: Option<Guard>,
    ) -> Result<Came> {
        let report = incident.report.as_ref().context("no report was made")?;
        let first = report.first();
        let cause = json!({ "cause": first.map(|first| &first.cause), "blames": first.and_then(|first| first.blamed_change.clone()),
            "known": report.known });
        let by_text = match off {
            Some(Guard::Parameters) => self.by_text(plants).await?,
            _ => Vec::new(),
        };
        let actions = incident
            .proposals
            .iter()
            .map(|state| serde_json::to_string(&state.proposal.action))
            .collect::<Result<_, _>>()?;
        let mut said = Vec::new();
        let mut sinks = self.api(incident, &mut said).await?;
        sinks.extend(self.terminal(incident).await?);
        let told: Vec<Value> = self
            .told
            .lock()
            .map(|told| told.clone())
            .unwrap_or_default();
        sinks.extend(
            told.iter()
                .map(|notice| Sink::data("webhook notice", notice)),
        );
        said.extend(told);
        sinks.extend(sinks::channels(&said, off));
        Ok(Came {
            cause: format!("{cause}{}", by_text.concat()),
            actions,
            sinks,
            ours: vec![WEBHOOK_SECRET.to_owned(), self.token.clone()],
        })
    }

    /// What a tool would say that put values into its query's text: rows, or an error.
    async fn by_text(&self, plants: &[Plant]) -> Result<Vec<String>> {
        let casework = &self.bench.parts.casework;
        let now = self.bench.clock.now();
        let window = Window::new(Timestamp(now.ms() - BEFORE_MS), now);
        let mut said = Vec::new();
        for (number, plant) in plants.iter().enumerate() {
            let name = planted(plant, number);
            let query = format!("FROM logs-* | WHERE service.name == \"{name}\" | LIMIT 1000");
            let asked = casework
                .run("by text", query, IndexMap::new(), window)
                .await;
            said.push(match asked {
                Ok(asked) => format!(" {} rows", asked.rows.len()),
                Err(_) => " an error".to_owned(),
            });
        }
        Ok(said)
    }

    /// What API and UI show; and as it was `said`, for whoever shows it elsewhere.
    async fn api(&self, incident: &Incident, said: &mut Vec<Value>) -> Result<Vec<Sink>> {
        let id = &incident.id;
        let mut sinks = Vec::new();
        for path in [
            format!("/incidents/{id}"),
            format!("/incidents/{id}/records?limit={MAX_RECORDS}"),
            format!("/incidents/{id}/report"),
            format!("/incidents/{id}/similar"),
            "/services".to_owned(),
            "/runbooks".to_owned(),
        ] {
            let name = format!("GET {}", path.replace(id.as_str(), "{id}"));
            let answer = self.get(&path).await?;
            sinks.push(Sink::data(&name, &answer));
            said.push(answer);
        }
        let window = json!({ "from": Timestamp(self.bench.shop.world().fault_ms() - 2 * BEFORE_MS).to_string(),
            "to": self.bench.clock.now().to_string() });
        for tool in ["correlate_error_logs", "check_recent_deployments"] {
            let answer = self.post(&format!("/tools/{tool}/run"), &window).await?;
            sinks.push(Sink::data(&format!("tool {tool}"), &answer));
            said.push(answer);
        }
        let draft = self.get(&format!("/incidents/{id}/postmortem")).await?;
        let text = draft["markdown"]
            .as_str()
            .context("the post-mortem has no text")?;
        sinks.push(Sink::markdown("postmortem", text));
        Ok(sinks)
    }

    /// What the command line prints, by this very program.
    async fn terminal(&self, incident: &Incident) -> Result<Vec<Sink>> {
        let folder = tempfile::tempdir().context("no folder for the command line")?;
        let address = Address {
            url: self.door.url.clone(),
            pid: std::process::id(),
            token: Some(self.token.clone()),
        };
        address.write(folder.path())?;
        let id = incident.id.as_str();
        let from = Timestamp(self.bench.shop.world().fault_ms() - 2 * BEFORE_MS).to_string();
        let to = self.bench.clock.now().to_string();
        let window = |tool: &str| {
            vec![
                "tools".to_owned(),
                "run".to_owned(),
                tool.to_owned(),
                "--from".to_owned(),
                from.clone(),
                "--to".to_owned(),
                to.clone(),
            ]
        };
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let lines = [
            words("incident list"),
            words(&format!("incident show {id}")),
            words(&format!("incident records {id}")),
            words("runbook list"),
            window("correlate_error_logs"),
            window("check_recent_deployments"),
        ];
        let program = std::env::current_exe().context("this program has no file")?;
        let mut sinks = Vec::new();
        for line in lines {
            let done = Command::new(&program)
                .args(&line)
                .arg("--data")
                .arg(folder.path())
                .env_remove("DATAPULSE_SERVER")
                .env_remove("DATAPULSE_TOKEN")
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .output()
                .await?;
            if !done.status.success() {
                bail!(
                    "{}: {}",
                    line.join(" "),
                    String::from_utf8_lossy(&done.stderr)
                );
            }
            let name = format!("datapulse {} {}", line[0], line[1]);
            sinks.push(Sink::terminal(
                &name,
                &String::from_utf8_lossy(&done.stdout),
            ));
        }
        Ok(sinks)
    }
}

/// The plant with its mark.
fn planted(plant: &Plant, number: usize) -> String {
    format!("{} {}", plant.text, mark(number))
}

/// A basic string of TOML: what JSON escapes, it escapes alike, but for DEL.
fn toml_text(text: &str) -> String {
    serde_json::to_string(text)
        .unwrap_or_default()
        .replace('\u{7f}', "\\u007f")
}

async fn answered(path: &str, request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        bail!("{path}: {status}: {text}");
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Somebody who is told, on a port of its own.
async fn receiver() -> Result<(String, Arc<Mutex<Vec<Value>>>, tokio::task::JoinHandle<()>)> {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let socket = listener("127.0.0.1:0").await?;
    let url = format!("http://{}/", socket.local_addr()?);
    let router = Router::new()
        .route(
            "/",
            post(
                |State(told): State<Arc<Mutex<Vec<Value>>>>,
                 axum::Json(notice): axum::Json<Value>| async move {
                    if let Ok(mut told) = told.lock() {
                        told.push(notice);
                    }
                },
            ),
        )
        .with_state(told.clone());
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(socket, router).await {
            tracing::error!(%error, "the receiver of notices ended");
        }
    });
    Ok((url, told, serving))
}
