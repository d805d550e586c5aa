//! JSON values of one column as an Arrow array, by its ES|QL type.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMillisecondBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, TimeUnit};
use serde_json::Value;

/// A column as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: String,
    /// Some row has several values.
    pub several: bool,
}

impl Column {
    pub fn field(&self) -> Field {
        let item = match self.kind.as_str() {
            "boolean" => DataType::Boolean,
            "long" | "integer" => DataType::Int64,
            "unsigned_long" => DataType::UInt64,
            "double" => DataType::Float64,
            "date" => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            _ => DataType::Utf8,
        };
        let whole = match self.several {
            true => DataType::List(Arc::new(Field::new_list_field(item, true))),
            false => item,
        };
        Field::new(&self.name, whole, true)
    }

    /// One value a row.
    pub fn array<'v>(&self, values: impl Iterator<Item = &'v Value>) -> ArrayRef {
        /// Appends to a builder, or to one of lists around it.
        macro_rules! built {
            ($builder:expr, $read:expr) => {{
                let read = $read;
                if self.several {
                    let item = self.field();
                    let DataType::List(item) = item.data_type() else {
                        unreachable!("a column of several values is a list");
                    };
                    let mut lists = ListBuilder::new($builder).with_field(item.clone());
                    for value in values {
                        match value {
                            Value::Null => lists.append(false),
                            Value::Array(items) => {
                                for item in items {
                                    lists.values().append_option(read(item));
                                }
                                lists.append(true);
                            }
                            one => {
                                lists.values().append_option(read(one));
                                lists.append(true);
                            }
                        }
                    }
                    Arc::new(lists.finish())
                } else {
                    let mut builder = $builder;
                    values.for_each(|value| builder.append_option(read(value)));
                    Arc::new(builder.finish())
                }
            }};
        }
        match self.kind.as_str() {
            "boolean" => built!(BooleanBuilder::new(), |value: &Value| value.as_bool()),
            "long" | "integer" => built!(Int64Builder::new(), |value: &Value| value.as_i64()),
            "unsigned_long" => built!(UInt64Builder::new(), |value: &Value| value.as_u64()),
            "double" => built!(Float64Builder::new(), |value: &Value| value.as_f64()),
            "date" => built!(
                TimestampMillisecondBuilder::new().with_timezone("UTC"),
                |value: &Value| {
                    let text = value.as_str()?;
                    let moment = chrono::DateTime::parse_from_rfc3339(text).ok()?;
                    Some(moment.timestamp_millis())
                }
            ),
            _ => built!(StringBuilder::new(), |value: &Value| text(value)),
        }
    }
}

/// As it stands in a cell.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
