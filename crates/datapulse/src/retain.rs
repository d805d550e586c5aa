//! Old telemetry goes, hour by hour, where the clock may be believed.

use std::time::{Duration, Instant};

use anyhow::Result;
use casework::Clock;
use store::Telemetry;
use store::embedded::Embedded;
use store::retention::{ClockWatch, Look, Rule};

use crate::backend::Backend;

/// How often old telemetry is looked for.
const EVERY: Duration = Duration::from_secs(3_600);

/// Never ends. A cluster drops telemetry by its data streams' own lifecycle.
pub async fn retain(store: Backend, rules: Vec<Rule>) {
    let began = Instant::now();
    let mut watch = ClockWatch::default();
    loop {
        if let Some(store) = store.embedded()
            && let Err(error) = once(store, &rules, &mut watch, began).await
        {
            tracing::warn!(%error, "old telemetry can't be dropped");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn once(
    store: &Embedded,
    rules: &[Rule],
    watch: &mut ClockWatch,
    began: Instant,
) -> Result<()> {
    // A clock of its own each time: one that is kept never goes back.
    let wall = Clock::wall().now();
    let look = Look {
        wall,
        running: began.elapsed(),
    };
    let newest = store.newest("*").await?;
    let said = match watch.look(look, store.retention_seen().await?, newest) {
        Err(doubt) => {
            tracing::warn!(%doubt, "old telemetry is kept");
            format!("{wall}: {doubt}")
        }
        Ok(()) => {
            let mut dropped = store.keep(rules, wall).await?;
            for one in &dropped {
                tracing::info!(pattern = %one.pattern, documents = one.documents, bytes = one.bytes, "old telemetry was dropped");
            }
            store.see_retention(wall).await?;
            match dropped.len() {
                0 => format!("{wall}: nothing was old"),
                _ => {
                    let told = dropped
                        .drain(..)
                        .map(|one| format!("{} documents of {}", one.documents, one.pattern));
                    format!("{wall}: dropped {}", told.collect::<Vec<_>>().join(", "))
                }
            }
        }
    };
    store.say_retention(&said).await?;
    Ok(())
}
