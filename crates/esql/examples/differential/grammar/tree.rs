//! A query as a tree of texts, so that it can be printed and made smaller.

use std::fmt;

use super::world::Type;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Query,
    /// A command, and what it does to the rows' order.
    Command(Order),
    /// What stands in a list and may be left out.
    Item,
    /// What stands in a list and may not be left out.
    Fixed,
    Expression(Type),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Keeps,
    /// Sorts by what tells all rows apart.
    Makes,
    Loses,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub enum Part {
    Text(String),
    Node(Node),
    List {
        separator: &'static str,
        items: Vec<Node>,
    },
}

impl Part {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn list(separator: &'static str, items: Vec<Node>) -> Self {
        Self::List { separator, items }
    }
}

impl Node {
    pub fn new(kind: Kind, parts: Vec<Part>) -> Self {
        Self { kind, parts }
    }

    pub fn leaf(kind: Kind, text: impl Into<String>) -> Self {
        Self::new(kind, vec![Part::Text(text.into())])
    }

    pub fn expression(of: Type, text: impl Into<String>) -> Self {
        Self::leaf(Kind::Expression(of), text)
    }

    fn commands(&self) -> &[Node] {
        match self.parts.first() {
            Some(Part::List { items, .. }) => items,
            _ => &[],
        }
    }

    /// Whether the order of the answer's rows is decided by the query.
    pub fn ordered(&self) -> bool {
        let mut ordered = false;
        for command in self.commands() {
            match command.kind {
                Kind::Command(Order::Makes) => ordered = true,
                Kind::Command(Order::Loses) => ordered = false,
                _ => {}
            }
        }
        ordered
    }

    /// Smaller trees: a command or an item less, an expression in place of the one around it.
    pub fn smaller(&self) -> Vec<Node> {
        let mut found = Vec::new();
        if let Kind::Expression(_) = self.kind {
            let mut inner = Vec::new();
            for part in &self.parts {
                part.expressions(&mut inner);
            }
            found.extend(inner.into_iter().cloned());
        }
        for (at, part) in self.parts.iter().enumerate() {
            for smaller in part.smaller() {
                let mut node = self.clone();
                node.parts[at] = smaller;
                found.push(node);
            }
        }
        found
    }
}

impl Part {
    fn expressions<'a>(&'a self, found: &mut Vec<&'a Node>) {
        let nodes = match self {
            Self::Text(_) => return,
            Self::Node(node) => std::slice::from_ref(node),
            Self::List { items, .. } => items.as_slice(),
        };
        for node in nodes {
            if matches!(node.kind, Kind::Expression(_)) {
                found.push(node);
            } else {
                for part in &node.parts {
                    part.expressions(found);
                }
            }
        }
    }

    fn smaller(&self) -> Vec<Part> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Node(node) => node.smaller().into_iter().map(Part::Node).collect(),
            Self::List { separator, items } => {
                let mut found = Vec::new();
                for at in (0..items.len()).rev() {
                    let source = *separator == " | " && at == 0;
                    let fixed = matches!(items[at].kind, Kind::Fixed) || items.len() == 1;
                    if !fixed && !source {
                        let mut fewer = items.clone();
                        fewer.remove(at);
                        found.push(Part::list(separator, fewer));
                    }
                }
                for (at, item) in items.iter().enumerate() {
                    for smaller in item.smaller() {
                        let mut changed = items.clone();
                        changed[at] = smaller;
                        found.push(Part::list(separator, changed));
                    }
                }
                found
            }
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => formatter.write_str(text)?,
                Part::Node(node) => write!(formatter, "{node}")?,
                Part::List { separator, items } => {
                    for (at, item) in items.iter().enumerate() {
                        if at > 0 {
                            formatter.write_str(separator)?;
                        }
                        write!(formatter, "{item}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
