//! Matching by sets of places: where can a match that began here have ended?

use std::collections::BTreeSet;

use super::syntax::Node;

type Places = BTreeSet<usize>;

/// Whether the whole text matches.
pub(super) fn matches(node: &Node, text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    ends(node, &letters, 0).contains(&letters.len())
}

/// All ends of matches that begin at `start`.
fn ends(node: &Node, text: &[char], start: usize) -> Places {
    let one = |fits: bool| {
        if fits {
            Places::from([start + 1])
        } else {
            Places::new()
        }
    };
    let here = text.get(start).copied();
    match node {
        Node::Nothing => Places::new(),
        Node::Any => one(here.is_some()),
        Node::Letter(letter) => one(here == Some(*letter)),
        Node::Class { negated, ranges } => one(here.is_some_and(|here| {
            ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&here))
                != *negated
        })),
        Node::Sequence(nodes) => nodes.iter().fold(Places::from([start]), |places, node| {
            after(node, text, &places)
        }),
        Node::Either(nodes) => nodes
            .iter()
            .flat_map(|node| ends(node, text, start))
            .collect(),
        Node::Both(left, right) => {
            let right = ends(right, text, start);
            ends(left, text, start)
                .intersection(&right)
                .copied()
                .collect()
        }
        Node::Not(node) => {
            let found = ends(node, text, start);
            (start..=text.len())
                .filter(|place| !found.contains(place))
                .collect()
        }
        Node::Repeat { node, least, most } => repeated(node, *least, *most, text, start),
        Node::Numbers {
            least,
            most,
            digits,
        } => {
            let mut places = Places::new();
            let mut value: u64 = 0;
            for (index, letter) in text[start..].iter().enumerate() {
                let Some(digit) = letter.to_digit(10) else {
                    break;
                };
                value = value.saturating_mul(10).saturating_add(u64::from(digit));
                let length = index + 1;
                if (*least..=*most).contains(&value) && digits.is_none_or(|digits| digits == length)
                {
                    places.insert(start + length);
                }
            }
            places
        }
    }
}

fn after(node: &Node, text: &[char], places: &Places) -> Places {
    places
        .iter()
        .flat_map(|place| ends(node, text, *place))
        .collect()
}

fn repeated(node: &Node, least: u32, most: Option<u32>, text: &[char], start: usize) -> Places {
    let mut current = Places::from([start]);
    for _ in 0..least {
        current = after(node, text, &current);
    }
    let mut found = current.clone();
    let mut count = least;
    // Each round finds a place that is new, or it is the last.
    while most.is_none_or(|most| count < most) {
        let next = after(node, text, &current);
        current = next.difference(&found).copied().collect();
        if current.is_empty() {
            break;
        }
        found.extend(&current);
        count += 1;
    }
    found
}
