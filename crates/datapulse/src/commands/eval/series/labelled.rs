//! A suite of series with its labels, whole in memory: for a search that scores it again and again.

use std::path::Path;

use anyhow::Result;

use super::score::{Scored, main_figure};
use super::suite::{self, Suite, Windows};
use super::{Point, metrics};
use crate::commands::eval::source;

pub struct Labelled {
    pub suite: Suite,
    pub series: Vec<Recorded>,
    windows: Windows,
}

/// One series.
pub struct Recorded {
    name: String,
    pub metrics: usize,
    /// Seconds since 1970.
    pub at_s: Vec<i64>,
    /// Of each metric.
    pub values: Vec<Vec<Option<f64>>>,
}

/// Suites without labels are left out.
pub fn labelled(dir: &Path) -> Result<Vec<Labelled>> {
    let mut found = Vec::new();
    for suite in suite::find(dir)? {
        let Some(windows) = suite.windows()? else {
            continue;
        };
        let each = suite.series.iter();
        let series = each.map(|name| read(&suite, name)).collect::<Result<_>>()?;
        found.push(Labelled {
            suite,
            series,
            windows,
        });
    }
    Ok(found)
}

fn read(suite: &Suite, name: &str) -> Result<Recorded> {
    let mut recorded = Recorded {
        name: name.to_owned(),
        metrics: 0,
        at_s: Vec::new(),
        values: Vec::new(),
    };
    source::each_line(&source::find(&suite.folder, name)?, |line| {
        if recorded.metrics == 0 {
            recorded.metrics = metrics(line)?.len();
            return Ok(());
        }
        let point = Point::read(line, recorded.metrics)?;
        recorded.at_s.push(point.at_s);
        recorded.values.push(point.values);
        Ok(())
    })?;
    Ok(recorded)
}

impl Labelled {
    /// The suite's first measure with these scores of its series, 0 to 1, and the threshold that is
    /// best for it.
    pub fn figure(&self, scores: &[Vec<f64>]) -> (f64, f64) {
        let one = |(series, scores): (&Recorded, &Vec<f64>)| {
            let (suite, windows) = (&self.suite, &self.windows);
            Scored::of(suite, windows, &series.name, &series.at_s, scores.clone())
        };
        let scored: Vec<Scored> = self.series.iter().zip(scores).map(one).collect();
        main_figure(&self.suite, &scored)
    }
}
