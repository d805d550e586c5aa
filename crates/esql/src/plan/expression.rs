//! Typed expressions to DataFusion's. What DataFusion does as Elasticsearch would is given to it
//! natively, so that filters reach the files; all else calls our functions.

use arrow::datatypes::DataType as Arrow;
use datafusion::common::{Column as Named, DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    BinaryExpr, Case, Cast, Expr as Df, Operator, ScalarUDF, cast, lit, when,
};

use super::calls::{EsqlCall, Shared};
use super::lists::{condition, element_of, list_of, member, to_list};
use super::{Expr, ExprKind};
use crate::datatype::DataType;
use crate::functions::Function;

/// A DataFusion expression and what it gives.
#[derive(Clone)]
pub struct Lowered {
    pub expr: Df,
    pub arrow: Arrow,
    pub data_type: DataType,
}

impl Lowered {
    pub fn is_list(&self) -> bool {
        matches!(self.arrow, Arrow::List(_))
    }

    pub fn boolean(expr: Df) -> Self {
        Self {
            expr,
            arrow: Arrow::Boolean,
            data_type: DataType::Boolean,
        }
    }

    /// The same as one of the given type: nulls get it, numbers are cast.
    fn cast(self, to: &Arrow) -> Df {
        if self.arrow == *to {
            return self.expr;
        }
        if let Df::Literal(value, _) = &self.expr
            && let Ok(value) = value.cast_to(to)
        {
            return Df::Literal(value, None);
        }
        Df::Cast(Cast::new(Box::new(self.expr), to.clone()))
    }
}

/// The name of the hidden column that holds a row's score for a full-text query.
pub fn score_column(query: usize) -> String {
    format!("$$text{query}")
}

pub fn column(name: &str) -> Df {
    Df::Column(Named::new_unqualified(name))
}

/// Turns an expression over the columns of `schema` into DataFusion's.
pub fn lower(expr: &Expr, schema: &DFSchema, shared: &Shared) -> Result<Lowered> {
    lower_guarded(expr, schema, shared, None)
}

/// The same; conditions as Lucene answers them warn only where `guard` is true.
pub fn lower_guarded(
    expr: &Expr,
    schema: &DFSchema,
    shared: &Shared,
    guard: Option<&Df>,
) -> Result<Lowered> {
    match &expr.kind {
        ExprKind::Constant(constant) => {
            let value = ScalarValue::try_from_array(&constant.values, 0)?;
            Ok(Lowered {
                arrow: value.data_type(),
                expr: Df::Literal(value, None),
                data_type: expr.data_type,
            })
        }
        ExprKind::Column(name) => {
            let field = schema.field_with_unqualified_name(name)?;
            Ok(Lowered {
                arrow: field.data_type().clone(),
                expr: column(name),
                data_type: expr.data_type,
            })
        }
        ExprKind::Pushed { .. } => super::pushed::lower(expr, schema, shared, guard),
        ExprKind::TextQuery(query) => {
            let score = column(&score_column(*query));
            Ok(Lowered::boolean(score.is_not_null()))
        }
        ExprKind::Score(queries) => {
            let mut sum = lit(0.0_f64);
            for query in queries {
                let score = cast(column(&score_column(*query)), Arrow::Float64);
                let counted = when(score.clone().is_not_null(), score).otherwise(lit(0.0_f64))?;
                sum = sum + counted;
            }
            Ok(Lowered {
                expr: sum,
                arrow: Arrow::Float64,
                data_type: expr.data_type,
            })
        }
        ExprKind::Call {
            name,
            function,
            arguments,
        } => {
            let mut lowered = arguments
                .iter()
                .map(|argument| lower_guarded(argument, schema, shared, guard))
                .collect::<Result<Vec<_>>>()?;
            if name == "case" {
                for at in (0..lowered.len().saturating_sub(1)).step_by(2) {
                    if arguments[at].constant().is_some() && lowered[at].is_list() {
                        // Elasticsearch drops it when it works out constants.
                        let all = arguments.iter().all(|one| one.constant().is_some());
                        if !all {
                            lowered[at] = Lowered::boolean(lit(false));
                            continue;
                        }
                    }
                    if lowered[at].is_list() {
                        lowered[at] = condition(&arguments[at], &lowered[at], shared);
                    }
                }
            }
            let arguments = lowered;
            if let [only] = arguments.as_slice()
                && let Arrow::Struct(_) = only.arrow
            {
                return conflicting(expr, name, *function, only, schema, shared);
            }
            if let Some(native) = native(name, expr.data_type, &arguments) {
                return Ok(native);
            }
            call(expr, name, *function, arguments, schema, shared)
        }
    }
}

/// A call of our own function.
pub(super) fn call(
    expr: &Expr,
    name: &str,
    function: &'static dyn Function,
    arguments: Vec<Lowered>,
    schema: &DFSchema,
    shared: &Shared,
) -> Result<Lowered> {
    let types = arguments
        .iter()
        .map(|argument| argument.data_type)
        .collect();
    let place = (&expr.text, expr.span);
    let mut function = EsqlCall::new(name, function, types, expr.data_type, place, shared);
    // A constant that the analyzer left alone fails where it is reached, and only there.
    let constant = |argument: &Lowered| matches!(argument.expr, Df::Literal(..));
    if !arguments.is_empty() && arguments.iter().all(constant) {
        function = function.late();
    }
    let arguments = arguments
        .into_iter()
        .map(|argument| argument.expr)
        .collect();
    let expr_of = ScalarUDF::new_from_impl(function).call(arguments);
    let arrow = datafusion::logical_expr::ExprSchemable::get_type(&expr_of, schema)?;
    Ok(Lowered {
        expr: expr_of,
        arrow,
        data_type: expr.data_type,
    })
}

/// A conversion of a field that has another type in every index: each row has at most one.
fn conflicting(
    expr: &Expr,
    name: &str,
    function: &'static dyn Function,
    value: &Lowered,
    schema: &DFSchema,
    shared: &Shared,
) -> Result<Lowered> {
    let Arrow::Struct(fields) = &value.arrow else {
        return plan_err!("{} is no struct", expr.text);
    };
    let mut parts = Vec::new();
    for field in fields {
        let Some(data_type) = DataType::from_mapping(field.name()) else {
            continue;
        };
        let part = Lowered {
            expr: member(value.expr.clone(), field.name(), field.data_type()),
            arrow: field.data_type().clone(),
            data_type,
        };
        parts.push(call(expr, name, function, vec![part], schema, shared)?);
    }
    coalesce(expr.data_type, &parts).map_or_else(|| plan_err!("{} has no types", expr.text), Ok)
}

/// What DataFusion does as Elasticsearch does.
pub(super) fn native(name: &str, result: DataType, arguments: &[Lowered]) -> Option<Lowered> {
    match (name, arguments) {
        ("is_null", [value]) => Some(Lowered::boolean(value.expr.clone().is_null())),
        ("is_not_null", [value]) => Some(Lowered::boolean(value.expr.clone().is_not_null())),
        ("and" | "or", [left, right]) => {
            let operator = if name == "and" {
                Operator::And
            } else {
                Operator::Or
            };
            let (left, right) = (truth(left)?, truth(right)?);
            Some(Lowered::boolean(binary(left, operator, right)))
        }
        ("not", [value]) => Some(Lowered::boolean(Df::Not(Box::new(truth(value)?)))),
        ("in", [value, list @ ..]) => in_list(value, list),
        ("case", _) => case(result, arguments),
        ("coalesce", [_, _, ..]) => coalesce(result, arguments),
        (_, [left, right]) => comparison(name, left, right),
        _ => None,
    }
}

fn binary(left: Df, operator: Operator, right: Df) -> Df {
    Df::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

fn truth(value: &Lowered) -> Option<Df> {
    match value.arrow {
        Arrow::Boolean => Some(value.expr.clone()),
        Arrow::Null => Some(lit(ScalarValue::Boolean(None))),
        _ => None,
    }
}

fn comparison(name: &str, left: &Lowered, right: &Lowered) -> Option<Lowered> {
    let operator = match name {
        "==" => Operator::Eq,
        "!=" => Operator::NotEq,
        "<" => Operator::Lt,
        "<=" => Operator::LtEq,
        ">" => Operator::Gt,
        ">=" => Operator::GtEq,
        _ => return None,
    };
    let to = comparable(left, right)?;
    let (left, right) = (left.clone().cast(&to), right.clone().cast(&to));
    Some(Lowered::boolean(binary(left, operator, right)))
}

/// The type in which both can be compared natively.
fn comparable(left: &Lowered, right: &Lowered) -> Option<Arrow> {
    let (one, other) = (&left.arrow, &right.arrow);
    match (one, other) {
        (Arrow::Null, _) | (_, Arrow::Null) => None,
        (Arrow::Float64, Arrow::Int32 | Arrow::Int64 | Arrow::Float64)
        | (Arrow::Int32 | Arrow::Int64, Arrow::Float64) => {
            // Arrow tells -0.0 from 0.0; where one side is another number, that can't matter.
            (other_than_zero(left) || other_than_zero(right)).then_some(Arrow::Float64)
        }
        (Arrow::Int32, Arrow::Int64) | (Arrow::Int64, Arrow::Int32) => Some(Arrow::Int64),
        (
            Arrow::Boolean
            | Arrow::Int32
            | Arrow::Int64
            | Arrow::Utf8
            | Arrow::Binary
            | Arrow::Timestamp(..),
            _,
        ) if one == other => Some(one.clone()),
        _ => None,
    }
}

fn other_than_zero(value: &Lowered) -> bool {
    let Df::Literal(value, _) = &value.expr else {
        return false;
    };
    match value.cast_to(&Arrow::Float64) {
        Ok(ScalarValue::Float64(Some(number))) => number != 0.0,
        _ => false,
    }
}

fn in_list(value: &Lowered, list: &[Lowered]) -> Option<Lowered> {
    let mut to = value.arrow.clone();
    for item in list {
        if item.arrow == Arrow::Null {
            continue;
        }
        to = comparable(value, item)?;
    }
    if value.is_list() || to == Arrow::Float64 || value.arrow == Arrow::Null {
        return None;
    }
    let items = list.iter().map(|item| item.clone().cast(&to)).collect();
    let value = Box::new(value.clone().cast(&to));
    Some(Lowered::boolean(Df::InList(InList::new(
        value, items, false,
    ))))
}

/// All branches in one layout: lists if one of them is.
fn together(result: DataType, values: &[Lowered]) -> (Arrow, Vec<Df>) {
    let element = result.arrow();
    if !values.iter().any(Lowered::is_list) {
        let cast = values.iter().map(|value| value.clone().cast(&element));
        let cast = cast.collect();
        return (element, cast);
    }
    let list = list_of(&element);
    let cast = values
        .iter()
        .map(|value| match &value.arrow {
            Arrow::List(_) => value.expr.clone(),
            _ => to_list(value.expr.clone(), &element),
        })
        .collect();
    (list, cast)
}

/// `CASE` is lazy: a branch is worked out, and warns, only where its condition holds.
fn case(result: DataType, arguments: &[Lowered]) -> Option<Lowered> {
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    let mut rest = arguments;
    while let [condition, value, more @ ..] = rest {
        conditions.push(truth(condition)?);
        values.push(value.clone());
        rest = more;
    }
    let otherwise = rest.first().cloned().unwrap_or(Lowered {
        expr: lit(ScalarValue::Null),
        arrow: Arrow::Null,
        data_type: DataType::Null,
    });
    if values
        .iter()
        .any(|value| element_of(&value.arrow) != &result.arrow() && value.is_list())
    {
        return None;
    }
    values.push(otherwise);
    let (arrow, mut values) = together(result, &values);
    let otherwise = values.pop().map(Box::new);
    let branches = conditions
        .into_iter()
        .zip(values)
        .map(|(condition, value)| (Box::new(condition), Box::new(value)))
        .collect();
    Some(Lowered {
        expr: Df::Case(Case::new(None, branches, otherwise)),
        arrow,
        data_type: result,
    })
}

/// `COALESCE` is lazy too.
fn coalesce(result: DataType, arguments: &[Lowered]) -> Option<Lowered> {
    let (arrow, mut values) = together(result, arguments);
    let last = values.pop()?;
    if values.is_empty() {
        return Some(Lowered {
            expr: last,
            arrow,
            data_type: result,
        });
    }
    let branches = values
        .into_iter()
        .map(|value| (Box::new(value.clone().is_not_null()), Box::new(value)))
        .collect();
    Some(Lowered {
        expr: Df::Case(Case::new(None, branches, Some(Box::new(last)))),
        arrow,
        data_type: result,
    })
}

/// A value that every row shares.
pub fn constant_text(text: &str) -> Df {
    lit(ScalarValue::Utf8(Some(text.to_owned())))
}
