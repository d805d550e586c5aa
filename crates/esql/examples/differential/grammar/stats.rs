//! `STATS`: aggregates, their conditions and keys.

use super::Grammar;
use super::commands::{command, item};
use super::expressions::{ALL, name};
use super::functions::{AGGREGATES, Shape};
use super::tree::{Kind, Node, Order, Part};
use super::world::{Column, Type};

impl Grammar<'_> {
    pub(super) fn stats(&mut self) -> Node {
        let keys: Vec<(String, Node, Type)> =
            (0..self.choices.below(3)).map(|at| self.key(at)).collect();
        let count = 1 + self.choices.below(3);
        let mut results = Vec::new();
        let mut items = Vec::new();
        for _ in 0..count {
            let shape = self.choices.pick(&AGGREGATES);
            let of = *self.choices.pick(&ALL);
            let of = match shape.takes.split_whitespace().next() {
                Some("number") if !of.is_number() => Type::Long,
                Some("ordered" | "toppable") if of == Type::Text => Type::Keyword,
                Some("integer") => Type::Integer,
                Some("double") => Type::Double,
                Some("boolean") => Type::Boolean,
                Some("keyword") => Type::Keyword,
                Some("date") => Type::Date,
                Some("ip") => Type::Ip,
                Some("version") => Type::Version,
                _ => of,
            };
            let mut value = self.aggregate(shape, of);
            if self.choices.percent(15) {
                value = Node::new(
                    Kind::Expression(Type::Double),
                    vec![Part::Node(value), Part::text(" + 1")],
                );
            }
            let Kind::Expression(given) = value.kind else {
                continue;
            };
            let column = self.fresh_name();
            let mut parts = vec![Part::text(format!("{column} = ")), Part::Node(value)];
            if self.choices.percent(18) {
                let condition = self.condition(1);
                parts.push(Part::text(" WHERE "));
                parts.push(Part::Node(condition));
            }
            results.push(Column {
                name: column,
                of: given,
                samples: Vec::new(),
                is_field: false,
            });
            items.push(item(parts));
        }
        let mut parts = vec![Part::text("STATS "), Part::list(", ", items)];
        self.state.unique = keys.iter().map(|(name, _, _)| name.clone()).collect();
        if !keys.is_empty() {
            parts.push(Part::text(" BY "));
            let nodes = keys.iter().map(|(_, node, _)| node.clone()).collect();
            parts.push(Part::list(", ", nodes));
        }
        for (name, _, of) in keys {
            results.push(Column {
                name,
                of,
                samples: Vec::new(),
                is_field: false,
            });
        }
        let mut seen = Vec::new();
        results.retain(|column| {
            let new = !seen.contains(&column.name);
            seen.push(column.name.clone());
            new
        });
        self.state.columns = results;
        self.state.searchable = false;
        command(Order::Loses, parts)
    }

    fn aggregate(&mut self, shape: &Shape, of: Type) -> Node {
        let mut node = self.call(shape, of, 2);
        let given = match shape.gives {
            "same" | "wide" => match (of, shape.gives) {
                (Type::Integer, "wide") => Type::Long,
                (Type::Text, _) => Type::Keyword,
                (of, _) => of,
            },
            "long" => Type::Long,
            "double" => Type::Double,
            _ => of,
        };
        node.kind = Kind::Expression(given);
        if shape.name == "VALUES" {
            // Elasticsearch promises no order of them.
            return Node::new(
                Kind::Expression(given),
                vec![Part::text("MV_SORT("), Part::Node(node), Part::text(")")],
            );
        }
        node
    }

    /// A key of groups: a column, an expression or a bucket.
    fn key(&mut self, at: usize) -> (String, Node, Type) {
        let usable: Vec<Column> = self
            .state
            .columns
            .iter()
            .filter(|column| !matches!(column.of, Type::Unsupported | Type::Unsigned))
            .cloned()
            .collect();
        let column = format!("k{at}");
        match self.choices.below(10) {
            0..=5 if !usable.is_empty() => {
                let column = self.choices.pick(&usable).clone();
                let node = Node::leaf(Kind::Item, name(&column.name));
                (column.name, node, column.of)
            }
            6 | 7 => {
                let dates = self.choices.percent(50);
                let of = if dates {
                    Type::Date
                } else {
                    *self.choices.pick(&[Type::Double, Type::Long])
                };
                let inner = self.expression(of, 0);
                let size = if dates {
                    self.wanted("{span}").trim_matches('"').to_owned()
                } else {
                    (*self.choices.pick(&["10", "5", "100.0", "0.5"])).to_owned()
                };
                let word = *self.choices.pick(&["BUCKET", "BUCKET", "BIN"]);
                let node = item(vec![
                    Part::text(format!("{column} = {word}(")),
                    Part::Node(inner),
                    Part::text(format!(", {size})")),
                ]);
                (column, node, if dates { of } else { Type::Double })
            }
            _ => {
                let of = self.any_type();
                let value = self.expression(of, 2);
                let node = item(vec![Part::text(format!("{column} = ")), Part::Node(value)]);
                (column, node, of)
            }
        }
    }
}
