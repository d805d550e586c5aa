//! One condition on one field, compiled for the field's type.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float32Type;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Result, exec_err};
use regex::Regex;

use super::analysis::words;
use super::scoring::Statistics;
use super::{MatchOptions, Node};
use crate::aggregates::spread::Spread;
use crate::analyzer::constant;
use crate::datatype::DataType;

/// A field's condition; gives a score for every row that matches.
pub enum Leaf {
    Words {
        /// With how many letters may differ.
        wanted: Vec<(String, usize)>,
        least: usize,
        boost: f32,
    },
    Phrase {
        wanted: Vec<String>,
        slop: usize,
        boost: f32,
    },
    /// The whole value of a keyword.
    Term {
        value: String,
        boost: f32,
    },
    Pattern {
        pattern: Regex,
        words: bool,
    },
    Ordered {
        lower: Option<(OwnedRow, bool)>,
        upper: Option<(OwnedRow, bool)>,
        converter: RowConverter,
    },
    Exists,
    Nearest {
        vector: Vec<f32>,
        k: usize,
        boost: f32,
        /// Lower scores don't match.
        least: f32,
    },
    Nothing,
}

impl Leaf {
    pub fn new(node: &Node, data_type: DataType) -> Result<Self> {
        Ok(match (node, data_type) {
            (Node::Match { text, options, .. }, DataType::Text) => Self::words(text, options),
            (Node::Match { text, options, .. }, DataType::Keyword) => Self::Term {
                value: text.clone(),
                boost: options.boost,
            },
            (Node::Match { text, .. }, other) => {
                let bound = Some((text.clone(), true));
                Self::ordered(bound.as_ref(), bound.as_ref(), other)?
            }
            (
                Node::Phrase {
                    text, slop, boost, ..
                },
                DataType::Text,
            ) => Self::Phrase {
                wanted: words(text),
                slop: *slop,
                boost: *boost,
            },
            (Node::Phrase { text, boost, .. }, DataType::Keyword) => Self::Term {
                value: text.clone(),
                boost: *boost,
            },
            (Node::Phrase { text, .. }, other) => {
                let bound = Some((text.clone(), true));
                Self::ordered(bound.as_ref(), bound.as_ref(), other)?
            }
            (Node::Term { value, .. }, DataType::Text) => Self::Pattern {
                pattern: whole(&regex::escape(value))?,
                words: true,
            },
            (Node::Term { value, .. }, DataType::Keyword) => Self::Term {
                value: value.clone(),
                boost: 1.0,
            },
            (Node::Term { value, .. }, other) => {
                let bound = Some((value.clone(), true));
                Self::ordered(bound.as_ref(), bound.as_ref(), other)?
            }
            (Node::Wildcard { pattern, .. }, data_type) if data_type.is_string() => Self::Pattern {
                pattern: wildcard(pattern, data_type == DataType::Text)?,
                words: data_type == DataType::Text,
            },
            (Node::Wildcard { pattern, .. }, _) if pattern == "*" => Self::Exists,
            (Node::Range { lower, upper, .. }, data_type) => {
                Self::ordered(lower.as_ref(), upper.as_ref(), data_type)?
            }
            (Node::Exists { .. }, _) => Self::Exists,
            (
                Node::Nearest {
                    vector,
                    k,
                    boost,
                    similarity,
                    ..
                },
                _,
            ) => Self::Nearest {
                vector: vector.clone(),
                k: *k,
                boost: *boost,
                least: similarity.map_or(0.0, |least| boost * (1.0 + least) / 2.0),
            },
            _ => Self::Nothing,
        })
    }

    /// Of a nearest-vectors condition: how many rows match.
    pub fn nearest(&self) -> Option<usize> {
        match self {
            Self::Nearest { k, .. } => Some(*k),
            _ => None,
        }
    }

    /// From here on a nearest-vectors condition matches only rows of this score and better.
    pub fn set_least(&mut self, bound: f32) {
        if let Self::Nearest { least, .. } = self {
            *least = least.max(bound);
        }
    }

    fn words(text: &str, options: &MatchOptions) -> Self {
        let wanted: Vec<(String, usize)> = words(text)
            .into_iter()
            .map(|word| {
                let length = word.chars().count();
                let differing = match options.fuzziness {
                    None => 0,
                    Some(Some(most)) => most,
                    // "AUTO": short words must be right.
                    Some(None) if length < 3 => 0,
                    Some(None) if length < 6 => 1,
                    Some(None) => 2,
                };
                (word, differing)
            })
            .collect();
        let least = if options.all {
            wanted.len()
        } else {
            let given = options.minimum_should_match.as_deref();
            given.map_or(1, |given| least_words(given, wanted.len()))
        };
        if wanted.is_empty() {
            return Self::Nothing;
        }
        Self::Words {
            wanted,
            least: least.max(1),
            boost: options.boost,
        }
    }

    fn ordered(
        lower: Option<&(String, bool)>,
        upper: Option<&(String, bool)>,
        data_type: DataType,
    ) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(data_type.arrow())])?;
        let bound = |bound: Option<&(String, bool)>| -> Result<Option<Option<(OwnedRow, bool)>>> {
            let Some((text, within)) = bound else {
                return Ok(Some(None));
            };
            let Some(column) = value_of(text, data_type) else {
                return Ok(None);
            };
            let rows = converter.convert_columns(&[column])?;
            Ok(Some(Some((rows.row(0).owned(), *within))))
        };
        let (Some(lower), Some(upper)) = (bound(lower)?, bound(upper)?) else {
            return Ok(Self::Nothing);
        };
        Ok(Self::Ordered {
            lower,
            upper,
            converter,
        })
    }

    /// The words whose rarity matters.
    pub fn terms(&self) -> Vec<String> {
        match self {
            Self::Words { wanted, .. } => wanted.iter().map(|(word, _)| word.clone()).collect(),
            Self::Phrase { wanted, .. } => wanted.clone(),
            Self::Term { value, .. } => vec![value.clone()],
            _ => Vec::new(),
        }
    }

    /// A score for each row that matches.
    pub fn scores(&self, field: &ArrayRef, statistics: &Statistics) -> Result<Vec<Option<f32>>> {
        match self {
            Self::Nearest {
                vector,
                boost,
                least,
                ..
            } => {
                let mut scores = nearness(field, vector, *boost)?;
                for score in &mut scores {
                    *score = score.filter(|score| score >= least);
                }
                return Ok(scores);
            }
            Self::Nothing => return Ok(vec![None; field.len()]),
            _ => {}
        }
        let spread = Spread::of(field);
        let encoded = match self {
            Self::Ordered { converter, .. } => {
                Some(converter.convert_columns(std::slice::from_ref(&spread.values))?)
            }
            _ => None,
        };
        let mut scores = Vec::with_capacity(field.len());
        for row in 0..field.len() {
            let score = match self {
                Self::Exists => (spread.count(row) > 0).then_some(1.0),
                Self::Ordered { lower, upper, .. } => {
                    let mut found = None;
                    if let Some(rows) = &encoded {
                        spread.row(row, |index| {
                            let value = rows.row(index).owned();
                            if within(&value, lower.as_ref(), upper.as_ref()) {
                                found = Some(1.0);
                            }
                        });
                    }
                    found
                }
                _ => {
                    let texts = spread.values.as_string::<i32>();
                    let mut values = Vec::new();
                    spread.row(row, |index| values.push(texts.value(index)));
                    if values.is_empty() {
                        None
                    } else {
                        self.text_score(&values, statistics)
                    }
                }
            };
            scores.push(score);
        }
        Ok(scores)
    }

    fn text_score(&self, values: &[&str], statistics: &Statistics) -> Option<f32> {
        match self {
            Self::Term { value, boost } => values.contains(&value.as_str()).then(|| {
                let weight = boost * statistics.rarity(value);
                statistics.score(weight, 1.0, 1)
            }),
            Self::Pattern {
                pattern,
                words: true,
            } => values
                .iter()
                .any(|value| words(value).iter().any(|word| pattern.is_match(word)))
                .then_some(1.0),
            Self::Pattern { pattern, .. } => values
                .iter()
                .any(|value| pattern.is_match(value))
                .then_some(1.0),
            Self::Words {
                wanted,
                least,
                boost,
            } => {
                let all: Vec<String> = values.iter().flat_map(|value| words(value)).collect();
                words_score(&all, wanted, *least, *boost, statistics)
            }
            Self::Phrase {
                wanted,
                slop,
                boost,
            } => {
                let mut times = 0.0;
                let mut length = 0;
                for value in values {
                    let words = words(value);
                    length += words.len() as u64;
                    times += phrase_times(&words, wanted, *slop);
                }
                if times == 0.0 {
                    return None;
                }
                let rarity: f32 = wanted.iter().map(|word| statistics.rarity(word)).sum();
                Some(statistics.score(boost * rarity, times, length))
            }
            _ => None,
        }
    }
}

fn within(
    value: &OwnedRow,
    lower: Option<&(OwnedRow, bool)>,
    upper: Option<&(OwnedRow, bool)>,
) -> bool {
    let above = lower.is_none_or(|(bound, equal)| value > bound || (*equal && value == bound));
    let below = upper.is_none_or(|(bound, equal)| value < bound || (*equal && value == bound));
    above && below
}

fn words_score(
    all: &[String],
    wanted: &[(String, usize)],
    least: usize,
    boost: f32,
    statistics: &Statistics,
) -> Option<f32> {
    let mut times: HashMap<&str, u32> = HashMap::new();
    for word in all {
        *times.entry(word).or_default() += 1;
    }
    let mut found = 0;
    let mut score = 0.0_f64;
    for (word, differing) in wanted {
        let count = if *differing == 0 {
            times.get(word.as_str()).copied().unwrap_or(0)
        } else {
            let near = |(other, _): &(&&str, &u32)| strsim::osa_distance(word, other) <= *differing;
            times.iter().filter(near).map(|(_, count)| *count).sum()
        };
        if count > 0 {
            found += 1;
            let weight = boost * statistics.rarity(word);
            score += f64::from(statistics.score(weight, count as f32, all.len() as u64));
        }
    }
    (found >= least).then_some(score as f32)
}

/// How often the words follow each other; with slop, others may stand between.
fn phrase_times(words: &[String], wanted: &[String], slop: usize) -> f32 {
    if wanted.is_empty() {
        return 0.0;
    }
    let mut times = 0.0;
    for start in 0..words.len() {
        let mut at = start;
        let mut spare = slop;
        let mut complete = true;
        for (number, word) in wanted.iter().enumerate() {
            let place = words[at.min(words.len())..]
                .iter()
                .position(|other| other == word);
            match place {
                Some(0) => at += 1,
                Some(skipped) if number > 0 && skipped <= spare => {
                    spare -= skipped;
                    at += skipped + 1;
                }
                _ => {
                    complete = false;
                    break;
                }
            }
        }
        if complete {
            times += 1.0 / (1.0 + (slop - spare) as f32);
        }
    }
    times
}

/// `2`, `-1`, `75%`, `-25%` of so many words.
fn least_words(given: &str, words: usize) -> usize {
    let share = |percent: &str| percent.parse::<i64>().unwrap_or(100) * words as i64 / 100;
    let number = match given.strip_suffix('%') {
        Some(percent) => share(percent),
        None => given.parse().unwrap_or(1),
    };
    let least = if number < 0 {
        words as i64 + number
    } else {
        number
    };
    least.clamp(0, words as i64) as usize
}

fn wildcard(pattern: &str, lower: bool) -> Result<Regex> {
    let mut text = String::new();
    let pattern = if lower {
        pattern.to_lowercase()
    } else {
        pattern.to_owned()
    };
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '\\' => {
                let taken = letters.next().unwrap_or(letter);
                text.push_str(&regex::escape(&taken.to_string()));
            }
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    whole(&text)
}

/// The expression on a whole value.
fn whole(pattern: &str) -> Result<Regex> {
    match Regex::new(&format!("(?s)^(?:{pattern})$")) {
        Ok(regex) => Ok(regex),
        Err(error) => exec_err!("pattern [{pattern}]: {error}"),
    }
}

/// A text as a value of a type; `None` where it isn't one, so that it matches nothing.
fn value_of(text: &str, data_type: DataType) -> Option<ArrayRef> {
    let literal = crate::ast::Literal::String(text.to_owned());
    let column = constant::literal(&literal)?;
    if data_type.is_string() {
        return Some(column.values);
    }
    let converted = constant::convert(&column, data_type, 0).ok()?;
    converted.values.is_valid(0).then_some(converted.values)
}

/// Cosine similarity as Elasticsearch scores it: `(1 + cosine) / 2`.
fn nearness(field: &ArrayRef, wanted: &[f32], boost: f32) -> Result<Vec<Option<f32>>> {
    let Some(lists) = field.as_any().downcast_ref::<arrow::array::ListArray>() else {
        return Ok(vec![None; field.len()]);
    };
    let length = |vector: &[f32]| vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    let own = length(wanted);
    let mut scores = Vec::with_capacity(lists.len());
    for row in 0..lists.len() {
        if lists.is_null(row) {
            scores.push(None);
            continue;
        }
        let values = lists.value(row);
        let vector = values.as_primitive::<Float32Type>().values();
        if vector.len() != wanted.len() {
            scores.push(None);
            continue;
        }
        let product: f32 = vector
            .iter()
            .zip(wanted)
            .map(|(one, other)| one * other)
            .sum();
        let cosine = product / (own * length(vector));
        scores.push(cosine.is_finite().then_some(boost * (1.0 + cosine) / 2.0));
    }
    Ok(scores)
}
