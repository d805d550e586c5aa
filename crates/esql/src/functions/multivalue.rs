//! `MV_…`: functions of rows with several values.

mod numbers;
mod pick;
mod texts;

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};

use super::entry::{Entry, Kernel};
use super::lists::Rows;
use super::signature::{
    Count, DOUBLE, INTEGER, NUMERIC, REPRESENTABLE, SIGNED, STRING, check, constant, count, fixed,
    like_first, no_text, wrong,
};
use super::{Argument, Call, Column};
use crate::datatype::DataType::{self, Boolean, Double, Integer, Keyword, Null};

pub(super) use pick::{bad_slice, extreme};

/// A function of one column that keeps its type.
macro_rules! keep {
    ($name:literal, $accept:expr, $kernel:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: |text, arguments| like_first(text, arguments, Count::One, &[$accept]),
            kernel: Kernel::Whole($kernel),
        }
    };
}

pub(super) static ENTRIES: [Entry; 18] = [
    keep!(
        "MV_DEDUPE",
        REPRESENTABLE,
        |call, arguments, _| pick::dedupe(call, arguments),
        "The values without repetitions."
    ),
    keep!(
        "MV_FIRST",
        REPRESENTABLE,
        |call, arguments, _| pick::at(call, arguments, |length| (length > 0).then_some(0)),
        "The first of the values."
    ),
    keep!(
        "MV_LAST",
        REPRESENTABLE,
        |call, arguments, _| pick::at(call, arguments, |length| length.checked_sub(1)),
        "The last of the values."
    ),
    keep!(
        "MV_MAX",
        REPRESENTABLE,
        |call, arguments, _| extreme(call, arguments.first()?, Ordering::Greater),
        "The greatest of the values."
    ),
    keep!(
        "MV_MIN",
        REPRESENTABLE,
        |call, arguments, _| extreme(call, arguments.first()?, Ordering::Less),
        "The least of the values."
    ),
    keep!(
        "MV_MEDIAN",
        NUMERIC,
        numbers::median,
        "The middle of the values."
    ),
    keep!(
        "MV_MEDIAN_ABSOLUTE_DEVIATION",
        NUMERIC,
        numbers::deviation,
        "The median of the values' distances from their median."
    ),
    keep!("MV_SUM", NUMERIC, numbers::sum, "The sum of the values."),
    Entry {
        name: "MV_AVG",
        aliases: &[],
        summary: "The mean of the values.",
        resolve: |text, arguments| fixed(text, arguments, Count::One, &[NUMERIC], Double),
        kernel: Kernel::Whole(numbers::average),
    },
    Entry {
        name: "MV_COUNT",
        aliases: &[],
        summary: "How many values there are.",
        resolve: |text, arguments| fixed(text, arguments, Count::One, &[REPRESENTABLE], Integer),
        kernel: Kernel::Whole(|call, arguments, _| counted(call, arguments)),
    },
    Entry {
        name: "MV_APPEND",
        aliases: &[],
        summary: "The values of one column, then those of another.",
        resolve: resolve_append,
        kernel: Kernel::Whole(|call, arguments, _| pick::append(call, arguments)),
    },
    Entry {
        name: "MV_CONCAT",
        aliases: &[],
        summary: "The strings joined by a delimiter.",
        resolve: |text, arguments| {
            count(text, arguments, Count::Two)?;
            super::signature::check_all(text, arguments, &[STRING, STRING])?;
            Ok(Keyword)
        },
        kernel: Kernel::Whole(texts::concat),
    },
    Entry {
        name: "MV_CONTAINS",
        aliases: &[],
        summary: "Whether all values of the second column are among those of the first.",
        resolve: |text, arguments| resolve_append(text, arguments).map(|_| Boolean),
        kernel: Kernel::Whole(|call, arguments, _| pick::contains(call, arguments)),
    },
    Entry {
        name: "MV_PERCENTILE",
        aliases: &[],
        summary: "The value below which so many percent of the values lie.",
        resolve: |text, arguments| like_first(text, arguments, Count::Two, &[SIGNED, SIGNED]),
        kernel: Kernel::Whole(numbers::percentile),
    },
    Entry {
        name: "MV_PSERIES_WEIGHTED_SUM",
        aliases: &[],
        summary: "The sum of the values, each divided by its place to the power of p.",
        resolve: |text, arguments| {
            fixed(text, arguments, Count::Two, &[DOUBLE, DOUBLE], Double)?;
            constant(1, text, &arguments[1])?;
            Ok(Double)
        },
        kernel: Kernel::Whole(numbers::pseries),
    },
    Entry {
        name: "MV_SLICE",
        aliases: &[],
        summary: "The values from one place to another, counted from zero or from the end.",
        resolve: |text, arguments| {
            like_first(
                text,
                arguments,
                Count::TwoOrThree,
                &[REPRESENTABLE, INTEGER, INTEGER],
            )
        },
        kernel: Kernel::Whole(pick::slice),
    },
    Entry {
        name: "MV_SORT",
        aliases: &[],
        summary: "The values in order.",
        resolve: |text, arguments| {
            let result = like_first(text, arguments, Count::OneOrTwo, &[REPRESENTABLE, STRING])?;
            match arguments.get(1) {
                Some(order) => constant(1, text, order).map(|()| result),
                None => Ok(result),
            }
        },
        kernel: Kernel::Whole(|call, arguments, _| pick::sort(call, arguments)),
    },
    Entry {
        name: "MV_ZIP",
        aliases: &[],
        summary: "The strings of two columns joined pair by pair.",
        resolve: |text, arguments| {
            fixed(
                text,
                arguments,
                Count::TwoOrThree,
                &[STRING, STRING, STRING],
                Keyword,
            )
        },
        kernel: Kernel::Whole(texts::zip),
    },
];

fn resolve_append(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::Two)?;
    check("first ", text, REPRESENTABLE, &arguments[0])?;
    let (left, right) = (
        no_text(arguments[0].data_type),
        no_text(arguments[1].data_type),
    );
    match (left, right) {
        (Null, other) => check("second ", text, REPRESENTABLE, &arguments[1]).map(|()| other),
        (one, other) if one == other || other == Null => Ok(one),
        _ => Err(wrong("second ", text, left.message_name(), &arguments[1])),
    }
}

fn counted(call: &Call<'_>, arguments: &[Column]) -> Option<ArrayRef> {
    let rows = Rows::new(arguments.first()?);
    let lengths = (0..call.rows).map(|row| match rows.row(row).len() {
        0 => None,
        length => i32::try_from(length).ok(),
    });
    Some(Arc::new(lengths.collect::<Int32Array>()))
}
