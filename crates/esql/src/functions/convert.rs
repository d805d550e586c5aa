//! Conversions, `TO_…` and `::`: each value by itself, and what can't be converted is left out
//! with a warning.

mod dates;
mod numbers;
mod text;

use arrow::array::ArrayRef;

use super::entry::{Entry, Failures, Kernel};
use super::signature::{Accept, Count, count, fixed, wrong};
use super::{Argument, Call, Column, spans, vectors};
use crate::datatype::DataType::{self, *};

/// An entry of a conversion from `$types` to `$result`.
macro_rules! conversion {
    ($name:literal, $aliases:expr, $result:expr, $accept:expr, $kernel:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: $aliases,
            summary: $summary,
            resolve: |text, arguments| to(text, arguments, $accept, $result),
            kernel: Kernel::Each($kernel),
        }
    };
}

const BOOLEANS: Accept = Accept {
    types: &[Boolean, Keyword, Text, Double, Long, UnsignedLong, Integer],
    words: "boolean or numeric or string",
};
const INTEGERS: Accept = Accept {
    types: &[
        Boolean,
        Date,
        Keyword,
        Text,
        Double,
        Long,
        UnsignedLong,
        Integer,
    ],
    words: "boolean or counter_integer or datetime or numeric or string",
};
const LONGS: Accept = Accept {
    types: &[
        Boolean,
        Date,
        DateNanos,
        Keyword,
        Text,
        Double,
        Long,
        UnsignedLong,
        Integer,
    ],
    words: "boolean or counter_integer or counter_long or date_nanos or datetime or numeric or string",
};
const UNSIGNED: Accept = Accept {
    types: &[
        Boolean,
        Date,
        Keyword,
        Text,
        Double,
        Long,
        UnsignedLong,
        Integer,
    ],
    words: "boolean or datetime or numeric or string",
};
const DOUBLES: Accept = Accept {
    types: &[
        Boolean,
        Date,
        Keyword,
        Text,
        Double,
        Long,
        UnsignedLong,
        Integer,
    ],
    words: "boolean or counter_double or counter_integer or counter_long or datetime or numeric or string",
};
const STRINGS: Accept = Accept {
    types: &[
        Boolean,
        Date,
        DateNanos,
        Keyword,
        Text,
        Double,
        Long,
        UnsignedLong,
        Integer,
        Ip,
        Version,
        Source,
        GeoPoint,
        GeoShape,
        CartesianPoint,
        CartesianShape,
    ],
    words: "boolean or cartesian_point or cartesian_shape or date_nanos or datetime or geo_point or geo_shape or ip or numeric or string or version",
};
const DATES: Accept = Accept {
    types: &[
        Date,
        DateNanos,
        Keyword,
        Text,
        Double,
        Long,
        UnsignedLong,
        Integer,
    ],
    words: "date_nanos or datetime or numeric or string",
};
const NANOS: Accept = Accept {
    types: &[Date, DateNanos, Keyword, Text, Double, Long, UnsignedLong],
    words: "date_nanos or datetime or double or long or string or unsigned_long",
};
const ADDRESSES: Accept = Accept {
    types: &[Ip, Keyword, Text],
    words: "ip or string",
};
const VERSIONS: Accept = Accept {
    types: &[Version, Keyword, Text],
    words: "string or version",
};
const NUMBERS: Accept = Accept {
    types: &[Double, Long, UnsignedLong, Integer],
    words: "numeric",
};

pub(super) static ENTRIES: [Entry; 19] = [
    conversion!(
        "TO_BOOLEAN",
        &["to_bool"],
        Boolean,
        BOOLEANS,
        numbers::to_boolean,
        "Converts a value to a boolean."
    ),
    conversion!(
        "TO_INTEGER",
        &["to_int"],
        Integer,
        INTEGERS,
        numbers::to_integer,
        "Converts a value to an integer."
    ),
    conversion!(
        "TO_LONG",
        &[],
        Long,
        LONGS,
        numbers::to_long,
        "Converts a value to a long."
    ),
    conversion!(
        "TO_UNSIGNED_LONG",
        &["to_ul", "to_ulong"],
        UnsignedLong,
        UNSIGNED,
        numbers::to_unsigned,
        "Converts a value to an unsigned long."
    ),
    conversion!(
        "TO_DOUBLE",
        &["to_dbl"],
        Double,
        DOUBLES,
        numbers::to_double,
        "Converts a value to a double."
    ),
    conversion!(
        "TO_STRING",
        &["to_str"],
        Keyword,
        STRINGS,
        text::to_string,
        "Converts a value to a string."
    ),
    conversion!(
        "TO_DATETIME",
        &["to_dt", "to_date"],
        Date,
        DATES,
        dates::to_datetime,
        "Converts a value to a date."
    ),
    conversion!(
        "TO_DATE_NANOS",
        &["to_datenanos"],
        DateNanos,
        NANOS,
        dates::to_date_nanos,
        "Converts a value to a date with nanoseconds."
    ),
    conversion!(
        "TO_IP",
        &["to_ip_leading_zeros_rejected"],
        Ip,
        ADDRESSES,
        text::to_ip,
        "Converts a string to an IP address."
    ),
    conversion!(
        "TO_IP_LEADING_ZEROS_OCTAL",
        &[],
        Ip,
        ADDRESSES,
        text::to_ip_octal,
        "Converts a string to an IP address; parts with leading zeros are octal."
    ),
    conversion!(
        "TO_IP_LEADING_ZEROS_DECIMAL",
        &[],
        Ip,
        ADDRESSES,
        text::to_ip_decimal,
        "Converts a string to an IP address; parts with leading zeros are decimal."
    ),
    conversion!(
        "TO_VERSION",
        &["to_ver"],
        Version,
        VERSIONS,
        text::to_version,
        "Converts a string to a version."
    ),
    conversion!(
        "TO_DEGREES",
        &[],
        Double,
        NUMBERS,
        numbers::to_degrees,
        "Converts radians to degrees."
    ),
    conversion!(
        "TO_RADIANS",
        &[],
        Double,
        NUMBERS,
        numbers::to_radians,
        "Converts degrees to radians."
    ),
    Entry {
        name: "TO_DATEPERIOD",
        aliases: &[],
        summary: "Converts a string to a calendar span such as 3 days.",
        resolve: |text, arguments| span(text, arguments, DatePeriod, "date_period or string"),
        kernel: Kernel::Each(spans::to_period),
    },
    Entry {
        name: "TO_TIMEDURATION",
        aliases: &[],
        summary: "Converts a string to a span of time such as 3 hours.",
        resolve: |text, arguments| span(text, arguments, TimeDuration, "string or time_duration"),
        kernel: Kernel::Each(spans::to_duration),
    },
    conversion!(
        "TO_LOWER",
        &[],
        Keyword,
        super::signature::STRING,
        text::to_lower,
        "The string in lower case."
    ),
    conversion!(
        "TO_UPPER",
        &[],
        Keyword,
        super::signature::STRING,
        text::to_upper,
        "The string in upper case."
    ),
    Entry {
        name: "TO_DENSE_VECTOR",
        aliases: &[],
        summary: "Converts numbers, or hexadecimal bytes, to a vector.",
        resolve: |text, arguments| {
            let accept = Accept {
                types: &[DenseVector, Double, Long, Integer, Keyword, Text],
                words: "dense_vector, double, integer, long or string",
            };
            fixed(text, arguments, Count::One, &[accept], DenseVector)
        },
        kernel: Kernel::Whole(vectors::to_vector),
    },
];

fn to(
    text: &str,
    arguments: &[Argument],
    accept: Accept,
    result: DataType,
) -> Result<DataType, String> {
    fixed(text, arguments, Count::One, &[accept], result)
}

/// Spans exist as constants only.
fn span(
    text: &str,
    arguments: &[Argument],
    result: DataType,
    words: &str,
) -> Result<DataType, String> {
    count(text, arguments, Count::One)?;
    let argument = &arguments[0];
    let found = argument.data_type;
    if found == result || found.is_string() || found == Null {
        return super::signature::constant(usize::MAX, text, argument).map(|()| result);
    }
    Err(wrong("", text, words, argument))
}

/// The values as they are, where they have the wanted type already.
fn unchanged(call: &Call<'_>, column: &Column) -> Option<ArrayRef> {
    (*column.values.data_type() == call.result.arrow()).then(|| column.values.clone())
}

/// What went wrong with one value.
enum Wrong {
    /// `Cannot parse number [x]` and the like, as `InvalidArgumentException`.
    Invalid(String),
    /// `java.lang.IllegalArgumentException`.
    Illegal(String),
    /// With its own class.
    Other(String),
}

impl Wrong {
    fn report(&self, failures: &mut Failures) {
        match self {
            Self::Invalid(message) => failures.invalid(message),
            Self::Illegal(message) => failures.illegal(message),
            Self::Other(line) => failures.add(line),
        }
    }
}
