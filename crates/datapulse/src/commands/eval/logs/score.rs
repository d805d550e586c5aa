//! How well templates were found, by the four figures of log parsing (Khan et al., ICSE 2022;
//! Jiang et al., ISSTA 2024).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Lines in a group that holds the very lines of a labelled template.
    pub ga: f64,
    /// F1 over templates: groups that hold the very lines of a labelled template.
    pub fga: f64,
    /// Lines whose template is the labelled one to the letter.
    pub pa: f64,
    /// F1 over templates: all lines have the same label, and it is the template to the letter.
    pub fta: f64,
}

impl Score {
    /// Of one template a line, with one label a line.
    pub fn of(templates: &[String], labels: &[String]) -> Self {
        let (found, labelled) = (groups(templates), groups(labels));
        let right: BTreeSet<&Vec<usize>> = labelled.values().collect();
        let (mut lines, mut whole, mut exact) = (0, 0, 0);
        for (template, group) in &found {
            if right.contains(group) {
                lines += group.len();
                whole += 1;
            }
            if group.iter().all(|line| labels[*line] == *template) {
                exact += 1;
            }
        }
        let equal = templates.iter().zip(labels).filter(|(a, b)| a == b).count();
        let share = |part: usize| part as f64 / labels.len().max(1) as f64;
        let f1 = |part: usize| 2.0 * part as f64 / (found.len() + labelled.len()).max(1) as f64;
        Self {
            ga: share(lines),
            fga: f1(whole),
            pa: share(equal),
            fta: f1(exact),
        }
    }

    pub fn figures(&self) -> [f64; 4] {
        [self.ga, self.fga, self.pa, self.fta]
    }
}

/// Each system counts the same.
pub fn mean(scores: impl Iterator<Item = Score>) -> Option<Score> {
    let scores: Vec<Score> = scores.collect();
    let mean = |figure: usize| {
        let sum: f64 = scores.iter().map(|score| score.figures()[figure]).sum();
        sum / scores.len() as f64
    };
    (!scores.is_empty()).then(|| Score {
        ga: mean(0),
        fga: mean(1),
        pa: mean(2),
        fta: mean(3),
    })
}

/// The lines of each text.
fn groups(texts: &[String]) -> BTreeMap<&str, Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (line, text) in texts.iter().enumerate() {
        groups.entry(text).or_default().push(line);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn figures_are_counted_as_their_papers_say() {
        let labels = texts(&["a <*>", "a <*>", "b", "b", "c"]);
        assert_eq!(Score::of(&labels, &labels).figures(), [1.0; 4]);

        // Both lines of b are together but not to the letter, and a is in two.
        let found = texts(&["a <*>", "a 2", "<*>", "<*>", "c"]);
        let score = Score::of(&found, &labels);
        assert_eq!(score.ga, 3.0 / 5.0);
        assert_eq!(score.fga, 2.0 * 2.0 / (4 + 3) as f64);
        assert_eq!(score.pa, 2.0 / 5.0);
        // A part of a's lines with a's template counts as exact.
        assert_eq!(score.fta, 2.0 * 2.0 / (4 + 3) as f64);
    }

    #[test]
    fn each_system_counts_the_same() {
        let one = Score {
            ga: 1.0,
            fga: 1.0,
            pa: 1.0,
            fta: 1.0,
        };
        let none = Score {
            ga: 0.0,
            fga: 0.5,
            pa: 0.0,
            fta: 0.0,
        };
        let both = mean([one, none].into_iter()).expect("two scores");
        assert_eq!(both.figures(), [0.5, 0.75, 0.5, 0.5]);
        assert!(mean(std::iter::empty()).is_none());
    }
}
