//! Where every search begins: round numbers, set by what they mean and by no suite, so that a suite
//! that is left out has no part in them.

use model::tuning::Tuning;

/// By path.
const ROUND: [(&str, f64); 77] = [
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
    ("series.min_values", 200.0),
    ("series.scale_rate", 0.003),
    ("series.max_learned", 5.0),
    ("series.min_scale", 0.002),
    ("series.fall", 0.8),
    ("series.few", 5.0),
    ("series.many", 100.0),
    ("series.less_few", 1.0),
    ("series.less_many", 1.0),
    ("series.less_noise", 1.0),
    ("series.together", 0.5),
    ("series.half", 1.5),
    ("series.now_rate", 0.5),
    ("series.long_rate", 0.005),
    ("series.slot_rate", 0.1),
    ("series.better", 1.0),
    ("series.border_rate", 0.05),
    ("series.first_border", 4.0),
    ("series.excess_rate", 0.03),
    ("series.first_excess", 0.2),
    ("series.min_excess", 0.15),
    ("series.max_excess", 1.0),
    ("series.rare", 0.8),
    ("series.alarm", 1.5),
    ("series.more", 1.0),
    ("series.share", 0.5),
    ("series.points", 1500.0),
    ("series.hours", 50.0),
    ("series.quiet_points", 5.0),
    ("series.rise", 2.0),
    ("series.stretch", 1.0),
];

/// Round numbers where the path is `wanted`; the others stay.
pub fn round(tuning: &Tuning, wanted: impl Fn(&str) -> bool) -> Tuning {
    let numbers: Vec<(String, f64)> = ROUND
        .iter()
        .filter(|(path, _)| wanted(path))
        .map(|(path, number)| ((*path).to_owned(), *number))
        .collect();
    tuning.with(&numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::tuning::embedded;

    #[test]
    fn every_number_has_a_start() {
        let known: Vec<&str> = ROUND.iter().map(|one| one.0).collect();
        let all: Vec<String> = embedded().numbers().into_iter().map(|one| one.0).collect();
        assert_eq!(all.len(), known.len());
        for path in &all {
            assert!(known.contains(&path.as_str()), "{path} has no round number");
        }
        let some = round(embedded(), |path| path.starts_with("cause."));
        assert_eq!(some.cause.edges.weight, 1.0);
        assert_eq!(some.series, embedded().series);
    }
}
