//! Whether a change that the API server took has come into effect. Pure.

use serde_json::Value;

use super::describe::text;

/// Restarts of one container from which on its crashes are no slow start any more.
const CRASHES: u64 = 2;
/// Waiting reasons that no waiting mends.
const HOPELESS: [&str; 5] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
];
const CRASH_LOOP: &str = "CrashLoopBackOff";

/// How far a rollout is, each with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Done(String),
    Failed(String),
    Running(String),
}

/// When the Deployment's controller last gave up on a rollout: RFC 3339, where it did.
pub(super) fn given_up(deployment: &Value) -> Option<String> {
    let conditions = deployment.pointer("/status/conditions")?.as_array()?;
    let is_late = |one: &&Value| {
        text(one, "/type") == "Progressing" && text(one, "/reason") == "ProgressDeadlineExceeded"
    };
    let found = conditions.iter().find(is_late)?;
    Some(text(found, "/lastUpdateTime").to_owned())
}

/// How far the newest change is. `stale` is what [`given_up`] said before the change: the
/// controller leaves it there until the new pods come. `pods` are those of the newest ReplicaSet.
pub(super) fn progress(deployment: &Value, pods: &[Value], stale: Option<&str>) -> Progress {
    let count = |path: &str| {
        deployment
            .pointer(path)
            .and_then(Value::as_u64)
            .unwrap_or(0)
    };
    if count("/status/observedGeneration") < count("/metadata/generation") {
        return Progress::Running("the change is not yet taken up".to_owned());
    }
    let wanted = deployment.pointer("/spec/replicas").and_then(Value::as_u64);
    let wanted = wanted.unwrap_or(1);
    let (all, updated) = (count("/status/replicas"), count("/status/updatedReplicas"));
    let available = count("/status/availableReplicas");
    let state = format!("{available} of {wanted} pods available, {updated} of them new");
    if updated == wanted && all == wanted && available >= wanted {
        return Progress::Done(format!(
            "{available} of {wanted} pods available, all of them new"
        ));
    }
    if let Some(trouble) = pods.iter().find_map(trouble) {
        return Progress::Failed(format!("{trouble}; {state}"));
    }
    match given_up(deployment) {
        Some(at) if Some(at.as_str()) != stale => Progress::Failed(format!(
            "ProgressDeadlineExceeded: the new pods did not become available in time; {state}"
        )),
        _ => Progress::Running(state),
    }
}

/// What keeps a pod from ever becoming ready.
fn trouble(pod: &Value) -> Option<String> {
    let name = text(pod, "/metadata/name");
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let mut containers = lists
        .iter()
        .filter_map(|path| pod.pointer(path)?.as_array())
        .flatten();
    containers.find_map(|one| {
        let reason = text(one, "/state/waiting/reason");
        let restarts = one.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
        let crashes = reason == CRASH_LOOP && restarts >= CRASHES;
        (crashes || HOPELESS.contains(&reason)).then(|| {
            let (container, image) = (text(one, "/name"), text(one, "/image"));
            format!("{reason}: container {container} of pod {name} ({image}), {restarts} restarts")
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(updated: u64, all: u64, available: u64) -> Value {
        json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 3 },
            "status": { "observedGeneration": 2, "updatedReplicas": updated, "replicas": all,
                "availableReplicas": available } })
    }

    fn pod(reason: &str, restarts: u64) -> Value {
        json!({ "metadata": { "name": "web-1" }, "status": { "containerStatuses": [
            { "name": "app", "image": "app:bad", "restartCount": restarts, "state": { "waiting": { "reason": reason } } }] } })
    }

    #[test]
    fn it_is_over_when_all_pods_are_new_and_available_and_old_ones_gone() {
        assert!(matches!(
            progress(&deployment(3, 3, 3), &[], None),
            Progress::Done(_)
        ));
        for (updated, all, available) in [(2, 3, 3), (3, 4, 4), (3, 3, 2)] {
            let so_far = progress(&deployment(updated, all, available), &[], None);
            assert!(matches!(so_far, Progress::Running(_)), "{so_far:?}");
        }
        let mut unseen = deployment(3, 3, 3);
        unseen["metadata"]["generation"] = json!(3);
        assert!(matches!(progress(&unseen, &[], None), Progress::Running(_)));
    }

    #[test]
    fn a_crash_loop_fails_and_a_first_crash_does_not() {
        let of = |reason, restarts| progress(&deployment(1, 4, 3), &[pod(reason, restarts)], None);
        let Progress::Failed(says) = of("CrashLoopBackOff", 4) else {
            panic!("a crash loop fails");
        };
        assert!(
            says.starts_with("CrashLoopBackOff: container app of pod web-1 (app:bad), 4 restarts")
        );
        assert!(matches!(of("CrashLoopBackOff", 1), Progress::Running(_)));
        assert!(matches!(of("ImagePullBackOff", 0), Progress::Failed(_)));
        assert!(matches!(of("ContainerCreating", 0), Progress::Running(_)));
    }

    #[test]
    fn an_earlier_rollouts_failure_is_not_this_ones() {
        let mut late = deployment(1, 4, 3);
        late["status"]["conditions"] = json!([{ "type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "lastUpdateTime": "2026-01-02T03:04:05Z" }]);
        let before = given_up(&late);
        assert!(matches!(
            progress(&late, &[], before.as_deref()),
            Progress::Running(_)
        ));
        assert!(
            matches!(progress(&late, &[], None), Progress::Failed(says) if says.contains("ProgressDeadlineExceeded"))
        );
    }
}
