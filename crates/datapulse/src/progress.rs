//! Says on stderr what is being waited for, once it takes longer than a second.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use crate::print::bytes;

/// Nothing is said of what is done sooner.
const PATIENCE: Duration = Duration::from_secs(1);
/// Where nobody watches, such as in a job's log, a line is written this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
const SPIN_EVERY: Duration = Duration::from_millis(100);

/// Waits for it, and says so where it takes long.
pub async fn during<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let _progress = Progress::of(what);
    work.await
}

/// Ends, and clears its line, when it is dropped.
pub struct Progress {
    telling: JoinHandle<()>,
    spinner: ProgressBar,
}

impl Progress {
    /// Begins to wait for `what`, such as `asking the store`.
    pub fn of(what: &'static str) -> Self {
        // Draws on stderr, and only where that is a terminal.
        let spinner = ProgressBar::new_spinner();
        let telling = tokio::spawn(tell(what, spinner.clone()));
        Self { telling, spinner }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.telling.abort();
        self.spinner.finish_and_clear();
    }
}

async fn tell(what: &'static str, spinner: ProgressBar) {
    let began = Instant::now();
    tokio::time::sleep(PATIENCE).await;
    if std::io::stderr().is_terminal() {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.set_message(what);
        spinner.enable_steady_tick(SPIN_EVERY);
        return;
    }
    loop {
        eprintln!("{what}: {} s", began.elapsed().as_secs());
        tokio::time::sleep(LINE_EVERY).await;
    }
}

/// How many bytes of how many are done, told like the rest; ends when it is dropped.
pub struct Bytes {
    seen: Arc<(AtomicU64, AtomicU64)>,
    telling: JoinHandle<()>,
    bar: ProgressBar,
}

impl Bytes {
    /// `done` is what was done to them, such as `copied`.
    pub fn of(done: &'static str) -> Self {
        let bar = ProgressBar::hidden();
        let seen = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let telling = tokio::spawn(tell_bytes(done, seen.clone(), bar.clone()));
        Self { seen, telling, bar }
    }

    /// What is to be called with bytes done and all bytes.
    pub fn watch(&self) -> impl Fn(u64, u64) + Send + Sync + 'static {
        let seen = self.seen.clone();
        move |done, all| {
            seen.0.store(done, Ordering::Relaxed);
            seen.1.store(all, Ordering::Relaxed);
        }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.telling.abort();
        self.bar.finish_and_clear();
    }
}

async fn tell_bytes(done: &'static str, seen: Arc<(AtomicU64, AtomicU64)>, bar: ProgressBar) {
    let began = Instant::now();
    tokio::time::sleep(PATIENCE).await;
    let terminal = std::io::stderr().is_terminal();
    if terminal {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes} {msg}, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message(done);
    }
    loop {
        let (now, all) = (
            seen.0.load(Ordering::Relaxed),
            seen.1.load(Ordering::Relaxed),
        );
        if terminal {
            bar.set_length(all);
            bar.set_position(now);
            tokio::time::sleep(SPIN_EVERY).await;
        } else {
            let elapsed = began.elapsed().as_secs();
            eprintln!("{} of {} {done}: {elapsed} s", bytes(now), bytes(all));
            tokio::time::sleep(LINE_EVERY).await;
        }
    }
}
