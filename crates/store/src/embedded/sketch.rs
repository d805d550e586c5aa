//! How values are spread, in few bytes: a histogram whose buckets grow by a constant factor.

/// How far a value out of a sketch is from the exact one at most, as a share of it.
pub const ERROR: f64 = 0.005;

/// Buckets are numbered by the logarithm of their values to this base.
const GROWTH: f64 = (1.0 + ERROR) / (1.0 - ERROR);

/// More than the number of any bucket: the smallest double's is -74,400.
const ZERO: i64 = 80_000;

/// Groups with so few values keep them as they are.
const FEW: usize = 8;

/// The number of a value's bucket; numbers are in the order of values.
fn bucket(value: f64, scale: f64) -> i64 {
    if value == 0.0 {
        return 0;
    }
    let number = (value.abs().ln() * scale).ceil() as i64 + ZERO;
    if value > 0.0 { number } else { -number }
}

/// The value that stands for a bucket: as far from its least as from its greatest.
fn value(bucket: i64) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let number = (bucket.abs() - ZERO) as f64;
    let size = (number * GROWTH.ln()).exp() * 2.0 / (1.0 + GROWTH);
    size.min(f64::MAX).copysign(bucket as f64)
}

/// The values' sketch: how many entries; then of each how far its bucket is from the one before,
/// and its count. Few values: a zero, and the values.
pub fn encode(values: &[f64]) -> Vec<u8> {
    let mut out = Vec::new();
    if values.len() <= FEW {
        out.push(0);
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        return out;
    }
    let scale = 1.0 / GROWTH.ln();
    let mut buckets: Vec<i64> = values.iter().map(|value| bucket(*value, scale)).collect();
    buckets.sort_unstable();
    let runs: Vec<&[i64]> = buckets.chunk_by(|a, b| a == b).collect();
    put(&mut out, runs.len() as u64);
    let mut before = 0;
    for run in runs {
        put(&mut out, zigzag(run[0] - before));
        put(&mut out, run.len() as u64);
        before = run[0];
    }
    out
}

/// Values, each with how often it is there. `None`: these bytes are no sketch.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<(f64, f64)>> {
    let entries = take(&mut bytes)?;
    if entries == 0 {
        let values = bytes.chunks_exact(8);
        let read = |part: &[u8]| Some((f64::from_le_bytes(part.try_into().ok()?), 1.0));
        return values.map(read).collect();
    }
    let mut found = Vec::with_capacity(usize::try_from(entries).ok()?.min(bytes.len()));
    let mut at = 0_i64;
    for _ in 0..entries {
        at = at.checked_add(unzigzag(take(&mut bytes)?))?;
        found.push((value(at), take(&mut bytes)? as f64));
    }
    Some(found)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow (LEB128).
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_within_the_stated_error() {
        let mut exact: Vec<f64> = (0..2_000)
            .map(|step| 1e-9 * 1.02_f64.powi(step))
            .flat_map(|size| [size, -size])
            .collect();
        exact.extend([0.0, f64::MIN_POSITIVE, f64::MAX, 1.0, 1000.0]);
        exact.sort_by(f64::total_cmp);
        let found = decode(&encode(&exact)).expect("a sketch");
        let found: Vec<f64> = found
            .into_iter()
            .flat_map(|(value, many)| std::iter::repeat_n(value, many as usize))
            .collect();
        assert_eq!(found.len(), exact.len());
        for (found, exact) in found.iter().zip(&exact) {
            let error = (found - exact).abs();
            assert!(error <= exact.abs() * (ERROR + 1e-9), "{found} for {exact}");
        }
    }

    #[test]
    fn few_values_are_kept_as_they_are() {
        let values = [3.25, -1.0, 1e300];
        let found = decode(&encode(&values)).expect("a sketch");
        assert_eq!(found, values.map(|value| (value, 1.0)));
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
    }

    #[test]
    fn other_bytes_are_no_sketch() {
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[9, 2]), None);
        assert_eq!(decode(&[0xff; 20]), None);
    }
}
