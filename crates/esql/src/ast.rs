//! The syntax tree of ES|QL: what was written, before anything is resolved.
//!
//! Every node keeps its [`Span`], because Elasticsearch's errors, warnings and the names of
//! unnamed columns are made of the query's own text and position.

/// Where a piece of the query stands.
///
/// `line` and `column` count from one, as Elasticsearch prints them (`line 1:27`, `Line 1:44`);
/// `start` and `end` are byte offsets into the query's text, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub line: u32,
    pub column: u32,
}

impl Span {
    /// The query's text under this span; empty where the span lies outside of it.
    pub fn text<'a>(&self, query: &'a str) -> &'a str {
        query
            .get(self.start as usize..self.end as usize)
            .unwrap_or("")
    }
}

/// A whole query: a source command, then processing commands.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub commands: Vec<Command>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub kind: CommandKind,
    /// From the command's keyword to its last token.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CommandKind {
    From(From),
    Row(Vec<Alias>),
    /// `SHOW INFO`
    ShowInfo,
    Where(Expr),
    Eval(Vec<Alias>),
    Stats(Stats),
    InlineStats(Stats),
    Sort(Vec<SortKey>),
    Limit(Expr),
    Keep(Vec<NamePattern>),
    Drop(Vec<NamePattern>),
    Rename(Vec<Rename>),
    MvExpand(NamePattern),
    Dissect(Dissect),
    Grok(Grok),
    LookupJoin(LookupJoin),
    Enrich(Enrich),
    ChangePoint(ChangePoint),
    Sample(Expr),
    Fork(Vec<Query>),
    Fuse(Fuse),
    /// Parsed so far as to name it; the analyzer says that it isn't supported here.
    Unsupported {
        name: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct From {
    /// In the order written. `-name` excludes; wildcards and date math are kept as text.
    pub patterns: Vec<IndexPattern>,
    pub metadata: Vec<Identifier>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct IndexPattern {
    /// `cluster` of `cluster:index`, where given.
    pub cluster: Option<String>,
    pub text: String,
    pub span: Span,
}

/// One name without dots being special: `a.b` and `` `a.b` `` are the same text here.
#[derive(Debug, Clone, PartialEq)]
pub struct Identifier {
    pub text: String,
    pub span: Span,
}

/// A column's name or pattern in `KEEP`, `DROP`, `RENAME`: `*` is a wildcard where unquoted.
#[derive(Debug, Clone, PartialEq)]
pub struct NamePattern {
    /// Plain text; quoted parts are already unquoted.
    pub text: String,
    /// `text` cut at unquoted stars: `a*b` is `["a", "b"]`; a plain name is one piece.
    pub pieces: Vec<String>,
    pub span: Span,
}

impl NamePattern {
    pub fn is_wildcard(&self) -> bool {
        self.pieces.len() > 1
    }
}

/// `name = expression`, or an expression whose name is its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    pub name: Option<Identifier>,
    pub value: Expr,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    pub aggregates: Vec<Aggregate>,
    pub by: Vec<Alias>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub alias: Alias,
    /// `COUNT(*) WHERE condition`
    pub filter: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    pub value: Expr,
    pub descending: bool,
    /// Elasticsearch's default: nulls last when ascending, first when descending.
    pub nulls_first: Option<bool>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rename {
    pub old: NamePattern,
    pub new: NamePattern,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Dissect {
    pub input: Expr,
    pub pattern: String,
    pub pattern_span: Span,
    pub append_separator: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Grok {
    pub input: Expr,
    /// Several patterns (9.2): the first that matches counts.
    pub patterns: Vec<(String, Span)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LookupJoin {
    pub index: IndexPattern,
    /// `AS alias`, parsed for the error message only.
    pub alias: Option<Identifier>,
    /// Field names, or (9.2) one boolean expression over both sides.
    pub on: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Enrich {
    pub mode: Option<String>,
    pub policy: Identifier,
    pub on: Option<NamePattern>,
    pub with: Vec<(Option<Identifier>, NamePattern)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChangePoint {
    pub value: NamePattern,
    /// `@timestamp` where it isn't given.
    pub on: Option<NamePattern>,
    pub as_type: Option<Identifier>,
    pub as_pvalue: Option<Identifier>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fuse {
    /// `rrf` (the default) or `linear`.
    pub method: Option<Identifier>,
    pub score: Option<NamePattern>,
    pub group: Option<NamePattern>,
    pub keys: Vec<NamePattern>,
    pub options: Vec<(Identifier, Expr)>,
    /// By the group's value.
    pub weights: Vec<(Identifier, Expr)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    Literal(Literal),
    /// A column by name; may hold wildcards only where the grammar allows (`COUNT(*)` is `Star`).
    Field(NamePattern),
    /// `?`, `?1`, `?name`, `??`, `??1`, `??name`: replaced by values before analysis.
    Param(Param),
    /// `*` as an argument of `COUNT`.
    Star,
    Negate(Box<Expr>),
    Not(Box<Expr>),
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    IsNull {
        value: Box<Expr>,
        negated: bool,
    },
    In {
        value: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    /// `LIKE` and `RLIKE`, with one pattern or a list of them.
    Like {
        value: Box<Expr>,
        patterns: Vec<Expr>,
        /// `LIKE ("a", "b")` rather than `LIKE "a"`.
        list: bool,
        regex: bool,
        negated: bool,
    },
    /// `field : "text"`, the match operator.
    MatchOperator {
        field: Box<Expr>,
        query: Box<Expr>,
    },
    /// `expression :: type`
    Cast {
        value: Box<Expr>,
        to: Identifier,
    },
    Call {
        name: Identifier,
        arguments: Vec<Expr>,
        /// Function options: `MATCH(f, "q", {"operator": "AND"})`.
        options: Option<Vec<(String, Expr)>>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Boolean(bool),
    /// Fits 32 bits: `integer`.
    Integer(i32),
    Long(i64),
    UnsignedLong(u64),
    Double(f64),
    /// `keyword`
    String(String),
    /// `3 days`, `1 month`: a calendar or a fixed span with its unit as written.
    TimeSpan {
        count: i64,
        unit: TimeUnit,
    },
    /// `[1, 2]`: elements of one kind.
    List(Vec<Literal>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl TimeUnit {
    /// Days and longer are a `date_period`, the rest a `time_duration`.
    pub fn is_period(self) -> bool {
        matches!(
            self,
            Self::Day | Self::Week | Self::Month | Self::Quarter | Self::Year
        )
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// `?`: the next value in order.
    Next { identifier: bool },
    /// `?1`, counted from one.
    Position { position: usize, identifier: bool },
    /// `?name`. `identifier` is true for `??name`, which stands for a name, not a value.
    Named { name: String, identifier: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl BinaryOperator {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}
