//! Numbers that depend on what they are for, not on when they are drawn: the same document comes
//! out however the time is cut.

/// SplitMix64's finisher (Steele, Lea and Flood, OOPSLA 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A source of numbers for one thing: seed and keys say which.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn of(seed: u64, keys: &[u64]) -> Self {
        let mut state = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
        for key in keys {
            state = mix(state ^ key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        Self(state)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 up to, not including, 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit.max(1)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Mean 0, deviation 1: twelve uniform numbers less six.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }

    /// Log-normal with the given mean and the deviation of its logarithm.
    pub fn skewed(&mut self, mean: f64, sigma: f64) -> f64 {
        mean * (sigma * self.normal() - sigma * sigma / 2.0).exp()
    }

    /// Of `n` things with this probability each: how many.
    pub fn count(&mut self, n: f64, probability: f64) -> f64 {
        let mean = n * probability;
        let deviation = (mean * (1.0 - probability)).max(0.0).sqrt();
        let drawn = mean + deviation * self.normal();
        // Small means would be rounded to nothing: the fraction is a chance.
        let whole = drawn.max(0.0).floor();
        (whole + f64::from(u8::from(self.chance(drawn.max(0.0) - whole)))).min(n)
    }
}
