//! Which conditions of a `WHERE` Elasticsearch answers inside of Lucene.

use std::sync::Arc;

use arrow::array::{AsArray, Float64Array};
use arrow::datatypes::Float64Type;

use super::Analyzer;
use crate::datatype::DataType;
use crate::functions::{self, Column};
use crate::plan::{Expr, ExprKind, Step};

/// Conditions on a field and constants that Lucene has a query for.
const PUSHED: [&str; 12] = [
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "like",
    "rlike",
    "starts_with",
    "ends_with",
    "cidr_match",
];

impl Analyzer<'_> {
    /// The condition with what Lucene can answer marked as such.
    pub(super) fn pushed(&self, condition: Expr) -> Expr {
        // After a limit the rows are no longer Lucene's to choose.
        let expanded = |step: &Step| matches!(step, Step::MvExpand(_));
        if self.late_barrier.is_some() || self.steps.iter().any(expanded) {
            return condition;
        }
        let condition = self.straightened(condition);
        self.each_conjunct(condition)
    }

    /// A part that Lucene can't answer whole is left to the engine whole.
    fn each_conjunct(&self, condition: Expr) -> Expr {
        if let ExprKind::Call {
            name, arguments, ..
        } = &condition.kind
            && name == "and"
        {
            let sides = arguments.iter().cloned();
            let sides = sides.map(|side| self.each_conjunct(side)).collect();
            return self.rebuilt(&condition, "and", sides);
        }
        if self.answerable(&condition) {
            return self.push(condition, false);
        }
        condition
    }

    /// A comparison with the constant on its right.
    fn straightened(&self, condition: Expr) -> Expr {
        let ExprKind::Call {
            name, arguments, ..
        } = &condition.kind
        else {
            return condition;
        };
        if name == "not"
            && let [
                Expr {
                    kind:
                        ExprKind::Call {
                            name: inner,
                            arguments,
                            ..
                        },
                    ..
                },
            ] = arguments.as_slice()
            && inner == "not"
            && let [twice] = arguments.as_slice()
        {
            return self.straightened(twice.clone());
        }
        if matches!(name.as_str(), "and" | "or" | "not") {
            let parts = arguments.iter().cloned();
            let parts = parts.map(|part| self.straightened(part)).collect();
            return self.rebuilt(&condition, &name.clone(), parts);
        }
        let (Some(name), [left, right]) = (mirrored(name), arguments.as_slice()) else {
            return condition;
        };
        if left.constant().is_none() || right.constant().is_some() {
            return condition;
        }
        let sides = vec![right.clone(), left.clone()];
        self.rebuilt(&condition, name, sides)
    }

    fn answerable(&self, condition: &Expr) -> bool {
        match &condition.kind {
            ExprKind::Call {
                name, arguments, ..
            } => match name.as_str() {
                "and" | "or" | "not" => arguments.iter().all(|part| self.answerable(part)),
                "is_null" | "is_not_null" => {
                    matches!(
                        arguments.first().map(|first| &first.kind),
                        Some(ExprKind::Column(_))
                    )
                }
                _ => self.is_pushed(name, arguments),
            },
            ExprKind::TextQuery(_) => true,
            _ => false,
        }
    }

    fn push(&self, condition: Expr, negated: bool) -> Expr {
        let ExprKind::Call {
            name, arguments, ..
        } = &condition.kind
        else {
            return self.not_if(condition, negated);
        };
        match (name.as_str(), arguments.as_slice()) {
            ("and" | "or", [left, right]) => {
                let swapped = if name == "and" { "or" } else { "and" };
                let name = if negated { swapped } else { name.as_str() };
                let sides = vec![
                    self.push(left.clone(), negated),
                    self.push(right.clone(), negated),
                ];
                self.rebuilt(&condition, name, sides)
            }
            ("not", [inner]) => {
                let mut inner = inner.clone();
                // Elasticsearch turns the comparison around and calls it by the whole text.
                if !matches!(&inner.kind, ExprKind::Call { name, .. } if name == "!=") {
                    inner.span = condition.span;
                    inner.text = condition.text.clone();
                }
                self.push(inner, !negated)
            }
            _ if self.is_pushed(name, arguments) => self.mark(&condition, negated),
            _ => self.not_if(condition, negated),
        }
    }

    fn not_if(&self, condition: Expr, negated: bool) -> Expr {
        if !negated {
            return condition;
        }
        let outer = condition.clone();
        self.rebuilt(&outer, "not", vec![condition])
    }

    fn rebuilt(&self, like: &Expr, name: &str, arguments: Vec<Expr>) -> Expr {
        match functions::lookup(name) {
            Some(function) => Expr {
                kind: ExprKind::Call {
                    name: name.to_owned(),
                    function,
                    arguments,
                },
                ..like.clone()
            },
            None => like.clone(),
        }
    }

    fn is_pushed(&self, name: &str, arguments: &[Expr]) -> bool {
        let [field, constants @ ..] = arguments else {
            return false;
        };
        let ExprKind::Column(column) = &field.kind else {
            return false;
        };
        let is_field = self
            .attribute(column)
            .is_some_and(|attribute| attribute.field.is_some());
        PUSHED.contains(&name)
            && is_field
            && field.data_type != DataType::Text
            && constants.iter().all(|constant| {
                constant.constant().is_some() && constant.data_type != DataType::Null
            })
    }

    fn mark(&self, condition: &Expr, negated: bool) -> Expr {
        let ExprKind::Call {
            name, arguments, ..
        } = &condition.kind
        else {
            return condition.clone();
        };
        let turned = if negated { turned(name) } else { None };
        let none = negated && turned.is_none();
        let name = turned.unwrap_or(name);
        let Some(function) = functions::lookup(name) else {
            return condition.clone();
        };
        let mut arguments = arguments.clone();
        if self.is_single_precision(&arguments[0]) {
            for argument in &mut arguments[1..] {
                narrow(argument);
            }
        }
        Expr {
            kind: ExprKind::Pushed {
                name: name.to_owned(),
                function,
                arguments,
                none,
            },
            ..condition.clone()
        }
    }

    fn is_single_precision(&self, field: &Expr) -> bool {
        match &field.kind {
            ExprKind::Column(name) => self
                .attribute(name)
                .is_some_and(|attribute| attribute.mapping_type == "float"),
            _ => false,
        }
    }
}

/// Lucene compares a `float` field with the nearest `float`.
fn narrow(argument: &mut Expr) {
    let ExprKind::Constant(column) = &mut argument.kind else {
        return;
    };
    if column.data_type != DataType::Double {
        return;
    }
    if let Some(values) = column.values.as_primitive_opt::<Float64Type>() {
        let narrowed: Float64Array = values.unary(|value| f64::from(value as f32));
        *column = Column {
            data_type: DataType::Double,
            values: Arc::new(narrowed),
        };
    }
}

/// The comparison with its sides changed.
fn mirrored(name: &str) -> Option<&'static str> {
    Some(match name {
        "==" => "==",
        "!=" => "!=",
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

/// The comparison that holds where this one doesn't, of several values too.
fn turned(name: &str) -> Option<&'static str> {
    Some(match name {
        "==" => "!=",
        "!=" => "==",
        _ => return None,
    })
}
