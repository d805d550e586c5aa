//! The data sets as indices in memory.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType as Arrow, Field as ArrowField, Schema};
use async_trait::async_trait;
use datafusion::datasource::MemTable;
use esql::{Catalog, DataType, Index, IndexMode, document};
use serde_json::{Map, Value, json};

/// Data sets that exist a second time in lookup mode, and how they are called there.
const LOOKUPS: [(&str, &str); 2] = [
    ("languages", "languages_lookup"),
    (
        "languages_non_unique_key",
        "languages_lookup_non_unique_key",
    ),
];

/// One index: what it is made of, for an engine here or for a server.
pub struct IndexData {
    pub name: String,
    /// The body of its `PUT`.
    pub body: Value,
    pub ids: Vec<String>,
    pub documents: Vec<Value>,
}

/// The indices of a folder, sorted by name.
pub fn read(folder: &Path) -> Result<Vec<IndexData>, Box<dyn Error>> {
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
                indices.push(from_csv(name, &text, "standard"));
                for (_, lookup) in LOOKUPS.iter().filter(|(of, _)| *of == name) {
                    indices.push(from_csv(lookup, &text, "lookup"));
                }
            } else if let Some(name) = name.strip_suffix(".mapping.json") {
                indices.push(from_mapping(name, &folder)?);
            }
        }
    }
    indices.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(indices)
}

/// The indices in memory, for an engine in this process.
pub struct DataSets {
    indices: Vec<Index>,
}

impl DataSets {
    pub fn new(indices: &[IndexData]) -> Result<Self, Box<dyn Error>> {
        let indices: Result<_, _> = indices.iter().map(index).collect();
        Ok(Self { indices: indices? })
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

fn index(data: &IndexData) -> Result<Index, Box<dyn Error>> {
    let none = Value::Null;
    let properties = data.body.pointer("/mappings/properties").unwrap_or(&none);
    let mut fields = document::fields(properties);
    for field in &mut fields {
        // The recorded version can't read vectors.
        if field.data_type == DataType::DenseVector {
            field.data_type = DataType::Unsupported;
        }
    }
    let batch = document::columns(&fields, &data.documents)?;
    let mut schema: Vec<ArrowField> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    let ids = StringArray::from(data.ids.clone());
    for (name, array) in [
        ("_id", Arc::new(ids) as ArrayRef),
        ("_source", document::sources(&data.documents)),
    ] {
        schema.push(ArrowField::new(name, Arrow::Utf8, true));
        columns.push(array);
    }
    let schema = Arc::new(Schema::new(schema));
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    let mode = data.body.pointer("/settings/index.mode");
    let lookup = mode.and_then(Value::as_str) == Some("lookup");
    Ok(Index {
        name: data.name.clone(),
        mode: if lookup {
            IndexMode::Lookup
        } else {
            IndexMode::Standard
        },
        fields,
        table: Arc::new(MemTable::try_new(schema, vec![vec![batch]])?),
    })
}

fn from_mapping(name: &str, folder: &Path) -> Result<IndexData, Box<dyn Error>> {
    let body = std::fs::read_to_string(folder.join(format!("{name}.mapping.json")))?;
    let text = std::fs::read_to_string(folder.join(format!("{name}.ndjson")))?;
    let mut ids = Vec::new();
    let mut documents = Vec::new();
    for line in text.lines() {
        let mut document: Value = serde_json::from_str(line)?;
        let id = document
            .as_object_mut()
            .and_then(|object| object.shift_remove("_id"));
        let id = id.and_then(|id| id.as_str().map(str::to_owned));
        ids.push(id.unwrap_or_default());
        documents.push(document);
    }
    Ok(IndexData {
        name: name.to_owned(),
        body: serde_json::from_str(&body)?,
        ids,
        documents,
    })
}

fn from_csv(name: &str, text: &str, mode: &str) -> IndexData {
    let mut lines = text.lines();
    let header = cells(lines.next().unwrap_or_default());
    let columns: Vec<(&str, &str)> = header
        .iter()
        .map(|cell| cell.rsplit_once(':').unwrap_or((cell, "keyword")))
        .map(|(name, word)| match word {
            "scaled_float" => (name, "double"),
            _ => (name, word),
        })
        .collect();
    let is_numeric = |word: &str| {
        let data_type = DataType::from_mapping(word);
        data_type.is_some_and(|data_type| data_type.is_numeric())
    };
    let root = |name: &str| {
        let root = name.split('.').next().unwrap_or_default().to_owned();
        let stands = root != name && columns.iter().any(|(name, _)| *name == root);
        stands.then_some(root)
    };
    let mut ids = Vec::new();
    let mut documents = Vec::new();
    for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        let mut document = Map::new();
        let mut id = number.to_string();
        for ((name, word), cell) in columns.iter().zip(cells(line)) {
            if *name == "_id" {
                id = cell;
            } else if !cell.is_empty() && root(name).is_none() {
                document.insert((*name).to_owned(), value(&cell, is_numeric(word)));
            }
        }
        ids.push(id);
        documents.push(Value::Object(document));
    }
    let mut properties = Map::new();
    for (name, word) in columns.iter().filter(|(name, _)| *name != "_id") {
        match root(name) {
            None => {
                properties.entry(*name).or_insert_with(|| json!({}))["type"] = json!(word);
            }
            // A dotted column whose root is a column too is a multi-field of that root.
            Some(root) => {
                let part = &name[root.len() + 1..];
                properties.entry(root).or_insert_with(|| json!({}))["fields"][part] =
                    json!({"type": word});
            }
        }
    }
    IndexData {
        name: name.to_owned(),
        body: json!({
            "settings": {"index.mode": mode},
            "mappings": {"properties": properties}
        }),
        ids,
        documents,
    }
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
