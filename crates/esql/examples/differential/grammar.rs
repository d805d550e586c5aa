//! Queries made from ES|QL's grammar over a described world of indices.
//!
//! Pure: the same choices give the same query. What it makes is mostly right, so that an answer can be
//! compared, and now and then wrong on purpose, so that an error can.

#[path = "grammar/choices.rs"]
pub mod choices;
#[path = "grammar/commands.rs"]
mod commands;
#[path = "grammar/data.rs"]
pub mod data;
#[path = "grammar/expressions.rs"]
mod expressions;
#[path = "grammar/functions.rs"]
mod functions;
#[path = "grammar/literals.rs"]
mod literals;
#[path = "grammar/stats.rs"]
mod stats;
#[path = "grammar/tree.rs"]
pub mod tree;
#[path = "grammar/world.rs"]
pub mod world;

use choices::Choices;
use tree::{Kind, Node, Part};
use world::{Column, World};

/// Commands after the source, at most.
const MOST_COMMANDS: usize = 5;
/// Of a hundred queries, so many are wrong in a token.
const BROKEN_PERCENT: usize = 3;
/// Of a hundred arguments, columns and types, so many are wrong where a query may be wrong.
const WRONG_PERCENT: usize = 6;
/// Of a hundred queries, so many may be wrong.
const MAY_BE_WRONG_PERCENT: usize = 30;

/// What is known after the commands so far.
struct State {
    columns: Vec<Column>,
    /// No two rows have the same values of these; empty: nothing is known to tell rows apart.
    unique: Vec<String>,
    /// The index' own columns, and nothing that forbids full text yet.
    searchable: bool,
}

/// Makes one query.
pub struct Grammar<'a> {
    choices: &'a mut Choices,
    world: &'a World,
    state: State,
    may_be_wrong: bool,
    names: usize,
}

/// One query of a world.
pub fn query(choices: &mut Choices, world: &World) -> Node {
    let may_be_wrong = choices.percent(MAY_BE_WRONG_PERCENT);
    let mut grammar = Grammar {
        choices,
        world,
        state: State {
            columns: Vec::new(),
            unique: Vec::new(),
            searchable: false,
        },
        may_be_wrong,
        names: 0,
    };
    let mut commands = vec![grammar.source()];
    let count = grammar.choices.below(MOST_COMMANDS + 1);
    for _ in 0..count {
        commands.push(grammar.command());
    }
    if grammar.choices.percent(60) {
        commands.extend(grammar.total_sort());
    }
    if grammar.choices.percent(35) {
        commands.push(grammar.keep());
    }
    Node::new(Kind::Query, vec![Part::list(" | ", commands)])
}

/// The query's text with one token gone, doubled or replaced: for errors of syntax. `None` where
/// this one stays whole.
pub fn broken(choices: &mut Choices, text: &str) -> Option<String> {
    const INTRUDERS: [&str; 14] = [
        "|", ",", "(", ")", "=", "==", "BY", "AND", "1", "\"x\"", "AS", "::", "[", "NULL",
    ];
    if !choices.percent(BROKEN_PERCENT) {
        return None;
    }
    let mut tokens: Vec<&str> = text.split(' ').collect();
    let at = choices.below(tokens.len());
    match choices.below(3) {
        0 => {
            tokens.remove(at);
        }
        1 => tokens.insert(at, tokens[at]),
        _ => tokens[at] = INTRUDERS[choices.below(INTRUDERS.len())],
    }
    Some(tokens.join(" "))
}

impl Grammar<'_> {
    /// Whether something is to be wrong here.
    fn wrong(&mut self) -> bool {
        self.may_be_wrong && self.choices.percent(WRONG_PERCENT)
    }

    fn fresh_name(&mut self) -> String {
        self.names += 1;
        format!("x{}", self.names)
    }
}
