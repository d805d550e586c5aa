//! The scores for people.

use std::collections::BTreeSet;

use super::cases::Case;
use super::score::Score;
use crate::arguments::Mode;
use crate::print;

const HEAD: [&str; 13] = [
    "mode", "suite", "fault", "cases", "AC@1", "chance", "AC@3", "chance", "AC@5", "chance",
    "Avg@5", "Brier", "p95 ms",
];

pub fn of(scores: &[Score], cases: &[Case]) -> String {
    if scores.is_empty() {
        return format!(
            "{} cases answered; no truth.json lies beside them, so there is nothing to score with",
            cases.len()
        );
    }
    let found = scores.iter().any(|score| score.mode == Mode::Found);
    let mut head = HEAD.to_vec();
    if found {
        head.extend(["found in time", "false alarms"]);
    }
    let rows = scores.iter().map(|score| row(score, found)).collect();
    let mut text = print::table(&head, rows);
    let scored = scored(scores);
    if scored < cases.len() {
        let without = cases.len() - scored;
        text.push_str(&format!(
            "\n{without} cases have no truth.json and are not scored"
        ));
    }
    text
}

fn row(score: &Score, found: bool) -> Vec<String> {
    let two = |number: f64| format!("{number:.2}");
    let (ours, chance) = (score.accuracy, score.chance);
    let mut row = vec![
        score.mode.name().to_owned(),
        score.suite.clone(),
        score.fault.clone().unwrap_or_else(|| "all".to_owned()),
        score.cases.to_string(),
        two(ours.ac_at_1),
        two(chance.ac_at_1),
        two(ours.ac_at_3),
        two(chance.ac_at_3),
        two(ours.ac_at_5),
        two(chance.ac_at_5),
        two(ours.avg_at_5),
        format!("{:.3}", score.brier),
        score.p95_ms.to_string(),
    ];
    if found {
        let detected = score.detected.map(two);
        let false_alarms = score.false_alarms.map(|count| count.to_string());
        row.extend([detected, false_alarms].map(|cell| cell.unwrap_or_default()));
    }
    row
}

/// Cases with truth: those of any one mode, over its suites.
fn scored(scores: &[Score]) -> usize {
    let modes: BTreeSet<Mode> = scores.iter().map(|score| score.mode).collect();
    let of = |mode: &Mode| {
        let suites = scores
            .iter()
            .filter(|score| score.mode == *mode && score.fault.is_none());
        suites.map(|score| score.cases).sum()
    };
    modes.iter().map(of).max().unwrap_or(0)
}
