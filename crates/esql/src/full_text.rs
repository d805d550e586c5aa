//! Full-text search: `MATCH`, `MATCH_PHRASE`, `MULTI_MATCH`, the `:` operator, `QSTR`, `KQL`, `KNN`.
//!
//! A query is asked of every index by itself, beside its scan, so that scores use the statistics
//! of that index. [`analysis`] cuts texts into words, [`scoring`] has the formula.

pub mod analysis;
pub mod kql;
mod leaf;
mod prepared;
pub mod query_dsl;
pub mod query_string;
pub mod scoring;

use crate::datatype::DataType;

pub use prepared::{Prepared, prepare};

/// Lower-case names of the functions.
pub const FUNCTIONS: [&str; 6] = ["knn", "kql", "match", "match_phrase", "multi_match", "qstr"];

pub fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// A full-text condition of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct TextQuery {
    pub node: Node,
    /// Counts for `_score`: it isn't under a `NOT`.
    pub scoring: bool,
    /// `SCORE` asks for its score, whether or not it counts for `_score`.
    pub measured: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Any word (or all) of a text field, the value of another.
    Match {
        field: String,
        text: String,
        options: MatchOptions,
    },
    Phrase {
        field: String,
        text: String,
        slop: usize,
        boost: f32,
    },
    /// The very value; of a text, one of its words.
    Term {
        field: String,
        value: String,
    },
    /// `*` and `?` in a value; a backslash before one takes it as it is.
    Wildcard {
        field: String,
        pattern: String,
    },
    Range {
        field: String,
        /// Bound and whether it is within.
        lower: Option<(String, bool)>,
        upper: Option<(String, bool)>,
    },
    Exists {
        field: String,
    },
    /// The nearest vectors.
    Nearest {
        field: String,
        vector: Vec<f32>,
        k: usize,
        boost: f32,
        /// The least cosine similarity that matches at all.
        similarity: Option<f32>,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    /// Any of them; the best score counts whole, the others by the share `tie`.
    Best {
        nodes: Vec<Node>,
        tie: f32,
    },
    Not(Box<Node>),
    /// Every match counts the same for `_score`: nothing where it only lets through.
    Constant {
        node: Box<Node>,
        score: f32,
    },
    /// Everything; what matches counts for `_score`.
    Optional(Box<Node>),
    Everything,
    Nothing,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MatchOptions {
    /// All words, not any.
    pub all: bool,
    /// How many words at least: a number or a percentage, as written.
    pub minimum_should_match: Option<String>,
    /// How many letters may differ; `None`: none, `Some(None)`: by the word's length.
    pub fuzziness: Option<Option<usize>>,
    pub boost: f32,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            all: false,
            minimum_should_match: None,
            fuzziness: None,
            boost: 1.0,
        }
    }
}

impl Node {
    /// The fields that the query reads, `*` included.
    pub fn fields<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Match { field, .. }
            | Self::Phrase { field, .. }
            | Self::Term { field, .. }
            | Self::Wildcard { field, .. }
            | Self::Range { field, .. }
            | Self::Exists { field }
            | Self::Nearest { field, .. } => {
                if !found.contains(&field.as_str()) {
                    found.push(field);
                }
            }
            Self::And(nodes) | Self::Or(nodes) | Self::Best { nodes, .. } => {
                for node in nodes {
                    node.fields(found);
                }
            }
            Self::Not(node) | Self::Optional(node) | Self::Constant { node, .. } => {
                node.fields(found);
            }
            Self::Everything | Self::Nothing => {}
        }
    }

    /// The very values that the query asks for, and the bounds of its ranges, each with its field.
    pub fn terms<'a>(&'a self, found: &mut Vec<(&'a str, &'a str)>) {
        match self {
            Self::Term { field, value } => found.push((field, value)),
            Self::Range {
                field,
                lower,
                upper,
            } => {
                let bounds = lower.iter().chain(upper);
                found.extend(bounds.map(|(bound, _)| (field.as_str(), bound.as_str())));
            }
            Self::And(nodes) | Self::Or(nodes) | Self::Best { nodes, .. } => {
                nodes.iter().for_each(|node| node.terms(found));
            }
            Self::Not(node) | Self::Optional(node) | Self::Constant { node, .. } => {
                node.terms(found);
            }
            _ => {}
        }
    }

    /// The same with the field that stands for all fields replaced by each of them.
    pub fn over_all(self, fields: &[(String, DataType)]) -> Self {
        match self {
            Self::Match {
                field,
                text,
                options,
            } if field == "*" => {
                let of = |(name, _): &(String, DataType)| Self::Match {
                    field: name.clone(),
                    text: text.clone(),
                    options: options.clone(),
                };
                Self::Or(fields.iter().map(of).collect())
            }
            Self::Phrase {
                field,
                text,
                slop,
                boost,
            } if field == "*" => {
                let of = |(name, _): &(String, DataType)| Self::Phrase {
                    field: name.clone(),
                    text: text.clone(),
                    slop,
                    boost,
                };
                Self::Or(fields.iter().map(of).collect())
            }
            Self::Wildcard { field, pattern } if field == "*" => {
                let of = |(name, _): &(String, DataType)| Self::Wildcard {
                    field: name.clone(),
                    pattern: pattern.clone(),
                };
                Self::Or(fields.iter().map(of).collect())
            }
            Self::And(nodes) => Self::And(each_over_all(nodes, fields)),
            Self::Or(nodes) => Self::Or(each_over_all(nodes, fields)),
            Self::Best { nodes, tie } => Self::Best {
                nodes: each_over_all(nodes, fields),
                tie,
            },
            Self::Not(node) => Self::Not(Box::new(node.over_all(fields))),
            Self::Optional(node) => Self::Optional(Box::new(node.over_all(fields))),
            Self::Constant { node, score } => Self::Constant {
                node: Box::new(node.over_all(fields)),
                score,
            },
            other => other,
        }
    }
}

fn each_over_all(nodes: Vec<Node>, fields: &[(String, DataType)]) -> Vec<Node> {
    nodes
        .into_iter()
        .map(|node| node.over_all(fields))
        .collect()
}
