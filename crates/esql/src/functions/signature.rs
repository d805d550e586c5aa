//! What functions accept, and what Elasticsearch's verifier says to anything else.

use super::Argument;
use crate::datatype::DataType;
use crate::datatype::DataType::*;

/// Types that an argument may have, and how messages call them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accept {
    pub types: &'static [DataType],
    pub words: &'static str,
}

pub(super) const NUMERIC: Accept = Accept {
    types: &[Integer, Long, UnsignedLong, Double],
    words: "numeric",
};
pub(super) const SIGNED: Accept = Accept {
    types: &[Integer, Long, Double],
    words: "numeric except unsigned_long",
};
pub(super) const DOUBLE: Accept = Accept {
    types: &[Double],
    words: "double",
};
pub(super) const INTEGER: Accept = Accept {
    types: &[Integer],
    words: "integer",
};
pub(super) const WHOLE: Accept = Accept {
    types: &[Integer, Long],
    words: "whole number except unsigned_long or counter types",
};
pub(super) const STRING: Accept = Accept {
    types: &[Keyword, Text],
    words: "string",
};
pub(super) const BOOLEAN: Accept = Accept {
    types: &[Boolean],
    words: "boolean",
};
pub(super) const ADDRESS: Accept = Accept {
    types: &[Ip],
    words: "ip",
};
pub(super) const ANY_DATE: Accept = Accept {
    types: &[Date, DateNanos],
    words: "datetime or date_nanos",
};
pub(super) const SPAN: Accept = Accept {
    types: &[DatePeriod, TimeDuration],
    words: "dateperiod or timeduration",
};
pub(super) const VECTOR: Accept = Accept {
    types: &[DenseVector],
    words: "dense_vector",
};

/// Everything that a field can be.
pub(super) const REPRESENTABLE: Accept = Accept {
    types: &[
        Boolean,
        Integer,
        Long,
        UnsignedLong,
        Double,
        Keyword,
        Text,
        Date,
        DateNanos,
        Ip,
        Version,
        Source,
        GeoPoint,
        GeoShape,
        CartesianPoint,
        CartesianShape,
    ],
    words: "representable",
};

const ORDINALS: [&str; 5] = ["first ", "second ", "third ", "fourth ", "fifth "];

/// `first `, `second ` …; nothing where there are too many to name.
pub(super) fn ordinal(index: usize) -> &'static str {
    ORDINALS.get(index).copied().unwrap_or("")
}

/// `second argument of [f(x)] must be [numeric], found value [x] type [keyword]`
pub(super) fn wrong(which: &str, text: &str, words: &str, argument: &Argument) -> String {
    format!(
        "{which}argument of [{text}] must be [{words}], found value [{}] type [{}]",
        argument.text,
        argument.data_type.message_name()
    )
}

/// Null fits everything.
pub(super) fn check(
    which: &str,
    text: &str,
    accept: Accept,
    argument: &Argument,
) -> Result<(), String> {
    if argument.data_type == Null || accept.types.contains(&argument.data_type) {
        Ok(())
    } else {
        Err(wrong(which, text, accept.words, argument))
    }
}

/// Checks every argument; a function of one argument isn't told which one it was.
pub(super) fn check_all(
    text: &str,
    arguments: &[Argument],
    accepts: &[Accept],
) -> Result<(), String> {
    for (index, argument) in arguments.iter().enumerate() {
        let accept = accepts.get(index).or(accepts.last());
        let which = if accepts.len() == 1 && arguments.len() == 1 {
            ""
        } else {
            ordinal(index)
        };
        if let Some(accept) = accept {
            check(which, text, *accept, argument)?;
        }
    }
    Ok(())
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    None,
    One,
    Two,
    Three,
    OneOrTwo,
    TwoOrThree,
    OneOrMore,
    TwoOrMore,
    TwoToFour,
}

impl Count {
    fn holds(self, found: usize) -> bool {
        match self {
            Self::None => found == 0,
            Self::One => found == 1,
            Self::Two => found == 2,
            Self::Three => found == 3,
            Self::OneOrTwo => (1..=2).contains(&found),
            Self::TwoOrThree => (2..=3).contains(&found),
            Self::OneOrMore => found >= 1,
            Self::TwoOrMore => found >= 2,
            Self::TwoToFour => (2..=4).contains(&found),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::None => "expects no arguments",
            Self::One => "expects exactly one argument",
            Self::Two => "expects exactly two arguments",
            Self::Three => "expects exactly three arguments",
            Self::OneOrTwo => "expects one or two arguments",
            Self::TwoOrThree => "expects two or three arguments",
            Self::OneOrMore => "expects at least one argument",
            Self::TwoOrMore => "expects at least two arguments",
            Self::TwoToFour => "expects minimum two, maximum four arguments",
        }
    }
}

/// `error building [length]: expects exactly one argument`
pub(super) fn count(text: &str, arguments: &[Argument], count: Count) -> Result<(), String> {
    if count.holds(arguments.len()) {
        return Ok(());
    }
    let name = text.split('(').next().unwrap_or(text).trim().to_lowercase();
    Err(format!("error building [{name}]: {}", count.words()))
}

/// Functions whose last argument Elasticsearch takes to be optional, and then misses.
pub(super) fn without_null(
    text: &str,
    arguments: &[Argument],
    said: Count,
    needed: usize,
) -> Result<(), String> {
    count(text, arguments, said)?;
    if arguments.len() < needed {
        let name = text.split('(').next().unwrap_or(text).trim().to_lowercase();
        return Err(format!(
            "error building [{name}]: Null children are not allowed"
        ));
    }
    Ok(())
}

/// Number of arguments and their types, then a fixed result.
pub(super) fn fixed(
    text: &str,
    arguments: &[Argument],
    how_many: Count,
    accepts: &[Accept],
    result: DataType,
) -> Result<DataType, String> {
    count(text, arguments, how_many)?;
    check_all(text, arguments, accepts)?;
    Ok(result)
}

/// Number of arguments and their types; the result has the type of the first argument.
pub(super) fn like_first(
    text: &str,
    arguments: &[Argument],
    how_many: Count,
    accepts: &[Accept],
) -> Result<DataType, String> {
    count(text, arguments, how_many)?;
    check_all(text, arguments, accepts)?;
    Ok(no_text(arguments[0].data_type))
}

/// Functions give `keyword`, never `text`.
pub(super) fn no_text(data_type: DataType) -> DataType {
    if data_type == Text {
        Keyword
    } else {
        data_type
    }
}

/// The type of numbers worked on together; null where both are.
pub(super) fn common_number(left: DataType, right: DataType) -> DataType {
    match (left, right) {
        (Null, other) | (other, Null) => other,
        (Double, _) | (_, Double) => Double,
        (UnsignedLong, _) | (_, UnsignedLong) => UnsignedLong,
        (Long, _) | (_, Long) => Long,
        _ => Integer,
    }
}

/// The argument has to be a constant.
pub(super) fn constant(index: usize, text: &str, argument: &Argument) -> Result<(), String> {
    if argument.constant.is_some() || argument.data_type == Null {
        return Ok(());
    }
    Err(format!(
        "{}argument of [{text}] must be a constant, received [{}]",
        ordinal(index),
        argument.text
    ))
}
