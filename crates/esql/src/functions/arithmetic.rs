//! `+ - * / %` and negation, of numbers. Dates and spans go to [`super::datemath`].

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, UInt64Type};

use super::arrays::{doubles, ints, longs, map, unsigned, zip};
use super::comparison::alone;
use super::entry::{Entry, Failures, Kernel};
use super::signature::{Count, common_number, count, ordinal, wrong};
use super::{Argument, Call, Column, datemath};
use crate::datatype::DataType;

/// Overflow, division by zero, and doubles that are no numbers.
pub(super) const INTEGER_OVERFLOW: &str = "integer overflow";
pub(super) const LONG_OVERFLOW: &str = "long overflow";
pub(super) const UNSIGNED_OVERFLOW: &str = "unsigned_long overflow";
const BY_ZERO: &str = "/ by zero";

pub(super) static ENTRIES: [Entry; 6] = [
    Entry {
        name: "+",
        aliases: &[],
        summary: "Adds two numbers, or a span to a date.",
        resolve: |text, arguments| dated("+", text, arguments),
        kernel: Kernel::Single(|call, arguments, failures| {
            datemath::add(call, arguments, failures)
                .or_else(|| apply(Operator::Add, call, arguments, failures))
        }),
    },
    Entry {
        name: "-",
        aliases: &[],
        summary: "Subtracts a number from another, or a span from a date.",
        resolve: |text, arguments| dated("-", text, arguments),
        kernel: Kernel::Single(|call, arguments, failures| {
            datemath::subtract(call, arguments, failures)
                .or_else(|| apply(Operator::Subtract, call, arguments, failures))
        }),
    },
    Entry {
        name: "*",
        aliases: &[],
        summary: "Multiplies two numbers.",
        resolve: |text, arguments| numbers("*", text, arguments),
        kernel: Kernel::Single(|call, arguments, failures| {
            apply(Operator::Multiply, call, arguments, failures)
        }),
    },
    Entry {
        name: "/",
        aliases: &[],
        summary: "Divides a number by another; whole numbers give whole numbers.",
        resolve: |text, arguments| numbers("/", text, arguments),
        kernel: Kernel::Single(|call, arguments, failures| {
            apply(Operator::Divide, call, arguments, failures)
        }),
    },
    Entry {
        name: "%",
        aliases: &[],
        summary: "What is left of a number after division by another.",
        resolve: |text, arguments| numbers("%", text, arguments),
        kernel: Kernel::Single(|call, arguments, failures| {
            apply(Operator::Modulo, call, arguments, failures)
        }),
    },
    Entry {
        name: "neg",
        aliases: &[],
        summary: "The number, or the span, with the other sign.",
        resolve: resolve_negation,
        kernel: Kernel::Single(negate),
    },
];

/// Two numbers.
fn numbers(symbol: &str, text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::Two)?;
    for (index, argument) in arguments.iter().enumerate() {
        if !argument.data_type.is_numeric() && argument.data_type != DataType::Null {
            return Err(wrong(ordinal(index), text, "numeric", argument));
        }
    }
    alike(symbol, text, arguments)
}

/// Two numbers, a date and a span, or two spans of one kind.
fn dated(symbol: &str, text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::Two)?;
    for (index, argument) in arguments.iter().enumerate() {
        let found = argument.data_type;
        if !found.is_numeric() && !found.is_date() && !found.is_span() && found != DataType::Null {
            let words = "date_nanos, datetime or numeric";
            return Err(wrong(ordinal(index), text, words, argument));
        }
    }
    match datemath::resolve(symbol, arguments)? {
        Some(data_type) => Ok(data_type),
        None => alike(symbol, text, arguments),
    }
}

/// `unsigned_long` goes with nothing but itself.
fn alike(symbol: &str, text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    let (left, right) = (arguments[0].data_type, arguments[1].data_type);
    let unsigned = DataType::UnsignedLong;
    if (left == unsigned) != (right == unsigned) {
        if left == DataType::Null || right == DataType::Null {
            return Err(alone(text, left, right));
        }
        return Err(format!(
            "[{symbol}] has arguments with incompatible types [{}] and [{}]",
            left.message_name(),
            right.message_name()
        ));
    }
    Ok(common_number(left, right))
}

#[derive(Clone, Copy)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

fn apply(
    operator: Operator,
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let wanted = call.result.arrow();
    let left = cast(&arguments.first()?.values, &wanted).ok()?;
    let right = cast(&arguments.get(1)?.values, &wanted).ok()?;
    Some(match call.result {
        DataType::Integer => {
            let (left, right) = (ints(&left)?, ints(&right)?);
            Arc::new(whole::<Int32Type>(
                operator,
                left,
                right,
                INTEGER_OVERFLOW,
                failures,
                &I32,
            ))
        }
        DataType::Long => {
            let (left, right) = (longs(&left)?, longs(&right)?);
            Arc::new(whole::<Int64Type>(
                operator,
                left,
                right,
                LONG_OVERFLOW,
                failures,
                &I64,
            ))
        }
        DataType::UnsignedLong => {
            let (left, right) = (unsigned(&left)?, unsigned(&right)?);
            Arc::new(whole::<UInt64Type>(
                operator,
                left,
                right,
                UNSIGNED_OVERFLOW,
                failures,
                &U64,
            ))
        }
        DataType::Double => {
            let (left, right) = (doubles(&left)?, doubles(&right)?);
            let result = match operator {
                Operator::Add => {
                    zip::<_, _, Float64Type>(left, right, failures, |l, r| finite(l + r))
                }
                Operator::Subtract => zip(left, right, failures, |l, r| finite(l - r)),
                Operator::Multiply => zip(left, right, failures, |l, r| finite(l * r)),
                Operator::Divide => zip(left, right, failures, |l, r| {
                    if r == 0.0 {
                        Err(BY_ZERO)
                    } else {
                        finite(l / r)
                    }
                }),
                Operator::Modulo => zip(left, right, failures, |l, r| {
                    if r == 0.0 {
                        Err(BY_ZERO)
                    } else {
                        finite(l % r)
                    }
                }),
            };
            Arc::new(result)
        }
        _ => return None,
    })
}

/// A double that is a number; the messages are Java's.
pub(super) fn finite(value: f64) -> Result<f64, &'static str> {
    if value.is_finite() {
        Ok(value)
    } else if value.is_nan() {
        Err("not a finite double number: NaN")
    } else if value > 0.0 {
        Err("not a finite double number: Infinity")
    } else {
        Err("not a finite double number: -Infinity")
    }
}

/// One whole type's arithmetic.
struct Whole<T> {
    add: fn(T, T) -> Option<T>,
    subtract: fn(T, T) -> Option<T>,
    multiply: fn(T, T) -> Option<T>,
    divide: fn(T, T) -> T,
    modulo: fn(T, T) -> T,
}

const I32: Whole<i32> = Whole {
    add: i32::checked_add,
    subtract: i32::checked_sub,
    multiply: i32::checked_mul,
    divide: i32::wrapping_div,
    modulo: i32::wrapping_rem,
};
const I64: Whole<i64> = Whole {
    add: i64::checked_add,
    subtract: i64::checked_sub,
    multiply: i64::checked_mul,
    divide: i64::wrapping_div,
    modulo: i64::wrapping_rem,
};
const U64: Whole<u64> = Whole {
    add: u64::checked_add,
    subtract: u64::checked_sub,
    multiply: u64::checked_mul,
    divide: u64::wrapping_div,
    modulo: u64::wrapping_rem,
};

fn whole<T: ArrowPrimitiveType>(
    operator: Operator,
    left: &arrow::array::PrimitiveArray<T>,
    right: &arrow::array::PrimitiveArray<T>,
    overflow: &'static str,
    failures: &mut Failures,
    arithmetic: &Whole<T::Native>,
) -> arrow::array::PrimitiveArray<T>
where
    T::Native: PartialEq,
{
    let zero = T::Native::default();
    match operator {
        Operator::Add => zip(left, right, failures, |l, r| {
            (arithmetic.add)(l, r).ok_or(overflow)
        }),
        Operator::Subtract => zip(left, right, failures, |l, r| {
            (arithmetic.subtract)(l, r).ok_or(overflow)
        }),
        Operator::Multiply => zip(left, right, failures, |l, r| {
            (arithmetic.multiply)(l, r).ok_or(overflow)
        }),
        Operator::Divide => zip(left, right, failures, |l, r| {
            if r == zero {
                Err(BY_ZERO)
            } else {
                Ok((arithmetic.divide)(l, r))
            }
        }),
        Operator::Modulo => zip(left, right, failures, |l, r| {
            if r == zero {
                Err(BY_ZERO)
            } else {
                Ok((arithmetic.modulo)(l, r))
            }
        }),
    }
}

fn resolve_negation(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::One)?;
    let found = arguments[0].data_type;
    if found == DataType::UnsignedLong {
        return Err(format!(
            "negation unsupported for arguments of type [unsigned_long] in expression [{text}]"
        ));
    }
    if found.is_numeric() || found.is_span() || found == DataType::Null {
        return Ok(found);
    }
    let words = "numeric, date_period or time_duration";
    Err(wrong("", text, words, &arguments[0]))
}

fn negate(call: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let array = &arguments.first()?.values;
    Some(match call.result {
        DataType::Integer => Arc::new(map::<Int32Type, Int32Type>(
            ints(array)?,
            failures,
            |value| value.checked_neg().ok_or(INTEGER_OVERFLOW),
        )),
        DataType::Long | DataType::TimeDuration => Arc::new(map::<Int64Type, Int64Type>(
            longs(array)?,
            failures,
            |value| value.checked_neg().ok_or(LONG_OVERFLOW),
        )),
        DataType::DatePeriod => datemath::negated_period(array, failures)?,
        DataType::Double => Arc::new(map::<Float64Type, Float64Type>(
            doubles(array)?,
            failures,
            |value| Ok(-value),
        )),
        _ => return None,
    })
}
