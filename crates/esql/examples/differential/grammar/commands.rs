//! Sources and commands, and what they do to the columns.

use super::expressions::{name, text};
use super::tree::{Kind, Node, Order, Part};
use super::world::{Column, Shape, Type};
use super::{Grammar, State};

/// How deep expressions are nested, at most.
const DEPTH: usize = 3;

const DISSECTS: [&str; 6] = [
    "%{w1} %{w2}",
    "%{w1}-%{w2}",
    "%{w1}.%{?skip}.%{w2}",
    "%{+w1} %{+w1}",
    "%{w1->} %{w2}",
    "%{w1}",
];
const DIRECTIONS: [&str; 7] = [
    "",
    "",
    " DESC",
    " ASC",
    " NULLS FIRST",
    " DESC NULLS LAST",
    " ASC NULLS LAST",
];
const GROKS: [&str; 7] = [
    "%{WORD:w1}",
    "%{INT:w1:int}",
    "%{NUMBER:w1:double} %{GREEDYDATA:w2}",
    "%{WORD:w1}[ -]%{WORD:w2}",
    "%{IP:w1}",
    "(?<w1>[a-c]+)",
    "%{DATA:w1}$",
];

pub(super) fn command(order: Order, parts: Vec<Part>) -> Node {
    Node::new(Kind::Command(order), parts)
}

pub(super) fn item(parts: Vec<Part>) -> Node {
    Node::new(Kind::Item, parts)
}

impl Grammar<'_> {
    pub(super) fn source(&mut self) -> Node {
        let standard: Vec<Shape> = self
            .world
            .indices
            .iter()
            .filter(|shape| !shape.lookup || self.world.indices.len() == 1)
            .cloned()
            .collect();
        if standard.is_empty() || self.choices.percent(20) {
            return self.row();
        }
        let first = self.choices.pick(&standard).clone();
        let mut shapes = vec![first.clone()];
        let mut pattern = first.name.clone();
        if self.choices.percent(25) {
            let stem = first.name.split('-').next().unwrap_or_default().to_owned();
            let with_stem = |shape: &&Shape| shape.name.starts_with(&stem);
            if standard.iter().filter(with_stem).count() > 1 && self.choices.percent(70) {
                pattern = format!("{stem}*");
                shapes = self
                    .world
                    .indices
                    .iter()
                    .filter(with_stem)
                    .cloned()
                    .collect();
            } else {
                let second = self.choices.pick(&standard).clone();
                pattern = format!("{pattern}, {}", second.name);
                if second.name != first.name {
                    shapes.push(second);
                }
            }
        }
        if self.wrong() {
            pattern.push('z');
        }
        self.state = merged(&shapes);
        if self.choices.percent(12) {
            pattern.push_str(" METADATA _index, _id");
            for metadata in ["_index", "_id"] {
                self.state.columns.push(Column {
                    name: metadata.to_owned(),
                    of: Type::Keyword,
                    samples: vec![text(&first.name)],
                    is_field: false,
                });
            }
            self.state.unique = vec!["_index".to_owned(), "_id".to_owned()];
        }
        command(Order::Loses, vec![Part::text(format!("FROM {pattern}"))])
    }

    fn row(&mut self) -> Node {
        self.state = State {
            columns: Vec::new(),
            unique: Vec::new(),
            searchable: false,
        };
        let count = 1 + self.choices.below(4);
        let items: Vec<Node> = (0..count)
            .map(|at| {
                let of = self.any_type();
                let column = char::from(b'a' + u8::try_from(at).unwrap_or(0)).to_string();
                let value = if self.choices.percent(75) {
                    let literal = self.literal(of);
                    Node::expression(of, literal)
                } else {
                    self.expression(of, 2)
                };
                self.define(&column, &value);
                item(vec![Part::text(format!("{column} = ")), Part::Node(value)])
            })
            .collect();
        // One row is in order.
        command(
            Order::Makes,
            vec![Part::text("ROW "), Part::list(", ", items)],
        )
    }

    fn define(&mut self, column: &str, value: &Node) {
        let Kind::Expression(of) = value.kind else {
            return;
        };
        self.state.columns.retain(|before| before.name != column);
        if self.state.unique.iter().any(|unique| unique == column) {
            self.state.unique.clear();
        }
        self.state.columns.push(Column {
            name: column.to_owned(),
            of,
            samples: Vec::new(),
            is_field: false,
        });
    }

    pub(super) fn command(&mut self) -> Node {
        match self.choices.below(100) {
            0..=27 => self.evaluate(),
            28..=47 => self.filter(),
            48..=67 => self.stats(),
            68..=74 => self.sort(),
            75..=79 => self.keep(),
            80..=83 => self.drop(),
            84..=87 => self.rename(),
            88..=91 => self.expand(),
            92..=95 => self.take_apart(),
            96 | 97 => self.join(),
            _ => self.limit(),
        }
    }

    fn evaluate(&mut self) -> Node {
        let count = 1 + self.choices.below(3);
        let items = (0..count)
            .map(|_| {
                let of = self.any_type();
                let value = self.expression(of, DEPTH);
                let column = match self.choices.below(10) {
                    0 if !self.state.columns.is_empty() => {
                        self.choices.pick(&self.state.columns).name.clone()
                    }
                    1 => {
                        let unnamed = value.to_string();
                        self.define(&unnamed, &value);
                        return item(vec![Part::Node(value)]);
                    }
                    _ => self.fresh_name(),
                };
                self.define(&column, &value);
                item(vec![
                    Part::text(format!("{} = ", name(&column))),
                    Part::Node(value),
                ])
            })
            .collect();
        command(
            Order::Keeps,
            vec![Part::text("EVAL "), Part::list(", ", items)],
        )
    }

    fn filter(&mut self) -> Node {
        let condition = if self.state.searchable && self.choices.percent(12) {
            self.full_text()
        } else {
            self.condition(DEPTH)
        };
        command(
            Order::Keeps,
            vec![Part::text("WHERE "), Part::Node(condition)],
        )
    }

    fn full_text(&mut self) -> Node {
        let mut columns = self.columns_of(Type::Keyword);
        columns.retain(|column| column.is_field);
        if columns.is_empty() {
            return self.condition(DEPTH);
        }
        let column = self.choices.pick(&columns).clone();
        let sample = self.compared(column.of, &column.samples);
        let words: Vec<&str> = sample.trim_matches('"').split(' ').collect();
        let word = (*self.choices.pick(&words)).replace(['\\', '"'], "");
        let field = name(&column.name);
        let quoted = text(&word);
        let call = match self.choices.below(6) {
            0 | 1 => format!("MATCH({field}, {quoted})"),
            2 => format!("{field}:{quoted}"),
            3 => format!("MATCH_PHRASE({field}, {sample})"),
            4 => format!("MATCH({field}, {quoted}, {{\"fuzziness\": \"AUTO\"}})"),
            _ => format!("MATCH({field}, {sample}, {{\"operator\": \"AND\"}})"),
        };
        Node::expression(Type::Boolean, call)
    }

    fn sort(&mut self) -> Node {
        if self.choices.percent(50)
            && let Some(sort) = self.total_sort()
        {
            return sort;
        }
        let of = self.any_type();
        let key = self.expression(of, 1);
        let order = self.direction();
        command(
            Order::Loses,
            vec![Part::text("SORT "), Part::Node(key), Part::text(order)],
        )
    }

    fn direction(&mut self) -> &'static str {
        let at = self.choices.below(DIRECTIONS.len());
        DIRECTIONS[at]
    }

    /// By columns of any kind, and then by what tells the rows apart.
    pub(super) fn total_sort(&mut self) -> Option<Node> {
        if self.state.unique.is_empty() {
            return None;
        }
        let known: Vec<Column> = self.state.columns.clone();
        let mut items = Vec::new();
        for _ in 0..self.choices.below(2) {
            let column = self.choices.pick(&known).clone();
            if column.of != Type::Unsupported {
                let order = self.direction();
                items.push(item(vec![
                    Part::text(name(&column.name)),
                    Part::text(order),
                ]));
            }
        }
        for unique in self.state.unique.clone() {
            items.push(Node::leaf(Kind::Fixed, name(&unique)));
        }
        Some(command(
            Order::Makes,
            vec![Part::text("SORT "), Part::list(", ", items)],
        ))
    }

    pub(super) fn keep(&mut self) -> Node {
        let mut kept: Vec<Column> = Vec::new();
        let mut items = Vec::new();
        if self.state.columns.is_empty() {
            return command(Order::Keeps, vec![Part::text("KEEP *")]);
        }
        for _ in 0..=self.choices.below(4) {
            let column = self.choices.pick(&self.state.columns).clone();
            let shown = if self.choices.percent(12) {
                let stem: String = column.name.chars().take(1).collect();
                let stem = if stem.chars().all(|letter| letter.is_ascii_alphabetic()) {
                    stem
                } else {
                    String::new()
                };
                kept.extend(
                    self.state
                        .columns
                        .iter()
                        .filter(|other| other.name.starts_with(&stem))
                        .cloned(),
                );
                format!("{stem}*")
            } else {
                kept.push(column.clone());
                if self.wrong() {
                    format!("{}q", name(&column.name))
                } else {
                    name(&column.name)
                }
            };
            items.push(Node::leaf(Kind::Item, shown));
        }
        for unique in self.state.unique.clone() {
            if let Some(column) = self
                .state
                .columns
                .iter()
                .find(|column| column.name == unique)
            {
                kept.push(column.clone());
                items.push(Node::leaf(Kind::Item, name(&unique)));
            }
        }
        self.state.columns = kept;
        command(
            Order::Keeps,
            vec![Part::text("KEEP "), Part::list(", ", items)],
        )
    }

    fn drop(&mut self) -> Node {
        let unique = self.state.unique.clone();
        let others: Vec<String> = self
            .state
            .columns
            .iter()
            .map(|column| column.name.clone())
            .filter(|name| !unique.contains(name))
            .collect();
        if others.is_empty() {
            return self.evaluate();
        }
        let dropped = self.choices.pick(&others).clone();
        self.state.columns.retain(|column| column.name != dropped);
        command(
            Order::Keeps,
            vec![Part::text(format!("DROP {}", name(&dropped)))],
        )
    }

    fn rename(&mut self) -> Node {
        if self.state.columns.is_empty() {
            return self.evaluate();
        }
        let at = self.choices.below(self.state.columns.len());
        let before = self.state.columns[at].name.clone();
        let after = if self.choices.percent(80) {
            self.fresh_name()
        } else {
            self.choices.pick(&self.state.columns).name.clone()
        };
        if after != before {
            let gone = after.clone();
            let mut column = self.state.columns[at].clone();
            self.state
                .columns
                .retain(|column| column.name != gone && column.name != before);
            if self.state.unique.contains(&gone) {
                self.state.unique.clear();
            }
            column.name.clone_from(&after);
            column.is_field = false;
            self.state.columns.push(column);
            for name in &mut self.state.unique {
                if *name == before {
                    name.clone_from(&after);
                }
            }
        }
        command(
            Order::Keeps,
            vec![Part::text(format!(
                "RENAME {} AS {}",
                name(&before),
                name(&after)
            ))],
        )
    }

    fn expand(&mut self) -> Node {
        if self.state.columns.is_empty() {
            return self.evaluate();
        }
        let column = self.choices.pick(&self.state.columns).name.clone();
        self.state.unique.clear();
        for known in &mut self.state.columns {
            known.is_field &= known.name != column;
        }
        command(
            Order::Loses,
            vec![Part::text(format!("MV_EXPAND {}", name(&column)))],
        )
    }

    /// DISSECT and GROK.
    fn take_apart(&mut self) -> Node {
        let texts = self.columns_of(Type::Keyword);
        if texts.is_empty() {
            return self.filter();
        }
        let column = self.choices.pick(&texts).name.clone();
        let dissect = self.choices.percent(50);
        let (word, pattern) = if dissect {
            ("DISSECT", *self.choices.pick(&DISSECTS))
        } else {
            ("GROK", *self.choices.pick(&GROKS))
        };
        for made in ["w1", "w2"] {
            if pattern.contains(made) {
                let of = match pattern {
                    number if number.contains("w1:int") => Type::Integer,
                    number if number.contains("w1:double") && made == "w1" => Type::Double,
                    _ => Type::Keyword,
                };
                self.define(made, &Node::expression(of, ""));
            }
        }
        let pattern = text(pattern);
        command(
            Order::Keeps,
            vec![Part::text(format!("{word} {} {pattern}", name(&column)))],
        )
    }

    fn join(&mut self) -> Node {
        let lookups: Vec<Shape> = self
            .world
            .indices
            .iter()
            .filter(|shape| shape.lookup)
            .cloned()
            .collect();
        if lookups.is_empty() {
            return self.filter();
        }
        let lookup = self.choices.pick(&lookups).clone();
        let known = self.state.columns.clone();
        let shared: Vec<&Column> = lookup
            .columns
            .iter()
            .filter(|column| known.iter().any(|other| other.name == column.name))
            .collect();
        let on = match shared.is_empty() {
            true => self.choices.pick(&lookup.columns).name.clone(),
            false => self.choices.pick(&shared).name.clone(),
        };
        for column in lookup.columns.iter().filter(|column| column.name != on) {
            self.define(&column.name, &Node::expression(column.of, ""));
        }
        self.state.unique.clear();
        command(
            Order::Loses,
            vec![Part::text(format!(
                "LOOKUP JOIN {} ON {}",
                lookup.name,
                name(&on)
            ))],
        )
    }

    fn limit(&mut self) -> Node {
        let count = *self.choices.pick(&["3", "1", "10", "0", "1000"]);
        let Some(sort) = self.total_sort() else {
            return command(Order::Keeps, vec![Part::text("LIMIT 1000")]);
        };
        let mut parts = sort.parts;
        parts.push(Part::text(format!(" | LIMIT {count}")));
        self.state.searchable = false;
        command(Order::Makes, parts)
    }
}

/// The columns of several indices together.
fn merged(shapes: &[Shape]) -> State {
    let mut columns: Vec<Column> = Vec::new();
    for column in shapes.iter().flat_map(|shape| &shape.columns) {
        match columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) if known.of != column.of => known.of = Type::Unsupported,
            Some(_) => {}
            None => columns.push(column.clone()),
        }
    }
    columns.sort_by(|one, other| one.name.cmp(&other.name));
    let unique = match shapes {
        [one] => one.unique.iter().take(1).cloned().collect(),
        _ => Vec::new(),
    };
    State {
        columns,
        unique,
        searchable: true,
    }
}
