//! From documents to columns: before anything is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType as Arrow, Field, Schema};

use esql::DataType;

use super::columns::Column;
use super::document::{self, Leaves};
use super::engine::{Engine, lock};
use super::mapping::Mapping;
use super::segment::ID;
use crate::indices::Refusal;
use crate::telemetry::{Document, Operation};

/// Bytes of text that the columns of one batch may hold: an Arrow array addresses 2 GiB.
pub const MAX_TEXT_BYTES: usize = 1 << 29;

/// The longest `_id`, in bytes, as in Elasticsearch.
const MAX_ID_BYTES: usize = 512;

/// A row that may be stored, if its id allows it.
#[derive(Debug)]
pub struct Candidate {
    /// Its place in the caller's batch.
    pub place: usize,
    pub operation: Operation,
    pub id: String,
    /// The sender gave the id: it may exist.
    pub given: bool,
}

/// The documents of one index as columns; row by row beside `candidates`.
#[derive(Debug)]
pub struct Prepared {
    pub index: String,
    pub candidates: Vec<Candidate>,
    pub batch: RecordBatch,
    /// By which the documents were read.
    pub mapping: Arc<Mutex<Mapping>>,
}

impl Prepared {
    /// The index is still the one whose mapping the documents were read by.
    pub fn is_current(&self, engine: &Engine) -> bool {
        let now = engine.mapping(&self.index);
        now.is_some_and(|mapping| Arc::ptr_eq(&mapping, &self.mapping))
    }
}

/// Reads the documents of one index. Refused ones are told by place.
pub fn prepare(
    index: &str,
    shared: &Arc<Mutex<Mapping>>,
    documents: Vec<(usize, Document)>,
    mut new_id: impl FnMut() -> String,
) -> (Prepared, Vec<(usize, Refusal)>) {
    let mut guard = lock(shared);
    let mapping = &mut *guard;
    let mut columns: HashMap<usize, Column> = HashMap::new();
    let mut candidates = Vec::with_capacity(documents.len());
    let mut refusals = Vec::new();
    let mut leaves = Leaves::new();
    for (place, document) in documents {
        let given = document.id.is_some();
        let id = document.id.unwrap_or_else(&mut new_id);
        let outcome = check_id(&id)
            .and_then(|()| check_operation(mapping, document.operation, given))
            .and_then(|()| match document.operation {
                // A row of an id alone, which is not kept.
                Operation::Delete => {
                    leaves.clear();
                    Ok(())
                }
                _ => document::read(mapping, &id, document.source, &mut leaves),
            });
        if let Err(refusal) = outcome {
            refusals.push((place, refusal));
            continue;
        }
        let row = candidates.len();
        for (field, value) in &leaves {
            columns
                .entry(*field)
                .or_insert_with(|| Column::new(mapping.field(*field).data_type))
                .push(row, value);
        }
        candidates.push(Candidate {
            place,
            operation: document.operation,
            id,
            given,
        });
    }
    let batch = assemble(mapping, columns, &candidates);
    let prepared = Prepared {
        index: index.to_owned(),
        candidates,
        batch,
        mapping: shared.clone(),
    };
    (prepared, refusals)
}

/// Documents of a data stream are never replaced or deleted; what is deleted has an id.
fn check_operation(mapping: &Mapping, operation: Operation, given: bool) -> Result<(), Refusal> {
    let wrong = |reason: &str| {
        Err(Refusal {
            kind: "illegal_argument_exception",
            reason: reason.to_owned(),
        })
    };
    if operation != Operation::Create && mapping.is_data_stream() {
        return wrong("only write ops with an op_type of create are allowed in data streams");
    }
    if operation == Operation::Delete && !given {
        return wrong("id is missing");
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), Refusal> {
    let wrong = |reason: String| {
        Err(Refusal {
            kind: "illegal_argument_exception",
            reason,
        })
    };
    if id.is_empty() {
        return wrong("if _id is specified it must not be empty".to_owned());
    }
    if id.len() > MAX_ID_BYTES {
        return wrong(format!(
            "id is too long, must be no longer than {MAX_ID_BYTES} bytes but was: {}",
            id.len()
        ));
    }
    Ok(())
}

fn assemble(
    mapping: &mut Mapping,
    columns: HashMap<usize, Column>,
    candidates: &[Candidate],
) -> RecordBatch {
    let rows = candidates.len();
    let ids: StringArray = candidates.iter().map(|row| Some(row.id.as_str())).collect();
    let mut fields = vec![Field::new(ID, Arrow::Utf8, true)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(ids)];
    let mut columns: Vec<(usize, Column)> = columns.into_iter().collect();
    columns.sort_by_key(|(place, _)| *place);
    for (place, column) in columns {
        let array = column.finish(rows);
        let is_vector = mapping.field(place).data_type == DataType::DenseVector;
        if matches!(array.data_type(), Arrow::List(_)) && !is_vector {
            mapping.mark_several(place);
        }
        fields.push(Field::new(
            &mapping.field(place).name,
            array.data_type().clone(),
            true,
        ));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .expect("every column was finished at the number of candidates")
}
