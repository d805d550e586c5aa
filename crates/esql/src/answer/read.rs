//! Answers of another server, read: the inverse of [`super::to_json`].

use std::sync::Arc;

use arrow::datatypes::{Field as ArrowField, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use serde_json::Value;

use crate::datatype::DataType;
use crate::document::as_given;
use crate::error::Error;
use crate::request::{Answer, AnswerColumn, Field};

/// The body of an answer to `POST /_query`, values by row. Columns of types that this engine
/// doesn't know are `unsupported`, and their values null.
///
/// # Errors
///
/// [`Error::Internal`] where the body is no such answer.
pub fn from_json(body: &Value) -> Result<Answer, Error> {
    let columns: Vec<AnswerColumn> = list(body, "columns")?
        .iter()
        .map(column)
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("a column without a name or a type"))?;
    let rows = list(body, "values")?
        .iter()
        .map(|row| row.as_array().filter(|row| row.len() == columns.len()))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| wrong("a row that has not one value a column"))?;
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let cells: Vec<&Value> = rows.iter().map(|row| &row[index]).collect();
        let field = Field {
            name: column.name.clone(),
            data_type: column.data_type,
            mapping_type: column.data_type.name().to_owned(),
            parent: None,
        };
        let array = as_given(&field, &cells).map_err(|error| wrong(&error.to_string()))?;
        fields.push(ArrowField::new(
            &column.name,
            array.data_type().clone(),
            true,
        ));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Answer {
        columns,
        batches: vec![batch],
        warnings: Vec::new(),
        documents_found: body["documents_found"].as_u64().unwrap_or_default(),
        values_loaded: body["values_loaded"].as_u64().unwrap_or_default(),
        is_partial: body["is_partial"].as_bool().unwrap_or_default(),
    })
}

fn list<'a>(body: &'a Value, name: &str) -> Result<&'a Vec<Value>, Error> {
    body[name]
        .as_array()
        .ok_or_else(|| wrong(&format!("no list of {name}")))
}

fn wrong(what: &str) -> Error {
    Error::Internal(format!("the answer to the query can't be read: {what}"))
}

fn column(json: &Value) -> Option<AnswerColumn> {
    let original = json["original_types"].as_array();
    let texts = original.into_iter().flatten().filter_map(Value::as_str);
    Some(AnswerColumn {
        name: json["name"].as_str()?.to_owned(),
        data_type: data_type(json["type"].as_str()?),
        original_types: texts.map(str::to_owned).collect(),
        suggested_cast: json["suggested_cast"].as_str().map(str::to_owned),
    })
}

/// By the name in an answer's columns. Counters are read as the numbers that they are.
fn data_type(name: &str) -> DataType {
    match name {
        "null" => DataType::Null,
        "_source" => DataType::Source,
        "datetime" => DataType::Date,
        "geo_point" => DataType::GeoPoint,
        "geo_shape" => DataType::GeoShape,
        "cartesian_point" => DataType::CartesianPoint,
        "cartesian_shape" => DataType::CartesianShape,
        "counter_integer" => DataType::Integer,
        "counter_long" => DataType::Long,
        "counter_double" => DataType::Double,
        other => DataType::from_mapping(other).unwrap_or(DataType::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::from_json;
    use crate::answer::{rows, to_json};
    use crate::datatype::DataType;

    #[test]
    fn what_was_read_is_printed_as_it_was() {
        let body = json!({
            "is_partial": false,
            "documents_found": 5,
            "values_loaded": 55,
            "columns": [
                {"name": "@timestamp", "type": "date"},
                {"name": "host.ip", "type": "ip"},
                {"name": "tags", "type": "keyword"},
                {"name": "n", "type": "long"},
                {"name": "share", "type": "double"},
                {"name": "ok", "type": "boolean"},
                {"name": "v", "type": "version"},
                {"name": "nothing", "type": "null"},
                {"name": "vector", "type": "unsupported", "original_types": ["dense_vector"]},
                {"name": "_source", "type": "_source"},
                {"name": "fine", "type": "date_nanos"}
            ],
            "values": [
                ["2026-11-24T10:00:00.001Z", "10.0.0.1", ["b", "a", "b"], 1, 0.25, true, "1.2.3", null, null, {"a": [1]}, "2026-11-24T10:00:00.000001Z"],
                [null, null, "one", null, 12.0, false, null, null, null, null, null],
                ["1969-12-31T23:59:59.999Z", ["::1", "10.0.0.2"], null, [3, 1, 2], null, [true, false], null, null, null, null, null]
            ]
        });
        let answer = from_json(&body).expect("is an answer");
        assert_eq!(
            to_json(&answer, false, false),
            body,
            "multivalues keep their order"
        );
        assert_eq!(rows(&answer)[0][2], json!(["b", "a", "b"]));
    }

    #[test]
    fn no_rows_and_unknown_types_are_answers_too() {
        let body = json!({"columns": [{"name": "a", "type": "tdigest"}], "values": []});
        let answer = from_json(&body).expect("is an answer");
        assert_eq!(answer.columns[0].data_type, DataType::Unsupported);
        assert_eq!(rows(&answer).len(), 0);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for body in [
            json!({}),
            json!({"columns": [{"name": "a"}], "values": []}),
            json!({"columns": [{"name": "a", "type": "long"}], "values": [[1, 2]]}),
            json!({"columns": [{"name": "a", "type": "long"}], "values": [["x"]]}),
        ] {
            assert!(from_json(&body).is_err(), "{body}");
        }
    }
}
