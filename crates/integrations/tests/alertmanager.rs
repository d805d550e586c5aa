//! A real Alertmanager, and a real Prometheus before it, tell a socket of ours; what arrives is
//! read as the product reads it.
//!
//! `xtask/servers/alertmanager/start.sh --install` gets both and says what to set.

use std::fs;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use integrations::Secret;
use integrations::alerts::proof::Proof;
use integrations::alerts::{OutsideAlert, Rules, Source, read};
use model::{Severity, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

const ALERTMANAGER: &str = "DATAPULSE_TEST_ALERTMANAGER";
const PROMETHEUS: &str = "DATAPULSE_TEST_PROMETHEUS";
const SECRET: &str = "between us";
const PATH: &str = "/api/datapulse/v1/webhook/integrations/alertmanager";
/// Longer than starting, scraping, grouping and telling take together on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn binary(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} isn't set: xtask/servers/alertmanager/start.sh --install says to what")
    })
}

/// What plays DataPulse: takes alerts, and is scraped for one number.
#[derive(Clone, Default)]
struct Here {
    told: Arc<Mutex<Vec<OutsideAlert>>>,
    errors: Arc<AtomicU32>,
}

impl Here {
    async fn start() -> (Self, String) {
        let here = Self::default();
        let scraped = |State(here): State<Self>| async move {
            format!("errors_total {}\n", here.errors.load(Ordering::Relaxed))
        };
        let router = Router::new()
            .route(PATH, post(take))
            .route("/metrics", get(scraped))
            .with_state(here.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (here, address)
    }

    /// Waits for the first alert in this state after the first `seen`.
    async fn told(&self, firing: bool, seen: usize) -> OutsideAlert {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(alert) = self.first(firing, seen) {
                return alert;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing was told in {PATIENCE:?}: firing={firing}");
    }

    fn first(&self, firing: bool, seen: usize) -> Option<OutsideAlert> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut later = told.iter().skip(seen);
        later.find(|alert| alert.firing == firing).cloned()
    }

    fn count(&self) -> usize {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len()
    }
}

/// As the product's route: the proof, then the body.
async fn take(State(here): State<Here>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let proof = Proof::Bearer(Secret::new(SECRET));
    if let Err(wrong) = proof.check(header, &body, seconds()) {
        return (StatusCode::UNAUTHORIZED, wrong.to_string());
    }
    match read(Source::Alertmanager, &body, &Rules::default()) {
        Ok(call) => {
            let mut told = here.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.extend(call.alerts);
            (StatusCode::OK, String::new())
        }
        Err(wrong) => (StatusCode::BAD_REQUEST, wrong.to_string()),
    }
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

fn now() -> Timestamp {
    Timestamp(seconds() * 1_000)
}

/// A process that ends with the test.
struct Server {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a binary with a configuration in a folder of its own, and waits until it is ready.
    async fn start(binary: &str, files: &[(&str, String)], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let port = free_port();
        let child = Command::new(binary)
            .current_dir(folder.path())
            .args(arguments)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{binary}: {error}"));
        let server = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            folder,
        };
        server.ready().await;
        server
    }

    async fn ready(&self) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let asked = reqwest::get(format!("{}/-/ready", self.url)).await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = fs::read_to_string(self.folder.path().join("log"));
        panic!("{} isn't ready: {}", self.url, log.unwrap_or_default());
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// As docs/integrations/alertmanager.md says, with short times.
async fn alertmanager(here: &str) -> Server {
    let configuration = json!({
        "route": { "receiver": "datapulse", "group_by": ["alertname", "service"],
            "group_wait": "100ms", "group_interval": "1s", "repeat_interval": "1h" },
        "receivers": [{ "name": "datapulse", "webhook_configs": [{
            "url": format!("http://{here}{PATH}"), "send_resolved": true,
            "http_config": { "authorization": { "credentials": SECRET } } }] }],
    });
    let files = [("alertmanager.yml", configuration.to_string())];
    let arguments = [
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        "--cluster.listen-address=",
    ];
    Server::start(&binary(ALERTMANAGER), &files, &arguments).await
}

async fn prometheus(here: &str, alertmanager: &Server) -> Server {
    let alertmanager = alertmanager.url.trim_start_matches("http://");
    let configuration = json!({
        "global": { "scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms", "external_labels": { "cluster": "test" } },
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": [alertmanager] }] }] },
        "rule_files": ["rules.yml"],
        "scrape_configs": [{ "job_name": "shop", "static_configs": [{ "targets": [here] }] }],
    });
    let rules = json!({ "groups": [{ "name": "g", "rules": [{
        "alert": "HighErrorRate", "expr": "errors_total > 5", "for": "0s",
        "labels": { "severity": "critical", "service": "checkout" },
        "annotations": { "summary": "{{ $labels.job }} has {{ $value }} errors", "value": "{{ $value }}",
            "runbook_url": "https://runbooks.example/errors" } }] }] });
    let files = [
        ("prometheus.yml", configuration.to_string()),
        ("rules.yml", rules.to_string()),
    ];
    let arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"];
    Server::start(&binary(PROMETHEUS), &files, &arguments).await
}

async fn post_alert(alertmanager: &Server, alert: &Value) {
    let answer = reqwest::Client::new()
        .post(format!("{}/api/v2/alerts", alertmanager.url))
        .json(&json!([alert]))
        .send()
        .await
        .expect("Alertmanager answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[tokio::test]
#[ignore = "needs a real Alertmanager: DATAPULSE_TEST_ALERTMANAGER names its binary"]
async fn an_alert_that_is_posted_fires_is_over_and_comes_back_with_one_key() {
    let (here, address) = Here::start().await;
    let alertmanager = alertmanager(&address).await;
    let started = now();
    let mut alert = json!({
        "labels": { "alertname": "DiskFull", "severity": "warning", "app": "db", "path": "/var/\"odd\"\nname" },
        "annotations": { "summary": "9% left", "description": "first line\nsecond line" },
        "startsAt": started.to_string(),
        "generatorURL": "http://prometheus.example/graph",
    });
    post_alert(&alertmanager, &alert).await;
    let fires = here.told(true, 0).await;
    assert_eq!(fires.name, "DiskFull");
    assert_eq!(
        (fires.severity, fires.service.as_deref()),
        (Severity::Medium, Some("db"))
    );
    assert_eq!(fires.summary, "9% left");
    assert_eq!(
        fires.description.as_deref(),
        Some("first line\nsecond line")
    );
    assert_eq!(fires.labels["path"], "/var/\"odd\"\nname");
    assert_eq!((fires.started_at, fires.ended_at), (Some(started), None));
    assert_eq!(fires.links[0].url, "http://prometheus.example/graph");
    assert!(fires.key.starts_with("alertmanager-"), "{}", fires.key);

    let seen = here.count();
    let ended = now();
    alert["endsAt"] = json!(ended.to_string());
    post_alert(&alertmanager, &alert).await;
    let over = here.told(false, seen).await;
    assert_eq!(over.key, fires.key);
    assert_eq!(
        (over.started_at, over.ended_at),
        (Some(started), Some(ended))
    );

    let seen = here.count();
    let again = now();
    alert["startsAt"] = json!(again.plus_ms(1_000).to_string());
    alert["endsAt"] = json!(again.plus_ms(600_000).to_string());
    post_alert(&alertmanager, &alert).await;
    let back = here.told(true, seen).await;
    assert_eq!(back.key, fires.key, "the same alert, another time");
    assert_eq!(back.ended_at, None, "when it would end isn't when it ended");
}

#[tokio::test]
#[ignore = "needs a real Alertmanager and Prometheus: DATAPULSE_TEST_ALERTMANAGER and DATAPULSE_TEST_PROMETHEUS name their binaries"]
async fn a_rule_of_prometheus_fires_and_is_over() {
    let (here, address) = Here::start().await;
    let alertmanager = alertmanager(&address).await;
    let _prometheus = prometheus(&address, &alertmanager).await;
    let begun = now();
    here.errors.store(7, Ordering::Relaxed);
    let fires = here.told(true, 0).await;
    assert_eq!(fires.name, "HighErrorRate");
    assert_eq!(
        (fires.severity, fires.service.as_deref()),
        (Severity::Critical, Some("checkout"))
    );
    assert_eq!(fires.severity_reason, "label severity=\"critical\"");
    assert_eq!(
        (fires.summary.as_str(), fires.value),
        ("shop has 7 errors", Some(7.0))
    );
    let labels: Vec<&str> = fires.labels.keys().map(String::as_str).collect();
    assert_eq!(
        labels,
        [
            "alertname",
            "cluster",
            "instance",
            "job",
            "service",
            "severity"
        ]
    );
    assert!(fires.started_at >= Some(begun) && fires.started_at <= Some(now().plus_ms(1_000)));
    let links: Vec<&str> = fires.links.iter().map(|link| link.name).collect();
    assert_eq!(links, ["source", "runbook", "sender"]);
    assert_eq!(fires.notes, [""; 0]);

    let seen = here.count();
    here.errors.store(0, Ordering::Relaxed);
    let over = here.told(false, seen).await;
    assert_eq!(
        (over.key.as_str(), over.started_at),
        (fires.key.as_str(), fires.started_at)
    );
    assert!(over.ended_at > over.started_at);
}
