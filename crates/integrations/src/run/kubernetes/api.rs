//! Calls to the API server, and what an answer, or none, says of whether it acted.

use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde_json::Value;

use crate::error::Error;
use crate::run::path_segment;
pub(super) use crate::run::shortened;

/// One request's time limit, in wall time: an API server answers or is in trouble.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read: a page of objects is well under it.
const MAX_ANSWER: usize = 32 << 20;
/// Objects in one page of a list.
const PAGE: usize = 200;
/// Pages of a list that are read; a namespace with more is not looked through.
const MAX_PAGES: usize = 25;
/// How often a request is sent again after "too many requests".
const MAX_BUSY: usize = 3;
/// The longest that one `Retry-After` is waited for.
const MAX_BUSY_WAIT: Duration = Duration::from_secs(10);
/// The wait where "too many requests" comes without `Retry-After`.
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// Characters of the server's own words that are repeated.
const MAX_WORDS: usize = 400;

/// The resources that the runner touches; the Role in the guide names the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Deployments,
    ReplicaSets,
    Pods,
    ConfigMaps,
    Autoscalers,
}

impl Resource {
    /// The name as RBAC writes it, without the group.
    fn plural(self) -> &'static str {
        match self {
            Self::Deployments => "deployments",
            Self::ReplicaSets => "replicasets",
            Self::Pods => "pods",
            Self::ConfigMaps => "configmaps",
            Self::Autoscalers => "horizontalpodautoscalers",
        }
    }

    /// The API group as RBAC writes it; the group of the core is empty.
    fn group(self) -> &'static str {
        match self {
            Self::Deployments | Self::ReplicaSets => "apps",
            Self::Pods | Self::ConfigMaps => "",
            Self::Autoscalers => "autoscaling",
        }
    }

    fn root(self) -> &'static str {
        match self {
            Self::Deployments | Self::ReplicaSets => "/apis/apps/v1",
            Self::Pods | Self::ConfigMaps => "/api/v1",
            Self::Autoscalers => "/apis/autoscaling/v2",
        }
    }
}

/// What a request is about, for messages.
struct What<'a> {
    verb: &'static str,
    resource: Resource,
    namespace: &'a str,
    name: &'a str,
}

impl std::fmt::Display for What<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (verb, plural) = (self.verb, self.resource.plural());
        write!(out, "Kubernetes: {verb} {plural}")?;
        if !self.name.is_empty() {
            write!(out, " {}", self.name)?;
        }
        write!(out, " in namespace {}", self.namespace)
    }
}

/// A patch that was sent.
#[derive(Debug)]
pub(super) enum Patched {
    /// The object as it is after it.
    Done(Value),
    /// The object isn't any more what the patch was made for; the server has not acted.
    Changed(String),
}

/// One namespace of one cluster.
#[derive(Clone)]
pub(super) struct Api {
    client: kube::Client,
    namespace: String,
}

impl Api {
    pub fn new(client: kube::Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    fn what<'a>(&'a self, verb: &'static str, resource: Resource, name: &'a str) -> What<'a> {
        What {
            verb,
            resource,
            namespace: &self.namespace,
            name,
        }
    }

    fn path(&self, resource: Resource, name: &str) -> String {
        let mut path = format!(
            "{}/namespaces/{}/{}",
            resource.root(),
            path_segment(&self.namespace),
            resource.plural()
        );
        if !name.is_empty() {
            path.push('/');
            path.push_str(&path_segment(name));
        }
        path
    }

    /// One object, or nothing where there is none of the name.
    pub async fn get(&self, resource: Resource, name: &str) -> Result<Option<Value>, Error> {
        let what = self.what("get", resource, name);
        let path = self.path(resource, name);
        match self.ask(&what, Method::GET, &path, None).await? {
            (status, value) if status.is_success() => Ok(Some(value)),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, value) => Err(fault(&what, status, &value, false)),
        }
    }

    /// All objects of a resource in the namespace, page by page; `selector` is a label selector.
    pub async fn list(
        &self,
        resource: Resource,
        selector: Option<&str>,
    ) -> Result<Vec<Value>, Error> {
        let what = self.what("list", resource, "");
        let mut query = format!("?limit={PAGE}");
        if let Some(selector) = selector {
            query.push_str(&format!("&labelSelector={}", path_segment(selector)));
        }
        let mut found = Vec::new();
        let mut next = String::new();
        for _ in 0..MAX_PAGES {
            let mut path = format!("{}{query}", self.path(resource, ""));
            if !next.is_empty() {
                path.push_str(&format!("&continue={}", path_segment(&next)));
            }
            let (status, mut value) = self.ask(&what, Method::GET, &path, None).await?;
            if !status.is_success() {
                return Err(fault(&what, status, &value, false));
            }
            if let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) {
                found.extend(items);
            }
            next = match value.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => token.to_owned(),
                _ => return Ok(found),
            };
        }
        Err(Error::Refused(format!(
            "{what}: there are more than {} of them; give the runner a namespace with fewer",
            MAX_PAGES * PAGE
        )))
    }

    /// Sends a JSON merge patch. Where `dry`, the server goes through all of it and keeps nothing.
    pub async fn patch(
        &self,
        resource: Resource,
        name: &str,
        patch: &Value,
        dry: bool,
    ) -> Result<Patched, Error> {
        let what = self.what("patch", resource, name);
        let mut path = format!(
            "{}?fieldManager=datapulse&fieldValidation=Strict",
            self.path(resource, name)
        );
        if dry {
            path.push_str("&dryRun=All");
        }
        let sent = self.ask(&what, Method::PATCH, &path, Some(patch));
        match sent.await.map_err(|error| acts(error, dry))? {
            (status, value) if status.is_success() => Ok(Patched::Done(value)),
            (StatusCode::CONFLICT, value) => Ok(Patched::Changed(changed(&what, &value))),
            (status, value) => Err(fault(&what, status, &value, !dry)),
        }
    }

    /// Sends a request, and again where the server is busy and says so.
    async fn ask(
        &self,
        what: &What<'_>,
        method: Method,
        path: &str,
        patch: Option<&Value>,
    ) -> Result<(StatusCode, Value), Error> {
        let mut waits = 0;
        loop {
            let (status, headers, value) = self.once(what, &method, path, patch).await?;
            if status != StatusCode::TOO_MANY_REQUESTS || waits == MAX_BUSY {
                return Ok((status, value));
            }
            waits += 1;
            tokio::time::sleep(busy_wait(&headers)).await;
        }
    }

    async fn once(
        &self,
        what: &What<'_>,
        method: &Method,
        path: &str,
        patch: Option<&Value>,
    ) -> Result<(StatusCode, HeaderMap, Value), Error> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("accept", "application/json");
        if patch.is_some() {
            request = request.header("content-type", "application/merge-patch+json");
        }
        let body = patch.map_or_else(Vec::new, |patch| patch.to_string().into_bytes());
        let request = request
            .body(Body::from(body))
            .map_err(|error| Error::Configuration(format!("{what}: {error}")))?;
        let changes = patch.is_some();
        let answer = async {
            let response = self
                .client
                .send(request)
                .await
                .map_err(|error| unsent(what, &error, changes))?;
            let (head, body) = response.into_parts();
            let read = Limited::new(body, MAX_ANSWER).collect().await;
            let bytes = read
                .map_err(|error| unsure(format!("{what}: its answer: {error}"), changes))?
                .to_bytes();
            let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            if head.status.is_success() && !value.is_object() {
                return Err(unsure(
                    format!("{what}: an answer that can't be read"),
                    changes,
                ));
            }
            Ok((head.status, head.headers, value))
        };
        match tokio::time::timeout(TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(unsure(
                format!("{what}: no answer in {} s", TIMEOUT.as_secs()),
                changes,
            )),
        }
    }
}

/// A dry run keeps nothing, so however it ends, nothing was done.
fn acts(error: Error, dry: bool) -> Error {
    match error {
        Error::CannotTell(text) if dry => Error::NotDone(text),
        error => error,
    }
}

fn busy_wait(headers: &HeaderMap) -> Duration {
    headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map_or(BUSY_WAIT, Duration::from_secs)
        .min(MAX_BUSY_WAIT)
}

/// Without an answer a change may have happened; a question changes nothing.
fn unsure(text: String, changes: bool) -> Error {
    if changes {
        Error::CannotTell(format!("{text}; it may have acted"))
    } else {
        Error::NotDone(text)
    }
}

/// A request that never reached a server was surely not acted upon.
fn unsent(what: &What<'_>, error: &kube::Error, changes: bool) -> Error {
    let (mut text, mut refused) = (format!("{what}: {error}"), false);
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(&format!(": {words}"));
        }
        refused |= inner
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
        cause = inner.source();
    }
    if matches!(error, kube::Error::Auth(_)) {
        return Error::Configuration(text);
    }
    unsure(text, changes && !refused)
}

/// The server's own words, shortened.
fn words(status: StatusCode, value: &Value) -> String {
    value.get("message").and_then(Value::as_str).map_or_else(
        || format!("status {status}"),
        |text| shortened(text, MAX_WORDS),
    )
}

fn changed(what: &What<'_>, value: &Value) -> String {
    format!(
        "{what}: it changed since it was looked at; nothing was done ({})",
        words(StatusCode::CONFLICT, value)
    )
}

/// What an answer that isn't a success says. `changes` where the request was to change something.
fn fault(what: &What<'_>, status: StatusCode, value: &Value, changes: bool) -> Error {
    let says = words(status, value);
    match status.as_u16() {
        401 => Error::Configuration(format!(
            "{what}: the API server doesn't know these credentials (401): the runner needs a valid kubeconfig or service account"
        )),
        // RBAC's refusal; a quota's or an admission hook's has other words.
        403 if says.contains(&format!("cannot {}", what.verb)) => {
            let (resource, group) = (what.resource.plural(), what.resource.group());
            let full = match group {
                "" => resource.to_owned(),
                group => format!("{resource}.{group}"),
            };
            Error::Configuration(format!(
                "{what}: the permission {} on {full} in namespace {} is missing: add it to the runner's Role ({says})",
                what.verb, what.namespace
            ))
        }
        409 => Error::NotDone(changed(what, value)),
        422 => Error::Refused(format!(
            "{what}: the change isn't valid; nothing was done ({says})"
        )),
        429 => Error::NotDone(format!(
            "{what}: the API server is too busy, after {MAX_BUSY} waits; nothing was done ({says})"
        )),
        400..=499 => Error::Refused(format!("{what}: refused; nothing was done ({says})")),
        _ => unsure(format!("{what}: {says}"), changes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patching() -> What<'static> {
        What {
            verb: "patch",
            resource: Resource::Deployments,
            namespace: "shop",
            name: "web",
        }
    }

    #[test]
    fn an_answer_says_whether_the_server_acted() {
        let answer = |status: u16, message: &str, changes| {
            let status = StatusCode::from_u16(status).expect("a status");
            fault(&patching(), status, &json!({ "message": message }), changes)
        };
        let forbidden = "deployments.apps \"web\" is forbidden: User \"u\" cannot patch resource";
        let Error::Configuration(says) = answer(403, forbidden, true) else {
            panic!("a missing permission is a matter of configuration");
        };
        assert!(
            says.contains("permission patch on deployments.apps in namespace shop is missing"),
            "{says}"
        );
        assert!(matches!(
            answer(403, "exceeded quota", true),
            Error::Refused(_)
        ));
        assert!(matches!(answer(401, "", true), Error::Configuration(_)));
        assert!(
            matches!(answer(409, "", true), Error::NotDone(says) if says.contains("nothing was done"))
        );
        assert!(matches!(answer(422, "", true), Error::Refused(_)));
        assert!(matches!(answer(429, "", true), Error::NotDone(_)));
        assert!(
            matches!(answer(500, "", true), Error::CannotTell(says) if says.contains("may have acted"))
        );
        assert!(matches!(answer(504, "", true), Error::CannotTell(_)));
        assert!(matches!(answer(503, "", false), Error::NotDone(_)));
    }

    #[test]
    fn a_busy_server_is_waited_for_as_long_as_it_says_within_limits() {
        let wait = |text: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(text) = text {
                headers.insert("retry-after", text.parse().expect("a value"));
            }
            busy_wait(&headers)
        };
        assert_eq!(wait(Some("2")), Duration::from_secs(2));
        assert_eq!(wait(Some("86400")), MAX_BUSY_WAIT);
        assert_eq!(wait(Some("tomorrow")), BUSY_WAIT);
        assert_eq!(wait(None), BUSY_WAIT);
    }
}
