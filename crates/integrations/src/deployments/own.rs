//! Our own form: `{"service": "cart", "version": "1.2.3", …}`.

use model::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Deployment, Told, need, text, time};

const KNOWN: [&str; 13] = [
    "id",
    "at",
    "kind",
    "service",
    "version",
    "author",
    "description",
    "commit",
    "files",
    "diff",
    "environment",
    "outcome",
    "url",
];

pub fn read(body: &Value, now: Timestamp) -> Result<Told, String> {
    let Some(object) = body.as_object() else {
        return Err(
            "expected an object such as {\"service\": \"cart\", \"version\": \"1.2.3\"}".to_owned(),
        );
    };
    if let Some((unknown, _)) = object
        .iter()
        .find(|(key, _)| !KNOWN.contains(&key.as_str()))
    {
        return Err(format!(
            "{unknown} isn't known: expected {}",
            KNOWN.join(", ")
        ));
    }
    let service = need(body, "/service")?;
    let at = match text(body, "/at") {
        Some(_) => time(body, "/at")?,
        None => now,
    };
    let id = text(body, "/id").unwrap_or_else(|| made(body));
    let mut deployment = Deployment::new(id, at, service);
    if let Some(kind) = text(body, "/kind") {
        deployment.kind = kind;
    }
    deployment.version = text(body, "/version");
    deployment.author = text(body, "/author");
    deployment.description = text(body, "/description");
    deployment.commit = text(body, "/commit");
    deployment.diff = text(body, "/diff");
    deployment.environment = text(body, "/environment");
    deployment.url = text(body, "/url");
    let files = body["files"].as_array().into_iter().flatten();
    deployment.files = files
        .map(|file| file.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or("files: expected texts")?;
    deployment.outcome = match text(body, "/outcome").as_deref() {
        None => None,
        Some("success") => Some("success"),
        Some("failure") => Some("failure"),
        Some(other) => {
            return Err(format!(
                "outcome: expected success or failure, got {other:?}"
            ));
        }
    };
    Ok(Told::Deployment(Box::new(deployment)))
}

/// What says the same is the same deployment: told again, it isn't another.
fn made(body: &Value) -> String {
    let mut hash = Sha256::new();
    for name in [
        "service",
        "version",
        "kind",
        "commit",
        "environment",
        "at",
        "description",
    ] {
        let value = text(body, &format!("/{name}")).unwrap_or_default();
        hash.update((value.len() as u64).to_le_bytes());
        hash.update(value);
    }
    format!("dp-{}", hex::encode(&hash.finalize()[..8]))
}
