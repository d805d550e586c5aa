//! From a target's name in telemetry to its Deployment, and what belongs to it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Kubernetes;
use super::api::{Resource, shortened};
use super::describe::{Seen, config_map_names, text};
use crate::error::Error;

/// Characters of a DNS label, as RFC 1123 and Kubernetes have it.
const MAX_LABEL: usize = 63;
/// Characters of the part of a label's key before the slash.
const MAX_PREFIX: usize = 253;
/// Characters of a wrong name that are repeated.
const MAX_REPEATED: usize = 80;
/// Candidates that are named where a target isn't clear.
const MAX_NAMED: usize = 10;

/// Whether a text may be the name of a namespace or a Deployment: small letters, digits and
/// hyphens, with a letter or digit at both ends.
pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether a text may be a label's key: a name, with a domain and a slash before it or not.
pub(super) fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').unwrap_or(("a", text));
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let ends = |text: &str| {
        let bytes = text.as_bytes();
        bytes.first().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
    };
    prefix.len() <= MAX_PREFIX
        && prefix.split('.').all(is_dns_label)
        && name.len() <= MAX_LABEL
        && name.bytes().all(inner)
        && ends(name)
}

/// Whether a ReplicaSet is a Deployment's own.
pub(super) fn belongs(object: &Value, uid: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences");
    let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
    owners.any(|owner| text(owner, "/uid") == uid)
}

/// The labels by which a Deployment or ReplicaSet finds what is its own, as a selector.
pub(super) fn selector(object: &Value) -> Option<String> {
    let labels = object.pointer("/spec/selector/matchLabels")?.as_object()?;
    let parts: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

impl Kubernetes {
    /// The Deployment that a target stands for.
    pub(super) async fn find(&self, target: &str) -> Result<Value, Error> {
        let namespace = self.api.namespace();
        if !is_dns_label(target) {
            return Err(Error::Refused(format!(
                "Kubernetes: the target {:?} can't be the name of a workload (small letters, digits and hyphens, {MAX_LABEL} at most)",
                shortened(target, MAX_REPEATED)
            )));
        }
        let key = &self.settings.workload_label;
        let selector = format!("{key}={target}");
        let mut labelled = self
            .api
            .list(Resource::Deployments, Some(&selector))
            .await?;
        if labelled.len() > 1 {
            let names: Vec<&str> = labelled
                .iter()
                .take(MAX_NAMED)
                .map(|one| text(one, "/metadata/name"))
                .collect();
            return Err(Error::Refused(format!(
                "Kubernetes: {} Deployments in namespace {namespace} have the label {selector}: {}; give the label to only one, or set workload_label to a label that tells them apart",
                labelled.len(),
                names.join(", ")
            )));
        }
        if let Some(only) = labelled.pop() {
            return Ok(only);
        }
        match self.api.get(Resource::Deployments, target).await? {
            Some(found) => Ok(found),
            None => Err(Error::Refused(format!(
                "Kubernetes: no Deployment in namespace {namespace} has the label {selector} or the name {target}; label the one that is meant (StatefulSets and DaemonSets are not acted on)"
            ))),
        }
    }

    /// The target's Deployment with its ReplicaSets, autoscalers and ConfigMaps.
    pub(super) async fn look(&self, target: &str) -> Result<Seen, Error> {
        let deployment = self.find(target).await?;
        self.around(deployment).await
    }

    /// What belongs to a Deployment.
    pub(super) async fn around(&self, deployment: Value) -> Result<Seen, Error> {
        let labels = selector(&deployment);
        let mut replica_sets = self
            .api
            .list(Resource::ReplicaSets, labels.as_deref())
            .await?;
        replica_sets.retain(|one| belongs(one, text(&deployment, "/metadata/uid")));
        let autoscalers = self.api.list(Resource::Autoscalers, None).await?;
        let mut seen = Seen {
            deployment,
            replica_sets,
            autoscalers,
            config_maps: BTreeMap::new(),
        };
        if self.settings.config_maps {
            for name in config_map_names(seen.template()) {
                // An optional one may not be there.
                if let Some(found) = self.api.get(Resource::ConfigMaps, &name).await? {
                    seen.config_maps.insert(name, found);
                }
            }
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_telemetry_are_held_against_what_a_name_may_be() {
        for good in ["web", "checkout-service", "a1", &"a".repeat(63)] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in [
            "",
            "Web",
            "a.b",
            "a/b",
            "../a",
            "a b",
            "-a",
            "a-",
            "a,b=c",
            "é",
            &"a".repeat(64),
        ] {
            assert!(!is_dns_label(bad), "{bad}");
        }
    }

    #[test]
    fn a_labels_key_has_a_form() {
        for good in ["app", "app.kubernetes.io/name", "team/Service_name"] {
            assert!(is_label_key(good), "{good}");
        }
        for bad in ["", "/app", "a/b/c", "app=web,x", "Team/x", "app "] {
            assert!(!is_label_key(bad), "{bad}");
        }
    }
}
