//! The smallest query that still differs in the same way.

use std::error::Error;

use super::grammar::tree::Node;
use super::{Asked, Sides, ask_tree};

/// Queries that one difference may cost.
const MOST_TRIES: usize = 250;

/// Takes away and simplifies as long as the difference stays of its kind. `None`: what is left
/// is excluded.
pub async fn smallest(
    sides: &Sides,
    mut tree: Node,
    mut asked: Asked,
) -> Result<Option<Asked>, Box<dyn Error>> {
    let mut tries = 0;
    'again: loop {
        let mut candidates = tree.smaller();
        candidates.sort_by_key(|candidate| candidate.to_string().len());
        for candidate in candidates {
            if tries >= MOST_TRIES {
                break 'again;
            }
            if candidate.to_string().len() >= tree.to_string().len() {
                continue;
            }
            tries += 1;
            let found = ask_tree(sides, &candidate).await?;
            if found.why.is_some() && found.excluded.is_none() && kind(&found) == kind(&asked) {
                tree = candidate;
                asked = found;
                continue 'again;
            }
        }
        break;
    }
    Ok(Some(asked).filter(|asked| asked.excluded.is_none()))
}

/// Two answers, two errors, or one of each; and of two answers what differs first.
fn kind(asked: &Asked) -> (bool, String) {
    let why = asked.why.as_deref().unwrap_or_default();
    let word: String = why.split([':', ' ']).next().unwrap_or_default().to_owned();
    let word = if word.parse::<u64>().is_ok() {
        "rows".to_owned()
    } else {
        word
    };
    (asked.case.expected["status"] == 200, word)
}
