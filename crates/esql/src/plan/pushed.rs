//! Filters on index fields the way Elasticsearch answers them inside of Lucene.
//!
//! There a document is first looked up by its values, and only then is it found to have several:
//! so a row warns only where one of its values satisfies the condition, and where the conditions
//! beside it hold too.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Expr as Df, lit, when};

use super::calls::Shared;
use super::expression::{self, Lowered};
use super::lists::{self, Inner};
use super::{Expr, ExprKind};
use crate::datatype::DataType;
use crate::functions::{Call, Column, Function};

/// As Elasticsearch says it.
const SEVERAL_VALUES: &str =
    "java.lang.IllegalArgumentException: single-value function encountered multi-value";

/// A filter's condition; anything but a boolean is never true.
pub fn condition(condition: &Expr, schema: &DFSchema, shared: &Shared) -> Result<Df> {
    let mut parts = Vec::new();
    conjuncts(condition, &mut parts);
    // The engine looks at what Lucene lets through.
    let (lucene, engine): (Vec<&Expr>, Vec<&Expr>) =
        parts.into_iter().partition(|part| is_lucenes(part));
    let (noticing, plain): (Vec<&Expr>, Vec<&Expr>) = lucene
        .into_iter()
        .partition(|part| notices_several(part, schema));
    let mut all: Option<Df> = None;
    // What Lucene lets through before it looks whether a document has one value.
    let mut open: Option<Df> = None;
    for part in plain {
        let lowered = truth(expression::lower(part, schema, shared)?);
        let may_hold = if is_negative(part) {
            // What isn't there differs from everything.
            Df::IsNotFalse(Box::new(lowered.clone()))
        } else {
            lowered.clone()
        };
        open = Some(and(open, may_hold));
        all = Some(and(all, lowered));
    }
    // It looks only where every condition may hold, and the conditions before this one do.
    let silent = shared.approximate();
    let mut later = Vec::with_capacity(noticing.len());
    for part in &noticing {
        later.push(truth(expression::lower(part, schema, &silent)?));
    }
    for (at, part) in noticing.iter().enumerate() {
        let guard = later[at + 1..]
            .iter()
            .fold(open.clone(), |guard, part| Some(and(guard, part.clone())));
        let lowered = expression::lower_guarded(part, schema, shared, guard.as_ref())?;
        let lowered = truth(lowered);
        open = Some(and(open, lowered.clone()));
        all = Some(and(all, lowered));
    }
    let mut rest: Option<Df> = None;
    for part in engine {
        rest = Some(and(rest, truth(expression::lower(part, schema, shared)?)));
    }
    Ok(match (all, rest) {
        // With false in the place of null the optimizer would make an AND of it.
        (Some(all), Some(rest)) => when(all, rest).otherwise(lit(ScalarValue::Boolean(None)))?,
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => lit(true),
    })
}

/// Whether a condition is that something isn't so.
fn is_negative(condition: &Expr) -> bool {
    let mut negative = false;
    condition.visit(&mut |part| {
        negative |=
            matches!(&part.kind, ExprKind::Pushed { name, none, .. } if *none || name == "!=");
    });
    negative
}

/// Whether Lucene answers the condition whole.
fn is_lucenes(condition: &Expr) -> bool {
    match &condition.kind {
        ExprKind::Pushed { .. } | ExprKind::TextQuery(_) => true,
        ExprKind::Call {
            name, arguments, ..
        } => match name.as_str() {
            "and" | "or" | "not" => arguments.iter().all(is_lucenes),
            "is_null" | "is_not_null" => arguments
                .iter()
                .all(|argument| matches!(argument.kind, ExprKind::Column(_))),
            _ => false,
        },
        _ => false,
    }
}

fn truth(lowered: Lowered) -> Df {
    match lowered.arrow {
        Arrow::Boolean => lowered.expr,
        // Rows with several values are passed over.
        Arrow::List(element) if *element.data_type() == Arrow::Boolean => {
            lists::only_value(lowered.expr, &Arrow::Boolean)
        }
        _ => lit(false),
    }
}

fn and(all: Option<Df>, part: Df) -> Df {
    match all {
        Some(all) => all.and(part),
        None => part,
    }
}

fn conjuncts<'a>(condition: &'a Expr, parts: &mut Vec<&'a Expr>) {
    match &condition.kind {
        ExprKind::Call {
            name, arguments, ..
        } if name == "and" => {
            for argument in arguments {
                conjuncts(argument, parts);
            }
        }
        _ => parts.push(condition),
    }
}

/// Whether a pushed condition inside of it is on a column with lists.
fn notices_several(condition: &Expr, schema: &DFSchema) -> bool {
    let mut notices = false;
    condition.visit(&mut |part| {
        if let ExprKind::Pushed { arguments, .. } = &part.kind
            && let Some(ExprKind::Column(name)) = arguments.first().map(|first| &first.kind)
        {
            let field = schema.field_with_unqualified_name(name);
            notices |= field.is_ok_and(|field| matches!(field.data_type(), Arrow::List(_)));
        }
    });
    notices
}

/// One pushed condition.
pub fn lower(
    expr: &Expr,
    schema: &DFSchema,
    shared: &Shared,
    guard: Option<&Df>,
) -> Result<Lowered> {
    let ExprKind::Pushed {
        name,
        function,
        arguments,
        none,
    } = &expr.kind
    else {
        return plan_err!("{} is no pushed condition", expr.text);
    };
    let lowered = arguments
        .iter()
        .map(|argument| expression::lower(argument, schema, shared))
        .collect::<Result<Vec<_>>>()?;
    let Some(field) = lowered.first().cloned() else {
        return plan_err!("{} has no field", expr.text);
    };
    if !field.is_list() {
        let plain = match expression::native(name, DataType::Boolean, &lowered) {
            Some(native) => native,
            None => expression::call(expr, name, *function, lowered, schema, shared)?,
        };
        return Ok(if *none {
            Lowered::boolean(Df::Not(Box::new(plain.expr)))
        } else {
            plain
        });
    }
    let constants = arguments[1..]
        .iter()
        .filter_map(|argument| argument.constant().cloned())
        .collect();
    let condition = Condition {
        function: *function,
        data_type: field.data_type,
        constants,
        // What differs from everything it is compared with satisfies `!=`.
        none: *none,
        every: name == "!=",
        expr: expr.clone(),
        shared: shared.clone(),
    };
    let mut inputs = vec![field.expr];
    inputs.extend(guard.cloned());
    let kind = if shared.approximate { "may_" } else { "" };
    let name = format!("{kind}{name}@{}..{}", expr.span.start, expr.span.end);
    Ok(Lowered::boolean(Inner::call(
        name,
        Arrow::Boolean,
        inputs,
        move |arrays, _| condition.evaluate(arrays),
    )))
}

struct Condition {
    function: &'static dyn Function,
    data_type: DataType,
    constants: Vec<Column>,
    none: bool,
    every: bool,
    expr: Expr,
    shared: Shared,
}

impl Condition {
    fn evaluate(&self, arrays: &[ArrayRef]) -> Result<ArrayRef> {
        let list = arrays[0].as_list::<i32>();
        let guard = arrays.get(1).map(|guard| guard.as_boolean());
        let values = self.values(list.values())?;
        let values = values.as_boolean();
        let holds = |index: i32| {
            let index = index as usize;
            values.is_valid(index) && values.value(index)
        };
        let results: BooleanArray = (0..list.len())
            .map(|row| {
                if list.is_null(row) {
                    return None;
                }
                let mut range = list.value_offsets()[row]..list.value_offsets()[row + 1];
                if range.len() == 1 {
                    return Some(holds(range.start) != self.none);
                }
                let satisfied = if self.every {
                    range.all(holds)
                } else {
                    range.any(holds) != self.none
                };
                if self.shared.approximate {
                    return Some(satisfied);
                }
                let open = guard.is_none_or(|guard| guard.is_valid(row) && guard.value(row));
                if satisfied && open {
                    let (span, text) = (self.expr.span, &self.expr.text);
                    self.shared.warnings.failed(span, text, SEVERAL_VALUES);
                }
                None
            })
            .collect();
        Ok(Arc::new(results))
    }

    /// The condition on every value by itself.
    fn values(&self, flat: &ArrayRef) -> Result<ArrayRef> {
        let rows = flat.len();
        let mut columns = vec![Column {
            data_type: self.data_type,
            values: flat.clone(),
        }];
        for constant in &self.constants {
            let value = ScalarValue::try_from_array(&constant.values, 0)?;
            columns.push(Column {
                data_type: constant.data_type,
                values: value.to_array_of_size(rows)?,
            });
        }
        let call = Call {
            text: &self.expr.text,
            span: self.expr.span,
            warnings: &self.shared.warnings,
            now_ms: self.shared.now_ms,
            result: DataType::Boolean,
            rows,
        };
        let values = self.function.evaluate(&call, &columns).values;
        super::calls::fitted(&values, &Arrow::Boolean, rows)
    }
}
