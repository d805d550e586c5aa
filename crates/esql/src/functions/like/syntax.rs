//! Lucene's regular expressions as a tree.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// `#`: matches nothing at all.
    Nothing,
    /// `.`
    Any,
    Letter(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Both(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Repeat {
        node: Box<Node>,
        least: u32,
        most: Option<u32>,
    },
    /// `<10-20>`, with how many digits where both ends have as many.
    Numbers {
        least: u64,
        most: u64,
        digits: Option<usize>,
    },
}

/// Deeper patterns are refused.
const MAX_DEPTH: usize = 100;
/// More repetitions than this are refused.
const MAX_REPEAT: u32 = 1_000;

type Letters<'a> = Peekable<Chars<'a>>;

/// `None`: it isn't a regular expression.
pub(super) fn parse(pattern: &str) -> Option<Node> {
    let mut letters = pattern.chars().peekable();
    let node = either(&mut letters, 0)?;
    letters.peek().is_none().then_some(node)
}

fn either(letters: &mut Letters<'_>, depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut choices = vec![both(letters, depth)?];
    while letters.next_if_eq(&'|').is_some() {
        choices.push(both(letters, depth)?);
    }
    Some(if choices.len() == 1 {
        choices.pop()?
    } else {
        Node::Either(choices)
    })
}

fn both(letters: &mut Letters<'_>, depth: usize) -> Option<Node> {
    let mut node = sequence(letters, depth)?;
    while letters.next_if_eq(&'&').is_some() {
        node = Node::Both(Box::new(node), Box::new(sequence(letters, depth)?));
    }
    Some(node)
}

fn sequence(letters: &mut Letters<'_>, depth: usize) -> Option<Node> {
    let mut nodes = Vec::new();
    while let Some(letter) = letters.peek() {
        if matches!(letter, '|' | '&' | ')') {
            break;
        }
        nodes.push(repeated(letters, depth)?);
    }
    Some(Node::Sequence(nodes))
}

fn repeated(letters: &mut Letters<'_>, depth: usize) -> Option<Node> {
    let mut node = complement(letters, depth)?;
    loop {
        let (least, most) = match letters.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                letters.next();
                bounds(letters)?
            }
            _ => return Some(node),
        };
        // The closing brace, or the operator itself.
        letters.next();
        if least.max(most.unwrap_or(0)) > MAX_REPEAT || most.is_some_and(|most| most < least) {
            return None;
        }
        node = Node::Repeat {
            node: Box::new(node),
            least,
            most,
        };
    }
}

/// What stands before `}`.
fn bounds(letters: &mut Letters<'_>) -> Option<(u32, Option<u32>)> {
    let least = number(letters)?.parse().ok()?;
    if letters.next_if_eq(&',').is_none() {
        return (letters.peek() == Some(&'}')).then_some((least, Some(least)));
    }
    if letters.peek() == Some(&'}') {
        return Some((least, None));
    }
    let most = number(letters)?.parse().ok()?;
    (letters.peek() == Some(&'}')).then_some((least, Some(most)))
}

fn number(letters: &mut Letters<'_>) -> Option<String> {
    let mut digits = String::new();
    while let Some(digit) = letters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    (!digits.is_empty()).then_some(digits)
}

fn complement(letters: &mut Letters<'_>, depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    if letters.next_if_eq(&'~').is_some() {
        return Some(Node::Not(Box::new(complement(letters, depth + 1)?)));
    }
    match letters.next()? {
        '.' => Some(Node::Any),
        '#' => Some(Node::Nothing),
        '@' => Some(any_text()),
        '(' => {
            let node = either(letters, depth + 1)?;
            (letters.next()? == ')').then_some(node)
        }
        '[' => class(letters),
        '"' => {
            let mut nodes = Vec::new();
            loop {
                match letters.next()? {
                    '"' => return Some(Node::Sequence(nodes)),
                    letter => nodes.push(Node::Letter(letter)),
                }
            }
        }
        '<' => numbers(letters),
        '\\' => escaped(letters.next()?),
        '?' | '*' | '+' | '{' => None,
        letter => Some(Node::Letter(letter)),
    }
}

fn any_text() -> Node {
    Node::Repeat {
        node: Box::new(Node::Any),
        least: 0,
        most: None,
    }
}

fn numbers(letters: &mut Letters<'_>) -> Option<Node> {
    let first = number(letters)?;
    letters.next_if_eq(&'-')?;
    let second = number(letters)?;
    letters.next_if_eq(&'>')?;
    let digits = (first.len() == second.len()).then_some(first.len());
    let (one, other) = (first.parse::<u64>().ok()?, second.parse::<u64>().ok()?);
    Some(Node::Numbers {
        least: one.min(other),
        most: one.max(other),
        digits,
    })
}

fn escaped(letter: char) -> Option<Node> {
    let class = |negated: bool, ranges: &[(char, char)]| {
        Some(Node::Class {
            negated,
            ranges: ranges.to_vec(),
        })
    };
    const DIGITS: [(char, char); 1] = [('0', '9')];
    const WORDS: [(char, char); 4] = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    const BLANKS: [(char, char); 4] = [('\t', '\n'), ('\r', '\r'), ('\u{c}', '\u{c}'), (' ', ' ')];
    match letter {
        'd' => class(false, &DIGITS),
        'D' => class(true, &DIGITS),
        'w' => class(false, &WORDS),
        'W' => class(true, &WORDS),
        's' => class(false, &BLANKS),
        'S' => class(true, &BLANKS),
        other => Some(Node::Letter(other)),
    }
}

fn class(letters: &mut Letters<'_>) -> Option<Node> {
    let negated = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match letters.next()? {
            ']' if !ranges.is_empty() => return Some(Node::Class { negated, ranges }),
            '\\' => match escaped(letters.next()?)? {
                Node::Letter(letter) => letter,
                Node::Class {
                    negated: false,
                    ranges: more,
                } => {
                    ranges.extend(more);
                    continue;
                }
                _ => return None,
            },
            letter => letter,
        };
        let mut last = first;
        if letters.peek() == Some(&'-') {
            let mut ahead = letters.clone();
            ahead.next();
            if ahead.peek() != Some(&']') {
                letters.next();
                last = match letters.next()? {
                    '\\' => letters.next()?,
                    letter => letter,
                };
            }
        }
        if last < first {
            return None;
        }
        ranges.push((first, last));
    }
}

impl Node {
    /// The same for Rust's engine; `None` where it has no such operator.
    pub fn write_regex(&self, to: &mut String) -> Option<()> {
        match self {
            Self::Nothing | Self::Both(..) | Self::Not(_) | Self::Numbers { .. } => return None,
            Self::Any => to.push('.'),
            Self::Letter(letter) => to.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
            Self::Class { negated, ranges } => {
                to.push_str(if *negated { "[^" } else { "[" });
                for (first, last) in ranges {
                    let (first, last) = (u32::from(*first), u32::from(*last));
                    let _ = write!(to, "\\x{{{first:x}}}-\\x{{{last:x}}}");
                }
                to.push(']');
            }
            Self::Sequence(nodes) => {
                for node in nodes {
                    to.push_str("(?:");
                    node.write_regex(to)?;
                    to.push(')');
                }
            }
            Self::Either(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    to.push_str(if index > 0 { "|(?:" } else { "(?:" });
                    node.write_regex(to)?;
                    to.push(')');
                }
            }
            Self::Repeat { node, least, most } => {
                to.push_str("(?:");
                node.write_regex(to)?;
                let most = most.map_or(String::new(), |most| most.to_string());
                let _ = write!(to, "){{{least},{most}}}");
            }
        }
        Some(())
    }
}
