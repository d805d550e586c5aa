//! A query made ready for one index: its conditions compiled, its statistics gathered.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Array};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::Result;
use datafusion::logical_expr::Expr as Df;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::analysis::words;
use super::leaf::Leaf;
use super::query_dsl::ID;
use super::scoring::Statistics;
use super::{Node, TextQuery};
use crate::aggregates::spread::Spread;
use crate::datatype::DataType;
use crate::plan::lists::Inner;
use crate::request::Index;

/// Ready to be asked of every batch of one index.
pub struct Prepared {
    name: String,
    fields: Vec<String>,
    root: Arc<Branch>,
}

enum Branch {
    /// Field (by its place in the arguments), condition, statistics.
    Leaf(usize, Box<Leaf>, Statistics),
    And(Vec<Branch>),
    Or(Vec<Branch>),
    Best(Vec<Branch>, f32),
    Not(Box<Branch>),
    Constant(Box<Branch>, f32),
    Optional(Box<Branch>),
    Everything,
    Nothing,
}

impl Prepared {
    /// The row's score, null where it doesn't match.
    pub fn expression(&self, field: &dyn Fn(&str) -> Df) -> Result<Df> {
        let root = self.root.clone();
        let arguments = self.fields.iter().map(|name| field(name)).collect();
        Ok(Inner::call(
            self.name.clone(),
            Arrow::Float32,
            arguments,
            move |arrays, rows| {
                let scores = root.scores(arrays, rows)?;
                Ok(Arc::new(Float32Array::from(scores)) as ArrayRef)
            },
        ))
    }
}

impl Branch {
    fn scores(&self, arrays: &[ArrayRef], rows: usize) -> Result<Vec<Option<f32>>> {
        Ok(match self {
            Self::Leaf(field, leaf, statistics) => leaf.scores(&arrays[*field], statistics)?,
            Self::And(branches) => {
                let mut sums = vec![Some(0.0); rows];
                for branch in branches {
                    for (sum, score) in sums.iter_mut().zip(branch.scores(arrays, rows)?) {
                        *sum = sum.and_then(|sum| score.map(|score| sum + score));
                    }
                }
                sums
            }
            Self::Or(branches) => {
                let mut sums: Vec<Option<f32>> = vec![None; rows];
                for branch in branches {
                    for (sum, score) in sums.iter_mut().zip(branch.scores(arrays, rows)?) {
                        if let Some(score) = score {
                            *sum = Some(sum.unwrap_or(0.0) + score);
                        }
                    }
                }
                sums
            }
            Self::Best(branches, tie) => {
                let mut best: Vec<Option<f32>> = vec![None; rows];
                let mut sums = vec![0.0; rows];
                for branch in branches {
                    for (row, score) in branch.scores(arrays, rows)?.into_iter().enumerate() {
                        sums[row] += score.unwrap_or(0.0);
                        best[row] = match (best[row], score) {
                            (Some(one), Some(other)) => Some(one.max(other)),
                            (one, other) => one.or(other),
                        };
                    }
                }
                let blended = best.into_iter().zip(sums);
                blended
                    .map(|(best, sum)| best.map(|best| best + tie * (sum - best)))
                    .collect()
            }
            Self::Not(branch) => branch
                .scores(arrays, rows)?
                .into_iter()
                .map(|score| match score {
                    Some(_) => None,
                    None => Some(0.0),
                })
                .collect(),
            Self::Constant(branch, constant) => branch
                .scores(arrays, rows)?
                .into_iter()
                .map(|score| score.map(|_| *constant))
                .collect(),
            Self::Optional(branch) => branch
                .scores(arrays, rows)?
                .into_iter()
                .map(|score| score.or(Some(0.0)))
                .collect(),
            Self::Everything => vec![Some(1.0); rows],
            Self::Nothing => vec![None; rows],
        })
    }
}

/// Makes a query ready for an index. With `scored`, every document is read once for statistics.
///
/// # Errors
///
/// What reading the index gives.
pub async fn prepare(
    query: &TextQuery,
    number: usize,
    index: &Index,
    scored: bool,
    session: &SessionContext,
) -> Result<Prepared> {
    let mut known: Vec<(String, DataType)> = index
        .fields
        .iter()
        .filter(|field| index.table.schema().field_with_name(&field.name).is_ok())
        .map(|field| (field.name.clone(), field.data_type))
        .filter(|(_, data_type)| *data_type != DataType::Unsupported)
        .collect();
    let node = query.node.clone().over_all(&known);
    // Documents can be asked for by their id, which is no field.
    if index.table.schema().field_with_name(ID).is_ok() {
        known.push((ID.to_owned(), DataType::Keyword));
    }
    let mut used = Vec::new();
    node.fields(&mut used);
    let fields: Vec<(String, DataType)> = known
        .into_iter()
        .filter(|(name, _)| used.contains(&name.as_str()))
        .collect();
    let mut root = compile(&node, &fields)?;
    if scored || query.measured {
        let mut nearest = Vec::new();
        gather(&mut root, &fields, index, session, &mut nearest).await?;
    }
    limit_nearest(&mut root, &fields, index, session).await?;
    Ok(Prepared {
        name: format!("$$query{number}_{}", index.name),
        fields: fields.into_iter().map(|(name, _)| name).collect(),
        root: Arc::new(root),
    })
}

fn compile(node: &Node, fields: &[(String, DataType)]) -> Result<Branch> {
    let all = |nodes: &[Node]| {
        nodes
            .iter()
            .map(|node| compile(node, fields))
            .collect::<Result<Vec<_>>>()
    };
    Ok(match node {
        Node::And(nodes) => Branch::And(all(nodes)?),
        Node::Or(nodes) => Branch::Or(all(nodes)?),
        Node::Best { nodes, tie } => Branch::Best(all(nodes)?, *tie),
        Node::Not(node) => Branch::Not(Box::new(compile(node, fields)?)),
        Node::Constant { node, score } => {
            Branch::Constant(Box::new(compile(node, fields)?), *score)
        }
        Node::Optional(node) => Branch::Optional(Box::new(compile(node, fields)?)),
        Node::Everything => Branch::Everything,
        Node::Nothing => Branch::Nothing,
        leaf => {
            let mut used = Vec::new();
            leaf.fields(&mut used);
            let place = fields
                .iter()
                .position(|(name, _)| used.first().is_some_and(|used| used == name));
            match place {
                Some(place) => {
                    let leaf = Leaf::new(leaf, fields[place].1)?;
                    Branch::Leaf(place, Box::new(leaf), Statistics::default())
                }
                None => Branch::Nothing,
            }
        }
    })
}

/// Statistics of each field that some condition asks words of.
async fn gather(
    root: &mut Branch,
    fields: &[(String, DataType)],
    index: &Index,
    session: &SessionContext,
    done: &mut Vec<usize>,
) -> Result<()> {
    let mut wanted: HashMap<usize, Vec<String>> = HashMap::new();
    collect_terms(root, &mut wanted);
    for (place, terms) in wanted {
        let (name, data_type) = &fields[place];
        let statistics = read(name, *data_type, &terms, index, session).await?;
        spread_statistics(root, place, &statistics);
        done.push(place);
    }
    Ok(())
}

fn collect_terms(branch: &Branch, wanted: &mut HashMap<usize, Vec<String>>) {
    match branch {
        Branch::Leaf(place, leaf, _) => {
            let terms = leaf.terms();
            if !terms.is_empty() {
                wanted.entry(*place).or_default().extend(terms);
            }
        }
        Branch::And(branches) | Branch::Or(branches) | Branch::Best(branches, _) => {
            for branch in branches {
                collect_terms(branch, wanted);
            }
        }
        Branch::Not(branch) | Branch::Optional(branch) => collect_terms(branch, wanted),
        Branch::Constant(..) | Branch::Everything | Branch::Nothing => {}
    }
}

fn spread_statistics(branch: &mut Branch, place: usize, found: &Statistics) {
    match branch {
        Branch::Leaf(of, _, statistics) if *of == place => statistics.clone_from(found),
        Branch::And(branches) | Branch::Or(branches) | Branch::Best(branches, _) => {
            for branch in branches {
                spread_statistics(branch, place, found);
            }
        }
        Branch::Not(branch) | Branch::Optional(branch) => spread_statistics(branch, place, found),
        _ => {}
    }
}

async fn read(
    name: &str,
    data_type: DataType,
    terms: &[String],
    index: &Index,
    session: &SessionContext,
) -> Result<Statistics> {
    let mut statistics = Statistics::default();
    let field = datafusion::common::Column::new_unqualified(name);
    let frame = session
        .read_table(index.table.clone())?
        .select(vec![Df::Column(field)])?;
    let mut stream = frame.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let spread = Spread::of(batch.column(0));
        let texts = spread.values.as_string::<i32>();
        for row in 0..batch.num_rows() {
            let mut found: Vec<String> = Vec::new();
            spread.row(row, |index| {
                if data_type == DataType::Text {
                    found.extend(words(texts.value(index)));
                } else {
                    found.push(texts.value(index).to_owned());
                }
            });
            // A text without words isn't counted.
            if found.is_empty() {
                continue;
            }
            statistics.documents += 1;
            statistics.words += found.len() as u64;
            for term in terms {
                if found.contains(term) {
                    *statistics.with_word.entry(term.clone()).or_default() += 1;
                }
            }
        }
    }
    Ok(dedupe_counts(statistics, terms))
}

/// A word that was asked for twice was counted twice.
fn dedupe_counts(mut statistics: Statistics, terms: &[String]) -> Statistics {
    for (word, count) in &mut statistics.with_word {
        let times = terms.iter().filter(|term| *term == word).count().max(1) as u64;
        *count /= times;
    }
    statistics
}

/// Of a nearest-vectors condition only the `k` best rows match: their least score is the bound.
async fn limit_nearest(
    root: &mut Branch,
    fields: &[(String, DataType)],
    index: &Index,
    session: &SessionContext,
) -> Result<()> {
    let mut nearest = Vec::new();
    nearest_leaves(root, &mut nearest);
    for (place, leaf, k) in nearest {
        let column = datafusion::common::Column::new_unqualified(&fields[place].0);
        let frame = session
            .read_table(index.table.clone())?
            .select(vec![Df::Column(column)])?;
        let mut scores: Vec<f32> = Vec::new();
        for batch in frame.collect().await? {
            let found = leaf.scores(batch.column(0), &Statistics::default())?;
            scores.extend(found.into_iter().flatten());
        }
        scores.sort_by(|one, other| other.total_cmp(one));
        if let Some(least) = k.checked_sub(1).and_then(|last| scores.get(last)) {
            leaf.set_least(*least);
        }
    }
    Ok(())
}

/// Nearest-vectors conditions wherever they stand, each with its field's place and `k`.
fn nearest_leaves<'b>(branch: &'b mut Branch, found: &mut Vec<(usize, &'b mut Leaf, usize)>) {
    match branch {
        Branch::Leaf(place, leaf, _) => {
            if let Some(k) = leaf.nearest() {
                found.push((*place, leaf, k));
            }
        }
        Branch::And(branches) | Branch::Or(branches) | Branch::Best(branches, _) => {
            for branch in branches {
                nearest_leaves(branch, found);
            }
        }
        Branch::Not(branch) | Branch::Optional(branch) | Branch::Constant(branch, _) => {
            nearest_leaves(branch, found);
        }
        Branch::Everything | Branch::Nothing => {}
    }
}
