//! Own queries over a few documents, with answers worked out by hand.
//!
//! `cases/*.json`: indices (mapping and documents) and cases (query, columns, rows, warnings or
//! the error's text).

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType as Arrow, Field as ArrowField, Schema};
use async_trait::async_trait;
use datafusion::datasource::MemTable;
use esql::{Catalog, EnrichPolicy, Index, IndexMode, Request, document};
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z
const NOW_MS: i64 = 1_767_225_600_000;

struct Memory(Vec<Index>);

#[async_trait]
impl Catalog for Memory {
    async fn indices(&self, pattern: &str) -> Result<Vec<Index>, esql::Error> {
        let start = pattern.strip_suffix('*');
        let matches = |name: &str| match start {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        Ok(self
            .0
            .iter()
            .filter(|index| matches(&index.name))
            .cloned()
            .collect())
    }

    /// `NAME_policy` looks up the index NAME by its service.
    async fn enrich_policy(&self, name: &str) -> Result<Option<EnrichPolicy>, esql::Error> {
        let Some(index) = name.strip_suffix("_policy") else {
            return Ok(None);
        };
        Ok(Some(EnrichPolicy {
            name: name.to_owned(),
            match_field: "service".to_owned(),
            enrich_fields: vec!["team".to_owned(), "ms".to_owned()],
            indices: self.indices(index).await?,
        }))
    }
}

fn index(name: &str, described: &Value) -> Index {
    let fields = document::fields(&described["properties"]);
    let documents = described["documents"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let batch = document::columns(&fields, &documents).expect("documents fit their mapping");
    let mut schema: Vec<ArrowField> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    schema.push(ArrowField::new("_id", Arrow::Utf8, true));
    let ids: StringArray = (1..=documents.len())
        .map(|number| Some(number.to_string()))
        .collect();
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(ids) as ArrayRef);
    let schema = Arc::new(Schema::new(schema));
    let batch = RecordBatch::try_new(schema.clone(), columns).expect("columns fit");
    let lookup = described["mode"] == "lookup";
    Index {
        name: name.to_owned(),
        mode: if lookup {
            IndexMode::Lookup
        } else {
            IndexMode::Standard
        },
        fields,
        table: Arc::new(MemTable::try_new(schema, vec![vec![batch]]).expect("one schema")),
    }
}

/// What differs from what was worked out.
async fn differences(case: &Value, memory: &Memory) -> Vec<String> {
    let query = case["query"].as_str().expect("a query").to_owned();
    let request = Request {
        query: query.clone(),
        filter: case.get("filter").cloned(),
        now_ms: NOW_MS,
        ..Request::default()
    };
    let found = match esql::run(&request, memory).await {
        Ok(answer) => {
            let mut body = esql::answer::to_json(&answer, false, false);
            let columns: Vec<Value> = body["columns"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|column| {
                    let text = |part: &str| column[part].as_str().unwrap_or_default().to_owned();
                    Value::String(format!("{}:{}", text("name"), text("type")))
                })
                .collect();
            json!({"columns": columns, "rows": body["values"].take(), "warnings": answer.warnings})
        }
        Err(error) => json!({"error": error.to_string()}),
    };
    ["columns", "rows", "warnings", "error"]
        .iter()
        .filter(|part| case.get(**part).is_some() || **part == "error")
        .filter(|part| found.get(**part) != case.get(**part))
        .map(|part| format!("{part} of {query}\n  {found}"))
        .collect()
}

#[tokio::test]
async fn answers_are_as_worked_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        let indices = file["indices"].as_object().into_iter().flatten();
        let memory = Memory(
            indices
                .map(|(name, described)| index(name, described))
                .collect(),
        );
        for case in file["cases"].as_array().into_iter().flatten() {
            wrong.extend(differences(case, &memory).await);
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "only {count} cases were found");
}
