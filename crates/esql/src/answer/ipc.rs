//! Answers as a stream of Arrow's IPC format, for programs that read columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, StringArray};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::datatype::DataType;
use crate::error::Error;
use crate::functions::version;
use crate::request::{Answer, AnswerColumn};

/// Where a column's ES|QL type stands in its field's metadata, as in Elasticsearch's answer.
const TYPE: &str = "elastic:type";
/// The bytes before an IPv4 address that is mapped into IPv6.
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// The whole stream. Versions are texts, addresses 4 or 16 bytes; a column whose rows may have
/// several values is a list in every batch.
///
/// # Errors
///
/// [`Error::Internal`] where the batches don't fit their own columns.
pub fn to_arrow(answer: &Answer) -> Result<Vec<u8>, Error> {
    write(answer).map_err(|error| Error::Internal(error.to_string()))
}

fn write(answer: &Answer) -> Result<Vec<u8>, ArrowError> {
    let batches = answer.batches.iter().map(|batch| {
        let columns = answer.columns.iter().zip(batch.columns());
        columns.map(|(column, values)| plain(column.data_type, values))
    });
    let batches: Vec<Vec<ArrayRef>> = batches.map(Iterator::collect).collect::<Result<_, _>>()?;
    let fields = answer.columns.iter().enumerate().map(|(place, column)| {
        let mut seen = batches.iter().map(|batch| batch[place].data_type());
        let data_type = seen.next().cloned();
        field(column, data_type)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    for (columns, batch) in batches.into_iter().zip(&answer.batches) {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        writer.write(&RecordBatch::try_new_with_options(
            schema.clone(),
            columns,
            &options,
        )?)?;
    }
    writer.finish()?;
    writer.into_inner()
}

/// `seen`: the type of its values where there are any.
fn field(column: &AnswerColumn, seen: Option<arrow::datatypes::DataType>) -> Field {
    let empty = match column.data_type {
        DataType::Version => arrow::datatypes::DataType::Utf8,
        other => other.arrow(),
    };
    let metadata = HashMap::from([(TYPE.to_owned(), column.data_type.name().to_owned())]);
    Field::new(&column.name, seen.unwrap_or(empty), true).with_metadata(metadata)
}

/// What only this engine understands, in a form that anybody does.
fn plain(data_type: DataType, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if !matches!(data_type, DataType::Ip | DataType::Version) {
        return Ok(values.clone());
    }
    let Some(list) = values.as_list_opt::<i32>() else {
        return Ok(readable(data_type, values));
    };
    let inner = readable(data_type, list.values());
    let item = Arc::new(Field::new_list_field(inner.data_type().clone(), false));
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(item, offsets, inner, nulls)?))
}

fn readable(data_type: DataType, values: &ArrayRef) -> ArrayRef {
    let Some(bytes) = values.as_binary_opt::<i32>() else {
        return values.clone();
    };
    if data_type == DataType::Ip {
        let short = |address| match address {
            Some(address) => Some(<[u8]>::strip_prefix(address, &MAPPED).unwrap_or(address)),
            None => None,
        };
        return Arc::new(bytes.iter().map(short).collect::<BinaryArray>());
    }
    let texts = bytes.iter().map(|version| {
        let mut text = String::new();
        version::decode(version?, &mut text);
        Some(text)
    });
    Arc::new(texts.collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::ipc::reader::StreamReader;

    use super::*;

    fn column(name: &str, data_type: DataType) -> AnswerColumn {
        AnswerColumn {
            name: name.to_owned(),
            data_type,
            original_types: Vec::new(),
            suggested_cast: None,
        }
    }

    #[test]
    fn another_reader_gets_the_values() {
        let mut address = MAPPED.to_vec();
        address.extend([10, 0, 0, 1]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(7), None])),
            Arc::new(BinaryArray::from(vec![Some(address.as_slice()), None])),
        ];
        let schema = Schema::new(vec![
            Field::new("n", columns[0].data_type().clone(), true),
            Field::new("ip", columns[1].data_type().clone(), true),
        ]);
        let batch = RecordBatch::try_new(Arc::new(schema), columns).expect("a batch");
        let answer = Answer {
            columns: vec![column("n", DataType::Long), column("ip", DataType::Ip)],
            batches: vec![batch],
            warnings: Vec::new(),
            documents_found: 0,
            values_loaded: 0,
            is_partial: false,
        };
        let bytes = to_arrow(&answer).expect("a stream");
        let mut reader = StreamReader::try_new(bytes.as_slice(), None).expect("readable");
        assert_eq!(reader.schema().field(1).metadata()[TYPE], "ip");
        let read = reader.next().expect("a batch").expect("readable");
        assert_eq!(read.num_rows(), 2);
        let addresses = read.column(1).as_binary::<i32>();
        assert_eq!(addresses.value(0), [10, 0, 0, 1]);
    }
}
