//! Values of Arrow columns as JSON.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimeUnit};
use arrow::util::display::array_value_to_string;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Number, Value};

/// One row, without its nulls.
///
/// # Errors
/// A column whose values no document has, such as bytes.
pub fn document(batch: &RecordBatch, row: usize) -> Result<Map<String, Value>, String> {
    let schema = batch.schema();
    let mut source = Map::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let value = value(column, row).map_err(|error| format!("{}: {error}", field.name()))?;
        if !value.is_null() {
            source.insert(field.name().clone(), value);
        }
    }
    Ok(source)
}

fn value(array: &ArrayRef, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    let text = || array_value_to_string(array, row).map_err(|error| error.to_string());
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => number(f64::from(array.as_primitive::<Float32Type>().value(row))),
        kind if kind.is_integer() || matches!(kind, DataType::Float16) => {
            serde_json::from_str(&text()?).unwrap_or(Value::Null)
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => number(text()?.parse().unwrap_or(f64::NAN)),
        DataType::Timestamp(unit, _) => moment(array, row, *unit)?,
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let mut object = Map::new();
            for (field, column) in fields.iter().zip(columns) {
                object.insert(field.name().clone(), value(column, row)?);
            }
            Value::Object(object)
        }
        DataType::Dictionary(_, inner) => {
            let plain = arrow::compute::cast(array, inner).map_err(|error| error.to_string())?;
            value(&plain, row)?
        }
        kind @ (DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_)) => {
            return Err(format!("a document has no values of type {kind}"));
        }
        _ => text()?.into(),
    })
}

/// JSON has no NaN and no infinity.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn list(items: &ArrayRef) -> Result<Value, String> {
    (0..items.len()).map(|row| value(items, row)).collect()
}

/// RFC 3339 with as many digits as it needs.
fn moment(array: &ArrayRef, row: usize, unit: TimeUnit) -> Result<Value, String> {
    let count = arrow::compute::cast(array, &DataType::Int64).map_err(|error| error.to_string())?;
    let count = count
        .as_primitive::<arrow::datatypes::Int64Type>()
        .value(row);
    let moment = match unit {
        TimeUnit::Second => DateTime::from_timestamp(count, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(count),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(count),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(count)),
    };
    let moment = moment.ok_or_else(|| format!("{count} is no time"))?;
    Ok(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true).into())
}
