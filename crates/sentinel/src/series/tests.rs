use proptest::prelude::*;

use super::*;

const STEP_S: i64 = 300;
const DAY: usize = 288;

/// A daily season with noise that is the same in each run.
fn season(points: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
    };
    let value = |point: usize| {
        let phase = point as f64 / DAY as f64 * std::f64::consts::TAU;
        100.0 + 40.0 * phase.sin() + 4.0 * noise()
    };
    (0..points).map(value).collect()
}

fn scores(values: &[f64]) -> Vec<f64> {
    let mut detector = Detector::new(1);
    let score = |(point, value): (usize, &f64)| {
        detector
            .observe(point as i64 * STEP_S, &[Some(*value)])
            .score
    };
    values.iter().enumerate().map(score).collect()
}

fn alarms(values: &[f64]) -> Vec<usize> {
    let scores = scores(values);
    (0..values.len())
        .filter(|point| scores[*point] >= ALARM)
        .collect()
}

#[test]
fn a_season_is_no_anomaly_and_a_jump_out_of_it_is() {
    let mut values = season(10 * DAY);
    let quiet = alarms(&values).len();
    assert!(quiet <= 3, "{quiet} alarms in ten quiet days");
    let at = 9 * DAY + 30;
    for value in &mut values[at..at + 5] {
        *value += 60.0;
    }
    let found = alarms(&values);
    assert!(found.contains(&at), "{found:?}");
}

#[test]
fn an_alarm_is_told_once() {
    let mut values = season(10 * DAY);
    let at = 9 * DAY;
    for value in &mut values[at..] {
        *value += 80.0;
    }
    let told = alarms(&values).into_iter().filter(|point| *point >= at);
    let told: Vec<usize> = told.collect();
    assert_eq!(told.first(), Some(&at));
    assert!(told.len() <= 4, "{told:?} of a day that stays so");
}

#[test]
fn the_first_points_are_no_anomaly() {
    // Numbered from one, the first that may say something has this number.
    let first = embedded().series.min_values.ceil() as usize;
    let mut values = season(first - 1);
    values[first - 10] = 1e6;
    assert_eq!(scores(&values), vec![0.0; first - 1]);
}

#[test]
fn what_is_no_number_is_no_anomaly_and_not_learned() {
    let mut values = season(3 * DAY);
    let mut with_holes = Detector::new(1);
    let mut plain = Detector::new(1);
    values[500] += 80.0;
    for (point, value) in values.iter().enumerate() {
        let at_s = point as i64 * STEP_S;
        for hole in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(with_holes.observe(at_s, &[hole]).metrics, [0.0]);
        }
        let expected = plain.observe(at_s, &[Some(*value)]).metrics;
        assert_eq!(with_holes.observe(at_s, &[Some(*value)]).metrics, expected);
    }
}

#[test]
fn of_a_machine_the_metrics_to_blame_score_highest() {
    let values = season(6 * DAY);
    let mut detector = Detector::new(4);
    let at = 5 * DAY + 100;
    for (point, value) in values.iter().enumerate() {
        let off = if point == at { 90.0 } else { 0.0 };
        let metrics = [*value, value * 2.0, value + off, 7.0 * value - 7.0 * off];
        let scores = detector.observe(point as i64 * STEP_S, &metrics.map(Some));
        if point == at {
            assert!(scores.score >= ALARM, "{scores:?}");
            assert!(scores.metrics[2] > scores.metrics[0], "{scores:?}");
            assert!(scores.metrics[3] > scores.metrics[1], "{scores:?}");
        }
    }
}

fn any_points() -> impl Strategy<Value = Vec<(i64, Option<f64>)>> {
    let value = prop::option::of(prop_oneof![
        8 => -1e3..1e3,
        1 => prop::num::f64::ANY,
        1 => Just(0.0),
    ]);
    prop::collection::vec((-1_000_000_000_000_i64..1_000_000_000_000, value), 0..400)
}

proptest! {
    /// Whatever comes, in whatever order of time, each score is one.
    #[test]
    fn scores_are_from_0_to_1(points in any_points()) {
        let mut detector = Detector::new(1);
        for (at_s, value) in points {
            let scores = detector.observe(at_s, &[value]);
            prop_assert!((0.0..=1.0).contains(&scores.score), "{scores:?}");
            prop_assert!(scores.metrics.iter().all(|score| (0.0..=1.0).contains(score)));
        }
    }

    /// No point changes what was said of those before it.
    #[test]
    fn no_score_looks_ahead(
        cut in 0..3 * DAY,
        other in prop::collection::vec(-1e3..1e3, 1..50),
    ) {
        let values = season(3 * DAY);
        let mut changed = values[..cut].to_vec();
        changed.extend(other);
        prop_assert_eq!(&scores(&values)[..cut], &scores(&changed)[..cut]);
    }
}
