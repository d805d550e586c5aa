//! Anchors that are kept in a place outside: each holds the signed Merkle root over the heads of
//! all chains, their number, the digest of the anchor before, and the heads that moved since.
//!
//! A head's digest covers its whole chain, so a record that is edited, inserted, moved or removed
//! before it shows, and so does a chain that was written anew with all digests. A head that the
//! journal lacks is a tail that was cut, or an incident that was deleted. What came after the last
//! anchor isn't proven.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::signing::{Keyring, Signer, Writer};
use crate::time::Timestamp;

/// The last record of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub incident: IncidentId,
    pub seq: u64,
    pub digest: Digest,
}

/// Every chain's head.
pub type Heads = BTreeMap<IncidentId, (u64, Digest)>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// From 1, without gaps.
    pub number: u64,
    pub at: Timestamp,
    /// Chains that the root is over.
    pub chains: u64,
    pub root: Digest,
    /// The digest of the line before; zeros before the first.
    pub previous: Digest,
    /// What moved since the anchor before, by chain.
    pub heads: Vec<Head>,
}

/// A line of an outside place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    anchor: Anchor,
    key: String,
    signature: String,
}

/// Merkle's tree over the heads in order, as RFC 6962 builds it: leaves and nodes are told apart
/// by their first byte, and a tree of `n` is split at the largest power of two below `n`.
pub fn root(heads: &Heads) -> Digest {
    let leaves: Vec<Digest> = heads
        .iter()
        .map(|(incident, (seq, digest))| {
            Digest::of(format!("\0{incident}:{seq}:{digest}").as_bytes())
        })
        .collect();
    tree(&leaves)
}

fn tree(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [one] => *one,
        several => {
            let split = several.len().next_power_of_two() / 2;
            let (left, right) = (tree(&several[..split]), tree(&several[split..]));
            Digest::of(format!("\x01{left}{right}").as_bytes())
        }
    }
}

/// What is known of an outside place: enough to write the next anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub number: u64,
    pub previous: Digest,
    pub at: Option<Timestamp>,
    pub heads: Heads,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            number: 0,
            previous: Digest::ZERO,
            at: None,
            heads: Heads::new(),
        }
    }
}

impl Known {
    /// The next line for these heads, signed by the gateway's key; `None`: nothing moved.
    pub fn next(
        &self,
        heads: &Heads,
        at: Timestamp,
        signer: &Signer,
    ) -> Result<Option<String>, serde_json::Error> {
        let moved: Vec<Head> = heads
            .iter()
            .filter(|(incident, head)| self.heads.get(*incident) != Some(*head))
            .map(|(incident, (seq, digest))| Head {
                incident: incident.clone(),
                seq: *seq,
                digest: *digest,
            })
            .collect();
        if moved.is_empty() {
            return Ok(None);
        }
        let anchor = Anchor {
            number: self.number + 1,
            at,
            chains: heads.len() as u64,
            root: root(heads),
            previous: self.previous,
            heads: moved,
        };
        let signature = signer.sign(&serde_json::to_vec(&anchor)?);
        let line = Line {
            anchor,
            key: signer.name().to_owned(),
            signature,
        };
        serde_json::to_string(&line).map(Some)
    }

    /// Takes in a line of the place, or says what is wrong with it. Gives the heads that it proves.
    pub fn take(&mut self, line: &str, ring: &Keyring) -> Result<Vec<Head>, String> {
        let number = self.number + 1;
        let read: Line = serde_json::from_str(line)
            .map_err(|error| format!("anchor {number} can't be read: {error}"))?;
        let anchor = read.anchor;
        let fault = |why: String| format!("anchor {}: {why}", anchor.number);
        if anchor.number != number {
            return Err(fault(format!("anchor {number} should stand here")));
        }
        if anchor.previous != self.previous {
            return Err(fault("it doesn't follow the one before it".to_owned()));
        }
        let bytes = serde_json::to_vec(&anchor).map_err(|error| fault(error.to_string()))?;
        ring.verify(Writer::Gateway, &read.key, &bytes, &read.signature)
            .map_err(fault)?;
        let mut heads = self.heads.clone();
        for head in &anchor.heads {
            let known = heads.insert(head.incident.clone(), (head.seq, head.digest));
            if known.is_some_and(|(seq, _)| seq >= head.seq) {
                return Err(fault(format!(
                    "{} goes back to {}",
                    head.incident, head.seq
                )));
            }
        }
        if heads.len() as u64 != anchor.chains || root(&heads) != anchor.root {
            return Err(fault("its root isn't that of its heads".to_owned()));
        }
        self.heads = heads;
        self.number = number;
        self.previous = Digest::of(line.as_bytes());
        self.at = Some(anchor.at);
        Ok(anchor.heads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::Trusted;

    fn ring(signer: &Signer) -> Keyring {
        Keyring::new(&[Trusted::new(signer, &[Writer::Gateway], Timestamp(0))]).expect("a key")
    }

    fn head(heads: &mut Heads, service: &str, seq: u64, text: &str) {
        let id = IncidentId::derive("r", service, Timestamp(0));
        heads.insert(id, (seq, Digest::of(text.as_bytes())));
    }

    /// Three anchors of two chains.
    fn lines(signer: &Signer) -> Vec<String> {
        let (mut known, mut heads) = (Known::default(), Heads::new());
        let mut lines = Vec::new();
        for (at, service, seq) in [(1, "a", 1), (2, "b", 1), (3, "a", 2)] {
            head(&mut heads, service, seq, &format!("{service}{seq}"));
            let line = known.next(&heads, Timestamp(at), signer).expect("writable");
            let line = line.expect("it moved");
            known.take(&line, &ring(signer)).expect("holds");
            lines.push(line);
        }
        assert_eq!(
            known.next(&heads, Timestamp(4), signer).expect("writable"),
            None
        );
        lines
    }

    fn read(lines: &[String], ring: &Keyring) -> Result<Known, String> {
        let mut known = Known::default();
        for line in lines {
            known.take(line, ring)?;
        }
        Ok(known)
    }

    #[test]
    fn what_was_anchored_is_read_back() {
        let signer = Signer::new(&[1; 32]);
        let known = read(&lines(&signer), &ring(&signer)).expect("holds");
        assert_eq!((known.number, known.heads.len()), (3, 2));
        assert_eq!(known.at, Some(Timestamp(3)));
    }

    #[test]
    fn a_line_that_is_gone_moved_altered_or_anothers_is_found() {
        let signer = Signer::new(&[1; 32]);
        let (ring, whole) = (ring(&signer), lines(&signer));
        let without = [whole[0].clone(), whole[2].clone()];
        assert!(read(&without, &ring).is_err());
        let moved = [whole[1].clone(), whole[0].clone()];
        assert!(read(&moved, &ring).is_err());
        let altered = [whole[0].replace("\"seq\":1", "\"seq\":7")];
        assert!(read(&altered, &ring).is_err_and(|why| why.contains("signature")));
        let other = lines(&Signer::new(&[2; 32]));
        assert!(read(&other, &ring).is_err_and(|why| why.contains("not trusted")));
    }

    #[test]
    fn the_root_is_over_all_heads_in_order() {
        let mut heads = Heads::new();
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..9 {
            assert!(seen.insert(root(&heads)), "{number} heads");
            head(&mut heads, &format!("s{number}"), 1, "x");
        }
        let before = root(&heads);
        head(&mut heads, "s3", 2, "x");
        assert_ne!(root(&heads), before);
    }
}
