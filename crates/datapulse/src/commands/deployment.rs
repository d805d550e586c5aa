//! `datapulse deployment record`: what was changed, from a pipeline or a person.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use casework::Clock;
use gateway::hooks::deployments::document;
use integrations::deployments::{MAX_DIFF, Sender, Told, read};
use serde_json::{Map, Value, json};
use store::ItemResult;

use crate::arguments::{Change, Deployment, Output};
use crate::backend::Backend;
use crate::context::Context;
use crate::print;
use crate::refusal::wrong_use;

const PATH: &str = "/webhook/integrations/deployments";

pub async fn run(here: &Context, deployment: Deployment) -> Result<u8> {
    let Deployment::Record(change) = deployment;
    let body = body(&change)?;
    // Said of what was typed before anything is sent.
    let now = Clock::wall().now();
    let told = read(Sender::Other, &body, now).map_err(wrong_use)?;
    let answer = match here.server_at(&change.elsewhere)? {
        Some(server) => server.post(PATH, &body).await?,
        None => store(here, told).await?,
    };
    if here.output == Output::Json {
        print::json(&answer)?;
        return Ok(0);
    }
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    println!("{} {} in {}", text("result"), text("id"), text("index"));
    Ok(0)
}

/// Into the folder that no server holds.
async fn store(here: &Context, told: Told) -> Result<Value> {
    let Told::Deployment(deployment) = told else {
        return Ok(json!({ "result": "ignored" }));
    };
    let document = document(*deployment);
    let (index, id) = (document.index.clone(), document.id.clone());
    let store = Backend::open(&here.configuration, &here.folder).await?;
    let result = store.telemetry().ingest(vec![document]).await?.pop();
    store.flush().await?;
    let result = match result {
        Some(ItemResult::Refused { reason, .. }) => anyhow::bail!(reason),
        Some(ItemResult::Updated { .. }) => "updated",
        _ => "created",
    };
    Ok(json!({ "result": result, "index": index, "id": id }))
}

fn body(change: &Change) -> Result<Value> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.clone().into());
        }
    };
    put("service", Some(&change.service));
    put("version", change.version.as_ref());
    put("kind", Some(&change.kind));
    put("commit", change.commit.as_ref());
    put("author", change.author.as_ref());
    put("description", change.description.as_ref());
    put("environment", change.environment.as_ref());
    put("outcome", change.outcome.as_ref());
    put("at", change.at.as_ref());
    put("id", change.id.as_ref());
    if let Some(path) = &change.diff {
        let diff = diff(path)?;
        let files = files(&diff);
        if !files.is_empty() {
            body.insert("files".to_owned(), files.into());
        }
        body.insert("diff".to_owned(), diff.into());
    }
    Ok(Value::Object(body))
}

/// One byte more than is taken says that it is too long.
fn diff(path: &Path) -> Result<String> {
    let most = MAX_DIFF as u64 + 1;
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().take(most).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path);
        file.and_then(|file| file.take(most).read_to_string(&mut text))
    }
    .with_context(|| format!("--diff {}: can't be read", path.display()))?;
    Ok(text)
}

/// Those that a unified diff says it leads to, or takes away.
fn files(diff: &str) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for line in diff.lines() {
        let name = line.strip_prefix("+++ ").or(line.strip_prefix("--- "));
        let name = name.and_then(|name| name.split('\t').next());
        let name = name.filter(|name| *name != "/dev/null");
        let name = name.map(|name| {
            name.strip_prefix("a/")
                .or(name.strip_prefix("b/"))
                .unwrap_or(name)
        });
        if let Some(name) = name.filter(|name| !files.iter().any(|known| known == name)) {
            files.push(name.to_owned());
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::files;

    #[test]
    fn a_diff_names_its_files() {
        let diff =
            "--- a/x.go\t2026\n+++ b/x.go\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n+++ b/new.go\n";
        assert_eq!(files(diff), ["x.go", "new.go"]);
    }
}
