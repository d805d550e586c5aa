//! JSON documents as columns, the way Elasticsearch's doc values would hold them: keywords,
//! addresses and versions sorted without repetitions, numbers and dates sorted, texts as written.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringArray, UInt32Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType as Arrow, Field as ArrowField, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::row::{RowConverter, SortField};
use serde_json::Value;

use crate::analyzer::constant;
use crate::datatype::DataType;
use crate::error::Error;
use crate::functions::Column;
use crate::request::Field;

/// Fields nested deeper than this in a mapping are left out.
const MAX_MAPPING_DEPTH: usize = 20;

/// The fields of a mapping's `properties`, sub-fields and multi-fields too, sorted by name.
pub fn fields(properties: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    walk(properties, "", 0, &mut found);
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn walk(properties: &Value, prefix: &str, depth: usize, found: &mut Vec<Field>) {
    let Some(properties) = properties.as_object().filter(|_| depth < MAX_MAPPING_DEPTH) else {
        return;
    };
    for (name, mapping) in properties {
        let name = format!("{prefix}{name}");
        if let Some(inner) = mapping.get("properties") {
            walk(inner, &format!("{name}."), depth + 1, found);
            continue;
        }
        let Some(word) = mapping.get("type").and_then(Value::as_str) else {
            continue;
        };
        found.push(field(&name, word, None));
        let multi = mapping.get("fields").and_then(Value::as_object);
        for (part, mapping) in multi.into_iter().flatten() {
            if let Some(word) = mapping.get("type").and_then(Value::as_str) {
                found.push(field(&format!("{name}.{part}"), word, Some(&name)));
            }
        }
    }
}

fn field(name: &str, word: &str, parent: Option<&str>) -> Field {
    Field {
        name: name.to_owned(),
        data_type: DataType::from_mapping(word).unwrap_or(DataType::Unsupported),
        mapping_type: word.to_owned(),
        parent: parent.map(str::to_owned),
    }
}

/// All fields of the documents as columns, in the order of `fields`. A column is a list where some
/// document has several values.
///
/// # Errors
///
/// [`Error::IllegalArgument`], naming field and value, where a value isn't of its field's type.
pub fn columns(fields: &[Field], documents: &[Value]) -> Result<RecordBatch, Error> {
    let mut schema = Vec::with_capacity(fields.len());
    let mut arrays = Vec::with_capacity(fields.len());
    for field in fields {
        let path = field.parent.as_deref().unwrap_or(&field.name);
        let array = column(field, path, documents)?;
        schema.push(ArrowField::new(
            &field.name,
            array.data_type().clone(),
            true,
        ));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(documents.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(schema)), arrays, &options)
        .map_err(|error| Error::Internal(error.to_string()))
}

fn column(field: &Field, path: &str, documents: &[Value]) -> Result<ArrayRef, Error> {
    let mut values: Vec<&Value> = Vec::new();
    let mut lengths = Vec::with_capacity(documents.len());
    for document in documents {
        let before = values.len();
        collect(document, path, &mut values);
        lengths.push(values.len() - before);
    }
    if field.data_type == DataType::Unsupported {
        return Ok(arrow::array::new_null_array(&Arrow::Null, documents.len()));
    }
    if field.data_type == DataType::DenseVector {
        return vectors(field, &values, &lengths);
    }
    let flat = flat(field, &values)?;
    let (flat, lengths) = arranged(field, flat, lengths)?;
    layout(field.data_type, flat, lengths)
}

/// Values at a dotted path; objects may be nested or their names dotted, in any mixture.
fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => {
            for item in items {
                collect(item, path, found);
            }
        }
        Value::Object(object) => {
            for (name, inner) in object {
                if name == path {
                    leaves(inner, found);
                } else if let Some(rest) = path.strip_prefix(name.as_str())
                    && let Some(rest) = rest.strip_prefix('.')
                {
                    collect(inner, rest, found);
                }
            }
        }
        _ => {}
    }
}

fn leaves<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Null | Value::Object(_) => {}
        Value::Array(items) => {
            for item in items {
                leaves(item, found);
            }
        }
        leaf => found.push(leaf),
    }
}

fn wrong(field: &Field, value: &Value) -> Error {
    Error::IllegalArgument(format!(
        "failed to parse field [{}] of type [{}]: {value}",
        field.name, field.mapping_type
    ))
}

/// Values as they stand, row by row in the order given: null, one value, or an array of several.
pub(crate) fn as_given(field: &Field, rows: &[&Value]) -> Result<ArrayRef, Error> {
    if matches!(field.data_type, DataType::Null | DataType::Unsupported) {
        return Ok(arrow::array::new_null_array(&Arrow::Null, rows.len()));
    }
    let mut values = Vec::with_capacity(rows.len());
    let mut lengths = Vec::with_capacity(rows.len());
    for row in rows {
        let before = values.len();
        match (field.data_type, *row) {
            (DataType::Source, Value::Object(_)) => values.push(*row),
            _ => leaves(row, &mut values),
        }
        lengths.push(values.len() - before);
    }
    if field.data_type == DataType::DenseVector {
        return vectors(field, &values, &lengths);
    }
    let flat = flat(field, &values)?;
    layout(field.data_type, flat, lengths)
}

/// All values of a field in one array, without nulls.
fn flat(field: &Field, values: &[&Value]) -> Result<ArrayRef, Error> {
    macro_rules! each {
        ($array:ty, $read:expr) => {{
            let read = $read;
            let read = values
                .iter()
                .map(|value| read(*value).ok_or_else(|| wrong(field, value)))
                .collect::<Result<Vec<_>, Error>>()?;
            Arc::new(<$array>::from(read)) as ArrayRef
        }};
    }
    Ok(match field.data_type {
        DataType::Boolean => each!(BooleanArray, boolean),
        DataType::Integer => each!(Int32Array, |value: &Value| i32::try_from(whole(value)?)
            .ok()),
        DataType::Long => each!(Int64Array, |value: &Value| i64::try_from(whole(value)?)
            .ok()),
        DataType::UnsignedLong => {
            each!(UInt64Array, |value: &Value| u64::try_from(whole(value)?)
                .ok())
        }
        DataType::Double => {
            let word = field.mapping_type.as_str();
            each!(Float64Array, |value: &Value| number(value)
                .map(|number| narrowed(number, word)))
        }
        DataType::Date | DataType::DateNanos | DataType::Ip | DataType::Version => {
            return converted(field, values);
        }
        _ => each!(StringArray, |value: &Value| Some(text(value))),
    })
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" || text.is_empty() => Some(false),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .or_else(|| number.as_f64().map(|number| number as i128)),
        Value::String(text) => {
            let text = text.trim();
            text.parse()
                .ok()
                .or_else(|| text.parse::<f64>().ok().map(|number| number as i128))
        }
        _ => None,
    }
}

/// What is left of a number in the mapping's type (`float`, `half_float`; others keep it).
pub fn narrowed(number: f64, word: &str) -> f64 {
    match word {
        "float" => f64::from(number as f32),
        "half_float" => half(number),
        _ => number,
    }
}

/// The nearest number with eleven bits of precision, ties to even.
fn half(number: f64) -> f64 {
    const LEAST_EXPONENT: i32 = -14;
    const FRACTION_BITS: i32 = 10;
    if number == 0.0 {
        return number;
    }
    let exponent = (number.abs().log2().floor() as i32).max(LEAST_EXPONENT);
    let unit = 2_f64.powi(exponent - FRACTION_BITS);
    (number / unit).round_ties_even() * unit
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Dates, addresses and versions are read by the conversion functions of the language.
fn converted(field: &Field, values: &[&Value]) -> Result<ArrayRef, Error> {
    let data_type = field.data_type;
    let mut array = arrow::array::new_empty_array(&data_type.arrow());
    if values.is_empty() {
        return Ok(array);
    }
    let numbers = data_type.is_date() && values.iter().any(|value| value.is_number());
    if !numbers {
        let texts: StringArray = values.iter().map(|value| Some(text(value))).collect();
        let column = Column {
            data_type: DataType::Keyword,
            values: Arc::new(texts),
        };
        array = constant::convert(&column, data_type, 0)
            .map_err(|_| bad_value(field, values))?
            .values;
    } else {
        let parts = values
            .iter()
            .map(|value| moment(field, value))
            .collect::<Result<Vec<_>, _>>()?;
        let views: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        array =
            arrow::compute::concat(&views).map_err(|error| Error::Internal(error.to_string()))?;
    }
    if array.null_count() > 0 || array.len() != values.len() {
        return Err(bad_value(field, values));
    }
    Ok(array)
}

/// The first value that can't be read.
fn bad_value(field: &Field, values: &[&Value]) -> Error {
    let bad = values.iter().find(|value| {
        let single = Column {
            data_type: DataType::Keyword,
            values: Arc::new(StringArray::from(vec![text(value)])),
        };
        constant::convert(&single, field.data_type, 0).is_err()
    });
    wrong(field, bad.or(values.first()).unwrap_or(&&Value::Null))
}

/// A date as a number is milliseconds since 1970.
fn moment(field: &Field, value: &Value) -> Result<ArrayRef, Error> {
    let column = match value {
        Value::Number(number) => {
            let milliseconds = number.as_i64().ok_or_else(|| wrong(field, value))?;
            let array = Int64Array::from(vec![milliseconds]);
            let array = arrow::compute::cast(&array, &DataType::Date.arrow());
            let array = array.map_err(|error| Error::Internal(error.to_string()))?;
            return arrow::compute::cast(&array, &field.data_type.arrow())
                .map_err(|_| wrong(field, value));
        }
        other => Column {
            data_type: DataType::Keyword,
            values: Arc::new(StringArray::from(vec![text(other)])),
        },
    };
    constant::convert(&column, field.data_type, 0)
        .map(|column| column.values)
        .map_err(|_| wrong(field, value))
}

/// The order in which doc values come, and without repetitions where they are sets.
fn arranged(
    field: &Field,
    flat: ArrayRef,
    lengths: Vec<usize>,
) -> Result<(ArrayRef, Vec<usize>), Error> {
    if field.data_type == DataType::Text || lengths.iter().all(|length| *length < 2) {
        return Ok((flat, lengths));
    }
    let set = matches!(
        field.data_type,
        DataType::Keyword | DataType::Ip | DataType::Version
    );
    let internal = |error: arrow::error::ArrowError| Error::Internal(error.to_string());
    let sort = SortField::new(flat.data_type().clone());
    let converter = RowConverter::new(vec![sort]).map_err(internal)?;
    let rows = converter
        .convert_columns(std::slice::from_ref(&flat))
        .map_err(internal)?;
    let mut order: Vec<u32> = (0..flat.len() as u32).collect();
    let mut kept = Vec::with_capacity(flat.len());
    let mut left = Vec::with_capacity(lengths.len());
    let mut start = 0;
    for length in lengths {
        let part = &mut order[start..start + length];
        part.sort_by(|one, other| rows.row(*one as usize).cmp(&rows.row(*other as usize)));
        let before = kept.len();
        for index in part {
            let repeated = kept.len() > before
                && kept
                    .last()
                    .is_some_and(|last| rows.row(*last as usize) == rows.row(*index as usize));
            if !(set && repeated) {
                kept.push(*index);
            }
        }
        left.push(kept.len() - before);
        start += length;
    }
    let taken = arrow::compute::take(&flat, &UInt32Array::from(kept), None).map_err(internal)?;
    Ok((taken, left))
}

/// A scalar array where no document has several values, else lists.
fn layout(data_type: DataType, flat: ArrayRef, lengths: Vec<usize>) -> Result<ArrayRef, Error> {
    let internal = |error: arrow::error::ArrowError| Error::Internal(error.to_string());
    if lengths.iter().all(|length| *length < 2) {
        let mut next = 0;
        let indices: UInt32Array = lengths
            .iter()
            .map(|length| {
                (*length == 1).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        return arrow::compute::take(&flat, &indices, None).map_err(internal);
    }
    let nulls: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
    let element = Arc::new(ArrowField::new_list_field(data_type.arrow(), false));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(element, offsets, flat, Some(nulls)).map_err(internal)?;
    Ok(Arc::new(list))
}

fn vectors(field: &Field, values: &[&Value], lengths: &[usize]) -> Result<ArrayRef, Error> {
    let numbers = values
        .iter()
        .map(|value| number(value).ok_or_else(|| wrong(field, value)))
        .map(|number| number.map(|number| number as f32))
        .collect::<Result<Vec<_>, _>>()?;
    let nulls: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
    let element = Arc::new(ArrowField::new_list_field(Arrow::Float32, false));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    let values = Arc::new(Float32Array::from(numbers));
    ListArray::try_new(element, offsets, values, Some(nulls))
        .map(|list| Arc::new(list) as ArrayRef)
        .map_err(|error| Error::Internal(error.to_string()))
}

/// The documents themselves as JSON texts, for `_source`.
pub fn sources(documents: &[Value]) -> ArrayRef {
    let texts = documents.iter().map(|document| Some(document.to_string()));
    Arc::new(texts.collect::<StringArray>())
}
