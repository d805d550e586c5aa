//! Argo CD's notifications: an Application, as `{"app": {{toJson .app}}}` or by itself.

use serde_json::Value;

use super::{Deployment, Told, need, text, time};

/// The Application, where the body has one.
fn application(body: &Value) -> &Value {
    body.get("app").unwrap_or(body)
}

pub fn is_application(body: &Value) -> bool {
    let app = application(body);
    let of_argo = text(app, "/apiVersion").is_some_and(|api| api.starts_with("argoproj.io/"));
    of_argo || app.pointer("/status/operationState").is_some()
}

pub fn read(body: &Value) -> Result<Told, String> {
    let app = application(body);
    let name = need(app, "/metadata/name")?;
    let phase = need(app, "/status/operationState/phase")?;
    let outcome = match phase.as_str() {
        "Succeeded" => Some("success"),
        "Failed" | "Error" => Some("failure"),
        _ => None,
    };
    // One operation has one start, whatever is told of it and how often.
    let started = need(app, "/status/operationState/startedAt")?;
    let at = match outcome {
        Some(_) => time(app, "/status/operationState/finishedAt")?,
        None => time(app, "/status/operationState/startedAt")?,
    };
    let mut deployment = Deployment::new(format!("argocd-{name}-{started}"), at, name);
    let revision = text(app, "/status/operationState/syncResult/revision")
        .or_else(|| text(app, "/status/sync/revision"));
    let image = text(app, "/status/summary/images/0");
    deployment.version = image
        .and_then(|image| tag(&image))
        .or_else(|| revision.clone());
    deployment.commit = revision;
    deployment.author = text(app, "/status/operationState/operation/initiatedBy/username");
    deployment.description = text(app, "/status/operationState/message");
    deployment.environment = text(app, "/spec/destination/namespace");
    deployment.url = text(app, "/spec/source/repoURL");
    deployment.outcome = outcome;
    Ok(Told::Deployment(Box::new(deployment)))
}

/// Of `registry:5000/shop/cart:1.2.3@sha256:…`.
fn tag(image: &str) -> Option<String> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    name.split_once(':').map(|(_, tag)| tag.to_owned())
}
