use proptest::prelude::*;

use super::*;

const MINUTE_MS: i64 = 60_000;

/// A calm series with a little, repeating unrest.
fn calm(count: usize, level: f64) -> Series {
    let mut series = Series::default();
    for index in 0..count {
        let unrest = ((index * 7) % 11) as f64 / 100.0 - 0.05;
        series.take(index as i64 * MINUTE_MS, level * (1.0 + unrest), 0.0);
    }
    series
}

fn after(series: &Series, values: &[f64]) -> f64 {
    let mut series = series.clone();
    let (from, _) = series.last.expect("has begun");
    for (index, value) in values.iter().enumerate() {
        series.take(from + (index as i64 + 1) * MINUTE_MS, *value, 0.0);
    }
    series.deviation()
}

#[test]
fn one_value_is_noise_and_two_of_three_are_not() {
    let series = calm(60, 100.5);
    assert!(after(&series, &[100.5]).abs() < 2.0);
    assert!(after(&series, &[900.5]).abs() < 2.0, "one value");
    assert!(after(&series, &[900.5, 900.5]) > 100.0);
    assert!(after(&series, &[900.5, 100.5, 900.5]) > 100.0);
    assert!(after(&series, &[900.5, 100.5, 100.5]).abs() < 2.0);
    assert!(after(&series, &[1.5, 1.5]) < -10.0, "below counts too");
    assert!(
        after(&series, &[900.5, 1.5]).abs() < 2.0,
        "up and down again is no shift"
    );
}

#[test]
fn too_little_is_known_of_a_young_series() {
    let series = calm(LEAST + WITHHELD - 1, 10.5);
    assert_eq!(after(&series, &[900.5, 900.5]), 0.0);
    assert!(after(&calm(LEAST + WITHHELD, 10.5), &[900.5, 900.5]) > 4.0);
}

#[test]
fn trouble_is_not_its_own_measure_while_it_grows() {
    let series = calm(60, 100.5);
    let growing: Vec<f64> = (1..=WITHHELD).map(|n| 100.5 + 100.0 * n as f64).collect();
    assert!(after(&series, &growing) > 50.0);
}

#[test]
fn what_is_no_number_and_what_was_seen_is_not_taken() {
    let mut series = calm(60, 100.5);
    let before = format!("{series:?}");
    let (last, _) = series.last.expect("has begun");
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(!series.take(last + MINUTE_MS, value, 0.0));
    }
    assert!(!series.take(last, 900.5, 0.0));
    assert!(!series.take(last - MINUTE_MS, 900.5, 0.0));
    assert_eq!(format!("{series:?}"), before);
}

#[test]
fn a_hole_ends_what_was_seen_before_it() {
    let mut series = calm(60, 100.5);
    let (last, _) = series.last.expect("has begun");
    series.take(last + MINUTE_MS, 900.5, 0.0);
    series.take(last + 600 * MINUTE_MS, 900.5, 0.0);
    assert!(series.deviation().abs() < 2.0, "the first one is long ago");
    series.take(last + 601 * MINUTE_MS, 900.5, 0.0);
    assert!(series.deviation() > 50.0);
}

#[test]
fn a_counter_is_judged_by_what_it_rose_and_a_restart_is_no_fall() {
    let mut series = Series::default();
    let mut total = 1000.0;
    let mut at = 0;
    let mut rise = |series: &mut Series, by: f64| {
        at += MINUTE_MS;
        total = if by < 0.0 { 0.0 } else { total + by };
        series.take(at, total, 0.0);
    };
    for index in 0..80 {
        rise(&mut series, 10.0 + (index % 3) as f64);
    }
    assert_eq!(series.deviation(), 0.0, "it has never been as high");
    assert!(series.newest().is_some_and(|rose| rose < 20.0));
    rise(&mut series, -1.0);
    rise(&mut series, 11.0);
    assert!(series.deviation().abs() < 2.0, "{}", series.deviation());
    rise(&mut series, 500.0);
    rise(&mut series, 500.0);
    assert!(series.deviation() > 10.0, "{}", series.deviation());
}

#[test]
fn counts_spread_by_their_root() {
    let mut zeros = Series::default();
    for minute in 0..60 {
        zeros.take(minute * MINUTE_MS, 0.0, 0.0);
    }
    assert!((after(&zeros, &[1.0, 1.0]) - 5.0).abs() < 1e-9);
    let mut few = Series::default();
    for minute in 0..60 {
        few.take(minute * MINUTE_MS, f64::from(minute as u8 % 2), 0.0);
    }
    assert!(after(&few, &[3.0, 3.0]) < 4.0);
}

#[test]
fn what_moves_together_is_alike_and_what_doesn_t_is_not() {
    let (mut a, mut b, mut c) = (Series::default(), Series::default(), Series::default());
    for minute in 0..60 {
        let value = 100.5 + ((minute * 7) % 11) as f64;
        let other = 100.5 + ((minute * minute * 5) % 13) as f64;
        a.take(minute * MINUTE_MS, value, 0.0);
        // The same in another unit, a moment later.
        b.take(minute * MINUTE_MS + 400, value / 8.0, 0.0);
        c.take(minute * MINUTE_MS, other, 0.0);
    }
    assert!(a.likeness(&b, MINUTE_MS) > 0.99);
    assert!(a.likeness(&c, MINUTE_MS).abs() < 0.5);
    assert_eq!(a.likeness(&Series::default(), MINUTE_MS), 0.0);
}

proptest! {
    /// What comes later changes nothing that was said before.
    #[test]
    fn it_never_looks_ahead(values in prop::collection::vec(-1e6..1e6f64, 20..80), cut in 10usize..20) {
        let said = |values: &[f64]| -> Vec<f64> {
            let mut series = Series::default();
            let take = |(index, value): (usize, &f64)| {
                series.take(index as i64 * MINUTE_MS, *value, 0.0);
                series.deviation()
            };
            values.iter().enumerate().map(take).collect()
        };
        let cut = values.len() - cut;
        prop_assert_eq!(&said(&values)[..cut], &said(&values[..cut])[..]);
    }

    /// Seconds or milliseconds: the unit changes nothing, but for counts.
    #[test]
    fn the_unit_does_not_matter(values in prop::collection::vec(0.01..1e3f64, 20..60), power in -8i32..8) {
        let scale = 2f64.powi(power);
        let said = |scale: f64| {
            let mut series = Series::default();
            for (index, value) in values.iter().enumerate() {
                // Never a whole number in any of the units.
                series.take(index as i64 * MINUTE_MS, (value.floor() + 0.37) * scale * 1.0001, 0.0);
            }
            series.deviation()
        };
        let (one, other) = (said(1.0), said(scale));
        prop_assert!((one - other).abs() <= 1e-9 * one.abs().max(1.0), "{one} {other}");
    }

    /// Whatever comes, in whatever order, it says a number.
    #[test]
    fn any_values_are_borne(points in prop::collection::vec((any::<i32>(), any::<f64>()), 0..120)) {
        let mut series = Series::default();
        for (at, value) in points {
            series.take(i64::from(at), value, 0.0);
            prop_assert!(!series.deviation().is_nan());
            prop_assert!(series.known() <= KEPT);
        }
    }
}
