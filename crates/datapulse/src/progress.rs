//! Says on stderr what is being waited for, once it takes longer than a second.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

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
