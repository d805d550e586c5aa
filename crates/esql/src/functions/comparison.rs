//! `==`, `!=`, `<`, `<=`, `>`, `>=` and `IN`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::kernels::cmp;
use arrow::compute::{cast, or_kleene};
use arrow::datatypes::Float64Type;
use arrow::error::ArrowError;

use super::arrays::{to_doubles, to_longs, unsigned};
use super::entry::{Entry, Failures, Kernel};
use super::signature::{Count, common_number, count, no_text, ordinal, wrong};
use super::{Argument, Call, Column};
use crate::datatype::DataType;
use crate::date::NANOS_PER_MS;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

pub(super) static ENTRIES: [Entry; 7] = [
    entry(
        "==",
        "Whether two values are equal.",
        resolve_equality,
        |_, arguments, _| compare(Operator::Equal, arguments),
    ),
    entry(
        "!=",
        "Whether two values differ.",
        resolve_equality,
        |_, arguments, _| compare(Operator::NotEqual, arguments),
    ),
    entry(
        "<",
        "Whether a value is less than another.",
        resolve_order,
        |_, arguments, _| compare(Operator::Less, arguments),
    ),
    entry(
        "<=",
        "Whether a value is at most another.",
        resolve_order,
        |_, arguments, _| compare(Operator::LessOrEqual, arguments),
    ),
    entry(
        ">",
        "Whether a value is greater than another.",
        resolve_order,
        |_, arguments, _| compare(Operator::Greater, arguments),
    ),
    entry(
        ">=",
        "Whether a value is at least another.",
        resolve_order,
        |_, arguments, _| compare(Operator::GreaterOrEqual, arguments),
    ),
    Entry {
        name: "in",
        aliases: &[],
        summary: "Whether a value is among others.",
        resolve: resolve_in,
        kernel: Kernel::Whole(among),
    },
];

const fn entry(
    name: &'static str,
    summary: &'static str,
    resolve: super::entry::Resolve,
    kernel: fn(&Call<'_>, &[Column], &mut Failures) -> Option<ArrayRef>,
) -> Entry {
    Entry {
        name,
        aliases: &[],
        summary,
        resolve,
        kernel: Kernel::Single(kernel),
    }
}

const EQUALITY_WORDS: &str = "boolean, cartesian_point, cartesian_shape, date_nanos, datetime, double, geo_point, geo_shape, integer, ip, keyword, long, text, unsigned_long or version";
const ORDER_WORDS: &str =
    "date_nanos, datetime, double, integer, ip, keyword, long, text, unsigned_long or version";

fn resolve_equality(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    let fits = |data_type: DataType| {
        use DataType::*;
        orders(data_type)
            || matches!(
                data_type,
                Boolean | GeoPoint | GeoShape | CartesianPoint | CartesianShape
            )
    };
    resolve(text, arguments, fits, EQUALITY_WORDS)
}

fn resolve_order(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    resolve(text, arguments, orders, ORDER_WORDS)
}

fn orders(data_type: DataType) -> bool {
    data_type.is_numeric()
        || data_type.is_date()
        || data_type.is_string()
        || matches!(data_type, DataType::Ip | DataType::Version)
}

fn resolve(
    text: &str,
    arguments: &[Argument],
    fits: impl Fn(DataType) -> bool,
    words: &str,
) -> Result<DataType, String> {
    count(text, arguments, Count::Two)?;
    for (index, argument) in arguments.iter().enumerate() {
        if argument.data_type != DataType::Null && !fits(argument.data_type) {
            return Err(wrong(ordinal(index), text, words, argument));
        }
    }
    let (left, right) = (arguments[0].data_type, arguments[1].data_type);
    if comparable(left, right) {
        return Ok(DataType::Boolean);
    }
    if left == DataType::UnsignedLong || right == DataType::UnsignedLong {
        return Err(alone(text, left, right));
    }
    Err(unlike(text, left, right))
}

fn unlike(text: &str, left: DataType, right: DataType) -> String {
    let group = if left.is_numeric() {
        "numeric"
    } else {
        left.message_name()
    };
    format!(
        "first argument of [{text}] is [{group}] so second argument must also be [{group}] but was [{}]",
        right.message_name()
    )
}

/// What is said of `unsigned_long` beside another type.
pub(super) fn alone(text: &str, left: DataType, right: DataType) -> String {
    format!(
        "first argument of [{text}] is [{}] and second is [{}]. [unsigned_long] can only be operated on together with another [unsigned_long]",
        left.message_name(),
        right.message_name()
    )
}

/// `unsigned_long` goes with nothing but itself.
fn comparable(left: DataType, right: DataType) -> bool {
    if left == DataType::Null || right == DataType::Null || left == right {
        return true;
    }
    if left == DataType::UnsignedLong || right == DataType::UnsignedLong {
        return false;
    }
    (left.is_numeric() && right.is_numeric())
        || (left.is_string() && right.is_string())
        || (left.is_date() && right.is_date())
}

/// Both columns hold at most one value a row.
fn compare(operator: Operator, arguments: &[Column]) -> Option<ArrayRef> {
    let (left, right) = (arguments.first()?, arguments.get(1)?);
    Some(Arc::new(compared(operator, left, right)?))
}

fn compared(operator: Operator, left: &Column, right: &Column) -> Option<BooleanArray> {
    if left.data_type.is_numeric() && right.data_type.is_numeric() {
        return match common_number(left.data_type, right.data_type) {
            DataType::Double => Some(primitive::<Float64Type>(
                operator,
                &to_doubles(&left.values)?,
                &to_doubles(&right.values)?,
            )),
            DataType::UnsignedLong => {
                let wanted = DataType::UnsignedLong.arrow();
                let left = cast(&left.values, &wanted).ok()?;
                let right = cast(&right.values, &wanted).ok()?;
                Some(primitive(operator, unsigned(&left)?, unsigned(&right)?))
            }
            _ => {
                let (left, right) = (to_longs(&left.values)?, to_longs(&right.values)?);
                Some(primitive(operator, &left, &right))
            }
        };
    }
    if left.data_type.is_date() && right.data_type.is_date() {
        let (one, other) = (to_longs(&left.values)?, to_longs(&right.values)?);
        return Some(match (left.data_type, right.data_type) {
            (DataType::Date, DataType::DateNanos) => pairs(&one, &other, |ms, nanos| {
                holds(operator, &in_nanos(ms), &i128::from(nanos))
            }),
            (DataType::DateNanos, DataType::Date) => pairs(&one, &other, |nanos, ms| {
                holds(operator, &i128::from(nanos), &in_nanos(ms))
            }),
            _ => primitive(operator, &one, &other),
        });
    }
    if left.values.data_type() != right.values.data_type() {
        return None;
    }
    by_arrow(operator, &left.values, &right.values).ok()
}

fn in_nanos(ms: i64) -> i128 {
    i128::from(ms) * i128::from(NANOS_PER_MS)
}

fn by_arrow(
    operator: Operator,
    left: &ArrayRef,
    right: &ArrayRef,
) -> Result<BooleanArray, ArrowError> {
    match operator {
        Operator::Equal => cmp::eq(left, right),
        Operator::NotEqual => cmp::neq(left, right),
        Operator::Less => cmp::lt(left, right),
        Operator::LessOrEqual => cmp::lt_eq(left, right),
        Operator::Greater => cmp::gt(left, right),
        Operator::GreaterOrEqual => cmp::gt_eq(left, right),
    }
}

fn holds<T: PartialOrd>(operator: Operator, left: &T, right: &T) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
    }
}

/// Arrow's own comparison tells -0.0 from 0.0, which Elasticsearch doesn't.
fn primitive<T: ArrowPrimitiveType>(
    operator: Operator,
    left: &PrimitiveArray<T>,
    right: &PrimitiveArray<T>,
) -> BooleanArray
where
    T::Native: PartialOrd,
{
    match operator {
        Operator::Equal => pairs(left, right, |l, r| l == r),
        Operator::NotEqual => pairs(left, right, |l, r| l != r),
        Operator::Less => pairs(left, right, |l, r| l < r),
        Operator::LessOrEqual => pairs(left, right, |l, r| l <= r),
        Operator::Greater => pairs(left, right, |l, r| l > r),
        Operator::GreaterOrEqual => pairs(left, right, |l, r| l >= r),
    }
}

fn pairs<T: ArrowPrimitiveType>(
    left: &PrimitiveArray<T>,
    right: &PrimitiveArray<T>,
    holds: impl Fn(T::Native, T::Native) -> bool,
) -> BooleanArray {
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let (left, right) = (left.values(), right.values());
    let rows = left.len().min(right.len());
    let values = BooleanBuffer::collect_bool(rows, |row| holds(left[row], right[row]));
    BooleanArray::new(values, nulls)
}

fn resolve_in(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    let mut wanted = DataType::Null;
    for (index, argument) in arguments.iter().enumerate() {
        let found = argument.data_type;
        if wanted == DataType::Null {
            wanted = found;
        } else if !comparable(no_text(wanted), no_text(found)) {
            // A list of one value is a comparison.
            if arguments.len() == 2 {
                return Err(unlike(text, wanted, found));
            }
            // The list's own values are counted, from one.
            let which = format!("{} ", counted(index));
            return Err(wrong(&which, text, wanted.message_name(), argument));
        }
    }
    Ok(DataType::Boolean)
}

fn counted(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// True where the value is equal to any; else null where any is null.
fn among(call: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let (value, list) = arguments.split_first()?;
    if value.data_type == DataType::Null {
        return None;
    }
    let nothing = BooleanArray::new_null(call.rows);
    let mut found: Option<BooleanArray> = None;
    for item in list {
        let pair = [value.clone(), item.clone()];
        let pair = super::lists::single(&pair, call.rows, failures)?;
        let equal = if item.data_type == DataType::Null {
            nothing.clone()
        } else {
            compared(Operator::Equal, &pair[0], &pair[1])?
        };
        found = Some(match found {
            Some(found) => or_kleene(&found, &equal).ok()?,
            None => equal,
        });
    }
    Some(Arc::new(found?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_in_english() {
        let words: Vec<String> = [1, 2, 3, 4, 11, 12, 21, 111].map(counted).to_vec();
        assert_eq!(
            words,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "111th"]
        );
    }

    #[test]
    fn zeros_are_equal() {
        let zeros = arrow::array::Float64Array::from(vec![0.0, f64::NAN]);
        let others = arrow::array::Float64Array::from(vec![-0.0, f64::NAN]);
        let equal = primitive(Operator::Equal, &zeros, &others);
        assert_eq!((equal.value(0), equal.value(1)), (true, false));
    }
}
