//! BM25 as Lucene computes it, in single precision and with its lossy lengths.

use std::collections::HashMap;

/// How soon more occurrences of a word stop to matter.
const K1: f32 = 1.2;
/// How much longer texts count less.
const B: f32 = 0.75;

/// What one index's field has, for scores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Documents that have the field.
    pub documents: u64,
    /// Words in all of them.
    pub words: u64,
    /// Documents with each word that was asked for.
    pub with_word: HashMap<String, u64>,
}

impl Statistics {
    /// How rare a word is: `ln(1 + (N - n + 0.5) / (n + 0.5))`.
    pub fn rarity(&self, word: &str) -> f32 {
        let with = self.with_word.get(word).copied().unwrap_or(0) as f64;
        let all = self.documents as f64;
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln() as f32
    }

    /// The score of a word (or phrase) that occurs `times` in a text of `length` words.
    pub fn score(&self, weight: f32, times: f32, length: u64) -> f32 {
        let mean = (self.words as f64 / self.documents.max(1) as f64) as f32;
        let norm = 1.0 / (K1 * ((1.0 - B) + B * kept_length(length) as f32 / mean));
        // Elasticsearch keeps the factor that newer Lucene leaves out.
        let weight = weight * (K1 + 1.0);
        weight - weight / (1.0 + times * norm)
    }
}

/// Lucene keeps lengths in one byte: exact up to 40 words, then with three bits of precision.
pub fn kept_length(length: u64) -> u64 {
    const EXACT: u64 = 24;
    if length < EXACT {
        return length;
    }
    let rest = length - EXACT;
    let bits = 64 - rest.leading_zeros();
    if bits < 4 {
        return length;
    }
    let shift = bits - 4;
    EXACT + ((rest >> shift) << shift)
}
