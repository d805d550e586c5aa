//! Parameters: names and types are checked, defaults filled, and each goes to the query as a value.

use esql::ParameterKind;
use indexmap::IndexMap;
use model::Window;
use serde_json::Value;

use super::{Parameter, ParameterType, Tool};
use crate::error::Error;

/// Checks names and types; fills defaults. `from` and `to` are the window's.
pub(super) fn bind(
    tool: &Tool,
    window: Window,
    mut values: IndexMap<String, Value>,
) -> Result<IndexMap<String, Value>, Error> {
    let mut bound = IndexMap::new();
    bound.insert("from".to_owned(), Value::from(window.from.to_string()));
    bound.insert("to".to_owned(), Value::from(window.to.to_string()));
    for parameter in &tool.parameters {
        if bound.contains_key(&parameter.name) {
            continue;
        }
        let value = values
            .shift_remove(&parameter.name)
            .or_else(|| parameter.default.clone())
            .or_else(|| embedded(parameter, &bound))
            .ok_or_else(|| {
                Error::Parameter(format!(
                    "{}: parameter {} is missing: {}",
                    tool.id, parameter.name, parameter.description
                ))
            })?;
        if !parameter.kind.takes(&value) {
            return Err(Error::Parameter(format!(
                "{}: parameter {} must be of type {}, got {value}",
                tool.id,
                parameter.name,
                kind_name(parameter.kind)
            )));
        }
        bound.insert(parameter.name.clone(), value);
    }
    values.shift_remove("from");
    values.shift_remove("to");
    match values.keys().next() {
        None => Ok(bound),
        Some(unknown) => Err(Error::Parameter(format!(
            "{}: there is no parameter {unknown}; it has {}",
            tool.id,
            bound.keys().cloned().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// The query with a term for each of several fields, and a parameter for each:
/// `name = AVG(??name)` becomes `name_0 = AVG(??name_0), name_1 = AVG(??name_1)`.
pub(super) fn with_each(
    tool: &Tool,
    mut query: String,
    mut parameters: IndexMap<String, Value>,
) -> (String, IndexMap<String, Value>) {
    let lists = tool.parameters.iter();
    for Parameter { name, .. } in lists.filter(|one| one.kind == ParameterType::Identifiers) {
        let Some(Value::Array(fields)) = parameters.shift_remove(name) else {
            continue;
        };
        let start = query.find(&format!("{name} = "));
        let end = start.and_then(|start| Some(start + query[start..].find(')')? + 1));
        let (Some(start), Some(end)) = (start, end) else {
            continue;
        };
        let numbered = |index: usize| format!("{name}_{index}");
        let terms: Vec<String> = (0..fields.len())
            .map(|index| query[start..end].replace(name.as_str(), &numbered(index)))
            .collect();
        query.replace_range(start..end, &terms.join(", "));
        let fields = fields.into_iter().enumerate();
        parameters.extend(fields.map(|(index, field)| (numbered(index), field)));
    }
    (query, parameters)
}

/// The embedding of another parameter's text, which stands before this one.
fn embedded(parameter: &Parameter, bound: &IndexMap<String, Value>) -> Option<Value> {
    let text = bound.get(parameter.embeds.as_ref()?)?.as_str()?;
    Some(Value::from(store::embedding::embed(text)))
}

fn kind_name(kind: ParameterType) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Parameters whose names stand in the text as `??name` are names of fields, the rest values.
/// Only those that the text uses are sent: Elasticsearch refuses none, but a digest over them
/// should not depend on unused ones.
pub(super) fn esql_parameters(
    query: &str,
    parameters: &IndexMap<String, Value>,
) -> Vec<esql::Parameter> {
    parameters
        .iter()
        .filter(|(name, _)| query.contains(&format!("?{name}")))
        .map(|(name, value)| {
            let identifier = query.contains(&format!("??{name}"));
            let kind = match (identifier, value) {
                (true, Value::String(text)) => ParameterKind::Identifier(text.clone()),
                _ => ParameterKind::Value(value.clone()),
            };
            esql::Parameter {
                name: Some(name.clone()),
                kind,
            }
        })
        .collect()
}
