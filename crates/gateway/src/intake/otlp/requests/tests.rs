//! Quantiles worked out by hand.

use super::*;

#[test]
fn a_quantile_lies_within_its_bucket() {
    let bounds = [0.1, 0.5, 1.0];
    for (share, buckets, expected) in [
        // The 99th of 100 is the 9th of the ten between 0.5 and 1.
        (0.99, [50, 40, 10, 0], Some(0.5 + 0.5 * 9.0 / 10.0)),
        // The first bucket starts at 0.
        (0.99, [200, 0, 0, 0], Some(0.1 * 198.0 / 200.0)),
        // The rank is 2 of 4, the last of the first bucket.
        (0.5, [2, 0, 2, 0], Some(0.1)),
        // No more than the highest bound is known.
        (0.99, [90, 0, 0, 10], Some(1.0)),
        (0.99, [0, 0, 0, 0], None),
    ] {
        let found = quantile(share, &bounds, &buckets);
        let near = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
            (found, expected) => found == expected,
        };
        assert!(near, "{share} of {buckets:?}: {found:?}, not {expected:?}");
    }
}

#[test]
fn counts_that_dont_fit_their_bounds_say_nothing() {
    assert_eq!(quantile(0.99, &[0.1, 0.5], &[1, 2]), None);
    assert_eq!(quantile(0.99, &[], &[4]), None);
    assert_eq!(quantile(0.99, &[0.1], &[u64::MAX, u64::MAX]), None);
    assert_eq!(quantile(0.99, &[-1.0, 1.0], &[5, 0, 0]), Some(-1.0));
}

#[test]
fn values_lie_as_the_buckets_place_them() {
    let near = |found: Vec<f64>, expected: &[f64]| {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
    };
    // Two of three requests in the first bucket, at the middles of its halves; the third halfway
    // between 0.1 and 0.5.
    near(spread(&[0.1, 0.5], &[2, 1, 0]), &[0.025, 0.075, 0.3]);
    near(spread(&[0.1, 0.5], &[0, 0, 0]), &[]);
    near(spread(&[0.1, 0.5], &[2]), &[]);
    // 400 requests are 100 values, of which one in four lies in the upper bucket.
    let many = spread(&[1.0, 2.0], &[300, 100, 0]);
    assert_eq!(many.len(), 100);
    assert_eq!(many.iter().filter(|value| **value > 1.0).count(), 25);
}
