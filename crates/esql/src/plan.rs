//! The typed plan: what a query means once every name, type and function is settled.
//!
//! The analyzer makes it from the syntax tree; [`lower`] turns it into a DataFusion plan. Whether
//! values may be multivalued isn't written here: it is read off the Arrow types while lowering.
//!
//! Columns are known by name; after every step names are unique, as in ES|QL.

pub mod branches;
pub mod calls;
pub mod categories;
pub mod change;
pub mod expand;
pub mod expression;
pub mod fuse;
pub mod lists;
pub mod lower;
pub mod pushed;
pub mod stats;
pub mod top;

use std::sync::Arc;

use crate::ast::{BinaryOperator, Span};
use crate::categorize::Options as CategorizeOptions;
use crate::datatype::DataType;
use crate::full_text::TextQuery;
use crate::functions::{Column, Function};
use crate::request::Index;

/// Steps in order; the first is a source.
#[derive(Clone, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// What the last step gives.
    pub output: Vec<Attribute>,
}

/// A column as the next command sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    pub name: String,
    pub data_type: DataType,
    /// Of an `unsupported` column: the types in the indices, and where each is.
    pub conflict: Option<Conflict>,
    /// The name of the index field that it still is, so that full-text search may use it.
    pub field: Option<String>,
    /// The lookup index that supplied the field, if one did.
    pub lookup: Option<String>,
    /// The mapping's word where ES|QL has no type for it.
    pub mapping_type: String,
}

impl Attribute {
    pub fn computed(name: &str, data_type: DataType) -> Self {
        Self {
            name: name.to_owned(),
            data_type,
            conflict: None,
            field: None,
            lookup: None,
            mapping_type: String::new(),
        }
    }
}

/// A field that has different types in different indices.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// Type by its mapping's name, with the indices that have it; both sorted by name.
    pub types: Vec<(String, DataType, Vec<String>)>,
}

#[derive(Clone)]
pub enum Step {
    Source(Source),
    Row(Vec<Named>),
    Filter(Expr),
    Eval(Vec<Named>),
    /// Output columns: (name before, name after).
    Project(Vec<(String, String)>),
    Aggregate(Aggregate),
    /// Aggregates joined back to every row (`INLINE STATS`).
    InlineAggregate(Aggregate),
    Sort(Vec<SortKey>),
    Limit(usize),
    /// A share of the rows, chosen by chance.
    Sample(f64),
    MvExpand(String),
    Extract(Extract),
    LookupJoin(LookupJoin),
    Fork(Fork),
    Fuse(Fuse),
    ChangePoint(ChangePoint),
    Categorize(Categorize),
    Enrich(Enrich),
}

/// Fields of the documents that an enrich policy finds for each row.
#[derive(Clone)]
pub struct Enrich {
    /// The column that is looked up.
    pub key: String,
    pub table: Arc<crate::enrich::Table>,
    /// (field of the table by its place, name of the column)
    pub added: Vec<(usize, String)>,
}

/// The category of each row's message, as a new column.
#[derive(Clone)]
pub struct Categorize {
    pub value: Expr,
    pub name: String,
    pub options: CategorizeOptions,
}

/// The same rows through several branches, one below the other.
#[derive(Clone)]
pub struct Fork {
    /// Steps of each branch.
    pub branches: Vec<Vec<Step>>,
    /// Of all branches together, `_fork` included.
    pub output: Vec<Attribute>,
}

/// The score of every row becomes its share of its document's; the documents are put together by
/// the aggregation that follows.
#[derive(Clone)]
pub struct Fuse {
    pub score: String,
    pub group: String,
    pub keys: Vec<String>,
    pub method: FuseMethod,
    /// By the group's value.
    pub weights: Vec<(String, f64)>,
}

#[derive(Clone, Copy)]
pub enum FuseMethod {
    /// Reciprocal rank fusion: `1 / (rank_constant + rank)`, ranks from 1.
    Rrf { rank_constant: f64 },
    /// The score itself.
    Linear,
    /// From 0, the group's least score, to 1, its greatest.
    LinearMinMax,
    /// Divided by the root of the sum of the squares of the group's scores.
    LinearL2,
}

/// Where a series changes, in two new columns of the row at which it does.
#[derive(Clone)]
pub struct ChangePoint {
    pub value: String,
    pub key: String,
    pub kind: String,
    pub p_value: String,
    pub text: String,
    pub span: Span,
}

#[derive(Clone)]
pub struct Source {
    pub indices: Vec<Index>,
    /// What this step gives, fields and metadata.
    pub columns: Vec<Attribute>,
    pub metadata: Vec<String>,
    /// Full-text queries of the whole query, each asked of every index.
    pub text_queries: Vec<Arc<TextQuery>>,
    /// From the request's `filter`.
    pub filter: Option<Expr>,
}

#[derive(Clone)]
pub struct Named {
    pub name: String,
    pub value: Expr,
}

#[derive(Clone)]
pub struct Aggregate {
    pub groups: Vec<Named>,
    pub aggregates: Vec<AggregateCall>,
}

#[derive(Clone)]
pub struct AggregateCall {
    /// Name of the column it gives.
    pub name: String,
    pub function: &'static str,
    pub arguments: Vec<Expr>,
    /// Constant arguments after the first, such as a percentile.
    pub filter: Option<Expr>,
    pub data_type: DataType,
    pub text: String,
    pub span: Span,
}

#[derive(Clone)]
pub struct SortKey {
    pub value: Expr,
    pub descending: bool,
    pub nulls_first: bool,
}

/// `DISSECT` and `GROK`: new columns from one string.
#[derive(Clone)]
pub struct Extract {
    pub input: Expr,
    pub extractor: Arc<dyn Extractor>,
    /// Names and types in the order of the extractor's values.
    pub outputs: Vec<(String, DataType)>,
}

/// Takes strings apart; one call a row.
pub trait Extractor: Send + Sync + std::fmt::Debug {
    /// The values of one row, each a list (empty: null); `None` where the pattern doesn't match.
    fn extract(&self, text: &str) -> Option<Vec<Vec<Extracted>>>;

    /// Whether one string can give several values of one name.
    fn repeats(&self) -> bool;
}

#[derive(Debug, Clone, PartialEq)]
pub enum Extracted {
    Text(String),
    Integer(i32),
    Long(i64),
    Double(f64),
    Boolean(bool),
}

#[derive(Clone)]
pub struct LookupJoin {
    pub index: Index,
    /// (left column, right field), all equal.
    pub keys: Vec<(String, String)>,
    /// (left column, comparison, right field) that have to hold besides.
    pub comparisons: Vec<(String, BinaryOperator, String)>,
    /// Fields of the lookup index that become columns.
    pub added: Vec<Attribute>,
    /// What this step gives, in order.
    pub output: Vec<String>,
    pub span: Span,
}

/// A typed expression.
#[derive(Clone)]
pub struct Expr {
    pub kind: ExprKind,
    pub data_type: DataType,
    pub span: Span,
    /// Its text in the query.
    pub text: Arc<str>,
}

#[derive(Clone)]
pub enum ExprKind {
    /// One row.
    Constant(Column),
    Column(String),
    Call {
        name: String,
        function: &'static dyn Function,
        arguments: Vec<Expr>,
    },
    /// A condition on one field and constants, as Lucene would answer it: of several values,
    /// some has to satisfy it (or, with `none`, none may) for the row to be noticed at all.
    Pushed {
        name: String,
        function: &'static dyn Function,
        /// The field first, then constants.
        arguments: Vec<Expr>,
        none: bool,
    },
    /// Whether a row matches the full-text query of this number (see [`Source::text_queries`]).
    TextQuery(usize),
    /// The sum of the scores of these full-text queries, of those that a row matches.
    Score(Vec<usize>),
}

impl Expr {
    pub fn constant(&self) -> Option<&Column> {
        match &self.kind {
            ExprKind::Constant(column) => Some(column),
            _ => None,
        }
    }

    /// Whether no column is in it.
    pub fn is_constant_tree(&self) -> bool {
        match &self.kind {
            ExprKind::Constant(_) => true,
            ExprKind::Call { arguments, .. } => arguments.iter().all(Self::is_constant_tree),
            _ => false,
        }
    }

    pub fn column(name: &str, data_type: DataType) -> Self {
        Self {
            kind: ExprKind::Column(name.to_owned()),
            data_type,
            span: Span::default(),
            text: name.into(),
        }
    }

    /// Calls `visit` on this expression and all inside of it, children first.
    pub fn visit(&self, visit: &mut dyn FnMut(&Self)) {
        if let ExprKind::Call { arguments, .. } | ExprKind::Pushed { arguments, .. } = &self.kind {
            for argument in arguments {
                argument.visit(visit);
            }
        }
        visit(self);
    }
}
