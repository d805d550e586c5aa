//! Expressions of a wanted type.

use super::functions::{SCALARS, Shape};
use super::tree::{Kind, Node, Part};
use super::world::{Column, Type};
use super::{Grammar, literals};

pub(super) const ALL: [Type; 10] = [
    Type::Integer,
    Type::Keyword,
    Type::Long,
    Type::Double,
    Type::Boolean,
    Type::Date,
    Type::Text,
    Type::Nanos,
    Type::Ip,
    Type::Version,
];
const NUMBERS: [Type; 3] = [Type::Integer, Type::Double, Type::Long];

/// Types that `::` names.
const CASTS: [(&str, Type); 10] = [
    ("string", Type::Keyword),
    ("integer", Type::Integer),
    ("long", Type::Long),
    ("double", Type::Double),
    ("boolean", Type::Boolean),
    ("datetime", Type::Date),
    ("date_nanos", Type::Nanos),
    ("ip", Type::Ip),
    ("version", Type::Version),
    ("unsigned_long", Type::Unsigned),
];

impl Grammar<'_> {
    pub(super) fn any_type(&mut self) -> Type {
        *self.choices.pick(&ALL)
    }

    /// A type out of a function's word.
    fn type_of(&mut self, word: &str, first: Option<Type>) -> Type {
        match word {
            "number" => *self.choices.pick(&NUMBERS),
            "string" if self.choices.percent(25) => Type::Text,
            "string" | "keyword" => Type::Keyword,
            "integer" => Type::Integer,
            "long" => Type::Long,
            "double" => Type::Double,
            "unsigned" => Type::Unsigned,
            "boolean" => Type::Boolean,
            "date" if self.choices.percent(20) => Type::Nanos,
            "date" => Type::Date,
            "nanos" => Type::Nanos,
            "ip" => Type::Ip,
            "version" => Type::Version,
            "ordered" => *self.choices.pick(&[
                Type::Integer,
                Type::Double,
                Type::Keyword,
                Type::Long,
                Type::Date,
                Type::Ip,
                Type::Version,
                Type::Boolean,
                Type::Nanos,
            ]),
            "toppable" => *self.choices.pick(&[
                Type::Integer,
                Type::Double,
                Type::Keyword,
                Type::Long,
                Type::Date,
                Type::Ip,
                Type::Boolean,
            ]),
            "same" => first.unwrap_or(Type::Keyword),
            _ => self.any_type(),
        }
    }

    pub(super) fn columns_of(&self, of: Type) -> Vec<Column> {
        let fits =
            |column: &&Column| column.of == of || (of == Type::Keyword && column.of == Type::Text);
        self.state.columns.iter().filter(fits).cloned().collect()
    }

    /// An expression of a type, at most so deep.
    pub(super) fn expression(&mut self, of: Type, depth: usize) -> Node {
        let of = if self.wrong() { self.any_type() } else { of };
        let columns = self.columns_of(of);
        let roll = self.choices.below(100);
        if depth == 0 || roll < 30 {
            if !columns.is_empty() && !self.choices.percent(20) {
                return self.column(&columns);
            }
            let literal = self.literal(of);
            return Node::expression(of, literal);
        }
        match (of, roll) {
            (Type::Boolean, 30..=84) => self.condition(depth),
            (Type::Integer | Type::Long | Type::Double, 30..=49) => self.arithmetic(of, depth),
            (Type::Date | Type::Nanos, 30..=44) => self.moved(of, depth),
            (_, 30..=52) => self.cast(of, depth),
            _ => self.function(of, depth),
        }
    }

    fn column(&mut self, columns: &[Column]) -> Node {
        let column = self.choices.pick(columns).clone();
        if self.wrong() {
            let misspelt: String = column.name.chars().skip(1).collect();
            return Node::expression(column.of, format!("{misspelt}z"));
        }
        Node::expression(column.of, name(&column.name))
    }

    fn arithmetic(&mut self, of: Type, depth: usize) -> Node {
        let one = self.expression(of, depth - 1);
        if self.choices.percent(12) {
            return Node::new(Kind::Expression(of), vec![Part::text("-"), Part::Node(one)]);
        }
        let other = self.expression(of, depth - 1);
        let sign = *self.choices.pick(&["+", "-", "*", "/", "%"]);
        Node::new(
            Kind::Expression(of),
            vec![
                Part::text("("),
                Part::Node(one),
                Part::text(format!(" {sign} ")),
                Part::Node(other),
                Part::text(")"),
            ],
        )
    }

    /// A date before or after another.
    fn moved(&mut self, of: Type, depth: usize) -> Node {
        let date = self.expression(of, depth - 1);
        let span = self.wanted("{span}");
        let sign = *self.choices.pick(&["+", "-"]);
        Node::new(
            Kind::Expression(of),
            vec![
                Part::text("("),
                Part::Node(date),
                Part::text(format!(" {sign} {}", span.trim_matches('"'))),
                Part::text(")"),
            ],
        )
    }

    fn cast(&mut self, of: Type, depth: usize) -> Node {
        let Some((word, _)) = CASTS.iter().find(|(_, given)| *given == of) else {
            return self.function(of, depth);
        };
        let from = match of {
            Type::Ip | Type::Version => Type::Keyword,
            _ if self.choices.percent(50) => Type::Keyword,
            Type::Keyword => self.any_type(),
            Type::Boolean => *self.choices.pick(&NUMBERS),
            Type::Date => *self.choices.pick(&[Type::Long, Type::Nanos]),
            Type::Nanos => *self.choices.pick(&[Type::Long, Type::Date]),
            _ => *self
                .choices
                .pick(&[Type::Integer, Type::Double, Type::Long, Type::Boolean]),
        };
        let inner = self.expression(from, depth - 1);
        let text = inner.to_string();
        // `-1::long` is minus (1::long).
        let open = if text.starts_with('-') {
            ("(", ")")
        } else {
            ("", "")
        };
        Node::new(
            Kind::Expression(of),
            vec![
                Part::text(open.0),
                Part::Node(inner),
                Part::text(format!("{}::{word}", open.1)),
            ],
        )
    }

    fn function(&mut self, of: Type, depth: usize) -> Node {
        let shapes: Vec<&Shape> = SCALARS.iter().filter(|shape| gives(shape, of)).collect();
        if shapes.is_empty() {
            let literal = self.literal(of);
            return Node::expression(of, literal);
        }
        let shape = *self.choices.pick(&shapes);
        self.call(shape, of, depth)
    }

    /// A call that gives the type.
    pub(super) fn call(&mut self, shape: &Shape, of: Type, depth: usize) -> Node {
        let words: Vec<&str> = shape.takes.split_whitespace().collect();
        let mut arguments = Vec::new();
        // `same` gives the first argument's type, `same2` the second's.
        let decided = match shape.gives {
            "same" => Some(0),
            "same2" => Some(1),
            _ => None,
        };
        let mut first = decided.map(|_| of);
        for (at, word) in words.iter().enumerate() {
            if let Some(word) = word.strip_suffix('?') {
                if self.choices.percent(50) {
                    break;
                }
                arguments.push(self.argument(word, first, depth));
                continue;
            }
            let (word, times) = match word.strip_suffix('+') {
                Some(word) => (word, 1 + self.choices.below(3)),
                None => (*word, 1),
            };
            for _ in 0..times {
                let node = if decided == Some(at) {
                    self.expression(of, depth.saturating_sub(1))
                } else {
                    self.argument(word, first, depth)
                };
                if at == 0
                    && first.is_none()
                    && let Kind::Expression(given) = node.kind
                {
                    first = Some(given);
                }
                arguments.push(node);
            }
        }
        if self.wrong() {
            arguments.pop();
        }
        let name = if self.wrong() {
            shape.name.replacen('E', "EE", 1)
        } else {
            shape.name.to_owned()
        };
        let mut parts = vec![Part::text(format!("{name}("))];
        if !arguments.is_empty() {
            let fixed = arguments
                .into_iter()
                .map(|node| Node::new(Kind::Fixed, vec![Part::Node(node)]));
            parts.push(Part::list(", ", fixed.collect()));
        }
        parts.push(Part::text(")"));
        Node::new(Kind::Expression(of), parts)
    }

    fn argument(&mut self, word: &str, first: Option<Type>, depth: usize) -> Node {
        if word.starts_with('{') && !self.wrong() {
            let text = self.wanted(word);
            return Node::leaf(Kind::Fixed, text);
        }
        let of = self.type_of(word, first);
        self.expression(of, depth.saturating_sub(1))
    }

    /// Something that is true or not.
    pub(super) fn condition(&mut self, depth: usize) -> Node {
        let boolean = Kind::Expression(Type::Boolean);
        let inner = depth.saturating_sub(1);
        match self.choices.below(12) {
            0..=3 => self.comparison(inner),
            4 | 5 if depth > 0 => {
                let (one, other) = (self.condition(inner), self.condition(inner));
                let word = *self.choices.pick(&["AND", "OR"]);
                Node::new(
                    boolean,
                    vec![
                        Part::text("("),
                        Part::Node(one),
                        Part::text(format!(" {word} ")),
                        Part::Node(other),
                        Part::text(")"),
                    ],
                )
            }
            6 => {
                let inner = self.condition(inner);
                Node::new(
                    boolean,
                    vec![Part::text("NOT ("), Part::Node(inner), Part::text(")")],
                )
            }
            7 => {
                let of = self.any_type();
                let inner = self.expression(of, inner);
                let word = *self.choices.pick(&[" IS NULL", " IS NOT NULL"]);
                Node::new(boolean, vec![Part::Node(inner), Part::text(word)])
            }
            8 | 9 => self.membership(inner),
            10 => self.pattern(inner),
            _ => self.function(Type::Boolean, depth),
        }
    }

    fn comparison(&mut self, depth: usize) -> Node {
        let signs = ["==", "!=", "<", "<=", ">", ">="];
        let of = self.any_type();
        let columns = self.columns_of(of);
        let sign = if of == Type::Boolean {
            *self.choices.pick(&signs[..2])
        } else {
            *self.choices.pick(&signs)
        };
        let (left, right) = if !columns.is_empty() && self.choices.percent(65) {
            let column = self.choices.pick(&columns).clone();
            let text = self.compared(column.of, &column.samples);
            let left = Node::expression(column.of, name(&column.name));
            (left, Node::expression(column.of, text))
        } else {
            let of_right = match of {
                number if number.is_number() => *self.choices.pick(&NUMBERS),
                other => other,
            };
            (self.expression(of, depth), self.expression(of_right, depth))
        };
        Node::new(
            Kind::Expression(Type::Boolean),
            vec![
                Part::Node(left),
                Part::text(format!(" {sign} ")),
                Part::Node(right),
            ],
        )
    }

    fn membership(&mut self, depth: usize) -> Node {
        let of = self.any_type();
        let columns = self.columns_of(of);
        let word = *self.choices.pick(&[" IN (", " NOT IN ("]);
        let count = 1 + self.choices.below(3);
        let (left, items): (Node, Vec<Node>) = if columns.is_empty() || self.choices.percent(30) {
            let left = self.expression(of, depth);
            let items = (0..count).map(|_| self.expression(of, 0));
            (left, items.collect())
        } else {
            let column = self.choices.pick(&columns).clone();
            let items = (0..count)
                .map(|_| Node::expression(column.of, self.compared(column.of, &column.samples)));
            let items = items.collect();
            (Node::expression(column.of, name(&column.name)), items)
        };
        Node::new(
            Kind::Expression(Type::Boolean),
            vec![
                Part::Node(left),
                Part::text(word),
                Part::list(", ", items),
                Part::text(")"),
            ],
        )
    }

    fn pattern(&mut self, depth: usize) -> Node {
        const LIKES: [&str; 9] = [
            "\"*\"",
            "\"a*\"",
            "\"*b*\"",
            "\"?b\"",
            "\"*e*r*\"",
            "\"\"",
            "\"10.*\"",
            "(\"a*\", \"*x\")",
            "\"*\\\\**\"",
        ];
        const RLIKES: [&str; 9] = [
            "\".*\"",
            "\"a.*\"",
            "\"[a-c]+\"",
            "\".*(or|er).*\"",
            "\"\"",
            "\"a?b\"",
            "(\"a.*\", \"[0-9]+\")",
            "\"[^a]*\"",
            "\"a{1,2}b@\"",
        ];
        let left = self.expression(Type::Keyword, depth);
        let not = if self.choices.percent(15) { "NOT " } else { "" };
        let text = if self.choices.percent(60) {
            format!(" {not}LIKE {}", self.choices.pick(&LIKES))
        } else {
            format!(" {not}RLIKE {}", self.choices.pick(&RLIKES))
        };
        Node::new(
            Kind::Expression(Type::Boolean),
            vec![Part::Node(left), Part::text(text)],
        )
    }
}

/// Whether a function can give a type.
fn gives(shape: &Shape, of: Type) -> bool {
    let takes = |word: &str| match word.trim_end_matches(['+', '?']) {
        "number" => of.is_number(),
        "any" => true,
        "ordered" => !matches!(of, Type::Unsigned),
        "date" => of.is_date(),
        "nanos" => of == Type::Nanos,
        _ => false,
    };
    let mut words = shape.takes.split_whitespace();
    match shape.gives {
        "same" => words.next().is_some_and(takes),
        "same2" => words.nth(1).is_some_and(takes),
        "keyword" => of.is_string(),
        "integer" => of == Type::Integer,
        "long" => of == Type::Long,
        "double" => of == Type::Double,
        "boolean" => of == Type::Boolean,
        "date" => of == Type::Date,
        "nanos" => of == Type::Nanos,
        "ip" => of == Type::Ip,
        "version" => of == Type::Version,
        "unsigned" => of == Type::Unsigned,
        _ => false,
    }
}

/// A column's name as a query has it.
pub(super) fn name(column: &str) -> String {
    let plain = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || "@_".contains(first))
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    if column.split('.').all(plain) {
        column.to_owned()
    } else {
        format!("`{}`", column.replace('`', "``"))
    }
}

/// A text literal.
pub(super) fn text(words: &str) -> String {
    literals::quoted(words)
}
