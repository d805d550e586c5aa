//! A real `datapulse serve` on a free port, and a client for it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;

/// An unoptimised binary beside other tests on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(90);
const ARGUMENTS: [&str; 5] = ["serve", "--data", "data", "--listen", "127.0.0.1:0"];
pub const API: &str = "/api/datapulse/v1";

pub struct Server {
    child: Child,
    pub url: String,
    /// Of the person who started it.
    pub token: String,
    pub http: reqwest::Client,
    said: PathBuf,
}

impl Server {
    /// Serves the place's data folder.
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &[], &[])
    }

    pub fn start_with(place: &Place, more: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut arguments = ARGUMENTS.to_vec();
        arguments.extend(more);
        let mut command = place.datapulse(&arguments);
        command.envs(environment.iter().copied());
        Self::spawn(place, command)
    }

    /// At the address that the configuration names, which others must know beforehand.
    pub fn start_as_configured(place: &Place, environment: &[(&str, &str)]) -> Self {
        let mut command = place.datapulse(&ARGUMENTS[..3]);
        command.envs(environment.iter().copied());
        Self::spawn(place, command)
    }

    /// Within what a shell's script sets up; the script ends with `exec "$0" "$@"`.
    pub fn start_in(place: &Place, script: &str) -> Self {
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_datapulse");
        command
            .args(["-c", script, program])
            .args(ARGUMENTS)
            .current_dir(place.path());
        Self::spawn(place, command)
    }

    fn spawn(place: &Place, mut command: Command) -> Self {
        let address = place.data().join("server.json");
        // One that was killed leaves its address behind.
        let _ = std::fs::remove_file(&address);
        let said = place.path().join("serve.out");
        let (out, err) = (file(&said), file(&place.path().join("serve.err")));
        let mut child = command
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err))
            .spawn()
            .expect("starts");
        let found = wait(|| {
            if let Some(status) = child.try_wait().expect("can be waited for") {
                panic!(
                    "serve ended with {status}: {}",
                    read(&place.path().join("serve.err"))
                );
            }
            let address: Value = serde_json::from_slice(&std::fs::read(&address).ok()?).ok()?;
            // The last line that is said before it waits for requests.
            (!read(&said).is_empty()).then_some(address)
        });
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        Self {
            url: text("url"),
            token: text("token"),
            child,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
            said,
        }
    }

    /// As the power cut does it.
    pub fn kill(mut self) {
        self.child.kill().expect("is killed");
        self.child.wait().expect("ends");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it printed.
    pub fn said(&self) -> String {
        read(&self.said)
    }

    /// A request without any token.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A request below the API's root by whoever started the server.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, &format!("{API}{path}"))
            .bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.ask(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.ask(Method::POST, path).json(body)).await
    }

    /// A token's secret.
    pub async fn token(&self, name: &str, role: &str, person: bool) -> String {
        let body = json!({ "name": name, "role": role, "person": person, "days": 1 });
        let made = self.post("/tokens", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made}");
        made.body["secret"].as_str().expect("a secret").to_owned()
    }

    /// Telemetry by `_bulk`, each document taken.
    pub async fn bulk(&self, lines: &str) -> Answer {
        let request = self.bare(Method::POST, "/_bulk").bearer_auth(&self.token);
        let request = request
            .header("content-type", "application/x-ndjson")
            .body(lines.to_owned());
        Answer::of(request).await
    }

    /// Asks again and again until `found` finds it.
    pub async fn until<T>(&self, path: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let answer = self.get(path).await;
            if let Some(found) = found(&answer.body) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "in vain: {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed may have ended it already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A status, its headers, and a body: JSON, or text as a JSON string.
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.expect("an answer")).await
    }

    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.expect("a body");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
        Self {
            status,
            headers,
            body,
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Why it was refused, in our form or in Elasticsearch's.
    pub fn reason(&self) -> &str {
        let theirs = self.body["error"]["reason"].as_str();
        theirs.unwrap_or_else(|| self.detail())
    }

    pub fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.header("content-type");
        let body = match &self.body {
            Value::String(text) => text.clone(),
            body => serde_json::to_string_pretty(body).unwrap_or_default(),
        };
        write!(out, "{} {kind}\n{body}\n", self.status)
    }
}

fn file(path: &Path) -> File {
    File::create(path).expect("a file")
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Looks again and again.
pub fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
