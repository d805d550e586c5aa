//! How far it is, on stderr: a bar on a terminal, else a line now and then.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinSet;

/// Lines at most where there is no terminal.
const LINES: usize = 10;

/// Works on every item, as many at once as there are cores; what comes of them, in their order.
///
/// # Errors
/// The first of an item.
pub async fn each<T, O, W>(items: Vec<T>, work: impl Fn(T) -> W) -> Result<Vec<O>>
where
    O: Send + 'static,
    W: Future<Output = Result<O>> + Send + 'static,
{
    let mut progress = Progress::new(items.len());
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut waiting = items.into_iter().enumerate();
    let mut working = JoinSet::new();
    let mut ready = BTreeMap::new();
    loop {
        while working.len() < at_once
            && let Some((place, item)) = waiting.next()
        {
            let done = work(item);
            working.spawn(async move { (place, done.await) });
        }
        let Some(done) = working.join_next().await else {
            break;
        };
        let (place, outcome) = done.context("a run ended badly")?;
        ready.insert(place, outcome?);
        progress.step();
    }
    progress.end();
    Ok(ready.into_values().collect())
}

pub struct Progress {
    bar: ProgressBar,
    done: usize,
    all: usize,
}

impl Progress {
    pub fn new(all: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(all as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} cases, {eta} left")
        {
            bar.set_style(style);
        }
        Self { bar, done: 0, all }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.done += 1;
        self.bar.inc(1);
        let lines = |done: usize| done * LINES / self.all.max(1);
        if self.bar.is_hidden() && lines(self.done) > lines(self.done - 1) {
            eprintln!("{} of {} cases", self.done, self.all);
        }
    }

    /// A line beside the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
