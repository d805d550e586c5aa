//! Which type a field gets: the built-in templates, and dynamic mapping beyond them.
//!
//! As in Elasticsearch, the first value decides and later ones are coerced or refused. Names are
//! flat (`subobjects: false`): `a` and `a.b` may stand beside each other. In the telemetry's own
//! families (`metrics-*`, `logs-*`, `traces-*`, `deployments-*`) strings are keywords, as in
//! Elastic's ECS templates; in any other index a string is a text with a `.keyword` sub-field,
//! and a string that looks like a date is one, as in Elasticsearch without a template.

use std::collections::HashMap;

use arrow::datatypes::DataType as Arrow;
use esql::{DataType, Field};
use serde_json::Value;

use crate::indices::TIMESTAMP;
use crate::moment;

/// Fields of one index at most (`index.mapping.total_fields.limit`).
pub const MAX_FIELDS: usize = 1_000;

/// Longer values have no `.keyword` (`ignore_above` of Elasticsearch's default).
pub const KEYWORD_CHARS: usize = 256;

/// What kind of index a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Metrics,
    Logs,
    Traces,
    Deployments,
    Other,
}

impl Family {
    pub fn of(index: &str) -> Self {
        let families = [
            ("metrics-", Self::Metrics),
            ("logs-", Self::Logs),
            ("traces-", Self::Traces),
            ("deployments-", Self::Deployments),
        ];
        families
            .into_iter()
            .find(|(prefix, _)| index.starts_with(prefix))
            .map_or(Self::Other, |(_, family)| family)
    }

    /// A data stream's documents all have `@timestamp`.
    pub fn is_data_stream(self) -> bool {
        matches!(self, Self::Metrics | Self::Logs | Self::Traces)
    }

    /// The type of a field that is seen for the first time. `None`: the value has none (null).
    fn template(self, name: &str, value: &Value) -> Option<&'static str> {
        if name == TIMESTAMP {
            return Some("date");
        }
        Some(match value {
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
            Value::Bool(_) => "boolean",
            Value::Number(_) if name.ends_with(".us") => "long",
            Value::Number(_) if self == Self::Metrics => "double",
            Value::Number(number) if number.is_f64() => "double",
            Value::Number(_) => "long",
            Value::String(_) if is_prose(name) => "text",
            Value::String(text) if self == Self::Other => {
                if moment::looks_like_date(text) {
                    "date"
                } else {
                    "text"
                }
            }
            Value::String(_) => "keyword",
        })
    }
}

/// Fields that people write sentences in.
fn is_prose(name: &str) -> bool {
    matches!(
        name,
        "message" | "description" | "title" | "content" | "error.message" | "error.stack_trace"
    )
}

/// One field as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    pub name: String,
    pub mapping: String,
    pub data_type: DataType,
    pub parent: Option<String>,
    /// Some document has several values of it: its column is a list from then on.
    pub several: bool,
}

impl Mapped {
    pub fn new(name: &str, mapping: &str, parent: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            mapping: mapping.to_owned(),
            data_type: DataType::from_mapping(mapping).unwrap_or(DataType::Unsupported),
            parent: parent.map(str::to_owned),
            several: false,
        }
    }

    /// As the engine wants it.
    pub fn esql(&self) -> Field {
        Field {
            name: self.name.clone(),
            data_type: self.data_type,
            mapping_type: self.mapping.clone(),
            parent: self.parent.clone(),
        }
    }

    /// The type of its column.
    pub fn arrow(&self) -> Arrow {
        if self.several {
            self.data_type.arrow_list()
        } else {
            self.data_type.arrow()
        }
    }
}

/// The fields of one index.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub family: Family,
    fields: Vec<Mapped>,
    by_name: HashMap<String, usize>,
    /// Fields before this one are in the database.
    saved: usize,
    /// Fields among those that must be written again.
    changed: Vec<usize>,
}

impl Mapping {
    pub fn new(index: &str, saved: Vec<Mapped>) -> Self {
        let mut mapping = Self {
            family: Family::of(index),
            fields: Vec::new(),
            by_name: HashMap::new(),
            saved: saved.len(),
            changed: Vec::new(),
        };
        for field in saved {
            mapping.put(field);
        }
        mapping
    }

    fn put(&mut self, field: Mapped) -> usize {
        let place = self.fields.len();
        self.by_name.insert(field.name.clone(), place);
        self.fields.push(field);
        place
    }

    pub fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub fn field(&self, place: usize) -> &Mapped {
        &self.fields[place]
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// The type that a field not yet here would get from this value.
    pub fn choose(&self, name: &str, value: &Value) -> Option<&'static str> {
        self.family.template(name, value)
    }

    /// Adds a field, and its `.keyword` where the index is of no family; gives its place.
    /// `Err`: the text of Elasticsearch's refusal.
    pub fn add(&mut self, name: &str, mapping: &str) -> Result<usize, String> {
        let sub =
            (self.family == Family::Other && mapping == "text").then(|| format!("{name}.keyword"));
        let sub = sub.filter(|sub| !self.by_name.contains_key(sub));
        let wanted = 1 + usize::from(sub.is_some());
        if self.fields.len() + wanted > MAX_FIELDS {
            return Err(format!(
                "Limit of total fields [{MAX_FIELDS}] has been exceeded while adding new fields [{wanted}]"
            ));
        }
        let place = self.put(Mapped::new(name, mapping, None));
        if let Some(sub) = sub {
            self.put(Mapped::new(&sub, "keyword", Some(name)));
        }
        Ok(place)
    }

    /// Takes back fields of a document that was refused.
    pub fn truncate(&mut self, len: usize) {
        for field in self.fields.drain(len.max(self.saved)..) {
            self.by_name.remove(&field.name);
        }
    }

    /// From now on the field's column is a list.
    pub fn mark_several(&mut self, place: usize) {
        if !self.fields[place].several {
            self.fields[place].several = true;
            if place < self.saved {
                self.changed.push(place);
            }
        }
    }

    /// Fields that the database hasn't yet, or has otherwise.
    pub fn unsaved(&self) -> impl Iterator<Item = &Mapped> {
        let changed = self.changed.iter().map(|&place| &self.fields[place]);
        changed.chain(&self.fields[self.saved..])
    }

    pub fn all_saved(&mut self) {
        self.saved = self.fields.len();
        self.changed.clear();
    }

    pub fn fields(&self) -> &[Mapped] {
        &self.fields
    }
}
