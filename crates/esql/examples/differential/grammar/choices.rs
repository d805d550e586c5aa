//! Where decisions come from: a seed, or bytes that somebody else chose.

pub struct Choices {
    source: Source,
}

enum Source {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    Seed(u64),
    /// At their end every choice is the first one, so that queries end.
    Bytes { bytes: Vec<u8>, at: usize },
}

impl Choices {
    pub fn seeded(seed: u64) -> Self {
        Self {
            source: Source::Seed(seed),
        }
    }

    /// Decisions out of bytes, as a fuzzer makes them.
    #[allow(dead_code)]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            source: Source::Bytes {
                bytes: bytes.to_vec(),
                at: 0,
            },
        }
    }

    fn next(&mut self) -> u64 {
        match &mut self.source {
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                mixed ^ (mixed >> 31)
            }
            Source::Bytes { bytes, at } => {
                let byte = bytes.get(*at).copied().unwrap_or(0);
                *at += 1;
                u64::from(byte)
            }
        }
    }

    /// 0 to `limit`, `limit` excluded; 0 where there is nothing to choose from.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit <= 1 {
            return 0;
        }
        let wide = if limit > 256 {
            self.next() << 8 ^ self.next()
        } else {
            self.next()
        };
        usize::try_from(wide % limit as u64).unwrap_or(0)
    }

    /// Yes in `share` of a hundred cases; never where bytes have ended.
    pub fn percent(&mut self, share: usize) -> bool {
        let at = self.below(100);
        100 - at <= share
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
