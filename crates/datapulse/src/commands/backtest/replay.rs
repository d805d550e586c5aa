//! The past, tick by tick: the same Sentinel and Analyst as `serve` runs, on a clock that stands at
//! each tick in turn, with a journal of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use analyst::Analyst;
use anyhow::{Context as _, Result};
use bus::Bus;
use casework::{Casework, Clock, Toolbox};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{IncidentId, Timestamp};
use sentinel::Sentinel;

use super::compare::Opened;
use super::span::Span;
use crate::backend::Backend;
use crate::context::Context as Here;
use crate::import;

/// Time that one investigation may take here: a slow machine must not change an answer.
const BUDGET: Duration = Duration::from_secs(600);
/// How often it says how far it is where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub async fn play(
    here: &Here,
    store: &Backend,
    settings: sentinel::Settings,
    span: &Span,
) -> Result<Vec<Opened>> {
    let journal = import::empty().await?;
    let casework = Casework::new(
        Arc::new(journal.store.clone()),
        store.telemetry(),
        store.knowledge(),
        Bus::memory(),
        Clock::manual(span.from),
        here.configuration.policy.clone(),
        Toolbox::embedded().map_err(anyhow::Error::msg)?,
    );
    let step = settings.interval_ms;
    let sentinel = Sentinel::new(casework.clone(), settings);
    let analyst = Analyst::with_budget(casework.clone(), BUDGET);
    let mut tick = sentinel::detect::scheduled(span.from, step);
    let ticks = ((span.to.ms() - tick.ms()) / step).unsigned_abs();
    let mut progress = Progress::new(ticks);
    let mut seen: BTreeMap<IncidentId, Timestamp> = BTreeMap::new();
    let mut explained: BTreeSet<IncidentId> = BTreeSet::new();
    while tick.plus_ms(step) <= span.to {
        tick = tick.plus_ms(step);
        casework.clock().set(tick);
        let ticked = sentinel
            .look()
            .await
            .with_context(|| format!("Sentinel's tick at {tick}"))?;
        for id in ticked.opened {
            seen.entry(id.clone()).or_insert(tick);
            let incident = casework.incident(&id).await?;
            if explained.insert(id) {
                analyst.explain(&incident).await?;
            }
        }
        progress.step(seen.len());
    }
    progress.end();
    let mut opened = Vec::new();
    for (id, at) in seen {
        let incident = casework.incident(&id).await?;
        opened.push(Opened::of(&incident, at));
    }
    opened.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok(opened)
}

struct Progress {
    bar: ProgressBar,
    said: Instant,
}

impl Progress {
    fn new(all: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos} of {len} ticks, {msg}, {eta} left")
        {
            bar.set_style(style);
        }
        Self {
            bar,
            said: Instant::now(),
        }
    }

    fn step(&mut self, incidents: usize) {
        self.bar.set_message(format!("{incidents} incidents"));
        self.bar.inc(1);
        if self.bar.is_hidden() && self.said.elapsed() >= LINE_EVERY {
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            eprintln!("{done} of {all} ticks, {incidents} incidents");
            self.said = Instant::now();
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
