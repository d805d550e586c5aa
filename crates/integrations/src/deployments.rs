//! What others tell of their deployments: our own form, and the payloads of GitHub, GitLab and
//! Argo CD, each as one document of `deployments-*`, known by its id.
//!
//! Read first: [`read`], then [`Deployment`].

mod argo;
mod github;
mod gitlab;
mod own;
pub mod signature;

use model::Timestamp;
use serde_json::{Map, Value};

/// Bytes of a diff, characters of any other text, files of a commit.
pub const MAX_DIFF: usize = 256 << 10;
pub const MAX_TEXT: usize = 10_000;
pub const MAX_FILES: usize = 1_000;

/// What a deployment may be.
pub const KINDS: [&str; 4] = ["deploy", "config", "flag", "scale"];

/// What was sent, by its sender's own mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender<'a> {
    /// `X-GitHub-Event`
    GitHub(&'a str),
    /// `X-Gitlab-Event`
    GitLab(&'a str),
    /// Argo CD, or our own form: by what the body looks like.
    Other,
}

/// One change, and when it took effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    pub id: String,
    pub at: Timestamp,
    pub kind: String,
    pub service: String,
    pub version: Option<String>,
    pub author: Option<String>,
    pub description: Option<String>,
    pub commit: Option<String>,
    pub files: Vec<String>,
    pub diff: Option<String>,
    pub environment: Option<String>,
    /// `success` or `failure`; `None`: not known yet.
    pub outcome: Option<&'static str>,
    pub url: Option<String>,
}

/// What a payload says.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Deployment(Box<Deployment>),
    /// Nothing that changes a service: why.
    Nothing(String),
}

/// Reads a payload. `now` is the time of what says none.
///
/// # Errors
/// What is missing or can't be, by name.
pub fn read(sender: Sender<'_>, body: &Value, now: Timestamp) -> Result<Told, String> {
    let told = match sender {
        Sender::GitHub(event) => github::read(event, body),
        Sender::GitLab(event) => gitlab::read(event, body),
        Sender::Other if argo::is_application(body) => argo::read(body),
        Sender::Other => own::read(body, now),
    }?;
    if let Told::Deployment(deployment) = &told {
        deployment.check()?;
    }
    Ok(told)
}

impl Deployment {
    fn new(id: String, at: Timestamp, service: String) -> Self {
        Self {
            id,
            at,
            service,
            kind: "deploy".to_owned(),
            version: None,
            author: None,
            description: None,
            commit: None,
            files: Vec::new(),
            diff: None,
            environment: None,
            outcome: None,
            url: None,
        }
    }

    fn check(&self) -> Result<(), String> {
        if !KINDS.contains(&self.kind.as_str()) {
            return Err(format!(
                "kind: expected one of {}, got {:?}",
                KINDS.join(", "),
                self.kind
            ));
        }
        if self.diff.as_ref().is_some_and(|diff| diff.len() > MAX_DIFF) {
            return Err(format!("diff: over {MAX_DIFF} bytes"));
        }
        if self.files.len() > MAX_FILES {
            return Err(format!("files: over {MAX_FILES}"));
        }
        let texts = [
            ("id", Some(&self.id)),
            ("service", Some(&self.service)),
            ("version", self.version.as_ref()),
            ("author", self.author.as_ref()),
            ("description", self.description.as_ref()),
            ("commit", self.commit.as_ref()),
            ("environment", self.environment.as_ref()),
            ("url", self.url.as_ref()),
        ];
        let long = |text: &&String| text.chars().nth(MAX_TEXT).is_some();
        match texts
            .into_iter()
            .find(|(_, text)| text.as_ref().is_some_and(long))
        {
            Some((name, _)) => Err(format!("{name}: over {MAX_TEXT} characters")),
            None => Ok(()),
        }
    }

    /// Its document's fields.
    pub fn source(self) -> Map<String, Value> {
        let mut source = Map::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                source.insert(name.to_owned(), value.into());
            }
        };
        put("@timestamp", Some(self.at.to_string()));
        put("deployment.id", Some(self.id));
        put("deployment.kind", Some(self.kind));
        put("service.name", Some(self.service));
        put("service.version", self.version);
        put("service.environment", self.environment);
        put("author", self.author);
        put("description", self.description);
        put("commit.id", self.commit);
        put("commit.diff", self.diff);
        put("event.outcome", self.outcome.map(str::to_owned));
        put("url.full", self.url);
        if !self.files.is_empty() {
            source.insert("commit.files".to_owned(), self.files.into());
        }
        source
    }
}

/// A text at a path such as `/deployment/ref`.
fn text(body: &Value, path: &str) -> Option<String> {
    match body.pointer(path)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One that must be there.
fn need(body: &Value, path: &str) -> Result<String, String> {
    let name = path.trim_start_matches('/').replace('/', ".");
    text(body, path).ok_or_else(|| format!("{name} is missing"))
}

/// RFC 3339, or as GitLab writes it: `2026-01-10 13:00:00 UTC`, `2026-01-10 13:00:00 +0100`.
fn time(body: &Value, path: &str) -> Result<Timestamp, String> {
    let given = need(body, path)?;
    let mut parts = given.split(' ');
    let plain = match (parts.next(), parts.next(), parts.next()) {
        (Some(day), Some(time), Some("UTC")) => format!("{day}T{time}Z"),
        (Some(day), Some(time), Some(zone)) if zone.len() == 5 => {
            format!("{day}T{time}{}:{}", &zone[..3], &zone[3..])
        }
        _ => given.clone(),
    };
    let name = path.trim_start_matches('/').replace('/', ".");
    Timestamp::parse(&plain).ok_or_else(|| {
        format!("{name}: expected a time such as 2026-01-10T13:00:00Z, got {given:?}")
    })
}

/// The first line of a text that may have many.
fn first_line(text: Option<String>) -> Option<String> {
    text.and_then(|text| text.lines().next().map(str::to_owned))
}

#[cfg(test)]
mod tests;
