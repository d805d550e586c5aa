//! The data sets as indices in memory.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType as Arrow, Field as ArrowField, Schema};
use async_trait::async_trait;
use datafusion::datasource::MemTable;
use esql::{Catalog, DataType, Field, Index, IndexMode, document};
use serde_json::{Map, Value};

/// Data sets that exist a second time in lookup mode, and how they are called there.
const LOOKUPS: [(&str, &str); 2] = [
    ("languages", "languages_lookup"),
    (
        "languages_non_unique_key",
        "languages_lookup_non_unique_key",
    ),
];

pub struct DataSets {
    indices: Vec<Index>,
}

impl DataSets {
    pub fn load(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut indices = Vec::new();
        for folder in [folder.to_path_buf(), folder.join("telemetry")] {
            if !folder.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                if let Some(name) = name.strip_suffix(".csv") {
                    let text = std::fs::read_to_string(&path)?;
                    indices.push(from_csv(name, &text, IndexMode::Standard)?);
                    for (_, lookup) in LOOKUPS.iter().filter(|(of, _)| *of == name) {
                        indices.push(from_csv(lookup, &text, IndexMode::Lookup)?);
                    }
                } else if let Some(name) = name.strip_suffix(".mapping.json") {
                    indices.push(from_mapping(name, &folder)?);
                }
            }
        }
        indices.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { indices })
    }
}

#[async_trait]
impl Catalog for DataSets {
    async fn indices(&self, pattern: &str) -> Result<Vec<Index>, esql::Error> {
        let found = self
            .indices
            .iter()
            .filter(|index| matches(pattern, &index.name));
        Ok(found.cloned().collect())
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => {
            let Some(mut left) = name.strip_prefix(start) else {
                return false;
            };
            loop {
                if matches(rest, left) {
                    return true;
                }
                let mut letters = left.chars();
                if letters.next().is_none() {
                    return false;
                }
                left = letters.as_str();
            }
        }
    }
}

fn index(
    name: &str,
    mode: IndexMode,
    mut fields: Vec<Field>,
    ids: Vec<String>,
    documents: &[Value],
) -> Result<Index, Box<dyn Error>> {
    for field in &mut fields {
        // The recorded version can't read vectors.
        if field.data_type == DataType::DenseVector {
            field.data_type = DataType::Unsupported;
        }
    }
    let batch = document::columns(&fields, documents)?;
    let mut schema: Vec<ArrowField> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    for (name, array) in [
        ("_id", Arc::new(StringArray::from(ids)) as ArrayRef),
        ("_source", document::sources(documents)),
    ] {
        schema.push(ArrowField::new(name, Arrow::Utf8, true));
        columns.push(array);
    }
    let schema = Arc::new(Schema::new(schema));
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    Ok(Index {
        name: name.to_owned(),
        mode,
        fields,
        table: Arc::new(MemTable::try_new(schema, vec![vec![batch]])?),
    })
}

fn from_mapping(name: &str, folder: &Path) -> Result<Index, Box<dyn Error>> {
    let mapping = std::fs::read_to_string(folder.join(format!("{name}.mapping.json")))?;
    let mapping: Value = serde_json::from_str(&mapping)?;
    let text = std::fs::read_to_string(folder.join(format!("{name}.ndjson")))?;
    let mut ids = Vec::new();
    let mut documents = Vec::new();
    for line in text.lines() {
        let mut document: Value = serde_json::from_str(line)?;
        let id = document
            .as_object_mut()
            .and_then(|object| object.shift_remove("_id"));
        ids.push(
            id.and_then(|id| id.as_str().map(str::to_owned))
                .unwrap_or_default(),
        );
        documents.push(document);
    }
    let lookup = mapping
        .pointer("/settings/index.mode")
        .and_then(Value::as_str)
        == Some("lookup");
    let mode = if lookup {
        IndexMode::Lookup
    } else {
        IndexMode::Standard
    };
    let properties = mapping
        .pointer("/mappings/properties")
        .unwrap_or(&Value::Null);
    index(name, mode, document::fields(properties), ids, &documents)
}

fn from_csv(name: &str, text: &str, mode: IndexMode) -> Result<Index, Box<dyn Error>> {
    let mut lines = text.lines();
    let header = cells(lines.next().unwrap_or_default());
    let mut fields = Vec::new();
    let mut names = Vec::new();
    for cell in &header {
        let (name, word) = cell.rsplit_once(':').unwrap_or((cell, "keyword"));
        let word = if word == "scaled_float" {
            "double"
        } else {
            word
        };
        names.push(name.to_owned());
        if name != "_id" {
            fields.push(Field {
                name: name.to_owned(),
                data_type: DataType::from_mapping(word).unwrap_or(DataType::Unsupported),
                mapping_type: word.to_owned(),
                parent: None,
            });
        }
    }
    // A dotted column whose root is a column too is a multi-field of that root.
    for field in &mut fields {
        let root = field.name.split('.').next().unwrap_or_default();
        if root != field.name && names.iter().any(|name| name == root) {
            field.parent = Some(root.to_owned());
        }
    }
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    let numeric = |name: &str| {
        let found = fields.iter().find(|field| field.name == name);
        found.is_some_and(|field| field.data_type.is_numeric())
    };
    let mut ids = Vec::new();
    let mut documents = Vec::new();
    for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        let mut document = Map::new();
        let mut id = number.to_string();
        for (name, cell) in names.iter().zip(cells(line)) {
            if name == "_id" {
                id = cell;
            } else if !cell.is_empty() {
                document.insert(name.clone(), value(&cell, numeric(name)));
            }
        }
        ids.push(id);
        documents.push(Value::Object(document));
    }
    index(name, mode, fields, ids, &documents)
}

/// Cells of a line: commas within brackets and after a backslash don't part them.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut depth = 0_usize;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = cells.len() - 1;
        match letter {
            '\\' if letters.peek() == Some(&',') => {
                letters.next();
                // Kept apart from commas that part values.
                cells[last].push('\u{1}');
            }
            ',' if depth == 0 => cells.push(String::new()),
            '[' => {
                depth += 1;
                cells[last].push(letter);
            }
            ']' => {
                depth = depth.saturating_sub(1);
                cells[last].push(letter);
            }
            letter => cells[last].push(letter),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

fn value(cell: &str, numeric: bool) -> Value {
    let text = |text: &str| {
        let text = text.trim().replace('\u{1}', ",");
        let number = serde_json::from_str(&text).ok().filter(|_| numeric);
        number.unwrap_or(Value::String(text))
    };
    match cell
        .strip_prefix('[')
        .and_then(|cell| cell.strip_suffix(']'))
    {
        Some("") => Value::Null,
        Some(values) => Value::Array(values.split(',').map(text).collect()),
        None => text(cell),
    }
}
