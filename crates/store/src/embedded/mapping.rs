//! Which type a field gets: the built-in templates, and dynamic mapping beyond them.
//!
//! As in Elasticsearch, the first value decides and later ones are coerced or refused. Names are
//! flat (`subobjects: false`): `a` and `a.b` may stand beside each other. In the telemetry's own
//! families (`metrics-*`, `logs-*`, `traces-*`, `deployments-*`, `alerts-*`) strings are keywords, as in
//! Elastic's ECS templates; in any other index a string is a text with a `.keyword` sub-field,
//! and a string that looks like a date is one, as in Elasticsearch without a template.

mod merge;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType as Arrow;
use esql::{DataType, Field};
use serde_json::{Map, Value};

use super::definition::{self, Definition, Dynamic, Kind};
use crate::indices::TIMESTAMP;
use crate::moment;

/// Fields of one index at most (`index.mapping.total_fields.limit`).
pub const MAX_FIELDS: usize = 1_000;

/// The mark of a field that `dynamic: runtime` made, among its parameters.
const RUNTIME: &str = "runtime";

/// Longer values have no `.keyword` (`ignore_above` of Elasticsearch's default).
pub const KEYWORD_CHARS: usize = 256;

/// Data streams that OTLP's telemetry lies in where it doesn't name one.
const OUR_STREAMS: [&str; 3] = ["metrics-system", "logs-application", "traces-application"];

/// What kind of index a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Metrics,
    Logs,
    Traces,
    Deployments,
    Alerts,
    Other,
}

impl Family {
    pub fn of(index: &str) -> Self {
        let families = [
            ("metrics-", Self::Metrics),
            ("logs-", Self::Logs),
            ("traces-", Self::Traces),
            ("deployments-", Self::Deployments),
            ("alerts-", Self::Alerts),
        ];
        families
            .into_iter()
            .find(|(prefix, _)| index.starts_with(prefix))
            .map_or(Self::Other, |(_, family)| family)
    }

    /// The built-in templates of data streams, whose documents all have `@timestamp`: the names
    /// that DataPulse writes, and Elastic's `type-dataset-namespace`. Others are plain indices.
    pub fn is_data_stream(index: &str) -> bool {
        let is_stream = matches!(Self::of(index), Self::Metrics | Self::Logs | Self::Traces);
        let named = index.split_once('-').map_or("", |(_, rest)| rest);
        let pair = named.split_once('-');
        is_stream
            && (OUR_STREAMS.contains(&index)
                || pair.is_some_and(|(dataset, space)| !dataset.is_empty() && !space.is_empty()))
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
    /// What else the mapping says of it, such as `ignore_above`.
    pub parameters: Map<String, Value>,
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
            parameters: Map::new(),
            several: false,
        }
    }

    /// The `.keyword` that a string has without a mapping.
    pub fn keyword_of(parent: &str) -> Self {
        let mut field = Self::new(&format!("{parent}.keyword"), "keyword", Some(parent));
        let parameters = &mut field.parameters;
        parameters.insert("ignore_above".to_owned(), KEYWORD_CHARS.into());
        field
    }

    /// A field that isn't indexed in Elasticsearch: texts are keywords. Here it has its column as
    /// any other.
    fn runtime(name: &str, kind: &str) -> Self {
        let kind = if kind == "text" { "keyword" } else { kind };
        let mut field = Self::new(name, kind, None);
        field.parameters.insert(RUNTIME.to_owned(), true.into());
        field
    }

    /// Shown under `runtime`, not under `properties`.
    pub fn is_runtime(&self) -> bool {
        self.parameters.contains_key(RUNTIME)
    }

    /// Characters of the longest value that is kept.
    pub fn ignore_above(&self) -> Option<usize> {
        let chars = self.parameters.get("ignore_above")?.as_u64()?;
        usize::try_from(chars).ok()
    }

    /// A value that doesn't fit is left out, and its document is stored.
    pub fn ignores_malformed(&self) -> bool {
        self.parameters.get("ignore_malformed") == Some(&Value::Bool(true))
    }

    /// What a null stands for.
    pub fn null_value(&self) -> Option<&Value> {
        self.parameters.get("null_value")
    }

    /// Numbers are seconds, not milliseconds.
    pub fn counts_seconds(&self) -> bool {
        let format = self.parameters.get("format").and_then(Value::as_str);
        format.is_some_and(|format| {
            format.contains("epoch_second") && !format.contains("epoch_millis")
        })
    }

    /// Steps of one, for `scaled_float`.
    pub fn scaling_factor(&self) -> Option<f64> {
        self.parameters.get("scaling_factor")?.as_f64()
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
        if self.several && self.data_type != DataType::DenseVector {
            self.data_type.arrow_list()
        } else {
            self.data_type.arrow()
        }
    }
}

/// What becomes of a field that is seen for the first time.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// It is kept; sub-fields behind the field.
    Fields(Vec<Mapped>),
    /// Its value isn't kept.
    Ignored,
    /// The document is refused.
    Strict,
}

/// The fields of one index.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub family: Family,
    /// By its name; a definition says it otherwise.
    is_stream: bool,
    /// Only of an index that was defined, or made from a template.
    definition: Option<Arc<Definition>>,
    definition_saved: bool,
    fields: Vec<Mapped>,
    by_name: HashMap<String, usize>,
    /// By a field's place: the places of its sub-fields.
    subs: Vec<Vec<usize>>,
    /// Fields before this one are in the database.
    saved: usize,
    /// Fields among those that must be written again.
    changed: Vec<usize>,
}

impl Mapping {
    pub fn new(index: &str, saved: Vec<Mapped>) -> Self {
        let mut mapping = Self {
            family: Family::of(index),
            is_stream: Family::is_data_stream(index),
            definition: None,
            definition_saved: true,
            subs: Vec::new(),
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

    /// Of an index that is defined. `saved`: its definition and fields are in the database.
    pub fn defined(definition: Definition, fields: Vec<Mapped>, saved: bool) -> Self {
        let mut mapping = Self::new("", fields);
        if !saved {
            mapping.saved = 0;
        }
        mapping.family = Family::Other;
        mapping.definition = Some(Arc::new(definition));
        mapping.definition_saved = saved;
        mapping
    }

    pub fn definition(&self) -> Option<&Arc<Definition>> {
        self.definition.as_ref()
    }

    /// The definition, where the database hasn't got it.
    pub fn unsaved_definition(&self) -> Option<&Arc<Definition>> {
        self.definition().filter(|_| !self.definition_saved)
    }

    pub fn is_data_stream(&self) -> bool {
        match &self.definition {
            Some(definition) => definition.kind == Kind::DataStream,
            None => self.is_stream,
        }
    }

    pub fn subs(&self, place: usize) -> &[usize] {
        &self.subs[place]
    }

    fn put(&mut self, field: Mapped) -> usize {
        let place = self.fields.len();
        let parent = field.parent.as_ref().and_then(|name| self.place(name));
        if let Some(parent) = parent {
            self.subs[parent].push(place);
        }
        self.by_name.insert(field.name.clone(), place);
        self.subs.push(Vec::new());
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

    /// What a field not yet here becomes with this value. `None`: the value has no type (null).
    pub fn choose(&self, name: &str, value: &Value) -> Option<Choice> {
        let plain = |kind: &str| {
            let mut fields = vec![Mapped::new(name, kind, None)];
            if self.family == Family::Other && kind == "text" {
                fields.push(Mapped::keyword_of(name));
            }
            Choice::Fields(fields)
        };
        let kind = self.family.template(name, value)?;
        let Some(definition) = &self.definition else {
            return Some(plain(kind));
        };
        match definition.dynamic(name) {
            Dynamic::False => return Some(Choice::Ignored),
            Dynamic::Strict => return Some(Choice::Strict),
            Dynamic::Runtime => return Some(Choice::Fields(vec![Mapped::runtime(name, kind)])),
            Dynamic::True => {}
        }
        let matched = if kind == "text" { "string" } else { kind };
        let Some(mapping) = definition.dynamic_template(name, matched) else {
            return Some(plain(kind));
        };
        let wanted = mapping["type"].as_str().unwrap_or(kind);
        let mut fields = Vec::new();
        // A rule that names what the store can't keep leaves the field as it would be without it.
        let made = definition::field(name, wanted, None, &mapping).and_then(|field| {
            fields.push(field);
            definition::subs(name, &mapping, &mut fields)
        });
        Some(match made {
            Ok(()) => Choice::Fields(fields),
            Err(_) => plain(kind),
        })
    }

    /// Adds a field and its sub-fields; gives the field's place.
    /// `Err`: the text of Elasticsearch's refusal.
    pub fn add(&mut self, mut fields: Vec<Mapped>) -> Result<usize, String> {
        fields.retain(|field| !self.by_name.contains_key(&field.name));
        let wanted = fields.len();
        let limit = match &self.definition {
            Some(definition) => definition.max_fields(),
            None => MAX_FIELDS,
        };
        if self.fields.len() + wanted > limit {
            return Err(format!(
                "Limit of total fields [{limit}] has been exceeded while adding new fields [{wanted}]"
            ));
        }
        let place = self.fields.len();
        for field in fields {
            self.put(field);
        }
        Ok(place)
    }

    /// Takes back fields of a document that was refused.
    pub fn truncate(&mut self, len: usize) {
        let len = len.max(self.saved);
        for field in self.fields.drain(len..) {
            self.by_name.remove(&field.name);
        }
        self.subs.truncate(len);
        for subs in &mut self.subs {
            subs.retain(|sub| *sub < len);
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
        self.definition_saved = true;
        self.saved = self.fields.len();
        self.changed.clear();
    }

    pub fn fields(&self) -> &[Mapped] {
        &self.fields
    }
}
