//! Where every search begins: round numbers, set by what they mean and by no suite, so that a suite
//! that is left out has no part in them.

use model::tuning::Tuning;

/// By path.
const ROUND: [(&str, f64); 46] = [
    ("cause.most.weight", 1.0),
    ("cause.most.half", 3.0),
    ("cause.lasting.weight", 1.0),
    ("cause.lasting.half", 3.0),
    ("cause.follows.weight", 1.0),
    ("cause.follows.half", 3.0),
    ("cause.shifts.weight", 1.0),
    ("cause.shifts.half", 10.0),
    ("cause.own_time.weight", 1.0),
    ("cause.own_time.half", 0.3),
    ("cause.edges.weight", 1.0),
    ("cause.edges.half", 0.3),
    ("cause.impact.weight", 1.0),
    ("cause.impact.half", 0.3),
    ("cause.chance_shift", 8.0),
    ("cause.news", 3.0),
    ("cause.one_of_many", 2.0),
    ("cause.callers_share", 0.5),
    ("cause.mix", 0.5),
    ("cause.off_path", 0.5),
    ("cause.outside", 0.5),
    ("cause.surge", 0.5),
    ("change.alarming", 0.5),
    ("change.half_life_min", 30.0),
    ("change.not_rolled_out", 0.2),
    ("change.carried", 0.8),
    ("change.said_in_health", 0.2),
    ("change.inert", 0.25),
    ("change.harmless", 0.5),
    ("change.felt", 1.5),
    ("change.half_overlap", 5.0),
    ("change.min_guilt", 0.2),
    ("change.told", 0.2),
    ("confidence.base", -2.0),
    ("confidence.weight", 3.0),
    ("confidence.lead", 1.0),
    ("confidence.agreement", 1.0),
    ("confidence.half_weight", 1.0),
    ("confidence.rest", 0.8),
    ("confidence.none_base", 0.0),
    ("confidence.none_told", 2.0),
    ("confidence.only_base", -1.0),
    ("confidence.only_score", 2.0),
    ("confidence.first_base", -1.0),
    ("confidence.first_score", 2.0),
    ("confidence.first_lead", 2.0),
];

/// The start of the numbers for incidents; those for series stay.
pub fn incidents(tuning: &Tuning) -> Tuning {
    let numbers: Vec<(String, f64)> = ROUND
        .iter()
        .map(|(path, number)| ((*path).to_owned(), *number))
        .collect();
    tuning.with(&numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::tuning::embedded;

    #[test]
    fn every_number_for_incidents_has_a_start() {
        let known: Vec<&str> = ROUND.iter().map(|one| one.0).collect();
        for (path, _) in embedded().numbers() {
            assert!(
                path.starts_with("series.") || known.contains(&path.as_str()),
                "{path} has no round number to begin at"
            );
        }
        assert_eq!(incidents(embedded()).series, embedded().series);
        assert_eq!(incidents(embedded()).cause.edges.weight, 1.0);
    }
}
