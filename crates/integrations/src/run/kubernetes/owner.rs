//! Who else declares a workload: what is changed behind that one's back is put back by it, or
//! lost. Pure.

use serde_json::{Value, json};

/// Who declares an object, and what to do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// Such as `Argo CD`.
    pub by: String,
    /// The application, release or object of that one.
    pub name: String,
    pub advice: String,
}

impl Owner {
    pub fn describe(&self) -> Value {
        json!({ "by": self.by, "name": self.name })
    }

    /// Why a change to `what` is refused.
    pub fn refusal(&self, what: &str) -> String {
        format!(
            "{what} is owned by {} ({}), which would undo or lose the change; nothing was done: {}",
            self.by, self.name, self.advice
        )
    }
}

/// The owner that an object's labels, annotations and owner references name.
pub(super) fn owner(object: &Value) -> Option<Owner> {
    let meta = object.get("metadata")?;
    argo(meta)
        .or_else(|| flux(meta))
        .or_else(|| helm(meta))
        .or_else(|| controller(meta))
}

fn text<'a>(meta: &'a Value, kind: &str, key: &str) -> Option<&'a str> {
    meta.get(kind)?.get(key)?.as_str()
}

fn argo(meta: &Value) -> Option<Owner> {
    const TRACKING: &str = "argocd.argoproj.io/tracking-id";
    // `application:group/kind:namespace/name`.
    let tracked = text(meta, "annotations", TRACKING).or_else(|| text(meta, "labels", TRACKING));
    let application = tracked.map(|id| id.split(':').next().unwrap_or(id));
    let instance = || {
        ["labels", "annotations"]
            .iter()
            .find_map(|kind| text(meta, kind, "argocd.argoproj.io/instance"))
    };
    let marked = || {
        let keys = ["labels", "annotations"];
        let mut maps = keys.iter().filter_map(|kind| meta.get(kind)?.as_object());
        let ours = |key: &String| key.starts_with("argocd.argoproj.io/");
        maps.any(|map| map.keys().any(ours)).then(|| {
            text(meta, "labels", "app.kubernetes.io/instance").unwrap_or("application unknown")
        })
    };
    let name = application.or_else(instance).or_else(marked)?.to_owned();
    Some(Owner {
        by: "Argo CD".to_owned(),
        advice: format!(
            "roll the application back, or change its manifests, in Argo CD (application {name})"
        ),
        name,
    })
}

fn flux(meta: &Value) -> Option<Owner> {
    let keys = [
        "helm.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/name",
    ];
    let name = keys.iter().find_map(|key| text(meta, "labels", key))?;
    Some(Owner {
        by: "Flux".to_owned(),
        name: name.to_owned(),
        advice: format!("change what {name} is made from in its Git repository"),
    })
}

fn helm(meta: &Value) -> Option<Owner> {
    let release = text(meta, "annotations", "meta.helm.sh/release-name");
    let managed = text(meta, "labels", "app.kubernetes.io/managed-by") == Some("Helm");
    if release.is_none() && !managed {
        return None;
    }
    let name = release
        .or_else(|| text(meta, "labels", "app.kubernetes.io/instance"))
        .unwrap_or("release unknown")
        .to_owned();
    Some(Owner {
        by: "Helm".to_owned(),
        advice: format!("use `helm rollback {name}`, or `helm upgrade {name}` with other values"),
        name,
    })
}

/// Another object that controls this one, such as an operator's.
fn controller(meta: &Value) -> Option<Owner> {
    let references = meta.get("ownerReferences")?.as_array()?;
    let is_controller = |one: &&Value| one.get("controller").and_then(Value::as_bool) == Some(true);
    let found = references.iter().find(is_controller)?;
    let part = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or("unknown");
    let (kind, name) = (part("kind").to_owned(), part("name").to_owned());
    Some(Owner {
        advice: format!("change the {kind} {name}"),
        by: kind,
        name,
    })
}

/// An autoscaler that sets a workload's replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Autoscaler {
    pub name: String,
    pub min: u64,
    pub max: u64,
}

impl Autoscaler {
    pub fn describe(&self) -> Value {
        json!({ "name": self.name, "min_replicas": self.min, "max_replicas": self.max })
    }

    pub fn refusal(&self, workload: &str) -> String {
        let Self { name, min, max } = self;
        format!(
            "the replicas of {workload} are set by the HorizontalPodAutoscaler {name} ({min} to {max}), which would undo a scale; nothing was done: raise minReplicas of {name} instead"
        )
    }
}

/// The autoscaler among `autoscalers` whose target is the Deployment of the name.
pub(super) fn autoscaler(autoscalers: &[Value], deployment: &str) -> Option<Autoscaler> {
    let aims = |one: &&Value| {
        let target = one.pointer("/spec/scaleTargetRef");
        let is = |key: &str, value: &str| {
            target.and_then(|target| target.get(key)?.as_str()) == Some(value)
        };
        is("kind", "Deployment") && is("name", deployment)
    };
    let found = autoscalers.iter().find(aims)?;
    let count = |path: &str| found.pointer(path).and_then(Value::as_u64).unwrap_or(1);
    let name = found.pointer("/metadata/name").and_then(Value::as_str);
    Some(Autoscaler {
        name: name.unwrap_or("unknown").to_owned(),
        min: count("/spec/minReplicas"),
        max: count("/spec/maxReplicas"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(meta: Value) -> Option<(String, String)> {
        owner(&json!({ "metadata": meta })).map(|owner| (owner.by, owner.name))
    }

    #[test]
    fn the_owner_is_who_left_its_marks() {
        let named = |by: &str, name: &str| Some((by.to_owned(), name.to_owned()));
        let tracking = json!({ "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:prod/web" });
        assert_eq!(
            who(json!({ "annotations": tracking })),
            named("Argo CD", "shop")
        );
        let instance = json!({ "argocd.argoproj.io/instance": "shop" });
        assert_eq!(who(json!({ "labels": instance })), named("Argo CD", "shop"));
        let helm =
            json!({ "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "r1" });
        assert_eq!(who(json!({ "labels": helm })), named("Helm", "r1"));
        let release = json!({ "meta.helm.sh/release-name": "r2" });
        assert_eq!(who(json!({ "annotations": release })), named("Helm", "r2"));
        let both = json!({ "annotations": tracking, "labels": helm });
        assert_eq!(
            who(both),
            named("Argo CD", "shop"),
            "Argo CD may install charts"
        );
        let flux = json!({ "kustomize.toolkit.fluxcd.io/name": "apps" });
        assert_eq!(who(json!({ "labels": flux })), named("Flux", "apps"));
        let reference = json!([{ "kind": "Rollout", "name": "web", "controller": true }]);
        assert_eq!(
            who(json!({ "ownerReferences": reference })),
            named("Rollout", "web")
        );
    }

    #[test]
    fn an_instance_alone_owns_nothing() {
        let labels = json!({ "app.kubernetes.io/instance": "web", "app.kubernetes.io/managed-by": "kubectl" });
        assert_eq!(who(json!({ "labels": labels })), None);
        assert_eq!(who(json!({})), None);
    }

    #[test]
    fn an_autoscaler_is_found_by_its_target() {
        let of = |kind: &str, name: &str| {
            json!({ "metadata": { "name": "h" }, "spec": { "maxReplicas": 9, "minReplicas": 2,
                "scaleTargetRef": { "kind": kind, "name": name } } })
        };
        let found = autoscaler(&[of("StatefulSet", "web"), of("Deployment", "web")], "web");
        let found = found.expect("found");
        assert_eq!((found.name.as_str(), found.min, found.max), ("h", 2, 9));
        assert!(found.refusal("web").contains("raise minReplicas of h"));
        assert_eq!(autoscaler(&[of("Deployment", "other")], "web"), None);
    }
}
