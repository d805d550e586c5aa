//! Functions of numbers.

mod real;
mod rounding;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};

use super::arithmetic::{INTEGER_OVERFLOW, LONG_OVERFLOW};
use super::arrays::{doubles, ints, longs, map, to_doubles, zip};
use super::entry::{Entry, Failures, Kernel};
use super::signature::{Count, NUMERIC, SIGNED, WHOLE, count, fixed, like_first};
use super::{Argument, Call, Column};
use crate::datatype::DataType;

/// A function of one number that gives a double.
macro_rules! real {
    ($name:literal, $f:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: one_number,
            kernel: Kernel::Single(|_, arguments, failures| {
                let values = to_doubles(&arguments.first()?.values)?;
                Some(Arc::new(map::<Float64Type, Float64Type>(
                    &values, failures, $f,
                )))
            }),
        }
    };
}

/// A function of two numbers that gives a double.
macro_rules! pair {
    ($name:literal, $aliases:expr, $f:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: $aliases,
            summary: $summary,
            resolve: two_numbers,
            kernel: Kernel::Single(|_, arguments, failures| {
                let left = to_doubles(&arguments.first()?.values)?;
                let right = to_doubles(&arguments.get(1)?.values)?;
                let values = zip::<_, _, Float64Type>(&left, &right, failures, $f);
                Some(Arc::new(values))
            }),
        }
    };
}

/// A number that takes no argument.
macro_rules! number {
    ($name:literal, $value:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: |text, arguments| {
                count(text, arguments, Count::None)?;
                Ok(DataType::Double)
            },
            kernel: Kernel::Whole(|call, _, _| {
                Some(Arc::new(Float64Array::from(vec![$value; call.rows])))
            }),
        }
    };
}

pub(super) static ENTRIES: [Entry; 30] = [
    number!("E", std::f64::consts::E, "Euler's number."),
    number!(
        "PI",
        std::f64::consts::PI,
        "The ratio of a circle's circumference to its diameter."
    ),
    number!(
        "TAU",
        std::f64::consts::TAU,
        "The ratio of a circle's circumference to its radius."
    ),
    real!("ACOS", real::acos, "The arc cosine, in radians."),
    real!("ASIN", real::asin, "The arc sine, in radians."),
    real!(
        "ATAN",
        |value| Ok(value.atan()),
        "The arc tangent, in radians."
    ),
    real!("CBRT", |value| Ok(value.cbrt()), "The cube root."),
    real!(
        "COS",
        |value| Ok(value.cos()),
        "The cosine of an angle in radians."
    ),
    real!("COSH", real::cosh, "The hyperbolic cosine."),
    real!(
        "EXP",
        |value| Ok(value.exp()),
        "Euler's number raised to the number."
    ),
    real!("LOG10", real::log10, "The logarithm to base 10."),
    real!("SIGNUM", real::signum, "The sign: -1, 0 or 1."),
    real!(
        "SIN",
        |value| Ok(value.sin()),
        "The sine of an angle in radians."
    ),
    real!("SINH", real::sinh, "The hyperbolic sine."),
    real!("SQRT", real::sqrt, "The square root."),
    real!(
        "TAN",
        |value| Ok(value.tan()),
        "The tangent of an angle in radians."
    ),
    real!("TANH", |value| Ok(value.tanh()), "The hyperbolic tangent."),
    pair!(
        "ATAN2",
        &[],
        |y, x| Ok(y.atan2(x)),
        "The angle of a point (y, x), in radians."
    ),
    pair!(
        "HYPOT",
        &[],
        |one, other| Ok(one.hypot(other)),
        "The hypotenuse of two sides."
    ),
    pair!("POW", &[], real::power, "The base raised to the exponent."),
    Entry {
        name: "LOG",
        aliases: &[],
        summary: "The logarithm of a number, to a base or to Euler's number.",
        resolve: |text, arguments| {
            fixed(
                text,
                arguments,
                Count::OneOrTwo,
                &[NUMERIC, NUMERIC],
                DataType::Double,
            )
        },
        kernel: Kernel::Single(real::log),
    },
    Entry {
        name: "SCALB",
        aliases: &[],
        summary: "A double times a power of two.",
        resolve: |text, arguments| {
            fixed(
                text,
                arguments,
                Count::Two,
                &[NUMERIC, WHOLE],
                DataType::Double,
            )
        },
        kernel: Kernel::Single(real::scalb),
    },
    Entry {
        name: "ABS",
        aliases: &[],
        summary: "The number without its sign.",
        resolve: one_alike,
        kernel: Kernel::Single(abs),
    },
    Entry {
        name: "CEIL",
        aliases: &[],
        summary: "The next whole number upwards.",
        resolve: one_alike,
        kernel: Kernel::Whole(|call, arguments, failures| {
            whole(call, arguments, failures, f64::ceil)
        }),
    },
    Entry {
        name: "FLOOR",
        aliases: &[],
        summary: "The next whole number downwards.",
        resolve: one_alike,
        kernel: Kernel::Whole(|call, arguments, failures| {
            whole(call, arguments, failures, f64::floor)
        }),
    },
    Entry {
        name: "ROUND",
        aliases: &[],
        summary: "The number rounded to so many decimal places.",
        resolve: |text, arguments| like_first(text, arguments, Count::OneOrTwo, &[NUMERIC, WHOLE]),
        kernel: Kernel::Whole(rounding::round),
    },
    Entry {
        name: "ROUND_TO",
        aliases: &[],
        summary: "The greatest of the points that isn't above the value.",
        resolve: rounding::resolve_round_to,
        kernel: Kernel::Single(rounding::round_to),
    },
    Entry {
        name: "COPY_SIGN",
        aliases: &[],
        summary: "The size of the first number with the sign of the second.",
        resolve: |text, arguments| like_first(text, arguments, Count::Two, &[SIGNED, SIGNED]),
        kernel: Kernel::Single(copy_sign),
    },
    Entry {
        name: "GREATEST",
        aliases: &[],
        summary: "The greatest of the values; null where any is null.",
        resolve: super::conditional::resolve_extreme,
        kernel: Kernel::Whole(|call, arguments, _| {
            super::conditional::extreme(call, arguments, std::cmp::Ordering::Greater)
        }),
    },
    Entry {
        name: "LEAST",
        aliases: &[],
        summary: "The least of the values; null where any is null.",
        resolve: super::conditional::resolve_extreme,
        kernel: Kernel::Whole(|call, arguments, _| {
            super::conditional::extreme(call, arguments, std::cmp::Ordering::Less)
        }),
    },
];

fn one_number(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    fixed(text, arguments, Count::One, &[NUMERIC], DataType::Double)
}

fn two_numbers(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    fixed(
        text,
        arguments,
        Count::Two,
        &[NUMERIC, NUMERIC],
        DataType::Double,
    )
}

fn one_alike(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    like_first(text, arguments, Count::One, &[NUMERIC])
}

fn abs(_: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let column = arguments.first()?;
    Some(match column.data_type {
        DataType::Integer => Arc::new(map::<Int32Type, Int32Type>(
            ints(&column.values)?,
            failures,
            |value| value.checked_abs().ok_or(INTEGER_OVERFLOW),
        )),
        DataType::Long => Arc::new(map::<Int64Type, Int64Type>(
            longs(&column.values)?,
            failures,
            |value| value.checked_abs().ok_or(LONG_OVERFLOW),
        )),
        DataType::Double => Arc::new(doubles(&column.values)?.unary::<_, Float64Type>(f64::abs)),
        _ => column.values.clone(),
    })
}

/// Whole numbers are whole already, several of them, too.
fn whole(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
    f: fn(f64) -> f64,
) -> Option<ArrayRef> {
    let column = arguments.first()?;
    if column.data_type != DataType::Double {
        return Some(column.values.clone());
    }
    let singles = super::lists::single(arguments, call.rows, failures)?;
    let values = doubles(&singles.first()?.values)?;
    Some(Arc::new(values.unary::<_, Float64Type>(f)))
}

fn copy_sign(_: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let size = arguments.first()?;
    let sign = to_doubles(&arguments.get(1)?.values)?;
    Some(match size.data_type {
        DataType::Integer => {
            let values = ints(&size.values)?;
            Arc::new(zip::<_, _, Int32Type>(
                values,
                &sign,
                failures,
                |size, sign| {
                    let positive = size.wrapping_abs();
                    Ok(if sign.is_sign_negative() {
                        positive.wrapping_neg()
                    } else {
                        positive
                    })
                },
            ))
        }
        DataType::Long => {
            let values = longs(&size.values)?;
            Arc::new(zip::<_, _, Int64Type>(
                values,
                &sign,
                failures,
                |size, sign| {
                    let positive = size.wrapping_abs();
                    Ok(if sign.is_sign_negative() {
                        positive.wrapping_neg()
                    } else {
                        positive
                    })
                },
            ))
        }
        _ => {
            let values = doubles(&size.values)?;
            Arc::new(zip::<_, _, Float64Type>(
                values,
                &sign,
                failures,
                |size, sign| Ok(size.copysign(sign)),
            ))
        }
    })
}
