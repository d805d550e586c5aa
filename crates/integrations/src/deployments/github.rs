//! GitHub's webhooks `deployment`, `deployment_status` and `release`.

use serde_json::Value;

use super::{Deployment, Told, first_line, need, text, time};

pub fn read(event: &str, body: &Value) -> Result<Told, String> {
    match event {
        "deployment" => deployment(body, None),
        "deployment_status" => {
            let state = need(body, "/deployment_status/state")?;
            if state == "inactive" {
                return Ok(Told::Nothing("the deployment was replaced".to_owned()));
            }
            deployment(body, Some(&state))
        }
        "release" => release(body),
        other => Ok(Told::Nothing(format!("GitHub's event {other}"))),
    }
}

/// A deployment and its states are one: the last one counts.
fn deployment(body: &Value, state: Option<&str>) -> Result<Told, String> {
    let outcome = match state {
        Some("success") => Some("success"),
        Some("failure" | "error") => Some("failure"),
        _ => None,
    };
    // It takes effect when it is through.
    let at = match outcome {
        Some(_) => time(body, "/deployment_status/created_at")?,
        None => time(body, "/deployment/created_at")?,
    };
    let id = format!("github-{}", need(body, "/deployment/id")?);
    let payload = |key: &str| text(body, &format!("/deployment/payload/{key}"));
    let service = match payload("service") {
        Some(service) => service,
        None => need(body, "/repository/name")?,
    };
    let mut deployment = Deployment::new(id, at, service);
    deployment.version = payload("version").or_else(|| text(body, "/deployment/ref"));
    deployment.commit = text(body, "/deployment/sha");
    deployment.author = text(body, "/deployment/creator/login");
    deployment.description = text(body, "/deployment_status/description")
        .or_else(|| text(body, "/deployment/description"));
    deployment.environment = text(body, "/deployment/environment");
    deployment.url =
        text(body, "/deployment_status/target_url").or_else(|| text(body, "/deployment/url"));
    deployment.outcome = outcome;
    Ok(Told::Deployment(Box::new(deployment)))
}

fn release(body: &Value) -> Result<Told, String> {
    let action = need(body, "/action")?;
    if action != "published" {
        return Ok(Told::Nothing(format!("a release was {action}")));
    }
    let id = format!("github-release-{}", need(body, "/release/id")?);
    let at = time(body, "/release/published_at")?;
    let mut release = Deployment::new(id, at, need(body, "/repository/name")?);
    release.version = text(body, "/release/tag_name");
    release.author = text(body, "/release/author/login");
    release.description =
        text(body, "/release/name").or_else(|| first_line(text(body, "/release/body")));
    release.url = text(body, "/release/html_url");
    Ok(Told::Deployment(Box::new(release)))
}
