//! What was seen, as plain values: the pure heart reads nothing else.
//!
//! Times are microseconds since 1970: within a millisecond the order of events matters.

/// What a responder was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alarm {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// The service that raised it, where it names one.
    pub service: Option<String>,
    /// For people, and for the words that changes are compared with.
    pub summary: String,
}

/// One numeric field of one emitter over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub service: String,
    /// The instance.
    pub node: Option<String>,
    /// Set on a caller's view of a callee.
    pub destination: Option<String>,
    /// The field's name.
    pub metric: String,
    /// (microseconds since 1970, value), by time.
    pub points: Vec<(i64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its start, microseconds since 1970.
    pub at_us: i64,
    pub duration_us: i64,
    pub service: String,
    pub node: Option<String>,
    pub name: String,
    pub trace: String,
    pub id: String,
    /// None: the root.
    pub parent: Option<String>,
    pub failed: bool,
    /// Whom it calls, where the span says: a dependency that may report nothing itself.
    pub destination: Option<String>,
    /// The error's words, where the span has any.
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    pub at_us: i64,
    pub service: Option<String>,
    pub node: Option<String>,
    pub level: Option<String>,
    pub message: String,
    pub error_type: Option<String>,
    pub trace: Option<String>,
    pub span: Option<String>,
}

/// One document about a change; a change may have several (committed, rolled out to a service …).
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub at_us: i64,
    pub id: String,
    pub kind: String,
    /// None: not rolled out to a service.
    pub service: Option<String>,
    pub version: Option<String>,
    pub description: String,
    pub files: Vec<String>,
    pub diff: String,
}

/// Everything that is known about one failure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    pub alarm: Alarm,
    pub series: Vec<Series>,
    pub spans: Vec<Span>,
    pub logs: Vec<LogLine>,
    pub changes: Vec<Change>,
    /// (caller, callee) as the lookup says.
    pub calls: Vec<(String, String)>,
    /// Services that the lookup names.
    pub services: Vec<String>,
}
