//! Our aggregates as DataFusion's.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

use super::distinct::Distinct;
use super::distribution::{Distribution, Question};
use super::fold::{Fold, Grouped, Single};
use super::moments::Moments;
use super::numbers::{Count, DoubleKind, DoubleSum, WholeSum};
use super::ordered::{Pick, Picked};
use crate::ast::Span;
use crate::datatype::DataType;
use crate::warning::Warnings;

/// Whose failure a warning names.
#[derive(Debug, Clone)]
pub struct Blame {
    pub text: Arc<str>,
    pub span: Span,
    pub warnings: Warnings,
}

impl Blame {
    pub fn failed(&self, failure: &str) {
        self.warnings.failed(self.span, &self.text, failure);
    }
}

/// What is to be computed, constants included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    CountRows,
    CountValues,
    Present(bool),
    Sum {
        mean: bool,
    },
    WeightedMean,
    Distribution(Question),
    Moments {
        deviation: bool,
    },
    Picked(Pick),
    /// How many different values.
    Distinct,
}

pub struct EsqlAggregate {
    pub name: String,
    pub kind: Kind,
    /// The result's ES|QL type.
    pub result: DataType,
    pub blame: Blame,
    signature: Signature,
}

impl EsqlAggregate {
    pub fn new(kind: Kind, result: DataType, blame: Blame) -> Self {
        Self {
            name: format!("{}@{}", blame.text, blame.span.start),
            kind,
            result,
            blame,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }

    fn several(&self) -> bool {
        matches!(
            self.kind,
            Kind::Picked(Pick::Different | Pick::Top { .. } | Pick::Sample { .. })
        )
    }

    fn fold(&self, arguments: &[FieldRef]) -> Result<Box<dyn Fold>> {
        let element = |index: usize| {
            let field = arguments.get(index)?;
            Some(match field.data_type() {
                Arrow::List(element) => element.data_type().clone(),
                scalar => scalar.clone(),
            })
        };
        let first = element(0).unwrap_or(Arrow::Null);
        let count = |all_rows, only| Count {
            counts: Vec::new(),
            all_rows,
            only,
        };
        Ok(match self.kind {
            Kind::CountRows => Box::new(count(true, None)),
            Kind::CountValues => Box::new(count(false, None)),
            Kind::Present(some) => Box::new(count(false, Some(some))),
            Kind::Sum { mean } if first == Arrow::Float64 => {
                let kind = if mean {
                    DoubleKind::Mean
                } else {
                    DoubleKind::Sum
                };
                Box::new(DoubleSum::new(kind, self.blame.clone()))
            }
            Kind::Sum { mean } => Box::new(WholeSum::new(mean, self.blame.clone())),
            Kind::WeightedMean => {
                Box::new(DoubleSum::new(DoubleKind::Weighted, self.blame.clone()))
            }
            Kind::Distribution(question) => Box::new(Distribution::new(question)),
            Kind::Moments { deviation } => Box::new(Moments::new(deviation)),
            Kind::Distinct => Box::new(Distinct::new(first)?),
            Kind::Picked(pick) => {
                let order = matches!(pick, Pick::At { .. })
                    .then(|| element(1))
                    .flatten();
                Box::new(Picked::new(pick, first, order)?)
            }
        })
    }

    fn states(&self, first: &Arrow) -> Vec<Arrow> {
        let list = |element: Arrow| Arrow::List(Arc::new(Field::new_list_field(element, true)));
        match self.kind {
            Kind::CountRows | Kind::CountValues | Kind::Present(_) => vec![Arrow::Int64],
            Kind::Sum { .. } if !is_double(first) => {
                vec![Arrow::Int64, Arrow::Int64, Arrow::Boolean]
            }
            Kind::Sum { .. } | Kind::WeightedMean => vec![
                Arrow::Float64,
                Arrow::Float64,
                Arrow::Float64,
                Arrow::Float64,
                Arrow::Int64,
            ],
            Kind::Distribution(_) => vec![list(Arrow::Float64), list(Arrow::Float64)],
            Kind::Moments { .. } => vec![Arrow::Float64; 3],
            Kind::Picked(_) | Kind::Distinct => vec![list(Arrow::Binary)],
        }
    }
}

fn is_double(argument: &Arrow) -> bool {
    match argument {
        Arrow::List(element) => *element.data_type() == Arrow::Float64,
        scalar => *scalar == Arrow::Float64,
    }
}

impl fmt::Debug for EsqlAggregate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl PartialEq for EsqlAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.kind == other.kind && self.result == other.result
    }
}

impl Eq for EsqlAggregate {}

impl Hash for EsqlAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for EsqlAggregate {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[Arrow]) -> Result<Arrow> {
        if self.several() {
            return Ok(self.result.arrow_list());
        }
        Ok(match (self.kind, arguments.first()) {
            (Kind::Picked(Pick::Least | Pick::Greatest | Pick::At { .. }), Some(first)) => {
                match first {
                    Arrow::List(element) => element.data_type().clone(),
                    scalar => scalar.clone(),
                }
            }
            _ => self.result.arrow(),
        })
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Single::new(self.fold(arguments.expr_fields)?)))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let first = arguments
            .input_fields
            .first()
            .map_or(Arrow::Null, |field| field.data_type().clone());
        let states = self.states(&first).into_iter().enumerate();
        Ok(states
            .map(|(index, state)| {
                let name = format_state_name(arguments.name, &index.to_string());
                Arc::new(Field::new(name, state, true))
            })
            .collect())
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Grouped(self.fold(arguments.expr_fields)?)))
    }
}
