//! `datapulse backtest`: Sentinel and Analyst on the store's past, at a clock that runs through
//! it: which incidents they would have opened, which of those that people know they would have
//! missed, and what a changed rule would have made of it.
//!
//! Reads only: incidents go into a journal that is gone afterwards. A document that came late is
//! seen as if it had been in time, for the store doesn't say when it came.

use std::path::Path;

use anyhow::{Context as _, Result};
use casework::Clock;
use serde_json::json;

use crate::arguments::{Backtest, Output};
use crate::context::Context as Here;
use crate::print;
use crate::refusal::wrong_use;
use compare::{Comparison, Known};
use span::Span;

mod compare;
mod known;
mod replay;
mod rule;
mod span;
mod table;

pub async fn run(here: &Here, command: Backtest) -> Result<u8> {
    let now = Clock::wall().now();
    let span = Span::new(&command.since, command.until.as_deref(), now).map_err(wrong_use)?;
    let own = here.configuration.sentinel.clone();
    let changed = match &command.rule {
        Some(path) => Some(rule::read(&own, path)?),
        None => None,
    };
    let store = here.reading().await?;
    let known = known::read(here, &store, &span).await?;
    let mut columns = vec![column(here, &store, "as configured", own, &span, &known).await?];
    if let Some(settings) = changed {
        let name = shown(command.rule.as_deref());
        columns.push(column(here, &store, &name, settings, &span, &known).await?);
    }
    if here.output == Output::Json {
        print::json(&json!({ "from": span.from, "to": span.to, "rules": columns }))?;
    } else {
        println!("{}", table::of(&span, &known, &columns));
    }
    Ok(0)
}

fn shown(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| path.display().to_string())
}

/// What one set of rules would have made of the span.
async fn column(
    here: &Here,
    store: &crate::backend::Backend,
    name: &str,
    settings: sentinel::Settings,
    span: &Span,
    known: &[Known],
) -> Result<Comparison> {
    let opened = replay::play(here, store, settings, span)
        .await
        .with_context(|| format!("replaying {name}"))?;
    Ok(compare::compare(name, &opened, known, span))
}
