//! Functions of dates.

mod bucket;
mod extract;
mod text;

pub(super) use extract::part;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, Int64Array};

use super::arrays::{dated, longs, texts, to_longs};
use super::entry::{Entry, Failures, Kernel};
use super::signature::{
    ANY_DATE, Accept, Count, SPAN, STRING, check, constant, count, fixed, wrong,
};
use super::{Argument, Call, Column};
use crate::datatype::DataType::{self, Date, DateNanos, Integer, Keyword, Long};
use crate::date::Moment;
use crate::date::difference::Unit;
use crate::date::truncate::Rounding;

pub(super) static ENTRIES: [Entry; 10] = [
    Entry {
        name: "DATE_TRUNC",
        aliases: &[],
        summary: "The start of the span of time in which a date lies.",
        resolve: resolve_trunc,
        kernel: Kernel::Single(truncate),
    },
    Entry {
        name: "DATE_EXTRACT",
        aliases: &[],
        summary: "A part of a date, such as its year.",
        resolve: |text, arguments| fixed(text, arguments, Count::Two, &[STRING, ANY_DATE], Long),
        kernel: Kernel::Single(extract::date_extract),
    },
    Entry {
        name: "DATE_FORMAT",
        aliases: &[],
        summary: "A date as text, by a pattern.",
        resolve: |text, arguments| {
            let accepts: &[Accept] = if arguments.len() == 1 {
                &[ANY_DATE]
            } else {
                &[STRING, ANY_DATE]
            };
            fixed(text, arguments, Count::OneOrTwo, accepts, Keyword)
        },
        kernel: Kernel::Single(text::date_format),
    },
    Entry {
        name: "DATE_PARSE",
        aliases: &[],
        summary: "The date that a text says, by a pattern.",
        resolve: |text, arguments| fixed(text, arguments, Count::OneOrTwo, &[STRING, STRING], Date),
        kernel: Kernel::Single(text::date_parse),
    },
    Entry {
        name: "DATE_DIFF",
        aliases: &[],
        summary: "Whole units of time from one date to another.",
        resolve: |text, arguments| {
            fixed(
                text,
                arguments,
                Count::Three,
                &[STRING, ANY_DATE, ANY_DATE],
                Integer,
            )
        },
        kernel: Kernel::Single(difference),
    },
    Entry {
        name: "DAY_NAME",
        aliases: &[],
        summary: "The name of a date's weekday.",
        resolve: |text, arguments| fixed(text, arguments, Count::One, &[ANY_DATE], Keyword),
        kernel: Kernel::Single(text::day_name),
    },
    Entry {
        name: "MONTH_NAME",
        aliases: &[],
        summary: "The name of a date's month.",
        resolve: |text, arguments| fixed(text, arguments, Count::One, &[ANY_DATE], Keyword),
        kernel: Kernel::Single(text::month_name),
    },
    Entry {
        name: "NOW",
        aliases: &[],
        summary: "The time of the query.",
        resolve: |text, arguments| {
            count(text, arguments, Count::None)?;
            Ok(Date)
        },
        kernel: Kernel::Whole(|call, _, _| {
            dated(
                Int64Array::from(vec![call.now_ms; call.rows]),
                &Date.arrow(),
            )
        }),
    },
    Entry {
        name: "BUCKET",
        aliases: &["bin"],
        summary: "The start of the bucket in which a number or a date lies.",
        resolve: bucket::resolve,
        kernel: Kernel::Single(bucket::bucket),
    },
    Entry {
        name: "TBUCKET",
        aliases: &[],
        summary: "The start of the span of time in which `@timestamp` lies.",
        resolve: bucket::resolve_timestamp,
        kernel: Kernel::Single(bucket::bucket_timestamp),
    },
];

fn resolve_trunc(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::Two)?;
    check("first ", text, SPAN, &arguments[0])?;
    let found = arguments[1].data_type;
    if !found.is_date() && found != DataType::Null {
        return Err(wrong(
            "second ",
            text,
            "date_nanos or datetime",
            &arguments[1],
        ));
    }
    constant(0, text, &arguments[0])?;
    Ok(match arguments[1].data_type {
        DataType::Null => Date,
        other => other,
    })
}

/// How a date's number is read.
type ToMoment = fn(i64) -> Moment;

/// The dates of a column with the moments they are.
fn moments(column: &Column) -> Option<(Int64Array, ToMoment)> {
    let values = to_longs(&column.values)?;
    let moment: ToMoment = if column.data_type == DateNanos {
        Moment::from_nanos
    } else {
        Moment::from_ms
    };
    Some((values, moment))
}

/// A span as a rounding; `Err` is a line of a warning.
fn rounding(span: &Column, row: usize) -> Option<Result<Rounding, String>> {
    let spans = longs(&span.values)?;
    if row >= spans.len() || spans.is_null(row) {
        return None;
    }
    Some(match span.data_type {
        DataType::DatePeriod => Rounding::of_period(spans.value(row)),
        _ => Rounding::of_duration(spans.value(row)),
    })
}

/// Every date cut down by one rounding.
fn floored(dates: &Column, rounding: Rounding) -> Option<ArrayRef> {
    let values = to_longs(&dates.values)?;
    let floored: Int64Array = if dates.data_type == DateNanos {
        values.unary(|nanos| rounding.floor_nanos(nanos))
    } else {
        values.unary(|ms| rounding.floor_ms(ms))
    };
    dated(floored, dates.values.data_type())
}

fn truncate(_: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let (span, dates) = (arguments.first()?, arguments.get(1)?);
    // The span is a constant: the first row's is everyone's.
    match rounding(span, 0)? {
        Ok(rounding) => floored(dates, rounding),
        Err(message) => {
            failures.illegal(&message);
            None
        }
    }
}

fn difference(call: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let [units, starts, ends] = arguments else {
        return None;
    };
    let units = texts(&units.values)?;
    let ((starts, start_moment), (ends, end_moment)) = (moments(starts)?, moments(ends)?);
    let mut known: Option<(&str, Result<Unit, String>)> = None;
    let mut results = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if units.is_null(row) || starts.is_null(row) || ends.is_null(row) {
            results.push(None);
            continue;
        }
        let name = units.value(row);
        if known.as_ref().is_none_or(|(text, _)| *text != name) {
            known = Some((name, Unit::named(name)));
        }
        let Some((_, unit)) = &known else { continue };
        match unit {
            Ok(unit) => {
                let (start, end) = (start_moment(starts.value(row)), end_moment(ends.value(row)));
                let between = unit.between(start, end);
                if i32::try_from(between).is_err() {
                    failures.invalid(&format!("[{between}] out of [integer] range"));
                }
                results.push(i32::try_from(between).ok());
            }
            Err(message) => {
                failures.illegal(message);
                results.push(None);
            }
        }
    }
    Some(Arc::new(Int32Array::from(results)))
}
