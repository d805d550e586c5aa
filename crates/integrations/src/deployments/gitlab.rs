//! GitLab's deployment and pipeline hooks.

use serde_json::Value;

use super::{Deployment, Told, first_line, need, text, time};

pub fn read(event: &str, body: &Value) -> Result<Told, String> {
    match text(body, "/object_kind").as_deref() {
        Some("deployment") => deployment(body),
        Some("pipeline") => pipeline(body),
        _ => Ok(Told::Nothing(format!("GitLab's event {event}"))),
    }
}

fn outcome(status: &str) -> Option<&'static str> {
    match status {
        "success" => Some("success"),
        "failed" => Some("failure"),
        _ => None,
    }
}

fn deployment(body: &Value) -> Result<Told, String> {
    let status = need(body, "/status")?;
    if status == "canceled" {
        return Ok(Told::Nothing("the deployment was canceled".to_owned()));
    }
    let id = format!("gitlab-{}", need(body, "/deployment_id")?);
    let at = time(body, "/status_changed_at")?;
    let mut deployment = Deployment::new(id, at, need(body, "/project/name")?);
    // The whole id is only in the address.
    let whole = text(body, "/commit_url");
    let whole = whole.and_then(|url| url.rsplit('/').next().map(str::to_owned));
    deployment.commit = whole.or_else(|| text(body, "/short_sha"));
    deployment.version = text(body, "/ref").or_else(|| text(body, "/short_sha"));
    deployment.author = text(body, "/user/username");
    deployment.description = text(body, "/commit_title");
    deployment.environment = text(body, "/environment");
    deployment.url = text(body, "/deployable_url");
    deployment.outcome = outcome(&status);
    Ok(Told::Deployment(Box::new(deployment)))
}

/// Only a pipeline that is through, and has a job that deploys, changes anything.
fn pipeline(body: &Value) -> Result<Told, String> {
    let status = need(body, "/object_attributes/status")?;
    let Some(outcome) = outcome(&status) else {
        return Ok(Told::Nothing(format!("a pipeline that is {status}")));
    };
    let jobs = body["builds"].as_array();
    let environment = jobs.into_iter().flatten().find_map(|job| {
        let ran = ["success", "failed"].contains(&job["status"].as_str().unwrap_or_default());
        let starts = job.pointer("/environment/action") != Some(&Value::from("stop"));
        text(job, "/environment/name").filter(|_| ran && starts)
    });
    let Some(environment) = environment else {
        return Ok(Told::Nothing("a pipeline that deploys nothing".to_owned()));
    };
    let id = format!("gitlab-pipeline-{}", need(body, "/object_attributes/id")?);
    let at = time(body, "/object_attributes/finished_at")?;
    let mut deployment = Deployment::new(id, at, need(body, "/project/name")?);
    deployment.version = text(body, "/object_attributes/ref");
    deployment.commit = text(body, "/object_attributes/sha");
    deployment.author = text(body, "/user/username");
    deployment.description =
        text(body, "/commit/title").or_else(|| first_line(text(body, "/commit/message")));
    deployment.environment = Some(environment);
    deployment.url = text(body, "/object_attributes/url");
    deployment.outcome = Some(outcome);
    Ok(Told::Deployment(Box::new(deployment)))
}
