//! Exponential histograms: buckets whose bounds are powers of 2^(2^-scale), as OpenTelemetry's data
//! model has them: bucket `index` holds what is above `bound(index)` and at most `bound(index + 1)`.

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

use super::temporality::MAX_BUCKETS;

/// Scales that the data model's mappings are defined for.
const SCALES: std::ops::RangeInclusive<i32> = -10..=20;

/// How many values fell into each bucket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exponential {
    scale: i32,
    /// Values at zero; negative ones too, since durations have none.
    zero: u64,
    /// The index of the first bucket.
    offset: i32,
    counts: Vec<u64>,
}

impl Exponential {
    /// `None` for a scale that isn't defined, or more than [`MAX_BUCKETS`] buckets.
    pub fn of(point: &ExponentialHistogramDataPoint) -> Option<Self> {
        let total = |side: Option<&Buckets>| {
            let counts = side.map_or(&[][..], |side| &side.bucket_counts);
            counts.iter().fold(0u64, |sum, n| sum.saturating_add(*n))
        };
        let positive = point.positive.as_ref();
        let counts = positive.map_or(&[][..], |side| &side.bucket_counts);
        (SCALES.contains(&point.scale) && counts.len() <= MAX_BUCKETS).then(|| Self {
            scale: point.scale,
            zero: point
                .zero_count
                .saturating_add(total(point.negative.as_ref())),
            offset: positive.map_or(0, |side| side.offset),
            counts: counts.to_vec(),
        })
    }

    /// The same values in wider buckets: each step of the scale puts two into one.
    fn at_scale(&self, scale: i32) -> Self {
        let steps = self.scale.saturating_sub(scale).clamp(0, 31) as u32;
        let place = |at: usize| self.offset.saturating_add(at as i32) >> steps;
        let offset = place(0);
        let mut counts = Vec::new();
        for (at, count) in self.counts.iter().enumerate() {
            let at = (place(at) - offset) as usize;
            if counts.len() <= at {
                counts.resize(at + 1, 0u64);
            }
            counts[at] = counts[at].saturating_add(*count);
        }
        Self {
            scale: self.scale - steps as i32,
            zero: self.zero,
            offset,
            counts,
        }
    }

    /// What came since; `None` where a bucket has less now. Histograms grow coarser with time.
    pub fn since(&self, before: &Self) -> Option<Self> {
        let scale = self.scale.min(before.scale);
        let (mut now, before) = (self.at_scale(scale), before.at_scale(scale));
        for (at, count) in before.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let index = i64::from(before.offset) + at as i64;
            let place = usize::try_from(index - i64::from(now.offset)).ok()?;
            let here = now.counts.get_mut(place)?;
            *here = here.checked_sub(*count)?;
        }
        now.zero = now.zero.checked_sub(before.zero)?;
        Some(now)
    }

    /// As a histogram with explicit bounds: one for zero, then those of the buckets.
    pub fn explicit(&self) -> (Vec<f64>, Vec<u64>) {
        let width = f64::exp2(f64::from(-self.scale));
        let bound = |index: i64| f64::exp2(index as f64 * width);
        let first = i64::from(self.offset);
        let mut bounds = vec![0.0];
        bounds.extend((0..=self.counts.len() as i64).map(|at| bound(first + at)));
        let mut counts = vec![self.zero, 0];
        counts.extend(&self.counts);
        counts.push(0);
        (bounds, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(scale: i32, offset: i32, counts: &[u64]) -> Exponential {
        Exponential {
            scale,
            zero: 1,
            offset,
            counts: counts.to_vec(),
        }
    }

    #[test]
    fn bounds_are_powers() {
        // Scale 1: the root of two.
        let (bounds, counts) = histogram(1, 2, &[5, 6]).explicit();
        assert_eq!(counts, [1, 0, 5, 6, 0]);
        let expected = [0.0, 2.0, 2.0 * f64::sqrt(2.0), 4.0];
        assert_eq!(bounds.len(), expected.len());
        for (bound, expected) in bounds.iter().zip(expected) {
            assert!((bound - expected).abs() < 1e-12, "{bounds:?}");
        }
    }

    #[test]
    fn differences_are_taken_at_the_coarser_scale() {
        // Indices 2, 3, 4 at scale 1 are 1, 1, 2 at scale 0.
        let before = histogram(1, 2, &[1, 2, 3]);
        let now = histogram(0, 0, &[7, 4, 9]);
        let since = now.since(&before).expect("grew");
        assert_eq!((since.scale, since.offset, since.zero), (0, 0, 0));
        assert_eq!(since.counts, [7, 1, 6]);
        assert_eq!(before.since(&now), None, "there is less");
        // Negative indices round down.
        assert_eq!(histogram(1, -3, &[1, 1, 1]).at_scale(0).offset, -2);
    }
}
