//! Counts, sums and means.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType as Arrow, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use super::fold::{Fold, Rows};
use super::spread::Spread;
use super::udaf::Blame;

/// `COUNT`, `PRESENT` and `ABSENT`.
pub struct Count {
    pub counts: Vec<i64>,
    /// Rows are counted, not values.
    pub all_rows: bool,
    /// Whether the answer is "some" or "none" instead of how many.
    pub only: Option<bool>,
}

impl Fold for Count {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        let counts = &mut self.counts;
        if self.all_rows {
            rows.each(|_, group| counts[group] += 1);
            return Ok(());
        }
        let spread = Spread::of(&arguments[0]);
        if *spread.values.data_type() == Arrow::Null {
            return Ok(());
        }
        rows.each(|row, group| counts[group] += spread.count(row) as i64);
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let counts = emit.take_needed(&mut self.counts);
        Ok(vec![Arc::new(Int64Array::from(counts))])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let counts = states[0].as_primitive::<Int64Type>();
        for (row, group) in groups.iter().enumerate() {
            self.counts[*group] += counts.value(row);
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let counts = emit.take_needed(&mut self.counts);
        Ok(match self.only {
            None => Arc::new(Int64Array::from(counts)),
            Some(some) => {
                let flags: Vec<bool> = counts.iter().map(|count| (*count > 0) == some).collect();
                Arc::new(BooleanArray::from(flags))
            }
        })
    }

    fn size(&self) -> usize {
        self.counts.capacity() * size_of::<i64>()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        Box::new(Self {
            counts: Vec::new(),
            all_rows: self.all_rows,
            only: self.only,
        })
    }
}

/// `SUM` and `AVG` of whole numbers. Past 64 bits the result is null and a warning.
pub struct WholeSum {
    sums: Vec<i64>,
    counts: Vec<i64>,
    overflowed: Vec<bool>,
    mean: bool,
    blame: Blame,
}

impl WholeSum {
    pub fn new(mean: bool, blame: Blame) -> Self {
        Self {
            sums: Vec::new(),
            counts: Vec::new(),
            overflowed: Vec::new(),
            mean,
            blame,
        }
    }

    fn add_to(&mut self, group: usize, value: i64, count: i64) {
        let (sum, over) = self.sums[group].overflowing_add(value);
        self.sums[group] = sum;
        self.overflowed[group] |= over;
        self.counts[group] += count;
    }
}

impl Fold for WholeSum {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
        self.overflowed.resize(groups, false);
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        let spread = Spread::of(&arguments[0]);
        let values = arrow::compute::cast(&spread.values, &Arrow::Int64)?;
        let values = values.as_primitive::<Int64Type>();
        rows.each(|row, group| {
            spread.row(row, |index| {
                if values.is_valid(index) {
                    self.add_to(group, values.value(index), 1);
                }
            });
        });
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            Arc::new(Int64Array::from(emit.take_needed(&mut self.sums))),
            Arc::new(Int64Array::from(emit.take_needed(&mut self.counts))),
            Arc::new(BooleanArray::from(emit.take_needed(&mut self.overflowed))),
        ])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let sums = states[0].as_primitive::<Int64Type>();
        let counts = states[1].as_primitive::<Int64Type>();
        let overflowed = states[2].as_boolean();
        for (row, group) in groups.iter().enumerate() {
            self.add_to(*group, sums.value(row), counts.value(row));
            self.overflowed[*group] |= overflowed.value(row);
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        let counts = emit.take_needed(&mut self.counts);
        let overflowed = emit.take_needed(&mut self.overflowed);
        if overflowed.contains(&true) {
            self.blame
                .failed("java.lang.ArithmeticException: long overflow");
        }
        let usable = |group: usize| counts[group] > 0 && !overflowed[group];
        let groups = 0..sums.len();
        Ok(if self.mean {
            let mean =
                |group: usize| usable(group).then(|| sums[group] as f64 / counts[group] as f64);
            Arc::new(groups.map(mean).collect::<Float64Array>())
        } else {
            let sum = |group: usize| usable(group).then(|| sums[group]);
            Arc::new(groups.map(sum).collect::<Int64Array>())
        })
    }

    fn size(&self) -> usize {
        (self.sums.capacity() + self.counts.capacity()) * size_of::<i64>()
            + self.overflowed.capacity()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        Box::new(Self::new(self.mean, self.blame.clone()))
    }
}

/// `SUM` and `AVG` of doubles, by compensated summation as Elasticsearch has it; with weights
/// also `WEIGHTED_AVG`.
pub struct DoubleSum {
    sums: Vec<Compensated>,
    weights: Vec<Compensated>,
    counts: Vec<i64>,
    kind: DoubleKind,
    blame: Blame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubleKind {
    Sum,
    Mean,
    Weighted,
}

/// A sum with the part that rounding lost.
#[derive(Debug, Clone, Copy, Default)]
struct Compensated {
    value: f64,
    lost: f64,
}

impl Compensated {
    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.value += value;
            return;
        }
        let corrected = value + self.lost;
        let sum = self.value + corrected;
        if sum.is_finite() {
            self.lost = corrected - (sum - self.value);
        }
        self.value = sum;
    }
}

impl DoubleSum {
    pub fn new(kind: DoubleKind, blame: Blame) -> Self {
        Self {
            sums: Vec::new(),
            weights: Vec::new(),
            counts: Vec::new(),
            kind,
            blame,
        }
    }

    fn add_weighted(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        let (value, weight) = (Spread::of(&arguments[0]), Spread::of(&arguments[1]));
        let values = arrow::compute::cast(&value.values, &Arrow::Float64)?;
        let weights = arrow::compute::cast(&weight.values, &Arrow::Float64)?;
        let (values, weights) = (
            values.as_primitive::<Float64Type>(),
            weights.as_primitive::<Float64Type>(),
        );
        rows.each(|row, group| {
            weight.row(row, |index| {
                if weights.is_valid(index) {
                    self.weights[group].add(weights.value(index));
                }
            });
            if value.count(row) > 1 || weight.count(row) > 1 {
                self.blame.failed(
                    "java.lang.IllegalArgumentException: single-value function encountered multi-value",
                );
                return;
            }
            value.row(row, |at| {
                weight.row(row, |by| {
                    if values.is_valid(at) && weights.is_valid(by) {
                        self.sums[group].add(values.value(at) * weights.value(by));
                        self.counts[group] += 1;
                    }
                });
            });
        });
        Ok(())
    }

    fn finished(&self, sum: Compensated, weight: Compensated, count: i64) -> Option<f64> {
        if count == 0 {
            return None;
        }
        let value = match self.kind {
            DoubleKind::Sum => sum.value,
            DoubleKind::Mean => sum.value / count as f64,
            DoubleKind::Weighted if weight.value == 0.0 => {
                self.blame
                    .failed("java.lang.ArithmeticException: / by zero");
                return None;
            }
            DoubleKind::Weighted => sum.value / weight.value,
        };
        if !value.is_finite() {
            let text = if value.is_nan() { "NaN" } else { "Infinity" };
            let failure =
                format!("java.lang.ArithmeticException: not a finite double number: {text}");
            self.blame.failed(&failure);
            return None;
        }
        Some(value)
    }
}

impl Fold for DoubleSum {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, Compensated::default());
        self.weights.resize(groups, Compensated::default());
        self.counts.resize(groups, 0);
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        if self.kind == DoubleKind::Weighted {
            return self.add_weighted(arguments, rows);
        }
        let spread = Spread::of(&arguments[0]);
        let values = arrow::compute::cast(&spread.values, &Arrow::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        rows.each(|row, group| {
            spread.row(row, |index| {
                if values.is_valid(index) {
                    self.sums[group].add(values.value(index));
                    self.counts[group] += 1;
                }
            });
        });
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(5);
        for sums in [&mut self.sums, &mut self.weights] {
            let taken = emit.take_needed(sums);
            let part = |part: fn(&Compensated) -> f64| -> ArrayRef {
                Arc::new(Float64Array::from_iter_values(taken.iter().map(part)))
            };
            arrays.push(part(|sum| sum.value));
            arrays.push(part(|sum| sum.lost));
        }
        let counts = emit.take_needed(&mut self.counts);
        arrays.push(Arc::new(Int64Array::from(counts)));
        Ok(arrays)
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let part = |index: usize| states[index].as_primitive::<Float64Type>();
        let counts = states[4].as_primitive::<Int64Type>();
        for (row, group) in groups.iter().enumerate() {
            for (sums, at) in [(&mut self.sums, 0), (&mut self.weights, 2)] {
                sums[*group].add(part(at + 1).value(row));
                sums[*group].add(part(at).value(row));
            }
            self.counts[*group] += counts.value(row);
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        let weights = emit.take_needed(&mut self.weights);
        let counts = emit.take_needed(&mut self.counts);
        let finished =
            (0..sums.len()).map(|group| self.finished(sums[group], weights[group], counts[group]));
        Ok(Arc::new(finished.collect::<Float64Array>()))
    }

    fn size(&self) -> usize {
        (self.sums.capacity() + self.weights.capacity()) * size_of::<Compensated>()
            + self.counts.capacity() * size_of::<i64>()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        Box::new(Self::new(self.kind, self.blame.clone()))
    }
}
