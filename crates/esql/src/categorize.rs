//! `CATEGORIZE`: log messages that are formatted alike share a category.
//!
//! Elasticsearch's machine learning weighs tokens by a dictionary of English and compares
//! messages by a weighted edit distance; this does the same with words (letters alone) for the
//! dictionary. The categories of documented examples agree; on other data both are heuristics.

use std::collections::HashMap;

/// Tokens of a message that count (Elasticsearch: 100).
const MAX_TOKENS: usize = 100;
/// Categories of one query; a message that would need one more goes to the nearest.
const MAX_CATEGORIES: usize = 10_000;
/// A word made of letters counts more than a name with digits or signs in it.
const WORD_WEIGHT: u32 = 3;
const OTHER_WEIGHT: u32 = 1;

/// Days, months and zones: they differ between messages of one format.
const TIME_WORDS: [&str; 40] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
    "gmt",
    "utc",
    "z",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `.*?Connected.+?to.*?`
    #[default]
    Regex,
    /// `Connected to`
    Tokens,
}

/// Named parameters of `CATEGORIZE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub format: Format,
    /// Percent of a message's token weight that has to match, from 1 to 100.
    pub similarity: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::default(),
            similarity: 70,
        }
    }
}

#[derive(Debug)]
struct Category {
    /// Of the message that founded it.
    tokens: Vec<u32>,
    weight: u32,
    /// What all its messages have, in order.
    common: Vec<u32>,
    founding_weight: u32,
    messages: u64,
}

/// Puts messages into categories, one after the other.
#[derive(Debug)]
pub struct Categorizer {
    options: Options,
    numbers: HashMap<String, u32>,
    tokens: Vec<(String, u32)>,
    categories: Vec<Category>,
    /// Most frequent first: the order in which they are tried.
    order: Vec<usize>,
    /// Messages of these tokens were seen.
    known: HashMap<Vec<u32>, usize>,
}

impl Categorizer {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            numbers: HashMap::new(),
            tokens: Vec::new(),
            categories: Vec::new(),
            order: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// The category of a message; `None` where nothing of it counts.
    pub fn add(&mut self, message: &str) -> Option<usize> {
        let tokens: Vec<u32> = tokens(message).map(|token| self.number(token)).collect();
        if tokens.is_empty() {
            return None;
        }
        let found = match self.known.get(&tokens) {
            Some(known) => *known,
            None => {
                let found = self.place(&tokens);
                self.known.insert(tokens, found);
                found
            }
        };
        self.categories[found].messages += 1;
        self.promote(found);
        Some(found)
    }

    /// What the messages of a category have in common.
    pub fn name(&self, category: usize) -> String {
        let common = self.categories[category].common.iter();
        let words = common.map(|token| self.tokens[*token as usize].0.as_str());
        match self.options.format {
            Format::Tokens => words.collect::<Vec<_>>().join(" "),
            Format::Regex => {
                let words: Vec<String> = words.map(regex::escape).collect();
                format!(".*?{}.*?", words.join(".+?"))
            }
        }
    }

    fn number(&mut self, token: &str) -> u32 {
        if let Some(known) = self.numbers.get(token) {
            return *known;
        }
        let weight = if token.chars().all(char::is_alphabetic) && token.chars().nth(1).is_some() {
            WORD_WEIGHT
        } else {
            OTHER_WEIGHT
        };
        let number = self.tokens.len() as u32;
        self.tokens.push((token.to_owned(), weight));
        self.numbers.insert(token.to_owned(), number);
        number
    }

    fn weight(&self, token: u32) -> u32 {
        self.tokens[token as usize].1
    }

    fn total(&self, tokens: &[u32]) -> u32 {
        tokens.iter().map(|token| self.weight(*token)).sum()
    }

    /// The best category that is near enough, or a new one.
    fn place(&mut self, tokens: &[u32]) -> usize {
        let lower = f64::from(self.options.similarity) / 100.0;
        let sure = (1.0 + lower) / 2.0;
        let weight = self.total(tokens);
        let mut best: Option<(usize, f64, Vec<u32>)> = None;
        for &number in &self.order {
            let category = &self.categories[number];
            let (less, more) = (weight.min(category.weight), weight.max(category.weight));
            let bar = best
                .as_ref()
                .map_or(lower, |(_, similarity, _)| *similarity);
            if f64::from(less) < bar * f64::from(more) {
                continue;
            }
            let common = self.shared(&category.common, tokens);
            let kept = f64::from(self.total(&common)) / f64::from(category.founding_weight);
            if kept < lower {
                continue;
            }
            let distance = self.distance(tokens, &category.tokens);
            let similarity = 1.0 - f64::from(distance) / f64::from(more);
            let better = match &best {
                None => similarity >= lower,
                Some((_, before, _)) => similarity > *before,
            };
            if better {
                best = Some((number, similarity, common));
                if similarity > sure {
                    break;
                }
            }
        }
        if best.is_none() && self.categories.len() >= MAX_CATEGORIES {
            let common = self.shared(&self.categories[self.order[0]].common, tokens);
            best = Some((self.order[0], lower, common));
        }
        if let Some((number, _, common)) = best {
            self.categories[number].common = common;
            return number;
        }
        self.categories.push(Category {
            tokens: tokens.to_vec(),
            weight,
            common: tokens.to_vec(),
            founding_weight: weight,
            messages: 0,
        });
        self.order.push(self.categories.len() - 1);
        self.categories.len() - 1
    }

    /// A category with one more message moves past those that have fewer.
    fn promote(&mut self, category: usize) {
        let messages = self.categories[category].messages;
        let Some(at) = self.order.iter().position(|number| *number == category) else {
            return;
        };
        let ahead = &self.order[..at];
        let to = ahead.partition_point(|number| self.categories[*number].messages >= messages);
        self.order[to..=at].rotate_right(1);
    }

    /// The heaviest sequence of tokens that both have in order.
    fn shared(&self, one: &[u32], other: &[u32]) -> Vec<u32> {
        let width = other.len() + 1;
        let mut best = vec![0_u32; (one.len() + 1) * width];
        for (row, token) in one.iter().enumerate().rev() {
            for column in (0..other.len()).rev() {
                let here = row * width + column;
                best[here] = if *token == other[column] {
                    best[here + width + 1] + self.weight(*token)
                } else {
                    best[here + width].max(best[here + 1])
                };
            }
        }
        let (mut row, mut column, mut common) = (0, 0, Vec::new());
        while row < one.len() && column < other.len() {
            let here = row * width + column;
            if one[row] == other[column] {
                common.push(one[row]);
                (row, column) = (row + 1, column + 1);
            } else if best[here + width] >= best[here + 1] {
                row += 1;
            } else {
                column += 1;
            }
        }
        common
    }

    /// The weight of the tokens that have to be put in, left out or exchanged.
    fn distance(&self, one: &[u32], other: &[u32]) -> u32 {
        let mut before: Vec<u32> = std::iter::once(0)
            .chain(other.iter().scan(0, |sum, token| {
                *sum += self.weight(*token);
                Some(*sum)
            }))
            .collect();
        let mut now = vec![0; before.len()];
        for token in one {
            let own = self.weight(*token);
            now[0] = before[0] + own;
            for (column, second) in other.iter().enumerate() {
                let theirs = self.weight(*second);
                let exchanged = if token == second { 0 } else { own.max(theirs) };
                now[column + 1] = (before[column] + exchanged)
                    .min(before[column + 1] + own)
                    .min(now[column] + theirs);
            }
            std::mem::swap(&mut before, &mut now);
        }
        before[other.len()]
    }
}

/// Names and words of the first line that has any: no numbers, no times.
fn tokens(message: &str) -> impl Iterator<Item = &str> {
    let has_letters = |line: &&str| line.chars().any(char::is_alphabetic);
    let line = message.lines().find(has_letters).unwrap_or_default();
    let within = |letter: char| letter.is_alphanumeric() || "_-./\\@%&$".contains(letter);
    line.split(move |letter| !within(letter))
        .map(|token| token.trim_matches(|letter: char| "-./\\%&@".contains(letter)))
        .filter(|token| {
            let starts_named = token
                .chars()
                .next()
                .is_some_and(|first| !first.is_ascii_digit());
            let number = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
            let hexadecimal =
                token.chars().all(number) && token.chars().any(|it| it.is_ascii_digit());
            starts_named && !hexadecimal && !TIME_WORDS.contains(&token.to_lowercase().as_str())
        })
        .take(MAX_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(messages: &[&str], options: Options) -> Vec<Option<String>> {
        let mut categorizer = Categorizer::new(options);
        let found: Vec<_> = messages.iter().map(|one| categorizer.add(one)).collect();
        let name = |found: Option<usize>| found.map(|found| categorizer.name(found));
        found.into_iter().map(name).collect()
    }

    #[test]
    fn messages_of_one_format_share_a_category() {
        let found = names(
            &[
                "Connected to 10.1.0.1",
                "Connection error",
                "Disconnected",
                "Connected to 10.1.0.2",
                "Thu 2026-01-01T00:00:00Z deadbeef01",
            ],
            Options::default(),
        );
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(
            found,
            [
                Some(".*?Connected.+?to.*?"),
                Some(".*?Connection.+?error.*?"),
                Some(".*?Disconnected.*?"),
                Some(".*?Connected.+?to.*?"),
                None,
            ]
        );
    }

    #[test]
    fn what_differs_leaves_the_name_and_the_threshold_decides() {
        let messages = [
            "User alice logged in from the web page",
            "User bob logged in from the web page",
        ];
        let tokens = Options {
            format: Format::Tokens,
            ..Options::default()
        };
        assert_eq!(
            names(&messages, tokens)[0].as_deref(),
            Some("User logged in from the web page")
        );
        let strict = Options {
            similarity: 100,
            ..tokens
        };
        assert_eq!(names(&messages, strict)[0].as_deref(), Some(messages[0]));
    }
}
