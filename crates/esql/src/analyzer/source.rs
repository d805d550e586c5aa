//! `FROM`: which indices are meant, and their fields as columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Analyzer, Sources, Unresolved};
use crate::ast::{self, CommandKind, IndexPattern, Query};
use crate::datatype::DataType;
use crate::enrich::Table;
use crate::error::{Error, Problem};
use crate::full_text::TextQuery;
use crate::plan::{Attribute, Conflict, Expr, ExprKind, Source, Step};
use crate::request::{Catalog, Index};

/// Columns about documents that `METADATA` can ask for.
pub const METADATA: [(&str, DataType); 7] = [
    ("_id", DataType::Keyword),
    ("_index", DataType::Keyword),
    ("_index_mode", DataType::Keyword),
    ("_ignored", DataType::Keyword),
    ("_score", DataType::Double),
    ("_source", DataType::Source),
    ("_version", DataType::Long),
];

/// All index patterns of a query, those of its branches too.
pub fn patterns(query: &Query) -> Vec<&IndexPattern> {
    let mut found = Vec::new();
    for command in &query.commands {
        match &command.kind {
            CommandKind::From(from) => found.extend(&from.patterns),
            CommandKind::LookupJoin(join) => found.push(&join.index),
            CommandKind::Fork(branches) => {
                found.extend(branches.iter().flat_map(patterns));
            }
            _ => {}
        }
    }
    found
}

/// Asks the catalog for every pattern of the query.
///
/// # Errors
///
/// What the catalog says, and Elasticsearch's errors about other clusters and exclusions.
pub async fn resolve_sources(query: &Query, catalog: &dyn Catalog) -> Result<Sources, Error> {
    let mut sources = Sources::default();
    let mut wildcard_before = false;
    for pattern in patterns(query) {
        if let Some(cluster) = &pattern.cluster {
            return Err(Error::NotFound {
                kind: "no_such_remote_cluster_exception",
                reason: format!("no such remote cluster: [{cluster}]"),
            });
        }
        let text = match pattern.text.strip_prefix('-') {
            Some(excluded) if !wildcard_before && !excluded.contains('*') => {
                if found_before(&sources, excluded) {
                    return Err(Error::NotFound {
                        kind: "index_not_found_exception",
                        reason: exclusion_alone(&pattern.text),
                    });
                }
                continue;
            }
            Some(excluded) => excluded,
            None => &pattern.text,
        };
        wildcard_before |= text.contains('*');
        if !sources.found.contains_key(text) {
            let found = catalog.indices(text).await?;
            sources.found.insert(text.to_owned(), found);
        }
    }
    for name in policies(query) {
        if sources.policies.contains_key(name) {
            continue;
        }
        if let Some(policy) = catalog.enrich_policy(name).await? {
            let table = Table::read(policy).await?;
            sources.policies.insert(name.to_owned(), Arc::new(table));
        }
    }
    Ok(sources)
}

/// The enrich policies that a query names, those of its branches too.
fn policies(query: &Query) -> Vec<&str> {
    let mut found = Vec::new();
    for command in &query.commands {
        match &command.kind {
            CommandKind::Enrich(enrich) => found.push(enrich.policy.text.as_str()),
            CommandKind::Fork(branches) => found.extend(branches.iter().flat_map(policies)),
            _ => {}
        }
    }
    found
}

fn found_before(sources: &Sources, name: &str) -> bool {
    let mut indices = sources.found.values().flatten();
    indices.any(|index| index.name == name)
}

fn exclusion_alone(pattern: &str) -> String {
    format!(
        "no such index [{pattern}] and if you intended to exclude this index, ensure that you use wildcards that include it before explicitly excluding it"
    )
}

impl Analyzer<'_> {
    pub(super) fn from(&mut self, from: &ast::From, span: ast::Span) -> Result<(), Unresolved> {
        if let Some(missing) = self.missing_beside(&from.patterns) {
            return Err(Error::NotFound {
                kind: "index_not_found_exception",
                reason: format!("no such index [{missing}]"),
            }
            .into());
        }
        let indices = match self.indices(&from.patterns) {
            Some(indices) if !indices.is_empty() => indices,
            _ => {
                let names: Vec<&str> = from
                    .patterns
                    .iter()
                    .map(|pattern| pattern.text.as_str())
                    .collect();
                let message = format!("Unknown index [{}]", names.join(","));
                let problem = Problem { span, message };
                self.problems.push(problem);
                return Err(Unresolved::Reported);
            }
        };
        let mut columns = fields(&indices);
        let mut metadata = Vec::new();
        for wanted in &from.metadata {
            let known = METADATA.iter().find(|(name, _)| *name == wanted.text);
            let Some((name, data_type)) = known else {
                let message = format!("Unresolved metadata pattern [{}]", wanted.text);
                return self.problem(wanted.span, message);
            };
            metadata.push((*name).to_owned());
            columns.retain(|column| column.name != *name);
            columns.push(Attribute::computed(name, *data_type));
        }
        self.scope.clone_from(&columns);
        let filter = self.request_filter()?;
        self.steps.push(Step::Source(Source {
            indices,
            columns,
            metadata,
            text_queries: Vec::new(),
            filter,
        }));
        Ok(())
    }

    /// A name that isn't found beside others that are.
    fn missing_beside<'b>(&self, patterns: &'b [IndexPattern]) -> Option<&'b str> {
        let found = |pattern: &IndexPattern| {
            let found = self.outer.sources.found.get(&pattern.text);
            found.is_some_and(|found| !found.is_empty())
        };
        let missing = patterns.iter().find(|pattern| {
            let plain = !pattern.text.starts_with('-') && !pattern.text.contains('*');
            plain && !found(pattern)
        })?;
        let others = patterns.iter().any(found);
        others.then_some(missing.text.as_str())
    }

    /// `None` where a name, not a pattern, isn't found.
    fn indices(&self, patterns: &[IndexPattern]) -> Option<Vec<Index>> {
        let mut indices: BTreeMap<String, Index> = BTreeMap::new();
        for pattern in patterns {
            if let Some(excluded) = pattern.text.strip_prefix('-') {
                let found = self.outer.sources.found.get(excluded)?;
                for index in found {
                    indices.remove(&index.name);
                }
                continue;
            }
            let found = self.outer.sources.found.get(&pattern.text)?;
            if found.is_empty() && !pattern.text.contains('*') {
                return None;
            }
            for index in found {
                indices.insert(index.name.clone(), index.clone());
            }
        }
        Some(indices.into_values().collect())
    }

    /// The request's filter as a condition of the source. It is Lucene's: of several values some
    /// one has to satisfy it, and a field that isn't there satisfies nothing.
    ///
    /// # Errors
    ///
    /// A value that isn't one of its field's type.
    fn request_filter(&mut self) -> Result<Option<Expr>, Error> {
        let Some(node) = self.outer.filter.clone() else {
            return Ok(None);
        };
        let mut terms = Vec::new();
        node.terms(&mut terms);
        for (field, value) in terms {
            let number = self.scope.iter().any(|attribute| {
                attribute.field.as_deref() == Some(field) && attribute.data_type.is_numeric()
            });
            if number && value.parse::<f64>().is_err() {
                return Err(Error::Request {
                    kind: "query_shard_exception",
                    reason: format!("failed to create query: For input string: \"{value}\""),
                });
            }
        }
        let number = self.queries.len();
        self.queries.push(Arc::new(TextQuery {
            node,
            scoring: self.outer.scored,
            measured: false,
        }));
        Ok(Some(Expr {
            kind: ExprKind::TextQuery(number),
            data_type: DataType::Boolean,
            span: ast::Span::default(),
            text: "filter".into(),
        }))
    }
}

/// All fields of the indices, sorted by name; those that disagree are `unsupported`.
pub fn fields(indices: &[Index]) -> Vec<Attribute> {
    let mut types: BTreeMap<&str, BTreeMap<&str, (DataType, Vec<String>)>> = BTreeMap::new();
    for index in indices {
        for field in &index.fields {
            let word = family(&field.mapping_type);
            let known = types.entry(&field.name).or_default();
            let entry = known.entry(word).or_insert((field.data_type, Vec::new()));
            entry.1.push(index.name.clone());
        }
    }
    let columns = types.into_iter();
    columns.map(|(name, types)| field(name, types)).collect()
}

fn field(name: &str, types: BTreeMap<&str, (DataType, Vec<String>)>) -> Attribute {
    let mut attribute = Attribute::computed(name, DataType::Unsupported);
    attribute.field = Some(name.to_owned());
    if types.len() == 1 {
        for (word, (data_type, _)) in types {
            attribute.data_type = data_type;
            attribute.mapping_type = word.to_owned();
        }
        return attribute;
    }
    let types = types
        .into_iter()
        .map(|(word, (data_type, indices))| (word.to_owned(), data_type, indices))
        .collect();
    attribute.conflict = Some(Conflict { types });
    attribute
}

/// Mapping types that Elasticsearch reports under another's name.
fn family(mapping_type: &str) -> &str {
    match mapping_type {
        "constant_keyword" | "wildcard" => "keyword",
        "match_only_text" => "text",
        other => other,
    }
}
