//! `LOOKUP JOIN`.

use super::source::fields;
use super::{Analyzer, Unresolved};
use crate::ast::{self, BinaryOperator, ExprKind as Syntax, NamePattern, Span};
use crate::datatype::DataType;
use crate::plan::{Attribute, LookupJoin, Step};
use crate::request::{Index, IndexMode};

impl Analyzer<'_> {
    pub(super) fn lookup_join(
        &mut self,
        join: &ast::LookupJoin,
        span: Span,
    ) -> Result<(), Unresolved> {
        let index = self.lookup_index(join)?;
        let right = fields(std::slice::from_ref(&index));
        let mut keys = Vec::new();
        let mut comparisons = Vec::new();
        for condition in &join.on {
            for condition in conjuncts(condition) {
                match self.join_key(condition, &right)? {
                    Some((left, BinaryOperator::Equal, right)) => keys.push((left, right)),
                    Some(comparison) => comparisons.push(comparison),
                    None => {}
                }
            }
        }
        if !self.problems.is_empty() {
            return Err(Unresolved::Reported);
        }
        for attribute in &right {
            let same_key = keys
                .iter()
                .any(|(left, right)| *right == attribute.name && *left == attribute.name);
            if same_key {
                continue;
            }
            let mut added = attribute.clone();
            added.field = None;
            added.lookup = Some(index.name.clone());
            self.add(added);
        }
        let output = self.scope.iter().map(|known| known.name.clone()).collect();
        self.steps.push(Step::LookupJoin(LookupJoin {
            index,
            keys,
            comparisons,
            added: right,
            output,
            span,
        }));
        Ok(())
    }

    /// One index in lookup mode.
    fn lookup_index(&mut self, join: &ast::LookupJoin) -> Result<Index, Unresolved> {
        let name = &join.index.text;
        let span = join.index.span;
        let found = self.outer.sources.found.get(name.as_str());
        match found.map(Vec::as_slice) {
            None | Some([]) => self.problem(span, format!("Unknown index [{name}]")),
            Some([only]) if only.mode == IndexMode::Lookup => Ok(only.clone()),
            Some(indices) => {
                let names: Vec<&str> = indices.iter().map(|index| index.name.as_str()).collect();
                let mode = match indices {
                    [only] if only.mode == IndexMode::Standard => " in [standard] mode",
                    _ => "",
                };
                let message = if mode.is_empty() {
                    format!(
                        "Lookup Join requires a single lookup mode index; [{name}] resolves to [{}] indices",
                        names.len()
                    )
                } else {
                    format!(
                        "Lookup Join requires a single lookup mode index; [{name}] resolves to [{}]{mode}",
                        names.join(", ")
                    )
                };
                self.problem(span, message)
            }
        }
    }

    /// `field`, or a comparison of fields of both sides: the left one first.
    fn join_key(
        &mut self,
        condition: &ast::Expr,
        right: &[Attribute],
    ) -> Result<Option<(String, BinaryOperator, String)>, Unresolved> {
        let (left_name, operator, right_name) = match &condition.kind {
            Syntax::Field(name) => (name, BinaryOperator::Equal, name),
            Syntax::Binary {
                operator,
                left: one,
                right: other,
            } => match (&one.kind, mirrored(*operator), &other.kind) {
                (Syntax::Field(one), Some(mirrored), Syntax::Field(other)) => {
                    let is_right =
                        |name: &NamePattern| right.iter().any(|field| field.name == name.text);
                    let turned = self.attribute(&one.text).is_none() && is_right(one);
                    if turned {
                        (other, mirrored, one)
                    } else {
                        (one, *operator, other)
                    }
                }
                _ => return self.only_comparisons(condition.span),
            },
            _ => return self.only_comparisons(condition.span),
        };
        let left = self.attribute(&left_name.text).cloned();
        if left.is_none() {
            let _ = self.unknown_side(left_name, "left");
        }
        let Some(found) = right.iter().find(|field| field.name == right_name.text) else {
            let _ = self.unknown_side(right_name, "right");
            return Ok(None);
        };
        let Some(left) = left else {
            return Ok(None);
        };
        if !joinable(left.data_type, found.data_type) {
            let message = format!(
                "JOIN left field [{}] of type [{}] is incompatible with right field [{}] of type [{}]",
                left.name,
                left.data_type.message_name().to_uppercase(),
                found.name,
                found.data_type.message_name().to_uppercase()
            );
            self.misused(condition.span, message);
        }
        Ok(Some((left.name, operator, found.name.clone())))
    }

    fn only_comparisons<T>(&mut self, span: Span) -> Result<T, Unresolved> {
        let message = format!(
            "[LOOKUP JOIN] takes fields, or comparisons of a field of each side joined by AND, found [{}]",
            self.text(span)
        );
        self.problem(span, message)
    }

    fn unknown_side(&mut self, name: &NamePattern, side: &str) -> Result<(), Unresolved> {
        let message = format!("Unknown column [{}] in {side} side of join", name.text);
        self.problem(name.span, message)
    }
}

/// The parts of a condition that all have to hold.
fn conjuncts(condition: &ast::Expr) -> Vec<&ast::Expr> {
    match &condition.kind {
        Syntax::Binary {
            operator: BinaryOperator::And,
            left,
            right,
        } => {
            let mut parts = conjuncts(left);
            parts.extend(conjuncts(right));
            parts
        }
        _ => vec![condition],
    }
}

/// The comparison with its sides exchanged; `None`: no comparison.
fn mirrored(operator: BinaryOperator) -> Option<BinaryOperator> {
    Some(match operator {
        BinaryOperator::Equal => BinaryOperator::Equal,
        BinaryOperator::NotEqual => BinaryOperator::NotEqual,
        BinaryOperator::Less => BinaryOperator::Greater,
        BinaryOperator::LessOrEqual => BinaryOperator::GreaterOrEqual,
        BinaryOperator::Greater => BinaryOperator::Less,
        BinaryOperator::GreaterOrEqual => BinaryOperator::LessOrEqual,
        _ => return None,
    })
}

fn joinable(left: DataType, right: DataType) -> bool {
    left == right
        || left == DataType::Null
        || (left.is_string() && right == DataType::Keyword)
        || (left.is_numeric()
            && right.is_numeric()
            && left != DataType::UnsignedLong
            && right != DataType::UnsignedLong)
}
