//! Answers as Elasticsearch prints them: JSON, CSV, TSV and a table of text.

mod ipc;
mod read;
mod text;

use arrow::array::Array;
use serde_json::{Map, Value, json};

use crate::datatype::DataType;
use crate::error::Error;
use crate::functions::{Column, render};
use crate::request::{Answer, AnswerColumn};

pub use ipc::to_arrow;
pub use read::from_json;
pub use text::{Separated, to_csv, to_separated, to_tsv, to_txt};

/// The body of an answer, without `took`. With `columnar`, values by column; with
/// `drop_null_columns`, columns of nulls only are named in `all_columns` alone.
pub fn to_json(answer: &Answer, columnar: bool, drop_null_columns: bool) -> Value {
    let columns = values_by_column(answer);
    let kept: Vec<usize> = (0..answer.columns.len())
        .filter(|index| !drop_null_columns || columns[*index].iter().any(|value| !value.is_null()))
        .collect();
    let mut body = Map::new();
    body.insert("is_partial".to_owned(), Value::Bool(answer.is_partial));
    body.insert("documents_found".to_owned(), answer.documents_found.into());
    body.insert("values_loaded".to_owned(), answer.values_loaded.into());
    if drop_null_columns {
        let all = answer.columns.iter().map(column_json).collect();
        body.insert("all_columns".to_owned(), Value::Array(all));
    }
    let shown = kept
        .iter()
        .map(|index| column_json(&answer.columns[*index]));
    body.insert("columns".to_owned(), Value::Array(shown.collect()));
    let rows: usize = answer.batches.iter().map(|batch| batch.num_rows()).sum();
    // Elasticsearch prints no rows without columns, and no empty columns.
    let rows = if kept.is_empty() { 0 } else { rows };
    let mut columns: Vec<std::vec::IntoIter<Value>> = columns
        .into_iter()
        .enumerate()
        .filter(|(index, _)| kept.contains(index))
        .map(|(_, values)| values.into_iter())
        .collect();
    let values = if rows == 0 {
        Vec::new()
    } else if columnar {
        let lists = columns
            .into_iter()
            .map(|values| Value::Array(values.collect()));
        lists.collect()
    } else {
        let row = |_| {
            let cells = columns
                .iter_mut()
                .map(|values| values.next().unwrap_or(Value::Null));
            Value::Array(cells.collect())
        };
        (0..rows).map(row).collect()
    };
    body.insert("values".to_owned(), Value::Array(values));
    Value::Object(body)
}

/// The answer without the columns that have no value in any row.
pub fn without_null_columns(mut answer: Answer) -> Result<Answer, Error> {
    let has_values = |index: &usize| {
        let mut batches = answer.batches.iter();
        batches.any(|batch| {
            let column = batch.column(*index);
            column.logical_null_count() < column.len()
        })
    };
    let kept: Vec<usize> = (0..answer.columns.len()).filter(has_values).collect();
    let projected = answer.batches.iter().map(|batch| batch.project(&kept));
    answer.batches = projected
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Internal(error.to_string()))?;
    let columns = kept.iter().map(|index| answer.columns[*index].clone());
    answer.columns = columns.collect();
    Ok(answer)
}

fn column_json(column: &AnswerColumn) -> Value {
    let mut json = json!({"name": column.name, "type": column.data_type.name()});
    if let Value::Object(fields) = &mut json
        && column.data_type == DataType::Unsupported
    {
        fields.insert("original_types".to_owned(), json!(column.original_types));
        if let Some(cast) = &column.suggested_cast {
            fields.insert("suggested_cast".to_owned(), json!(cast));
        }
    }
    json
}

/// Every column's values, over all batches.
pub(crate) fn values_by_column(answer: &Answer) -> Vec<Vec<Value>> {
    answer
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let batches = answer.batches.iter();
            batches
                .flat_map(|batch| {
                    let values = Column {
                        data_type: column.data_type,
                        values: batch.column(index).clone(),
                    };
                    (0..batch.num_rows()).map(move |row| render::json_value(&values, row))
                })
                .collect()
        })
        .collect()
}

/// The rows as JSON values, in order: what agents read.
pub fn rows(answer: &Answer) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let columns: Vec<Column> = answer
            .columns
            .iter()
            .zip(batch.columns())
            .map(|(column, values)| Column {
                data_type: column.data_type,
                values: values.clone(),
            })
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(
                columns
                    .iter()
                    .map(|column| render::json_value(column, row))
                    .collect(),
            );
        }
    }
    rows
}
