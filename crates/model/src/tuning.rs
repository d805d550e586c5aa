//! The tuned numbers, all of them, in one versioned file.
//!
//! What is here was found by `cargo xtask tune` on recorded incidents, recorded series and runs of
//! the simulator. Whoever decides with them gets them as a value; the file that is built in is
//! [`embedded`].

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The version that this code reads.
pub const VERSION: u32 = 1;
/// Bytes of a file with other numbers.
pub const MAX_FILE: u64 = 64 << 10;

const EMBEDDED: &str = include_str!("../tuning.toml");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    pub version: u32,
    pub made: Made,
    pub cause: CauseWeights,
    pub change: ChangeWeights,
    pub confidence: ConfidenceCurve,
    pub series: SeriesDetector,
}

/// Where the numbers come from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    pub by: String,
    #[serde(default)]
    pub seed: Option<u64>,
    /// Candidates that were tried.
    #[serde(default)]
    pub rounds: Option<u64>,
    /// Suites of incidents that causes, changes and confidences were found on.
    #[serde(default)]
    pub suites: Vec<String>,
    /// Suites that the detector of series was found on.
    #[serde(default)]
    pub series: Vec<String>,
    /// What they were not to see.
    #[serde(default)]
    pub left_out: Option<String>,
    /// Seeds of the simulator's runs among them.
    #[serde(default)]
    pub simulator_seeds: Vec<u64>,
}

/// What a signal's full word weighs, and the value at which it says half of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalWeight {
    pub weight: f64,
    pub half: f64,
}

/// How signals of a service add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseWeights {
    /// The farthest deviation of its metrics.
    pub most: SignalWeight,
    /// The deviation that lasts.
    pub lasting: SignalWeight,
    /// The deviation that goes with the alarm.
    pub follows: SignalWeight,
    /// Successions within requests whose frequency changed.
    pub shifts: SignalWeight,
    /// Time added within its spans.
    pub own_time: SignalWeight,
    /// Time added between it and its neighbours.
    pub edges: SignalWeight,
    /// Share of the alarm that it accounts for.
    pub impact: SignalWeight,
    /// What a succession's statistic reaches by chance, as many as there are.
    pub chance_shift: f64,
    /// ln(1 + z) of a series that never varied before: that it does now is news, how much can't be
    /// told.
    pub news: f64,
    /// ln(1 + z) from which a series counts as one of many.
    pub one_of_many: f64,
    /// What a wait speaks against the one who calls, of what it speaks against the one who is called:
    /// where each has no other edge, the called one is the likelier.
    pub callers_share: f64,
    /// What a shift between two usual successions counts of its statistic.
    pub mix: f64,
    /// What lies off the alarming service's call paths may still be its cause: graphs have gaps.
    pub off_path: f64,
    /// A dependency's strength from which it outweighs its caller.
    pub outside: f64,
    /// Times the usual requests from which load outweighs the service that breaks under it.
    pub surge: f64,
}

/// How guilty a change looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeWeights {
    /// An alarming service is in trouble this much, whatever its own signals say.
    pub alarming: f64,
    /// Half of what recency weighs is gone after so many minutes.
    pub half_life_min: f64,
    /// A change that was never rolled out to a service is an unlikely cause.
    pub not_rolled_out: f64,
    /// How sure it is that a commit went out with the service whose folder it touches.
    pub carried: f64,
    /// What healthy lines say too says little of the failure.
    pub said_in_health: f64,
    /// A change that touches only what doesn't run in a service.
    pub inert: f64,
    /// What a change counts whose diff does nothing to what runs; one that isn't known counts 1.
    pub harmless: f64,
    /// What one counts whose diff surely does something.
    pub felt: f64,
    /// Rare words in common that make half of the full overlap.
    pub half_overlap: f64,
    /// A guilty change's score at least.
    pub min_guilt: f64,
    /// Share of failures that tell of an operational cause, or of overload, from which no change is
    /// to blame.
    pub told: f64,
}

/// Logistic curves: how sure the first answer is.
///
/// Of a cause: over the weight of the evidence, and over lead and agreement as far as there is
/// weight, for a wide lead in noise is no knowledge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfidenceCurve {
    pub base: f64,
    pub weight: f64,
    pub lead: f64,
    pub agreement: f64,
    /// The score at which evidence has half its full weight.
    pub half_weight: f64,
    /// What the runners-up may have of the rest.
    pub rest: f64,
    /// That no change is to blame, by the share of failures that tell of another cause.
    pub none_base: f64,
    pub none_told: f64,
    /// That the only guilty change is, by its score.
    pub only_base: f64,
    pub only_score: f64,
    /// That the first of several is, by its score and its lead.
    pub first_base: f64,
    pub first_score: f64,
    pub first_lead: f64,
}

/// The detector of anomalies in series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesDetector {
    /// Values before a deviation says anything.
    pub min_values: f64,
    /// How fast usual deviations are learned, and how many of them one deviation counts at most.
    pub scale_rate: f64,
    pub max_learned: f64,
    /// Usual deviations are at least this share of the level: what is less is no matter.
    pub min_scale: f64,
    /// What a fall counts of a rise.
    pub fall: f64,
    /// Values in the mean of the last few and of the last many.
    pub few: f64,
    pub many: f64,
    /// What the surprise of each is lessened by.
    pub less_few: f64,
    pub less_many: f64,
    pub less_noise: f64,
    /// Weight of all of them together, beside the largest alone.
    pub together: f64,
    /// Surprise that makes a score of one half.
    pub half: f64,
    /// How fast each level and a season's slot follow, a value.
    pub now_rate: f64,
    pub long_rate: f64,
    pub slot_rate: f64,
    /// How much better forecasts count for more.
    pub better: f64,
    /// How fast the border of the ordinary moves, in logarithms a deviation beyond it.
    pub border_rate: f64,
    /// The border before anything was seen, in mean absolute deviations.
    pub first_border: f64,
    /// Mean logarithm by which deviations beyond the border exceed it: how fast it is learned, what it
    /// is before anything was seen, at least, and what one deviation adds at most.
    pub excess_rate: f64,
    pub first_excess: f64,
    pub min_excess: f64,
    pub max_excess: f64,
    /// Weight of how rare a deviation is; the rest weighs how large.
    pub rare: f64,
    /// Surprise that is an alarm.
    pub alarm: f64,
    /// What each alarm adds to what the next one needs, and the share of its surprise that the next
    /// one needs at least.
    pub more: f64,
    pub share: f64,
    /// Points and hours in which that goes down to a third (by e).
    pub points: f64,
    pub hours: f64,
    /// Points after an alarm in which only a surprise that is greater by `rise` is one.
    pub quiet_points: f64,
    pub rise: f64,
    /// Points count for more where they are rare: by this power of their distance to five minutes.
    pub stretch: f64,
}

/// Why a file of numbers can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unusable {
    #[error("{0}")]
    Unreadable(String),
    #[error(
        "version {found}: this binary reads version {VERSION}; make the file anew by `cargo xtask tune`"
    )]
    Version { found: u32 },
    #[error("{path} = {value}: expected a finite number")]
    NotFinite { path: String, value: f64 },
}

impl Tuning {
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let unreadable = |error: toml::de::Error| Unusable::Unreadable(error.to_string());
        let tuning: Self = toml::from_str(text).map_err(unreadable)?;
        if tuning.version != VERSION {
            let found = tuning.version;
            return Err(Unusable::Version { found });
        }
        let wrong = tuning.numbers().into_iter().find(|one| !one.1.is_finite());
        match wrong {
            Some((path, value)) => Err(Unusable::NotFinite { path, value }),
            None => Ok(tuning),
        }
    }

    /// Every tuned number with its path, as `cause.most.weight`: all that have a fraction.
    pub fn numbers(&self) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        if let Ok(toml::Value::Table(table)) = toml::Value::try_from(self) {
            for (name, value) in &table {
                collect(name, value, &mut found);
            }
        }
        found
    }

    /// With other numbers, by path; a path that isn't there is left out.
    #[must_use]
    pub fn with(&self, numbers: &[(String, f64)]) -> Self {
        let Ok(mut value) = toml::Value::try_from(self) else {
            return self.clone();
        };
        for (path, number) in numbers {
            let place = path
                .split('.')
                .try_fold(&mut value, |at, name| at.get_mut(name));
            if let Some(place @ toml::Value::Float(_)) = place {
                *place = toml::Value::Float(*number);
            }
        }
        value.try_into().unwrap_or_else(|_| self.clone())
    }

    /// As a file holds it.
    pub fn to_text(&self) -> Result<String, Unusable> {
        toml::to_string(self).map_err(|error| Unusable::Unreadable(error.to_string()))
    }
}

fn collect(path: &str, value: &toml::Value, found: &mut Vec<(String, f64)>) {
    match value {
        toml::Value::Float(number) => found.push((path.to_owned(), *number)),
        toml::Value::Table(table) => {
            for (name, value) in table {
                collect(&format!("{path}.{name}"), value, found);
            }
        }
        _ => {}
    }
}

/// The numbers that are built in.
///
/// # Panics
/// Never in a binary whose tests passed: the file is part of it.
#[expect(clippy::expect_used, reason = "a constant text")]
pub fn embedded() -> &'static Tuning {
    static TUNING: OnceLock<Tuning> = OnceLock::new();
    TUNING.get_or_init(|| Tuning::parse(EMBEDDED).expect("the tuning file that is built in"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_is_built_in_is_read_and_written_alike() {
        let tuning = embedded();
        let text = tuning.to_text().expect("is written");
        assert_eq!(Tuning::parse(&text).expect("is read"), *tuning);
        assert!(tuning.numbers().len() > 70, "{}", tuning.numbers().len());
    }

    #[test]
    fn numbers_are_exchanged_by_path() {
        let other = embedded().with(&[
            ("cause.most.weight".to_owned(), 2.5),
            ("series.fall".to_owned(), 0.5),
            ("made.by".to_owned(), 1.0),
            ("nowhere".to_owned(), 1.0),
        ]);
        assert_eq!(other.cause.most.weight, 2.5);
        assert_eq!(other.series.fall, 0.5);
        assert_eq!(other.made, embedded().made);
    }

    #[test]
    fn what_can_not_be_used_says_why() {
        let text = embedded().to_text().expect("is written");
        let said = |text: &str| Tuning::parse(text).expect_err("refused").to_string();
        let old = said(&text.replace("version = 1", "version = 7"));
        assert!(old.contains("version 7"), "{old}");
        let unknown = said(&format!("{text}\nnews = 1.0\n"));
        assert!(unknown.contains("news"), "{unknown}");
        let fall = format!("fall = {}", embedded().series.fall);
        let infinite = said(&text.replace(&fall, "fall = inf"));
        assert!(infinite.contains("series.fall"), "{infinite}");
    }
}
