//! From an action to the one request that carries it out, or why not. Pure.

use model::{Action, ActionKind};
use serde_json::{Value, json};

use super::describe::{INFO, history, id, is_auto_sync, is_busy, workloads};
use crate::run::once::{Mark, Plan};
use crate::run::{shortened, text};

/// Characters of a revision: a commit, a tag or a branch.
const MAX_REVISION: usize = 200;

#[derive(Debug)]
pub(super) enum Step {
    /// The body of the sync.
    Sync(Value),
    Restart(Workload),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Workload {
    group: String,
    version: String,
    pub kind: String,
    namespace: String,
    pub name: String,
}

impl Workload {
    fn of(resource: &Value) -> Self {
        let of = |place: &str| text(resource, place).to_owned();
        Self {
            group: of("/group"),
            version: of("/version"),
            kind: of("/kind"),
            namespace: of("/namespace"),
            name: of("/name"),
        }
    }

    pub fn body(&self, application: &str) -> Value {
        json!({ "name": application, "namespace": self.namespace, "resourceName": self.name,
            "group": self.group, "version": self.version, "kind": self.kind, "action": "restart" })
    }

    pub fn query(&self) -> [(&str, &str); 5] {
        [
            ("namespace", &self.namespace),
            ("resourceName", &self.name),
            ("group", &self.group),
            ("version", &self.version),
            ("kind", &self.kind),
        ]
    }
}

pub(super) fn plan(action: &Action, app: &Value, mark: &Mark) -> Result<Plan<Step>, String> {
    let name = text(app, "/metadata/name");
    if app.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(format!("Application {name} is being deleted"));
    }
    match action.kind {
        ActionKind::Rollback => rollback(action, app, mark),
        ActionKind::Restart => restart(action, app),
        other => Err(format!(
            "{} is not done through Argo CD, which knows rollback and restart: change it in {}",
            other.name(),
            text(app, "/spec/source/repoURL")
        )),
    }
}

fn rollback(action: &Action, app: &Value, mark: &Mark) -> Result<Plan<Step>, String> {
    let name = text(app, "/metadata/name");
    let (repository, branch) = (
        text(app, "/spec/source/repoURL"),
        text(app, "/spec/source/targetRevision"),
    );
    if is_auto_sync(app) {
        return Err(format!(
            "auto-sync of Application {name} would undo it: revert the commit on {branch} of {repository}, or switch auto-sync off (argocd app set {name} --sync-policy none) and ask again"
        ));
    }
    if is_busy(app) {
        return Err(format!(
            "an operation of Application {name} is under way: wait for its end, or end it (argocd app terminate-op {name})"
        ));
    }
    if app.pointer("/spec/sources").is_some() {
        return Err(format!(
            "Application {name} has several sources: roll it back with argocd app rollback {name}"
        ));
    }
    let history = history(app);
    let now = history.first().map(|entry| text(entry, "/revision"));
    let (revision, entry) = wanted(action, app)?;
    if now == Some(revision.as_str()) && entry.is_none_or(|entry| has_source_of_today(entry, app)) {
        return Err(format!("Application {name} is at {revision} already"));
    }
    if let Some(entry) = entry
        && !has_source_of_today(entry, app)
    {
        return Err(format!(
            "Application {name} was of another source, or had other parameters, at history id {}: a sync to its revision would not bring those back; use argocd app rollback {name} {}, or put spec.source back",
            id(entry),
            id(entry)
        ));
    }
    let does = match entry {
        Some(entry) => format!(
            "Application {name} is synced to {revision}, history id {}",
            id(entry)
        ),
        None => format!("Application {name} is synced to {revision}"),
    };
    let body = json!({ "name": name, "revision": revision, "prune": false, "dryRun": false,
        "strategy": { "apply": { "force": false } }, "infos": [{ "name": INFO, "value": mark.0 }] });
    Ok(Plan {
        does,
        sends: vec![format!("POST /api/v1/applications/{name}/sync {body}")],
        step: Step::Sync(body),
    })
}

/// The revision that is meant, and its history entry where it has one.
fn wanted<'a>(action: &Action, app: &'a Value) -> Result<(String, Option<&'a Value>), String> {
    let name = text(app, "/metadata/name");
    let history = history(app);
    let known = ["to_version", "to_revision"];
    if let Some(unknown) = action
        .parameters
        .keys()
        .find(|key| !known.contains(&key.as_str()))
    {
        return Err(format!(
            "a rollback through Argo CD takes one of to_version and to_revision, not {unknown:?}"
        ));
    }
    let (version, number) = (
        action.parameters.get("to_version"),
        action.parameters.get("to_revision"),
    );
    if version.is_some() && number.is_some() {
        return Err("rollback takes one of to_version and to_revision".to_owned());
    }
    if let Some(number) = number {
        let wanted = number.as_i64().or_else(|| number.as_str()?.parse().ok());
        let found = history.iter().find(|entry| Some(id(entry)) == wanted);
        return match found {
            Some(entry) => Ok((text(entry, "/revision").to_owned(), Some(entry))),
            None => Err(format!("Application {name} has no history id {number}")),
        };
    }
    if let Some(version) = version {
        let wanted = version
            .as_str()
            .map(str::trim)
            .filter(|text| is_revision(text));
        let wanted = wanted.ok_or_else(|| {
            format!(
                "to_version has to be a commit, tag or branch, got {}",
                shortened(&version.to_string(), MAX_REVISION)
            )
        })?;
        let entry = history
            .iter()
            .find(|entry| text(entry, "/revision") == wanted);
        return Ok((wanted.to_owned(), entry.copied()));
    }
    let now = history.first().map_or("", |entry| text(entry, "/revision"));
    let before = history.iter().find(|entry| text(entry, "/revision") != now);
    let before = before
        .ok_or_else(|| format!("Application {name} has no earlier revision in its history"))?;
    Ok((text(before, "/revision").to_owned(), Some(before)))
}

/// What may be a revision: no spaces, nothing that another program takes for an option.
fn is_revision(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/+~^@".contains(c);
    (1..=MAX_REVISION).contains(&text.len()) && !text.starts_with('-') && text.chars().all(fits)
}

/// Whether a history entry was made from what the Application is made from now, but for the
/// revision.
fn has_source_of_today(entry: &Value, app: &Value) -> bool {
    let without = |source: Option<&Value>| {
        let mut source = source.cloned().unwrap_or_default();
        if let Some(map) = source.as_object_mut() {
            map.remove("targetRevision");
        }
        source
    };
    without(entry.get("source")) == without(app.pointer("/spec/source"))
}

fn restart(action: &Action, app: &Value) -> Result<Plan<Step>, String> {
    let name = text(app, "/metadata/name");
    if !action.parameters.is_empty() {
        return Err("restart takes no parameter".to_owned());
    }
    if is_busy(app) {
        return Err(format!(
            "an operation of Application {name} is under way: wait for its end"
        ));
    }
    let all = workloads(app);
    let named = |wanted: &str| all.iter().find(|one| text(one, "/name") == wanted);
    let found = match all.as_slice() {
        [only] => Some(only),
        _ => named(&action.target).or_else(|| named(name)),
    };
    let found = found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().take(10).map(|one| text(one, "/name")).collect();
        format!(
            "Application {name} has {} workloads ({}) and none is called {} or {name}",
            all.len(),
            names.join(", "),
            action.target
        )
    })?;
    let workload = Workload::of(found);
    Ok(Plan {
        does: format!(
            "{} {} of Application {name} is restarted",
            workload.kind, workload.name
        ),
        sends: vec![format!(
            "POST /api/v1/applications/{name}/resource/actions/v2 {}",
            workload.body(name)
        )],
        step: Step::Restart(workload),
    })
}
