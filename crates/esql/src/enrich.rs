//! What an enrich policy looks up: the documents of its indices by the value of one field.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::Field as ArrowField;
use arrow::util::display::array_value_to_string;
use datafusion::common::Result;
use datafusion::prelude::SessionContext;

use crate::aggregates::spread::Spread;
use crate::analyzer::fields;
use crate::datatype::DataType;
use crate::error::Error;
use crate::plan::calls::Shared;
use crate::plan::lower::{Context, lower};
use crate::plan::{Attribute, Plan, Source, Step};
use crate::request::EnrichPolicy;
use crate::run::failure;
use crate::warning::Warnings;

/// Documents that a policy looks up at most.
pub const MAX_DOCUMENTS: usize = 1_000_000;

/// Documents that match one row at most (Elasticsearch: 128).
const MAX_MATCHES: usize = 128;

/// A policy's documents, read for one query.
#[derive(Debug)]
pub struct Table {
    pub policy: String,
    pub match_field: String,
    /// Name and type of each field that can be taken over.
    pub fields: Vec<(String, DataType)>,
    rows: HashMap<String, Vec<u32>>,
    columns: Vec<Spread>,
}

impl Table {
    /// Reads the documents of a policy.
    ///
    /// # Errors
    ///
    /// What reading the indices gives, and more documents than [`MAX_DOCUMENTS`].
    pub async fn read(policy: EnrichPolicy) -> Result<Self, Error> {
        let known = fields(&policy.indices);
        let wanted = std::iter::once(&policy.match_field).chain(&policy.enrich_fields);
        let mut columns: Vec<Attribute> = Vec::new();
        for name in wanted {
            let found = known.iter().find(|field| field.name == *name);
            if !columns.iter().any(|column| column.name == *name) {
                columns.push(found.cloned().unwrap_or_else(|| {
                    // No document has it yet.
                    Attribute::computed(name, DataType::Null)
                }));
            }
        }
        let table = Self {
            policy: policy.name,
            fields: columns
                .iter()
                .filter(|column| policy.enrich_fields.contains(&column.name))
                .map(|column| (column.name.clone(), column.data_type))
                .collect(),
            match_field: policy.match_field,
            rows: HashMap::new(),
            columns: Vec::new(),
        };
        let plan = Plan {
            steps: vec![
                Step::Source(Source {
                    indices: policy.indices,
                    columns: columns.clone(),
                    metadata: Vec::new(),
                    text_queries: Vec::new(),
                    filter: None,
                }),
                Step::Limit(MAX_DOCUMENTS + 1),
            ],
            output: columns,
        };
        table.filled(&plan).await
    }

    async fn filled(mut self, plan: &Plan) -> Result<Self, Error> {
        let context = Context {
            shared: Shared {
                approximate: false,
                now_ms: 0,
                warnings: Warnings::default(),
            },
            text: Vec::new(),
        };
        let logical = lower(plan, &context).map_err(failure)?;
        let session = SessionContext::new();
        let frame = session
            .execute_logical_plan(logical)
            .await
            .map_err(failure)?;
        let batches = frame.collect().await.map_err(failure)?;
        let Some(first) = batches.first() else {
            return Ok(self);
        };
        let all = concat_batches(&first.schema(), &batches)
            .map_err(|error| Error::Internal(error.to_string()))?;
        if all.num_rows() > MAX_DOCUMENTS {
            return Err(Error::Request {
                kind: "circuit_breaking_exception",
                reason: format!(
                    "[enrich] Data too large: policy [{}] has more than {MAX_DOCUMENTS} documents",
                    self.policy
                ),
            });
        }
        let column = |name: &str| plan.output.iter().position(|known| known.name == name);
        if let Some(key) = column(&self.match_field) {
            let keys = Spread::of(all.column(key));
            for row in 0..all.num_rows() {
                keys.row(row, |at| {
                    if let Some(key) = text(&keys.values, at) {
                        self.rows.entry(key).or_default().push(row as u32);
                    }
                });
            }
        }
        for (name, _) in &self.fields {
            if let Some(at) = column(name) {
                self.columns.push(Spread::of(all.column(at)));
            }
        }
        Ok(self)
    }

    /// The values of a field of all documents that match each row's value, as a list.
    pub fn look_up(&self, keys: &ArrayRef, field: usize) -> Result<ArrayRef> {
        let keys = &Spread::of(keys);
        let rows = keys.rows();
        let element = self.fields[field].1.arrow();
        let item = Arc::new(ArrowField::new_list_field(element.clone(), false));
        let Some(column) = self.columns.get(field) else {
            return Ok(arrow::array::new_null_array(
                &arrow::datatypes::DataType::List(item),
                rows,
            ));
        };
        let (mut taken, mut lengths, mut present) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows {
            let mut found: Vec<u32> = Vec::new();
            keys.row(row, |at| {
                let matching = text(&keys.values, at).and_then(|key| self.rows.get(&key));
                for document in matching.into_iter().flatten() {
                    if found.len() < MAX_MATCHES && !found.contains(document) {
                        found.push(*document);
                    }
                }
            });
            let before = taken.len();
            for document in found {
                column.row(document as usize, |at| taken.push(at as u32));
            }
            lengths.push(taken.len() - before);
            present.push(taken.len() > before);
        }
        let values = take(&column.values, &UInt32Array::from(taken), None)?;
        Ok(Arc::new(ListArray::try_new(
            item,
            OffsetBuffer::from_lengths(lengths),
            values,
            Some(NullBuffer::from(present)),
        )?))
    }
}

/// Values are equal where their texts are: Elasticsearch keeps what policies match as keywords.
fn text(values: &ArrayRef, at: usize) -> Option<String> {
    array_value_to_string(values, at).ok()
}
