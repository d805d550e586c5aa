//! An Application in words: its history, what would undo a change, and the marks of orders. Pure.

use model::Digest;
use model::action::sorted;
use serde_json::{Value, json};

use crate::run::once::{Mark, Progress};
use crate::run::{list, text};

/// The name of the operation's info that holds an order's mark.
pub(super) const INFO: &str = "datapulse.dev/execution";
/// History entries that are described, newest first.
const MAX_HISTORY: usize = 10;
/// Kinds that Argo CD's own action `restart` knows.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Entries of the history, newest first.
pub(super) fn history(app: &Value) -> Vec<&Value> {
    let mut all: Vec<&Value> = list(app, "/status/history").iter().collect();
    all.sort_by_key(|entry| std::cmp::Reverse(id(entry)));
    all
}

/// Argo CD leaves out the id of the first entry, 0.
pub(super) fn id(entry: &Value) -> i64 {
    entry.get("id").and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn is_auto_sync(app: &Value) -> bool {
    let automated = app.pointer("/spec/syncPolicy/automated");
    automated.is_some_and(|how| {
        !how.is_null() && how.get("enabled").and_then(Value::as_bool) != Some(false)
    })
}

/// Whether an operation is asked for or under way.
pub(super) fn is_busy(app: &Value) -> bool {
    let phase = text(app, "/status/operationState/phase");
    app.get("operation").is_some_and(Value::is_object) || matches!(phase, "Running" | "Terminating")
}

/// The workloads that can be restarted.
pub(super) fn workloads(app: &Value) -> Vec<&Value> {
    let known =
        |one: &&Value| text(one, "/group") == "apps" && WORKLOADS.contains(&text(one, "/kind"));
    list(app, "/status/resources")
        .iter()
        .filter(known)
        .collect()
}

/// Without health, sync status, `resourceVersion` and times of reconciling, which move by
/// themselves.
pub(super) fn describe(app: &Value) -> Value {
    let history = history(app);
    let entry = |entry: &&Value| json!({ "revision": id(entry), "version": text(entry, "/revision"), "deployed_at": text(entry, "/deployedAt") });
    let spec = app.get("spec").cloned().unwrap_or_default();
    let mut state = json!({
        "application": text(app, "/metadata/name"),
        "uid": text(app, "/metadata/uid"),
        "project": text(app, "/spec/project"),
        "repository": text(app, "/spec/source/repoURL"),
        "target_revision": text(app, "/spec/source/targetRevision"),
        "auto_sync": is_auto_sync(app),
        "spec": Digest::of(sorted(&spec).to_string().as_bytes()).to_string(),
        "revisions": history.iter().take(MAX_HISTORY).map(entry).collect::<Vec<_>>(),
        "workloads": workloads(app).iter().map(|one| format!("{} {}", text(one, "/kind"), text(one, "/name"))).collect::<Vec<_>>(),
        "last_operation": { "started_at": text(app, "/status/operationState/startedAt"), "phase": text(app, "/status/operationState/phase") },
    });
    if let Some(now) = history.first() {
        state["revision"] = json!(id(now));
        state["version"] = json!(text(now, "/revision"));
        let before = history
            .iter()
            .find(|entry| text(entry, "/revision") != text(now, "/revision"));
        if let Some(before) = before {
            state["previous_version"] = json!(text(before, "/revision"));
        }
    }
    state
}

fn mark(info: &[Value]) -> Option<Mark> {
    let ours = info.iter().find(|one| text(one, "/name") == INFO)?;
    Some(Mark(text(ours, "/value").to_owned()))
}

/// The marks of the operation that is asked for, and of the last one.
pub(super) fn marks(app: &Value) -> Vec<(Mark, Progress)> {
    let asked = mark(list(app, "/operation/info"));
    let asked = asked.map(|mark| {
        (
            mark,
            Progress::Running("the sync is not yet taken up".to_owned()),
        )
    });
    let last = mark(list(app, "/status/operationState/operation/info"));
    let last = last.map(|mark| (mark, progress(app)));
    asked.into_iter().chain(last).collect()
}

/// How far the last operation is. Its health counts from when it ended: what was degraded before
/// is the incident's.
fn progress(app: &Value) -> Progress {
    let (phase, message) = (
        text(app, "/status/operationState/phase"),
        text(app, "/status/operationState/message"),
    );
    let health = text(app, "/status/health/status");
    let state = format!("sync {phase}, health {health}: {message}");
    match phase {
        "Failed" | "Error" => {
            Progress::Failed(format!("the sync failed and was not taken back: {message}"))
        }
        "Succeeded" => match health {
            "Progressing" => Progress::Running(state),
            "Degraded" => {
                let since = text(app, "/status/health/lastTransitionTime");
                if since > text(app, "/status/operationState/finishedAt") {
                    Progress::Failed(format!(
                        "the workload became degraded and was not taken back: {message}"
                    ))
                } else {
                    Progress::Running(state)
                }
            }
            _ => Progress::Done(state),
        },
        _ => Progress::Running(state),
    }
}
