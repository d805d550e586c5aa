//! `datapulse query`: ES|QL through the server that holds the folder, on the folder itself, or on
//! documents of other folders.

use anyhow::Result;
use esql::{Parameter, ParameterKind, Request};
use serde_json::{Value, json};
use store::Telemetry;

use crate::arguments::{Format, Output, Query};
use crate::client::{Client, parameters};
use crate::context::Context as Here;
use crate::import;
use crate::progress::during;
use crate::refusal::of_status;

pub async fn run(here: &Here, query: Query) -> Result<u8> {
    let params = parameters(&query.parameters)?;
    let format = match here.output {
        Output::Json => Format::Json,
        Output::Text => query.format,
    };
    let (text, warnings) = match here.find_server()? {
        Some(server) if query.import.is_empty() => {
            by_server(&server, &query.text, params, format).await?
        }
        _ => by_itself(here, query, params, format).await?,
    };
    print!("{text}");
    if !text.ends_with('\n') {
        println!();
    }
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    Ok(0)
}

type Given = indexmap::IndexMap<String, Value>;

async fn by_server(
    server: &Client,
    text: &str,
    params: Given,
    format: Format,
) -> Result<(String, Vec<String>)> {
    let params: Vec<Value> = params
        .into_iter()
        .map(|(name, value)| json!({ name: value }))
        .collect();
    let accept = match format {
        Format::Txt => "text/plain",
        Format::Csv => "text/csv",
        Format::Json => "application/json",
    };
    server
        .query(&json!({ "query": text, "params": params }), accept)
        .await
}

async fn by_itself(
    here: &Here,
    query: Query,
    params: Given,
    format: Format,
) -> Result<(String, Vec<String>)> {
    let params = params
        .into_iter()
        .map(|(name, value)| Parameter {
            name: Some(name),
            kind: ParameterKind::Value(value),
        })
        .collect();
    let request = Request {
        query: query.text,
        params,
        now_ms: casework::Clock::wall().now().ms(),
        ..Request::default()
    };
    let asking = async {
        if query.import.is_empty() {
            let store = here.reading().await?;
            return anyhow::Ok(store.telemetry().query(&request).await);
        }
        let imported = import::folders(&query.import, None).await?;
        Ok(imported.store.query(&request).await)
    };
    let answer = match during("asking the store", asking).await? {
        Err(store::Error::Query(error)) => {
            return Err(of_status(error.status(), error.to_string()));
        }
        other => other?,
    };
    let text = match format {
        Format::Txt => esql::answer::to_txt(&answer),
        Format::Csv => esql::answer::to_csv(&answer),
        Format::Json => esql::answer::to_json(&answer, false, false).to_string(),
    };
    Ok((text, answer.warnings))
}
