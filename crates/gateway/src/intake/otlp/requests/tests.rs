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
