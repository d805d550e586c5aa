//! Constants: literals as columns of one row, and strings that stand for dates, addresses and
//! versions.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, NullArray,
    StringArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;

use crate::ast::{Literal, Span, TimeUnit};
use crate::datatype::{DataType, pack_period};
use crate::functions::{self, Argument, Call, Column};
use crate::warning::Warnings;

/// A literal's values in one row.
pub fn literal(literal: &Literal) -> Option<Column> {
    let (data_type, values): (DataType, ArrayRef) = match literal {
        Literal::Null => (DataType::Null, Arc::new(NullArray::new(1))),
        Literal::Boolean(value) => (
            DataType::Boolean,
            Arc::new(BooleanArray::from(vec![*value])),
        ),
        Literal::Integer(value) => (DataType::Integer, Arc::new(Int32Array::from(vec![*value]))),
        Literal::Long(value) => (DataType::Long, Arc::new(Int64Array::from(vec![*value]))),
        Literal::UnsignedLong(value) => (
            DataType::UnsignedLong,
            Arc::new(UInt64Array::from(vec![*value])),
        ),
        Literal::Double(value) => (DataType::Double, Arc::new(Float64Array::from(vec![*value]))),
        Literal::String(value) => (
            DataType::Keyword,
            Arc::new(StringArray::from(vec![value.as_str()])),
        ),
        Literal::TimeSpan { count, unit } => span(*count, *unit)?,
        Literal::List(items) => return list(items),
    };
    Some(Column { data_type, values })
}

/// `None` where the span is too long to count.
fn span(count: i64, unit: TimeUnit) -> Option<(DataType, ArrayRef)> {
    let period = |months: i64, days: i64| {
        let months = i32::try_from(count.checked_mul(months)?).ok()?;
        let days = i32::try_from(count.checked_mul(days)?).ok()?;
        Some((DataType::DatePeriod, pack_period(months, days)))
    };
    let duration =
        |milliseconds: i64| Some((DataType::TimeDuration, count.checked_mul(milliseconds)?));
    let (data_type, value) = match unit {
        TimeUnit::Millisecond => duration(1),
        TimeUnit::Second => duration(1_000),
        TimeUnit::Minute => duration(60_000),
        TimeUnit::Hour => duration(3_600_000),
        TimeUnit::Day => period(0, 1),
        TimeUnit::Week => period(0, 7),
        TimeUnit::Month => period(1, 0),
        TimeUnit::Quarter => period(3, 0),
        TimeUnit::Year => period(12, 0),
    }?;
    Some((data_type, Arc::new(Int64Array::from(vec![value]))))
}

fn list(items: &[Literal]) -> Option<Column> {
    let mut columns = items.iter().map(literal).collect::<Option<Vec<_>>>()?;
    columns.retain(|column| column.data_type != DataType::Null);
    let Some(data_type) = columns.iter().map(|column| column.data_type).reduce(wider) else {
        return literal(&Literal::Null);
    };
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|column| arrow::compute::cast(&column.values, &data_type.arrow()).ok())
        .collect::<Option<_>>()?;
    let views: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    let values = arrow::compute::concat(&views).ok()?;
    if values.len() == 1 {
        return Some(Column { data_type, values });
    }
    let field = Arc::new(Field::new_list_field(data_type.arrow(), false));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let values = Arc::new(ListArray::try_new(field, offsets, values, None).ok()?);
    Some(Column { data_type, values })
}

/// Numbers of one list become the widest of their types.
fn wider(one: DataType, other: DataType) -> DataType {
    if one.is_numeric() && other.is_numeric() {
        one.max(other)
    } else {
        one
    }
}

/// A null of the type, in one row.
pub fn null(data_type: DataType) -> Column {
    Column {
        data_type,
        values: arrow::array::new_null_array(&data_type.arrow(), 1),
    }
}

/// Types that a string constant may stand for, in the order in which they are tried.
pub const STRINGS_STAND_FOR: [DataType; 10] = [
    DataType::DatePeriod,
    DataType::TimeDuration,
    DataType::Date,
    DataType::DateNanos,
    DataType::Ip,
    DataType::Version,
    DataType::Double,
    DataType::Integer,
    DataType::Long,
    DataType::Boolean,
];

/// The conversion function of a type: `to_ip`.
pub fn conversion(to: DataType) -> Option<&'static str> {
    Some(match to {
        DataType::Boolean => "to_boolean",
        DataType::Integer => "to_integer",
        DataType::Long => "to_long",
        DataType::UnsignedLong => "to_unsigned_long",
        DataType::Double => "to_double",
        DataType::Keyword | DataType::Text => "to_string",
        DataType::Date => "to_datetime",
        DataType::DateNanos => "to_date_nanos",
        DataType::Ip => "to_ip",
        DataType::Version => "to_version",
        DataType::DatePeriod => "to_dateperiod",
        DataType::TimeDuration => "to_timeduration",
        DataType::DenseVector => "to_dense_vector",
        _ => return None,
    })
}

/// Strings (one or many rows) as values of another type, or why the first that isn't can't be.
pub fn convert(from: &Column, to: DataType, now_ms: i64) -> Result<Column, String> {
    let name = conversion(to).ok_or_else(|| format!("no conversion to [{}]", to.name()))?;
    let function = functions::lookup(name).ok_or_else(|| format!("Unknown function [{name}]"))?;
    let argument = Argument {
        data_type: from.data_type,
        text: String::new(),
        span: Span::default(),
        constant: Some(from.clone()),
    };
    let result = function.resolve(name, &[argument])?;
    let warnings = Warnings::default();
    let call = Call {
        text: name,
        span: Span::default(),
        warnings: &warnings,
        now_ms,
        result,
        rows: from.values.len(),
    };
    let column = function.evaluate(&call, std::slice::from_ref(from));
    // The second text is the first failure: "Line 0:0: java.lang.…Exception: message".
    match warnings.texts().get(1) {
        Some(failure) => Err(failure
            .splitn(3, ": ")
            .nth(2)
            .unwrap_or_default()
            .to_owned()),
        None => Ok(column),
    }
}

/// The text of a string constant with one value.
pub fn string(column: &Column) -> Option<&str> {
    let values = column.values.as_any().downcast_ref::<StringArray>()?;
    (values.len() == 1 && values.is_valid(0)).then(|| values.value(0))
}

/// A constant number as a double.
pub fn number(column: &Column) -> Option<f64> {
    let values = arrow::compute::cast(&column.values, &arrow::datatypes::DataType::Float64).ok()?;
    let values = values.as_any().downcast_ref::<Float64Array>()?;
    (values.len() == 1 && values.is_valid(0)).then(|| values.value(0))
}
