//! The score of the Numenta Anomaly Benchmark (Lavin & Ahmad, ICMLA 2015): each labelled window's
//! earliest alarm counts the more the earlier it is, each alarm outside takes off, and so does
//! each window that is missed. 100 is an alarm at the start of each window and no other, 0 is no
//! alarm at all.

use super::score::Scored;

/// Share of a file's rows that is not scored, and rows of it at most.
const PROBATION_PERCENT: usize = 15;
const MAX_PROBATION: usize = 750;
/// How steep the score falls around a window's end, and how many windows behind it it is at its
/// lowest.
const STEEPNESS: f64 = 5.0;
const FAR: f64 = 3.0;

/// What a false alarm and a missed window cost; a window found at its start counts 1.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    pub false_alarm: f64,
    pub miss: f64,
}

pub const STANDARD: Profile = Profile {
    false_alarm: 0.11,
    miss: 1.0,
};
pub const LOW_FALSE_POSITIVE: Profile = Profile {
    false_alarm: 0.22,
    miss: 1.0,
};
pub const LOW_FALSE_NEGATIVE: Profile = Profile {
    false_alarm: 0.11,
    miss: 2.0,
};

/// One row that may be an alarm.
struct Row {
    score: f64,
    window: Option<usize>,
    worth: f64,
}

/// One file's rows above 0, with what each is worth as an alarm.
pub struct File {
    rows: Vec<Row>,
    windows: usize,
}

/// At -1 (a window's start) highest, at 0 (its end) nothing, behind it less than nothing.
fn sigmoid(position: f64) -> f64 {
    match position > FAR {
        true => -1.0,
        false => 2.0 / (1.0 + (STEEPNESS * position).exp()) - 1.0,
    }
}

impl File {
    pub fn new(series: &Scored) -> Self {
        let count = series.scores.len();
        let probation = (count * PROBATION_PERCENT / 100).min(MAX_PROBATION);
        let mut rows = Vec::new();
        let mut before: Option<(usize, usize)> = None;
        for (index, score) in series.scores.iter().enumerate() {
            let window = series
                .windows
                .iter()
                .position(|window| window.contains(&index));
            let worth = match (window, before) {
                (Some(window), _) => {
                    let (first, last) = series.windows[window].clone().into_inner();
                    before = Some((first, last));
                    let width = (last - first + 1) as f64;
                    sigmoid(-((last - index + 1) as f64) / width) / sigmoid(-1.0)
                }
                (None, Some((first, last))) => {
                    let width = ((last - first) as f64).max(1.0);
                    sigmoid((index - last) as f64 / width)
                }
                (None, None) => -1.0,
            };
            if index >= probation && *score > 0.0 {
                rows.push(Row {
                    score: *score,
                    window,
                    worth,
                });
            }
        }
        let counted = series
            .windows
            .iter()
            .filter(|window| *window.end() >= probation);
        Self {
            rows,
            windows: counted.count(),
        }
    }

    fn raw(&self, threshold: f64, profile: Profile) -> f64 {
        let mut found: std::collections::BTreeMap<usize, f64> = Default::default();
        let mut sum = 0.0;
        for row in self.rows.iter().filter(|row| row.score >= threshold) {
            match row.window {
                Some(window) => {
                    let best = found.entry(window).or_insert(row.worth);
                    *best = best.max(row.worth);
                }
                None => sum += profile.false_alarm * row.worth,
            }
        }
        let missed = self.windows.saturating_sub(found.len());
        sum + found.values().sum::<f64>() - profile.miss * missed as f64
    }
}

/// The score of several files with one threshold; none where there is no window.
pub fn score(files: &[File], threshold: f64, profile: Profile) -> Option<f64> {
    let windows: usize = files.iter().map(|file| file.windows).sum();
    let raw: f64 = files.iter().map(|file| file.raw(threshold, profile)).sum();
    let lowest = -profile.miss * windows as f64;
    (windows > 0).then(|| 100.0 * (raw - lowest) / (windows as f64 - lowest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1000 rows with a window of 100, and alarms at these rows.
    fn file(alarms: &[usize]) -> File {
        let at_s: Vec<i64> = (0..1000).collect();
        let mut scores = vec![0.0; 1000];
        for alarm in alarms {
            scores[*alarm] = 0.9;
        }
        File::new(&Scored::new(&at_s, scores, &[(500, 599)], None))
    }

    fn standard(alarms: &[usize]) -> f64 {
        score(&[file(alarms)], 0.5, STANDARD).expect("a window")
    }

    #[test]
    fn the_ends_of_the_scale_are_where_the_benchmark_has_them() {
        assert!((standard(&[500]) - 100.0).abs() < 1e-9);
        assert_eq!(standard(&[]), 0.0);
        assert_eq!(standard(&[10]), 0.0, "a row of the probation is not scored");
    }

    #[test]
    fn early_is_better_and_false_alarms_cost() {
        assert!(standard(&[500]) > standard(&[590]));
        // Of a window only the earliest counts.
        assert_eq!(standard(&[520, 530]), standard(&[520]));
        // The last row of a window is worth 2 / (1 + e^-0.05) - 1 of 2 / (1 + e^-5) - 1.
        let last = (2.0 / (1.0 + (-0.05_f64).exp()) - 1.0) / (2.0 / (1.0 + (-5.0_f64).exp()) - 1.0);
        assert!((standard(&[599]) - 50.0 * (1.0 + last)).abs() < 1e-9);
        // Long before a window an alarm costs all of it.
        assert!((standard(&[200, 500]) - (100.0 - 50.0 * 0.11)).abs() < 1e-9);
        // Right behind a window it costs nearly nothing.
        assert!(standard(&[500, 600]) > 99.8);
        let twice = score(&[file(&[200, 500])], 0.5, LOW_FALSE_POSITIVE).expect("a window");
        assert!((twice - (100.0 - 50.0 * 0.22)).abs() < 1e-9);
    }
}
