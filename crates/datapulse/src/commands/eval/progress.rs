//! How far it is, on stderr: a bar on a terminal, else a line now and then.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Lines at most where there is no terminal.
const LINES: usize = 10;

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
