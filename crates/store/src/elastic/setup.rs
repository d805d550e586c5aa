//! Templates and indices, made where they are missing. Doing it again changes nothing.

use model::Digest;
use reqwest::Method;
use serde_json::{Value, json};

use super::Elastic;
use super::client::{Call, Client};
use super::failure::Failure;
use super::templates::{Wanted, wanted};
use crate::error::Error;
use crate::indices::SERVICES;

/// Where a template says which version of ours it is.
const DIGEST: &str = "datapulse_digest";

/// One thing that was wanted, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Such as `index template datapulse-logs`.
    pub what: String,
    pub change: Change,
    /// As it is there; null where it isn't, or isn't to be replaced.
    pub before: Value,
    /// As it is to be.
    pub after: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Unchanged,
    /// Wasn't there.
    Made,
    /// Was there with another content.
    Replaced,
    /// Is there with another content, and stays so: what it holds would be lost.
    Kept,
    /// Was there, and is no more.
    Removed,
}

impl Elastic {
    /// Makes what is missing; with `dry_run` only says what it would do. Indices that are there
    /// stay as they are.
    ///
    /// # Errors
    /// [`Error::Refused`] where we lack a privilege, or an index of that name is of a kind that
    /// can't serve.
    pub async fn set_up(&self, retention_days: u32, dry_run: bool) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::new();
        for wanted in wanted(retention_days) {
            steps.push(match wanted {
                Wanted::Template { name, body } => {
                    template(self.client(), name, body, dry_run).await?
                }
                Wanted::Index { name, body } => index(self.client(), name, &body, dry_run).await?,
            });
        }
        Ok(steps)
    }
}

async fn template(
    client: &Client,
    name: &str,
    mut body: Value,
    dry_run: bool,
) -> Result<Step, Error> {
    let digest = Digest::of(body.to_string().as_bytes()).to_string();
    let after = flat_settings(&body);
    let mut before = Value::Null;
    body["_meta"] = json!({ "managed_by": "datapulse", DIGEST: digest });
    let path = ["_index_template", name];
    let get = Call::get(path).with("flat_settings", "true");
    let change = match client.send(&get).await {
        Ok(mut reply) => {
            before = reply.body["index_templates"][0]["index_template"].take();
            let meta = before.as_object_mut();
            let meta = meta.and_then(|fields| fields.shift_remove("_meta"));
            match meta.is_some_and(|meta| meta[DIGEST] == digest.as_str()) {
                true => Change::Unchanged,
                false => Change::Replaced,
            }
        }
        Err(Failure::Said { status: 404, .. }) => Change::Made,
        Err(failure) => return Err(failure.into()),
    };
    if change != Change::Unchanged && !dry_run {
        client.send(&Call::put(path, &body)).await?;
    }
    Ok(Step {
        what: format!("index template {name}"),
        change,
        before,
        after,
    })
}

async fn index(client: &Client, name: &str, body: &Value, dry_run: bool) -> Result<Step, Error> {
    let settings = Call::get([name, "_settings"]).with("flat_settings", "true");
    let change = match client.send(&settings).await {
        Ok(reply) => {
            check_mode(name, &reply.body)?;
            Change::Unchanged
        }
        Err(failure) if failure.is_missing_index() => Change::Made,
        Err(failure) => return Err(failure.into()),
    };
    if change == Change::Made && !dry_run {
        match client
            .send(&Call::new(Method::PUT, [name]).body(body))
            .await
        {
            Ok(_) => {}
            // Another process, or our own try that we heard nothing of, was first.
            Err(Failure::Said { kind, .. }) if kind == "resource_already_exists_exception" => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(Step {
        what: format!("index {name}"),
        change,
        before: Value::Null,
        after: flat_settings(body),
    })
}

/// A body with its settings as Elasticsearch gives them back: flat names, all of them texts.
fn flat_settings(body: &Value) -> Value {
    let mut body = body.clone();
    let within = match body["template"].is_object() {
        true => &mut body["template"]["settings"],
        false => &mut body["settings"],
    };
    if let Some(settings) = within.as_object_mut() {
        let named = std::mem::take(settings).into_iter().map(|(name, value)| {
            let name = match name.strip_prefix("index.") {
                Some(_) => name,
                None => format!("index.{name}"),
            };
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name, Value::from(text))
        });
        settings.extend(named.collect::<Vec<_>>());
    }
    body
}

/// Only a lookup index can be joined.
fn check_mode(name: &str, settings: &Value) -> Result<(), Error> {
    if name != SERVICES {
        return Ok(());
    }
    let indices = settings.as_object().into_iter().flatten();
    for (real, index) in indices {
        let mode = index["settings"]["index.mode"]
            .as_str()
            .unwrap_or("standard");
        if mode != "lookup" {
            return Err(Error::Refused(format!(
                "index {real} has index.mode {mode}, and {SERVICES} must be a lookup index: move its documents to a new one with index.mode lookup"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check_mode;

    #[test]
    fn services_must_be_a_lookup_index() {
        let lookup = json!({"lookup-services": {"settings": {"index.mode": "lookup"}}});
        assert!(check_mode("lookup-services", &lookup).is_ok());
        let plain = json!({"lookup-services": {"settings": {}}});
        let error = check_mode("lookup-services", &plain).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("index.mode standard")));
    }
}
