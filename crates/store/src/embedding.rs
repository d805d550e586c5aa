//! Text to vectors, by the static model in the binary: no download, no network.

use std::sync::OnceLock;

use model::Runbook;
use model2vec_rs::model::StaticModel;

/// Numbers of one vector.
pub const DIMENSIONS: usize = 256;

/// Word pieces of a text that count; what follows is left out.
const MAX_PIECES: usize = 512;

/// Texts that are worked on at once.
const BATCH: usize = 32;

static WEIGHTS: &[u8] = include_bytes!("../model/model.safetensors");
static TOKENIZER: &[u8] = include_bytes!("../model/tokenizer.json");
static CONFIG: &[u8] = include_bytes!("../model/config.json");

/// The model is read on first use: a process that never searches doesn't pay for it.
static MODEL: OnceLock<StaticModel> = OnceLock::new();

/// The vector of a text: [`DIMENSIONS`] numbers of length one (all zero for a text without words).
pub fn embed(text: &str) -> Vec<f32> {
    let model = MODEL.get_or_init(|| {
        StaticModel::from_bytes(TOKENIZER, WEIGHTS, CONFIG, None)
            .expect("the model is part of the binary, and a test reads it")
    });
    let texts = [text.to_owned()];
    model
        .encode_with_args(&texts, Some(MAX_PIECES), BATCH)
        .pop()
        .unwrap_or_else(|| vec![0.0; DIMENSIONS])
}

/// What of a runbook is embedded: what it is about, before how it is done.
pub fn runbook_text(runbook: &Runbook) -> String {
    format!(
        "{}\n{}\n{}\n{}",
        runbook.title,
        runbook.summary,
        runbook.symptoms.join(", "),
        runbook.content
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(a: &str, b: &str) -> f32 {
        let (a, b) = (embed(a), embed(b));
        a.iter().zip(&b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn texts_of_one_meaning_lie_closer() {
        let near = likeness(
            "database connections exhausted",
            "the connection pool has run out",
        );
        let far = likeness(
            "database connections exhausted",
            "a birthday cake with candles",
        );
        assert!(near > far + 0.1, "{near} {far}");
        assert_eq!(embed("pool").len(), DIMENSIONS);
    }
}
