//! Values as text and as JSON, as answers have them.

use std::fmt::Write;

use arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
    ListArray, StringArray, UInt64Array,
};
use arrow::datatypes::{Float32Type, TimestampMillisecondType, TimestampNanosecondType};
use serde_json::{Number, Value};

use super::arrays::{booleans, bytes, doubles, ints, longs, texts, to_longs, unsigned};
use super::lists::{Rows, is_multi};
use super::number::double_text;
use super::{Column, ip, version};
use crate::datatype::DataType;
use crate::date::print;

/// Writes the values of one flat array.
pub(super) enum Printer<'a> {
    Booleans(&'a BooleanArray),
    Ints(&'a Int32Array),
    Longs(&'a Int64Array),
    Unsigned(&'a UInt64Array),
    Doubles(&'a Float64Array),
    Texts(&'a StringArray),
    Ms(Int64Array),
    Nanos(Int64Array),
    Addresses(&'a BinaryArray),
    Versions(&'a BinaryArray),
}

impl<'a> Printer<'a> {
    /// `None` for types that have no text, and for arrays that aren't laid out as their type is.
    pub fn new(column: &'a Column) -> Option<Self> {
        let values = &column.values;
        Some(match column.data_type {
            DataType::Boolean => Self::Booleans(booleans(values)?),
            DataType::Integer => Self::Ints(ints(values)?),
            DataType::Long | DataType::DatePeriod | DataType::TimeDuration => {
                Self::Longs(longs(values)?)
            }
            DataType::UnsignedLong => Self::Unsigned(unsigned(values)?),
            DataType::Double => Self::Doubles(doubles(values)?),
            DataType::Date => {
                values.as_primitive_opt::<TimestampMillisecondType>()?;
                Self::Ms(to_longs(values)?)
            }
            DataType::DateNanos => {
                values.as_primitive_opt::<TimestampNanosecondType>()?;
                Self::Nanos(to_longs(values)?)
            }
            DataType::Ip => Self::Addresses(bytes(values)?),
            DataType::Version => Self::Versions(bytes(values)?),
            DataType::Null | DataType::Unsupported | DataType::DenseVector => return None,
            _ => Self::Texts(texts(values)?),
        })
    }

    /// The value at `index`, which isn't null.
    pub fn write(&self, index: usize, to: &mut String) {
        let _ = match self {
            Self::Booleans(values) => write!(to, "{}", values.value(index)),
            Self::Ints(values) => write!(to, "{}", values.value(index)),
            Self::Longs(values) => write!(to, "{}", values.value(index)),
            Self::Unsigned(values) => write!(to, "{}", values.value(index)),
            Self::Doubles(values) => write!(to, "{}", double_text(values.value(index))),
            Self::Texts(values) => write!(to, "{}", values.value(index)),
            Self::Ms(values) => {
                print::iso_ms(values.value(index), to);
                Ok(())
            }
            Self::Nanos(values) => {
                print::iso_nanos(values.value(index), to);
                Ok(())
            }
            Self::Addresses(values) => {
                ip::print(values.value(index), to);
                Ok(())
            }
            Self::Versions(values) => {
                version::decode(values.value(index), to);
                Ok(())
            }
        };
    }

    fn json(&self, index: usize) -> Value {
        match self {
            Self::Booleans(values) => Value::Bool(values.value(index)),
            Self::Ints(values) => Value::from(values.value(index)),
            Self::Longs(values) => Value::from(values.value(index)),
            Self::Unsigned(values) => Value::from(values.value(index)),
            Self::Doubles(values) => json_double(values.value(index)),
            _ => {
                let mut text = String::new();
                self.write(index, &mut text);
                Value::String(text)
            }
        }
    }
}

/// Doubles that JSON can't say are strings.
fn json_double(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None => Value::String(double_text(value)),
    }
}

/// The values of one row: null, one value, or an array of several. Dates, addresses and versions
/// are strings, `_source` is the document.
pub fn json_value(column: &Column, row: usize) -> Value {
    if row >= column.values.len() || column.values.is_null(row) {
        return Value::Null;
    }
    if column.data_type == DataType::DenseVector {
        return vector(column, row).unwrap_or(Value::Null);
    }
    let rows = Rows::new(column);
    let flat = Column {
        data_type: column.data_type,
        values: rows.values.clone(),
    };
    let Some(printer) = Printer::new(&flat) else {
        return Value::Null;
    };
    let one = |index: usize| match (&printer, column.data_type) {
        (Printer::Texts(texts), DataType::Source) => {
            serde_json::from_str(texts.value(index)).unwrap_or(Value::Null)
        }
        _ => printer.json(index),
    };
    let mut range = rows.row(row);
    match range.len() {
        0 => Value::Null,
        1 => range.next().map_or(Value::Null, one),
        _ => Value::Array(range.map(one).collect()),
    }
}

fn vector(column: &Column, row: usize) -> Option<Value> {
    let lists: &ListArray = column.values.as_list_opt::<i32>()?;
    if is_multi(&column.values, DataType::DenseVector) {
        return None;
    }
    let values = lists.value(row);
    let numbers: &Float32Array = values.as_primitive_opt::<Float32Type>()?;
    // The shortest decimal that is this float, not the double next to it.
    let one = |value: f32| json_double(value.to_string().parse().unwrap_or(f64::from(value)));
    Some(Value::Array(
        numbers.values().iter().copied().map(one).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, TimestampNanosecondArray};
    use serde_json::json;

    use super::*;
    use crate::functions::lists::from_lengths;

    fn value(data_type: DataType, values: ArrayRef) -> Value {
        json_value(&Column { data_type, values }, 0)
    }

    #[test]
    fn json_as_answers_have_it() {
        let nanos = TimestampNanosecondArray::from(vec![1]);
        assert_eq!(
            value(DataType::DateNanos, Arc::new(nanos)),
            json!("1970-01-01T00:00:00.000000001Z")
        );
        let infinite = Float64Array::from(vec![f64::INFINITY]);
        assert_eq!(
            value(DataType::Double, Arc::new(infinite)),
            json!("Infinity")
        );
        let several = from_lengths(Arc::new(Int32Array::from(vec![1, 2])), &[2]);
        let several = several.unwrap_or_else(|| Arc::new(Int32Array::from(vec![0])));
        assert_eq!(value(DataType::Integer, several), json!([1, 2]));
        let nothing = Int32Array::from(vec![None]);
        assert_eq!(value(DataType::Integer, Arc::new(nothing)), Value::Null);
        let source = StringArray::from(vec![r#"{"a": 1}"#]);
        assert_eq!(value(DataType::Source, Arc::new(source)), json!({"a": 1}));
    }
}
