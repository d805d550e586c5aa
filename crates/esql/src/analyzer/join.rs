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
        for condition in &join.on {
            if let Some(key) = self.join_key(condition, &right)? {
                keys.push(key);
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

    /// `field`, or `left == right` over fields of both sides.
    fn join_key(
        &mut self,
        condition: &ast::Expr,
        right: &[Attribute],
    ) -> Result<Option<(String, String)>, Unresolved> {
        let (left_name, right_name) = match &condition.kind {
            Syntax::Field(name) => (name, name),
            Syntax::Binary {
                operator: BinaryOperator::Equal,
                left,
                right,
            } => match (&left.kind, &right.kind) {
                (Syntax::Field(left), Syntax::Field(right)) => (left, right),
                _ => return self.only_equal(condition.span),
            },
            _ => return self.only_equal(condition.span),
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
        Ok(Some((left.name, found.name.clone())))
    }

    fn only_equal<T>(&mut self, span: Span) -> Result<T, Unresolved> {
        let message = format!(
            "[LOOKUP JOIN] takes fields or equalities of two fields, found [{}]",
            self.text(span)
        );
        self.problem(span, message)
    }

    fn unknown_side(&mut self, name: &NamePattern, side: &str) -> Result<(), Unresolved> {
        let message = format!("Unknown column [{}] in {side} side of join", name.text);
        self.problem(name.span, message)
    }
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
