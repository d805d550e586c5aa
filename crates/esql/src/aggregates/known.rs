//! States of aggregates over rows that were never read: from what a table has kept of them.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::array::{ArrayRef, Float64Array, Int64Array, new_null_array};
use datafusion::common::Result;

use super::distribution;
use super::udaf::Kind;

/// What is known of one argument's values in each of some groups of rows.
#[derive(Debug, Clone)]
pub struct Known {
    /// How many values there are, all rows of the group together.
    pub counts: Vec<i64>,
    pub sums: Sums,
    /// The least and the greatest value, in the argument's own type.
    pub least: ArrayRef,
    pub greatest: ArrayRef,
    /// Values, exact or near, each with how often it is there. `None`: they weren't kept.
    pub weighted: Option<Vec<Vec<(f64, f64)>>>,
}

#[derive(Debug, Clone)]
pub enum Sums {
    Whole(Vec<i64>),
    /// With what rounding lost.
    Double(Vec<(f64, f64)>),
    /// Not known, or of values that have none.
    None,
}

/// The state of an aggregate, an array a state field. `None`: it can't be told from this.
/// `rows`: how many rows of each group count; `known`: of their argument.
pub fn states(kind: Kind, rows: &[i64], known: &Known) -> Option<Result<Vec<ArrayRef>>> {
    Some(match (kind, &known.sums) {
        (Kind::CountRows, _) => Ok(vec![Arc::new(Int64Array::from(rows.to_vec()))]),
        (Kind::CountValues | Kind::Present(_), _) => {
            Ok(vec![Arc::new(Int64Array::from(known.counts.clone()))])
        }
        (Kind::Sum { .. }, Sums::Whole(sums)) => Ok(vec![
            Arc::new(Int64Array::from(sums.clone())),
            Arc::new(Int64Array::from(known.counts.clone())),
            Arc::new(BooleanArray::from(vec![false; sums.len()])),
        ]),
        (Kind::Sum { .. }, Sums::Double(sums)) => {
            let part = |of: fn(&(f64, f64)) -> f64| -> ArrayRef {
                Arc::new(Float64Array::from_iter_values(sums.iter().map(of)))
            };
            let zeros = || part(|_| 0.0);
            let counts = Arc::new(Int64Array::from(known.counts.clone()));
            Ok(vec![
                part(|sum| sum.0),
                part(|sum| sum.1),
                zeros(),
                zeros(),
                counts,
            ])
        }
        (Kind::Distribution(_), _) => {
            distribution::state_of(known.weighted.as_ref()?.iter().cloned())
        }
        _ => return None,
    })
}

/// What is known of no values at all.
pub fn nothing(groups: usize, data_type: &arrow::datatypes::DataType) -> Known {
    Known {
        counts: vec![0; groups],
        sums: match data_type {
            arrow::datatypes::DataType::Float64 => Sums::Double(vec![(0.0, 0.0); groups]),
            _ => Sums::Whole(vec![0; groups]),
        },
        least: new_null_array(data_type, groups),
        greatest: new_null_array(data_type, groups),
        weighted: Some(vec![Vec::new(); groups]),
    }
}
