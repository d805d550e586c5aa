//! How many documents so far, on stderr: a line that is rewritten on a terminal, else one now and
//! then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nothing is said of what is done sooner, nor more often where nobody watches.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub struct Counted {
    what: &'static str,
    bar: ProgressBar,
    said: Instant,
    began: Instant,
    count: u64,
}

impl Counted {
    /// `what` is such as `imported`.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} {human_pos} documents, {per_sec}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self {
            what,
            bar,
            said: Instant::now(),
            began: Instant::now(),
            count: 0,
        }
    }

    pub fn add(&mut self, count: u64) {
        self.count += count;
        self.bar.set_position(self.count);
        if self.bar.is_hidden() && self.said.elapsed() >= LINE_EVERY {
            self.said = Instant::now();
            let seconds = self.began.elapsed().as_secs();
            eprintln!("{} {} documents in {seconds} s", self.what, self.count);
        }
    }

    /// A line of its own beside it.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
