//! The runs themselves: by the command, and as a sample by the tests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use esql::Request;

use super::grammar::choices::Choices;
use super::grammar::world::World;
use super::grammar::{self, data};
use super::harness::data::{DataSets, IndexData};

/// A run that takes longer is a fault.
const LONGEST: Duration = Duration::from_secs(1);
/// Bytes that are thrown at the parser at once, at most.
const MOST_BYTES: usize = 400;
/// 2026-01-01T00:00:00Z
const NOW_MS: i64 = 1_767_225_600_000;

/// Pieces that queries are made of: random letters alone never get past the first word.
const PIECES: [&str; 48] = [
    "FROM ",
    "ROW ",
    "SHOW INFO",
    " | ",
    "WHERE ",
    "EVAL ",
    "STATS ",
    " BY ",
    "SORT ",
    "LIMIT ",
    "KEEP ",
    "DROP ",
    "RENAME ",
    " AS ",
    "DISSECT ",
    "GROK ",
    "MV_EXPAND ",
    "LOOKUP JOIN ",
    " ON ",
    "INLINE ",
    "FORK ",
    "METADATA ",
    "a",
    "b.c",
    "`d e`",
    "1",
    "1.5e3",
    "9223372036854775808",
    "\"x\"",
    "\"\"\"y\"\"\"",
    "\\",
    "\"",
    "(",
    ")",
    "[",
    "]",
    ",",
    "::",
    ":",
    " == ",
    " IN ",
    " NOT ",
    " IS NULL",
    "ABS(",
    "*",
    "?",
    "/*",
    "// \n",
];

#[derive(Default)]
pub struct Ended {
    pub runs: u64,
    pub slowest: Duration,
    /// What broke off or took long, with its text.
    pub faults: Vec<String>,
}

impl Ended {
    fn run(&mut self, text: &str, call: impl FnOnce()) {
        let began = Instant::now();
        let whole = catch_unwind(AssertUnwindSafe(call)).is_ok();
        let took = began.elapsed();
        self.runs += 1;
        self.slowest = self.slowest.max(took);
        if !whole {
            self.faults.push(format!("panicked: {text:?}"));
        } else if took > LONGEST {
            self.faults
                .push(format!("took {} ms: {text:?}", took.as_millis()));
        }
    }
}

/// Texts of random pieces, letters and cuts of them.
pub fn parser(seed: u64, count: u64) -> Ended {
    let mut ended = Ended::default();
    for number in 0..count {
        let mut choices = Choices::seeded(seed.wrapping_mul(1_000_003) ^ number);
        let text = text(&mut choices);
        ended.run(&text, || {
            let _ = esql::parser::parse(&text, &[]);
        });
    }
    ended
}

fn text(choices: &mut Choices) -> String {
    let length = 1 + choices.below(MOST_BYTES);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        if choices.percent(85) {
            bytes.extend(choices.pick(&PIECES).bytes());
        } else {
            bytes.push(u8::try_from(choices.below(256)).unwrap_or(0));
        }
        if choices.percent(5) {
            let keep = choices.below(bytes.len() + 1);
            bytes.truncate(keep);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Queries of the grammar, planned as far as can be without running them.
pub fn planner(seed: u64, count: u64) -> Ended {
    let indices: Vec<IndexData> = data::random(seed)
        .into_iter()
        .map(|made| IndexData {
            name: made.name.to_owned(),
            body: made.body,
            ids: (0..made.documents.len()).map(|at| at.to_string()).collect(),
            documents: made.documents,
        })
        .collect();
    let mut world = World::default();
    for index in &indices {
        world.add(&index.name, &index.body, &index.documents);
    }
    let mut ended = Ended::default();
    let (Ok(sets), Ok(runtime)) = (
        DataSets::new(&indices),
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build(),
    ) else {
        ended
            .faults
            .push("the made-up data can't be read".to_owned());
        return ended;
    };
    for number in 0..count {
        let mut choices = Choices::seeded(seed.wrapping_mul(1_000_003) ^ number);
        let text = grammar::query(&mut choices, &world).to_string();
        let request = Request {
            query: text.clone(),
            now_ms: NOW_MS,
            ..Request::default()
        };
        ended.run(&text, || {
            let planned = runtime.block_on(esql::planned(&request, &sets));
            // A fault of ours is one, whichever way it is told.
            if let Err(error) = planned {
                assert!(error.status() != 500, "{error}");
            }
        });
    }
    ended
}
