//! Order statistics: they hold where means and standard deviations don't.

/// The quantile `q` (0 to 1) of sorted values, interpolated; 0 where there are none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let place = q * (sorted.len() - 1) as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

/// Sorts and drops what is not a number.
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values
}

/// The median of values in any order; 0 where there are none.
pub fn median(values: Vec<f64>) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// 0 where there are none.
pub fn mean(values: &[f64]) -> f64 {
    match values.len() {
        0 => 0.0,
        count => values.iter().sum::<f64>() / count as f64,
    }
}

/// The middle and spread of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    pub median: f64,
    /// Interquartile range.
    pub spread: f64,
    pub count: usize,
}

/// Of sorted values.
pub fn usual(sorted: &[f64]) -> Usual {
    Usual {
        median: quantile(sorted, 0.5),
        spread: quantile(sorted, 0.75) - quantile(sorted, 0.25),
        count: sorted.len(),
    }
}

/// Pearson's correlation; 0 where one doesn't vary.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let count = a.len().min(b.len());
    let (ma, mb) = (mean(&a[..count]), mean(&b[..count]));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma) * (x - ma);
        bb += (y - mb) * (y - mb);
    }
    if aa <= 0.0 || bb <= 0.0 {
        0.0
    } else {
        ab / (aa * bb).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_nearest_ranks() {
        let four = sorted(vec![4.0, 1.0, f64::NAN, 3.0, 2.0]);
        assert_eq!(four, [1.0, 2.0, 3.0, 4.0], "what is no number is dropped");
        assert_eq!(quantile(&four, 0.5), 2.5);
        assert_eq!(quantile(&four, 0.25), 1.75);
        assert_eq!(quantile(&four, 1.0), 4.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
        let usual = usual(&four);
        assert_eq!((usual.median, usual.spread, usual.count), (2.5, 1.5, 4));
    }

    #[test]
    fn one_outlier_moves_no_median() {
        assert_eq!(median(vec![1.0, 2.0, 3.0, 4.0, 1e9]), 3.0);
    }

    #[test]
    fn correlation_has_a_sign_and_needs_variation() {
        assert!((correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
    }
}
