//! `ROUND` and `ROUND_TO`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, Int64Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, UInt64Type};

use crate::datatype::DataType;
use crate::functions::arithmetic::{INTEGER_OVERFLOW, LONG_OVERFLOW, UNSIGNED_OVERFLOW};
use crate::functions::arrays::{dated, doubles, ints, longs, to_longs, unsigned, zip};
use crate::functions::entry::Failures;
use crate::functions::lists::single;
use crate::functions::number::round_half_up;
use crate::functions::signature::{Count, common_number, constant, count, ordinal, wrong};
use crate::functions::{Argument, Call, Column};

pub(super) fn round(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    // A whole number without places is left as it is, several of them too.
    if arguments.len() == 1 && call.result != DataType::Double {
        return arguments.first().map(|only| only.values.clone());
    }
    let arguments = single(arguments, call.rows, failures)?;
    let values = &arguments.first()?.values;
    let places = match arguments.get(1) {
        Some(places) => to_longs(&places.values)?,
        None => Int64Array::from(vec![0; call.rows]),
    };
    Some(match call.result {
        DataType::Double => Arc::new(zip::<_, _, Float64Type>(
            doubles(values)?,
            &places,
            failures,
            |value, places| Ok(round_double(value, places)),
        )),
        DataType::Integer => Arc::new(zip::<_, _, Int32Type>(
            ints(values)?,
            &places,
            failures,
            |value, places| {
                i32::try_from(round_whole(value.into(), places)).map_err(|_| INTEGER_OVERFLOW)
            },
        )),
        DataType::Long => Arc::new(zip::<_, _, Int64Type>(
            longs(values)?,
            &places,
            failures,
            |value, places| {
                i64::try_from(round_whole(value.into(), places)).map_err(|_| LONG_OVERFLOW)
            },
        )),
        DataType::UnsignedLong => Arc::new(zip::<_, _, UInt64Type>(
            unsigned(values)?,
            &places,
            failures,
            |value, places| {
                u64::try_from(round_whole(value.into(), places)).map_err(|_| UNSIGNED_OVERFLOW)
            },
        )),
        _ => return None,
    })
}

/// Half away from zero, after shifting the point in binary: 1.005 is 1.0 at two places.
fn round_double(value: f64, places: i64) -> f64 {
    let scale = 10_f64.powi(places.clamp(-400, 400) as i32);
    if scale == 0.0 || value == 0.0 {
        return if value == 0.0 { value } else { 0.0 };
    }
    let shifted = value.abs() * scale;
    if !shifted.is_finite() || shifted >= i64::MAX as f64 {
        return value;
    }
    (round_half_up(shifted) / scale).copysign(value)
}

fn round_whole(value: i128, places: i64) -> i128 {
    /// More digits than any whole number has.
    const MOST: i64 = 20;
    if places >= 0 {
        return value;
    }
    if places < -MOST {
        return 0;
    }
    let scale = 10_i128.pow(places.unsigned_abs() as u32);
    // A number with no more digits than are taken off is nothing, as Elasticsearch has it.
    if value.abs() < scale {
        return 0;
    }
    let rest = value.rem_euclid(scale);
    let below = value - rest;
    // Halves go away from zero.
    let up = if value >= 0 {
        rest * 2 >= scale
    } else {
        rest * 2 > scale
    };
    if up { below + scale } else { below }
}

/// Numbers of any types together, or dates of one.
pub(super) fn resolve_round_to(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::TwoOrMore)?;
    for (index, argument) in arguments.iter().enumerate().skip(1) {
        constant(index, text, argument)?;
    }
    let mut result = arguments[0].data_type;
    let fits = |data_type: DataType| {
        matches!(
            data_type,
            DataType::Integer | DataType::Long | DataType::Double
        ) || data_type.is_date()
            || data_type == DataType::Null
    };
    if !fits(result) {
        let words = "date_nanos, datetime, double, integer or long";
        return Err(wrong("first ", text, words, &arguments[0]));
    }
    for (index, argument) in arguments.iter().enumerate().skip(1) {
        let found = argument.data_type;
        if result.is_date() {
            if found != result && found != DataType::Null {
                return Err(wrong(ordinal(index), text, result.message_name(), argument));
            }
        } else if result == DataType::Null && found.is_date() {
            result = found;
        } else if !found.is_numeric() && found != DataType::Null || found == DataType::UnsignedLong
        {
            return Err("all arguments must be numeric, date, or data_nanos".to_owned());
        } else {
            result = common_number(result, found);
        }
    }
    Ok(result)
}

pub(super) fn round_to(
    call: &Call<'_>,
    arguments: &[Column],
    _: &mut Failures,
) -> Option<ArrayRef> {
    let dates = call.result.is_date();
    let wanted = call.result.arrow();
    let arrays = arguments
        .iter()
        .map(|column| {
            if dates {
                to_longs(&column.values).map(|values| Arc::new(values) as ArrayRef)
            } else {
                cast(&column.values, &wanted).ok()
            }
        })
        .collect::<Option<Vec<_>>>()?;
    if dates {
        let rounded = below::<Int64Type>(&arrays.iter().map(longs).collect::<Option<Vec<_>>>()?);
        return dated(rounded, &wanted);
    }
    Some(match call.result {
        DataType::Integer => Arc::new(below::<Int32Type>(
            &arrays.iter().map(ints).collect::<Option<Vec<_>>>()?,
        )),
        DataType::Long => Arc::new(below::<Int64Type>(
            &arrays.iter().map(longs).collect::<Option<Vec<_>>>()?,
        )),
        DataType::Double => Arc::new(below::<Float64Type>(
            &arrays.iter().map(doubles).collect::<Option<Vec<_>>>()?,
        )),
        _ => return None,
    })
}

/// The greatest point that isn't above the value; the least where all are.
fn below<T: ArrowPrimitiveType>(arrays: &[&PrimitiveArray<T>]) -> PrimitiveArray<T>
where
    T::Native: PartialOrd,
{
    let Some((values, points)) = arrays.split_first() else {
        return PrimitiveArray::new_null(0);
    };
    let one = |row: usize| {
        if values.is_null(row) || points.iter().any(|point| point.is_null(row)) {
            return None;
        }
        let value = values.value(row);
        let mut least: Option<T::Native> = None;
        let mut best: Option<T::Native> = None;
        for point in points {
            let point = point.value(row);
            if least.is_none_or(|least| point < least) {
                least = Some(point);
            }
            if point <= value && best.is_none_or(|best| point > best) {
                best = Some(point);
            }
        }
        best.or(least)
    };
    (0..values.len()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_round_as_in_elasticsearch() {
        let cases = [
            (2.5, 0, 3.0),
            (-2.5, 0, -3.0),
            (2.4999, 0, 2.0),
            (1234.5678, 2, 1234.57),
            (1234.5678, -2, 1200.0),
            (1.005, 2, 1.0),
            (1e300, 2, 1e300),
            (2.675, 2, 2.68),
        ];
        for (value, places, expected) in cases {
            assert_eq!(round_double(value, places), expected, "{value} {places}");
        }
        assert!(round_double(-0.4, 0).is_sign_negative());
    }

    #[test]
    fn whole_numbers_round_away_from_zero() {
        let cases = [
            (1250, -2, 1300),
            (-1250, -2, -1300),
            (1249, -2, 1200),
            (5, 3, 5),
            (7, -30, 0),
        ];
        for (value, places, expected) in cases {
            assert_eq!(round_whole(value, places), expected);
        }
    }
}
