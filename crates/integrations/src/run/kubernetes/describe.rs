//! What was read of a workload, and its description: the same as long as nothing changes that
//! matters, for an approval is void as soon as it differs. Pure.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, action};
use serde_json::{Map, Value, json};

use super::owner::{autoscaler, owner};
use crate::run::list;
pub(super) use crate::run::text;

/// Revisions that are described, newest first.
const MAX_REVISIONS: usize = 10;
/// Settings that are shown one by one; what is beyond shows only in the digest.
const MAX_SETTINGS: usize = 200;
/// Characters of a setting that is shown; a longer one shows only as its digest.
const MAX_SETTING: usize = 300;
/// Parts of a setting's name, in lower case, that make its value a secret.
const SECRET_WORDS: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "private",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
];
const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH_LABEL: &str = "pod-template-hash";

/// A Deployment with what belongs to it, as the API server gave it.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub deployment: Value,
    /// Only the Deployment's own.
    pub replica_sets: Vec<Value>,
    /// All of the namespace.
    pub autoscalers: Vec<Value>,
    /// Those that the pods use and that exist, by name.
    pub config_maps: BTreeMap<String, Value>,
}

/// A template that the Deployment had, or has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Revision {
    pub number: u64,
    pub created: String,
    pub template: Value,
}

impl Revision {
    pub fn images(&self) -> Map<String, Value> {
        images(&self.template)
    }

    /// The version of one container.
    pub fn version(&self, container: &str) -> Option<String> {
        let image = self.images().get(container)?.as_str()?.to_owned();
        Some(version(&image).to_owned())
    }
}

/// An image's tag, or digest, or `latest` where it names neither.
pub(super) fn version(image: &str) -> &str {
    if let Some((_, digest)) = image.split_once('@') {
        return digest;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').map_or("latest", |(_, tag)| tag)
}

fn images(template: &Value) -> Map<String, Value> {
    list(template, "/spec/containers")
        .iter()
        .map(|one| (text(one, "/name").to_owned(), json!(text(one, "/image"))))
        .collect()
}

/// The number that a Deployment or a ReplicaSet bears.
pub(super) fn revision_of(object: &Value) -> Option<u64> {
    let annotations = object.pointer("/metadata/annotations")?;
    annotations.get(REVISION)?.as_str()?.parse().ok()
}

/// The ConfigMaps that a template's pods read, by name.
pub(super) fn config_map_names(template: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |name: &str| {
        if !name.is_empty() {
            names.insert(name.to_owned());
        }
    };
    for path in ["/spec/containers", "/spec/initContainers"] {
        for container in list(template, path) {
            for from in list(container, "/envFrom") {
                add(text(from, "/configMapRef/name"));
            }
            for one in list(container, "/env") {
                add(text(one, "/valueFrom/configMapKeyRef/name"));
            }
        }
    }
    for volume in list(template, "/spec/volumes") {
        add(text(volume, "/configMap/name"));
        for source in list(volume, "/projected/sources") {
            add(text(source, "/configMap/name"));
        }
    }
    names
}

/// Whether a setting's value must not be shown or stand in a proposal.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_lowercase();
    // `scheme://user:password@host`.
    let login = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.split_once('@'))
        .is_some_and(|(login, _)| login.contains(':'));
    login || SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// A setting as it is shown: text, or `{ "hidden": why }`.
fn shown(name: &str, value: &str) -> Value {
    if is_secret(name, value) {
        json!({ "hidden": "a secret" })
    } else if value.chars().count() > MAX_SETTING {
        json!({ "hidden": Digest::of(value.as_bytes()) })
    } else {
        json!(value)
    }
}

/// A template without what the controller puts into it.
pub(super) fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.remove(HASH_LABEL);
    }
    template
}

impl Seen {
    pub fn name(&self) -> &str {
        text(&self.deployment, "/metadata/name")
    }

    pub fn uid(&self) -> &str {
        text(&self.deployment, "/metadata/uid")
    }

    pub fn template(&self) -> &Value {
        self.deployment
            .pointer("/spec/template")
            .unwrap_or(&Value::Null)
    }

    pub fn replicas(&self) -> u64 {
        let count = self.deployment.pointer("/spec/replicas");
        count.and_then(Value::as_u64).unwrap_or(1)
    }

    pub fn is_paused(&self) -> bool {
        self.deployment
            .pointer("/spec/paused")
            .and_then(Value::as_bool)
            == Some(true)
    }

    pub fn revision(&self) -> Option<u64> {
        revision_of(&self.deployment)
    }

    /// The container whose version is the workload's: the one that kubectl takes by default, else
    /// one of the workload's name, else the first.
    pub fn main_container(&self) -> &str {
        const DEFAULT: &str = "/metadata/annotations/kubectl.kubernetes.io~1default-container";
        let template = self.template();
        let names: Vec<&str> = list(template, "/spec/containers")
            .iter()
            .map(|one| text(one, "/name"))
            .collect();
        let wanted = [text(template, DEFAULT), self.name()];
        let found = wanted.into_iter().find(|name| names.contains(name));
        found.or_else(|| names.first().copied()).unwrap_or("")
    }

    pub fn images(&self) -> Map<String, Value> {
        images(self.template())
    }

    /// All templates that its ReplicaSets keep, newest first.
    pub fn revisions(&self) -> Vec<Revision> {
        let mut found: Vec<Revision> = self
            .replica_sets
            .iter()
            .filter_map(|set| {
                Some(Revision {
                    number: revision_of(set)?,
                    created: text(set, "/metadata/creationTimestamp").to_owned(),
                    template: without_hash(set.pointer("/spec/template")?),
                })
            })
            .collect();
        found.sort_by_key(|revision| std::cmp::Reverse(revision.number));
        found
    }

    /// The revisions before the present one, newest first.
    pub fn earlier(&self) -> Vec<Revision> {
        let now = self.revision();
        let mut all = self.revisions();
        all.retain(|one| now.is_some_and(|now| one.number < now));
        all
    }

    /// The settings one by one: `container/NAME`, and `configmap NAME/KEY`.
    fn settings(&self) -> (Map<String, Value>, Digest) {
        let mut all: BTreeMap<String, (String, String)> = BTreeMap::new();
        for path in ["/spec/containers", "/spec/initContainers"] {
            for container in list(self.template(), path) {
                for one in list(container, "/env") {
                    // A reference to a Secret or a field has no value of its own.
                    if let Some(value) = one.get("value").and_then(Value::as_str) {
                        let name = text(one, "/name");
                        let key = format!("{}/{name}", text(container, "/name"));
                        all.insert(key, (name.to_owned(), value.to_owned()));
                    }
                }
            }
        }
        for (map, object) in &self.config_maps {
            let data = object.get("data").and_then(Value::as_object);
            for (key, value) in data.into_iter().flatten() {
                let value = value.as_str().unwrap_or("").to_owned();
                all.insert(format!("configmap {map}/{key}"), (key.clone(), value));
            }
        }
        let pieces: Vec<&[u8]> = all
            .iter()
            .flat_map(|(key, (_, value))| [key.as_bytes(), value.as_bytes()])
            .collect();
        let digest = Digest::of_pieces(&pieces);
        let show =
            |(key, (name, value)): (&String, &(String, String))| (key.clone(), shown(name, value));
        (all.iter().take(MAX_SETTINGS).map(show).collect(), digest)
    }

    /// The runner's description of the target.
    ///
    /// `version`, `previous_version` and `replicas` are what Resolver fills actions from; without
    /// an earlier version, or with an autoscaler, they are missing and nothing is offered.
    pub fn describe(&self, namespace: &str) -> Value {
        let container = self.main_container();
        let (settings, digest) = self.settings();
        let scaler = autoscaler(&self.autoscalers, self.name());
        let mut state = json!({
            "kind": "Deployment",
            "namespace": namespace,
            "name": self.name(),
            "uid": self.uid(),
            "container": container,
            "images": self.images(),
            "config": settings,
            "config_digest": digest,
            "template": Digest::of(action::sorted(self.template()).to_string().as_bytes()),
        });
        let mut put = |key: &str, value: Value| state[key] = value;
        let images = self.images();
        let now = images.get(container).and_then(Value::as_str).map(version);
        if let Some(now) = now {
            put("version", json!(now));
            let mut before = self
                .earlier()
                .into_iter()
                .filter_map(|one| one.version(container));
            if let Some(before) = before.find(|before| before != now) {
                put("previous_version", json!(before));
            }
        }
        match scaler {
            // What it sets changes all the time, and is nobody else's.
            Some(scaler) => put("autoscaler", scaler.describe()),
            None => put("replicas", json!(self.replicas())),
        }
        if let Some(number) = self.revision() {
            put("revision", json!(number));
        }
        let revisions: Vec<Value> = self
            .revisions()
            .into_iter()
            .take(MAX_REVISIONS)
            .map(|one| {
                let images = one.images();
                json!({ "revision": one.number, "created": one.created, "images": images })
            })
            .collect();
        put("revisions", json!(revisions));
        if let Some(owner) = owner(&self.deployment) {
            put("owner", owner.describe());
        }
        if self.is_paused() {
            put("paused", json!(true));
        }
        state
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A template of one container `app`.
    pub fn template(image: &str, env: Value) -> Value {
        json!({ "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "app", "image": image, "env": env }] } })
    }

    /// A Deployment `web` that had `app:v1` and has `app:v2`.
    pub fn seen() -> Seen {
        let set = |number: u64, image: &str| {
            let mut template = template(image, json!([]));
            template["metadata"]["labels"][HASH_LABEL] = json!(format!("h{number}"));
            json!({ "metadata": { "name": format!("web-{number}"), "creationTimestamp": "2026-01-02T03:04:05Z",
                    "annotations": { REVISION: number.to_string() } }, "spec": { "template": template } })
        };
        let env =
            json!([{ "name": "LEVEL", "value": "info" }, { "name": "DB_PASSWORD", "value": "p" }]);
        Seen {
            deployment: json!({ "metadata": { "name": "web", "uid": "u", "resourceVersion": "7",
                    "annotations": { REVISION: "2" } },
                "spec": { "replicas": 3, "template": template("app:v2", env) } }),
            replica_sets: vec![set(1, "app:v1"), set(2, "app:v2")],
            ..Seen::default()
        }
    }

    #[test]
    fn a_description_says_what_resolver_fills_actions_from() {
        let state = seen().describe("shop");
        assert_eq!(state["version"], "v2");
        assert_eq!(state["previous_version"], "v1");
        assert_eq!(state["replicas"], 3);
        assert_eq!(state["config"]["app/LEVEL"], "info");
        assert_eq!(
            state["config"]["app/DB_PASSWORD"],
            json!({ "hidden": "a secret" })
        );
        assert_eq!(state["revisions"][1]["images"]["app"], "app:v1");
    }

    #[test]
    fn status_versions_and_our_own_notes_are_no_drift_and_a_setting_is() {
        let before = seen().describe("shop");
        let mut noisy = seen();
        noisy.deployment["metadata"]["resourceVersion"] = json!("8");
        noisy.deployment["metadata"]["annotations"]["datapulse.dev/execution"] = json!("{}");
        noisy.deployment["status"] = json!({ "readyReplicas": 2 });
        noisy.replica_sets[0]["status"] = json!({ "replicas": 1 });
        noisy.replica_sets.reverse();
        assert_eq!(noisy.describe("shop"), before);
        let mut changed = seen();
        changed.deployment["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"] =
            json!("q");
        assert_ne!(
            changed.describe("shop"),
            before,
            "a secret shows only by its digest"
        );
    }

    #[test]
    fn an_autoscaler_takes_the_replicas_out_of_the_description() {
        let mut seen = seen();
        seen.autoscalers = vec![
            json!({ "metadata": { "name": "h" }, "spec": { "maxReplicas": 9,
            "scaleTargetRef": { "kind": "Deployment", "name": "web" } } }),
        ];
        let state = seen.describe("shop");
        assert_eq!(state.get("replicas"), None);
        assert_eq!(state["autoscaler"]["max_replicas"], 9);
    }

    #[test]
    fn an_image_has_a_version() {
        assert_eq!(version("app:v1"), "v1");
        assert_eq!(version("registry:5000/team/app"), "latest");
        assert_eq!(version("registry:5000/team/app:2.0"), "2.0");
        assert_eq!(version("app:v1@sha256:ab"), "sha256:ab");
    }

    #[test]
    fn config_maps_are_found_where_pods_read_them() {
        let template = json!({ "spec": {
            "containers": [{ "envFrom": [{ "configMapRef": { "name": "a" } }],
                "env": [{ "name": "X", "valueFrom": { "configMapKeyRef": { "name": "b" } } }] }],
            "volumes": [{ "configMap": { "name": "c" } },
                { "projected": { "sources": [{ "configMap": { "name": "d" } }] } }] } });
        let names: Vec<String> = config_map_names(&template).into_iter().collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_login_within_an_address_is_a_secret() {
        assert!(is_secret("DATABASE_URL", "postgres://u:p@db/x"));
        assert!(is_secret("STRIPE_API_KEY", "x"));
        assert!(!is_secret("UPSTREAM", "http://cart:8080/a@b:c"));
        assert!(!is_secret("LEVEL", "info"));
    }
}
