//! `docs/esql.md` is what the engine can do, made from the engine.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p esql -p datapulse --test reference` renews it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use esql::{Catalog, Index, Request};

const RENEW: &str = "UPDATE_SNAPSHOTS";
/// 2026-01-01T00:00:00Z
const NOW_MS: i64 = 1_767_225_600_000;

/// A catalog without indices: every command is asked of `ROW`.
struct Nothing;

#[async_trait]
impl Catalog for Nothing {
    async fn indices(&self, _: &str) -> Result<Vec<Index>, esql::Error> {
        Ok(Vec::new())
    }
}

/// Commands that need an index are shown to be known by the error about it.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Answers,
    /// The index isn't there, which is all that is wrong.
    NeedsIndex,
    /// A clear error names the command.
    LeftOut,
}

const COMMANDS: [(&str, &str, Shown); 24] = [
    ("FROM", "FROM nothing", Shown::NeedsIndex),
    ("ROW", "ROW a = 1", Shown::Answers),
    ("SHOW", "SHOW INFO", Shown::Answers),
    (
        "CHANGE_POINT",
        "ROW k = [1, 2] | MV_EXPAND k | CHANGE_POINT k ON k",
        Shown::Answers,
    ),
    (
        "DISSECT",
        "ROW a = \"1 b\" | DISSECT a \"%{n} %{w}\"",
        Shown::Answers,
    ),
    ("DROP", "ROW a = 1, b = 2 | DROP a", Shown::Answers),
    ("EVAL", "ROW a = 1 | EVAL b = a + 1", Shown::Answers),
    (
        "FORK",
        "ROW a = 1 | FORK (WHERE a == 1) (WHERE a == 2)",
        Shown::Answers,
    ),
    (
        "FUSE",
        "ROW a = 1.0, b = \"c\" | FUSE SCORE BY a GROUP BY b KEY BY b",
        Shown::Answers,
    ),
    (
        "GROK",
        "ROW a = \"1 b\" | GROK a \"%{INT:n}\"",
        Shown::Answers,
    ),
    (
        "INLINE STATS",
        "ROW a = 1 | INLINE STATS m = MAX(a)",
        Shown::Answers,
    ),
    ("KEEP", "ROW a = 1, b = 2 | KEEP a", Shown::Answers),
    ("LIMIT", "ROW a = 1 | LIMIT 1", Shown::Answers),
    (
        "LOOKUP JOIN",
        "ROW a = 1 | LOOKUP JOIN nothing ON a",
        Shown::NeedsIndex,
    ),
    ("MV_EXPAND", "ROW a = [1, 2] | MV_EXPAND a", Shown::Answers),
    ("RENAME", "ROW a = 1 | RENAME a AS b", Shown::Answers),
    ("SAMPLE", "ROW a = 1 | SAMPLE 0.5", Shown::Answers),
    ("SORT", "ROW a = 1 | SORT a", Shown::Answers),
    (
        "STATS",
        "ROW a = 1 | STATS n = COUNT(*) WHERE a > 0 BY a",
        Shown::Answers,
    ),
    ("WHERE", "ROW a = 1 | WHERE a == 1", Shown::Answers),
    (
        "COMPLETION",
        "ROW a = \"b\" | COMPLETION a WITH {\"inference_id\": \"x\"}",
        Shown::LeftOut,
    ),
    ("ENRICH", "ROW a = 1 | ENRICH nothing", Shown::NeedsIndex),
    (
        "RERANK",
        "ROW a = \"b\" | RERANK \"b\" ON a",
        Shown::LeftOut,
    ),
    ("TS", "TS nothing", Shown::LeftOut),
];

/// Functions of 9.2 that are left out: a query that names one gets `Unknown function`.
const LEFT_OUT: &str =
    "`TEXT_EMBEDDING`, the spatial ones (`ST_…`, `TO_GEOPOINT` …) and those of `TS`";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/esql.md")
}

async fn state(query: &str, shown: Shown) -> &'static str {
    let request = Request {
        query: query.to_owned(),
        now_ms: NOW_MS,
        ..Request::default()
    };
    let said = match esql::run(&request, &Nothing).await {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let (fits, state) = match shown {
        Shown::Answers => (said.is_empty(), "works"),
        Shown::NeedsIndex => (
            said.contains("Unknown index [nothing]") || said.contains("policy [nothing]"),
            "works",
        ),
        Shown::LeftOut => (
            said.contains("is not supported by this engine"),
            "left out: a clear error says so",
        ),
    };
    assert!(fits, "{query}: {said}");
    state
}

async fn page() -> String {
    let mut page = String::from(include_str!("reference/head.md"));
    page.push_str("\n## Commands\n\n| command | state |\n| --- | --- |\n");
    for (name, query, shown) in COMMANDS {
        let _ = writeln!(page, "| `{name}` | {} |", state(query, shown).await);
    }
    page.push_str("\n## Aggregate functions\n\n| function | gives |\n| --- | --- |\n");
    for function in esql::aggregates::all() {
        let _ = writeln!(page, "| `{}` | {} |", function.name, function.summary);
    }
    page.push_str("\n## Functions\n\n| function | gives |\n| --- | --- |\n");
    let mut functions: Vec<_> = esql::functions::all()
        .map(|function| function.documentation())
        .collect();
    functions.sort_by_key(|function| function.name);
    for function in functions {
        let summary = function.summary.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {summary} |", function.name);
    }
    let _ = writeln!(
        page,
        "\nFull text: `MATCH`, `:`, `MATCH_PHRASE`, `MULTI_MATCH` (`best_fields`, `most_fields`, `phrase`), `QSTR`, `KQL`, `KNN`; scores in `METADATA _score` and by `SCORE`. `CATEGORIZE` groups messages that are formatted alike. `ENRICH` takes match policies (`_enrich/policy`), whose documents are read when the query asks. `LOOKUP JOIN` takes fields, or comparisons of a field of each side joined by `AND`.\n\nLeft out: {LEFT_OUT}."
    );
    page.push_str(include_str!("reference/differences.md"));
    page
}

#[tokio::test]
async fn the_page_is_what_the_engine_can_do() {
    let page = page().await;
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(path(), &page).expect("docs/esql.md can be written");
    }
    let kept = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(
        kept == page,
        "docs/esql.md is not what the engine can do: renew it with {RENEW}=1"
    );
}
