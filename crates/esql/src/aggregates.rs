//! Aggregate functions: their signatures here, their arithmetic in the modules below.
//!
//! Every value of a multivalued row counts. Read [`fold`] next: what an accumulator is.

pub mod distinct;
pub mod distribution;
pub mod fold;
pub mod known;
pub mod moments;
pub mod numbers;
pub mod ordered;
mod signature;
pub mod spread;
pub mod udaf;

use crate::datatype::DataType;
use crate::functions::{Argument, Documentation};

pub use signature::Resolved;

/// One aggregate function of the language.
pub struct Aggregate {
    pub documentation: Documentation,
    /// Lower case.
    pub name: &'static str,
    pub arguments: Arity,
    /// The result's type, or Elasticsearch's message. Takes the call's own text.
    pub resolve: fn(&str, &[Argument]) -> Result<DataType, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arity {
    pub least: usize,
    pub most: usize,
    /// As Elasticsearch words it: `exactly one argument`.
    pub words: &'static str,
}

const ONE: Arity = Arity {
    least: 1,
    most: 1,
    words: "exactly one argument",
};
const TWO: Arity = Arity {
    least: 2,
    most: 2,
    words: "exactly two arguments",
};
const ONE_OR_TWO: Arity = Arity {
    least: 1,
    most: 2,
    words: "one or two arguments",
};
const NONE_OR_ONE: Arity = Arity {
    least: 0,
    most: 1,
    words: "exactly one argument",
};
const THREE: Arity = Arity {
    least: 3,
    most: 3,
    words: "exactly three arguments",
};

type Row = (
    &'static str,
    &'static str,
    Arity,
    fn(&str, &[Argument]) -> Result<DataType, String>,
);

const TABLE: [Row; 21] = [
    (
        "ABSENT",
        "true where no row has a value",
        ONE,
        signature::boolean,
    ),
    ("AVG", "the mean", ONE, signature::mean),
    (
        "COUNT",
        "how many values there are, or rows",
        NONE_OR_ONE,
        signature::count,
    ),
    (
        "COUNT_DISTINCT",
        "how many different values there are",
        ONE_OR_TWO,
        signature::count_distinct,
    ),
    (
        "FIRST",
        "the value at the least of another column",
        TWO,
        signature::at_extreme,
    ),
    (
        "LAST",
        "the value at the greatest of another column",
        TWO,
        signature::at_extreme,
    ),
    ("MAX", "the greatest value", ONE, signature::extreme),
    (
        "MEDIAN",
        "the value in the middle",
        ONE,
        signature::spread_of_one,
    ),
    (
        "MEDIAN_ABSOLUTE_DEVIATION",
        "the median distance from the median",
        ONE,
        signature::spread_of_one,
    ),
    ("MIN", "the least value", ONE, signature::extreme),
    (
        "PERCENTILE",
        "the value below which a percentage of values lies",
        TWO,
        signature::percentile,
    ),
    (
        "PRESENT",
        "true where some row has a value",
        ONE,
        signature::boolean,
    ),
    (
        "SAMPLE",
        "some values, chosen by chance",
        TWO,
        signature::sample,
    ),
    (
        "STD_DEV",
        "the population's standard deviation",
        ONE,
        signature::spread_of_one,
    ),
    (
        "STDDEV",
        "the population's standard deviation",
        ONE,
        signature::spread_of_one,
    ),
    ("SUM", "the sum", ONE, signature::sum),
    ("TOP", "the greatest or least values", THREE, signature::top),
    ("VALUES", "all different values", ONE, signature::values),
    (
        "VAR",
        "the population's variance",
        ONE,
        signature::spread_of_one,
    ),
    (
        "VARIANCE",
        "the population's variance",
        ONE,
        signature::spread_of_one,
    ),
    (
        "WEIGHTED_AVG",
        "the mean with weights",
        TWO,
        signature::weighted,
    ),
];

/// An aggregate function by its lower-case name.
pub fn find(name: &str) -> Option<Aggregate> {
    let upper = name.to_uppercase();
    let row = TABLE.iter().find(|row| row.0 == upper)?;
    Some(Aggregate {
        documentation: Documentation {
            name: row.0,
            summary: row.1,
        },
        name: row.0,
        arguments: row.2,
        resolve: row.3,
    })
}

/// Lower-case names, sorted.
pub fn names() -> impl Iterator<Item = String> {
    TABLE.iter().map(|row| row.0.to_lowercase())
}

/// All of them, for the reference.
pub fn all() -> impl Iterator<Item = Documentation> {
    TABLE.iter().map(|row| Documentation {
        name: row.0,
        summary: row.1,
    })
}
