//! What a query can be about: indices, their fields, and texts of values that are in them.

use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Keyword,
    Text,
    Integer,
    Long,
    Unsigned,
    Double,
    Boolean,
    Date,
    Nanos,
    Ip,
    Version,
    /// Of another type in each index, or one that the engine doesn't read.
    Unsupported,
}

impl Type {
    fn of_mapping(word: &str) -> Self {
        match word {
            "keyword" => Self::Keyword,
            "text" => Self::Text,
            "integer" | "short" | "byte" => Self::Integer,
            "long" => Self::Long,
            "unsigned_long" => Self::Unsigned,
            "double" | "float" | "half_float" | "scaled_float" => Self::Double,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "date_nanos" => Self::Nanos,
            "ip" => Self::Ip,
            "version" => Self::Version,
            _ => Self::Unsupported,
        }
    }

    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Long | Self::Unsigned | Self::Double
        )
    }

    pub fn is_string(self) -> bool {
        matches!(self, Self::Keyword | Self::Text)
    }

    pub fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::Nanos)
    }
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub of: Type,
    /// Literals of values that it has.
    pub samples: Vec<String>,
    /// A field of an index, untouched.
    pub is_field: bool,
}

#[derive(Clone, Debug)]
pub struct Shape {
    pub name: String,
    pub lookup: bool,
    pub columns: Vec<Column>,
    /// Fields without two documents of the same value.
    pub unique: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct World {
    pub indices: Vec<Shape>,
}

/// Values of a field that are kept as literals.
const SAMPLES: usize = 12;

impl World {
    /// Adds an index by the body of its `PUT` and its documents.
    pub fn add(&mut self, name: &str, body: &Value, documents: &[Value]) {
        let lookup = body.pointer("/settings/index.mode").and_then(Value::as_str) == Some("lookup");
        let mut columns = Vec::new();
        let properties = body.pointer("/mappings/properties");
        fields("", properties.unwrap_or(&Value::Null), &mut columns);
        let mut unique = Vec::new();
        for column in &mut columns {
            let values: Vec<&Value> = documents
                .iter()
                .filter_map(|document| value(document, &column.name))
                .collect();
            column.samples = samples(&values);
            let single = values.len() == documents.len()
                && values
                    .iter()
                    .all(|value| !value.is_array() && !value.is_null());
            let mut texts: Vec<String> = values.iter().map(ToString::to_string).collect();
            texts.sort_unstable();
            texts.dedup();
            let telling = !matches!(column.of, Type::Text | Type::Double | Type::Unsupported);
            if single && telling && texts.len() == documents.len() {
                unique.push(column.name.clone());
            }
        }
        columns.sort_by(|one, other| one.name.cmp(&other.name));
        self.indices.push(Shape {
            name: name.to_owned(),
            lookup,
            columns,
            unique,
        });
    }
}

fn fields(prefix: &str, properties: &Value, found: &mut Vec<Column>) {
    for (name, described) in properties.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        if let Some(word) = described["type"].as_str() {
            found.push(Column {
                name: name.clone(),
                of: Type::of_mapping(word),
                samples: Vec::new(),
                is_field: true,
            });
        }
        for inner in ["properties", "fields"] {
            fields(&format!("{name}."), &described[inner], found);
        }
    }
}

/// The value under a dotted name, wherever the dots are nested; a multi-field's is its root's.
fn value<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    if let Some(value) = document.get(name) {
        return Some(value).filter(|value| !value.is_object());
    }
    name.match_indices('.').find_map(|(at, _)| {
        let inner = document.get(&name[..at])?;
        if inner.is_object() {
            value(inner, &name[at + 1..])
        } else {
            Some(inner)
        }
    })
}

fn samples(values: &[&Value]) -> Vec<String> {
    let mut texts: Vec<String> = values
        .iter()
        .flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            other => vec![*other],
        })
        .filter(|value| !value.is_null())
        .map(ToString::to_string)
        .collect();
    texts.sort_unstable();
    texts.dedup();
    let step = texts.len().div_ceil(SAMPLES).max(1);
    texts.into_iter().step_by(step).collect()
}
