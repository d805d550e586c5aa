//! Variance and standard deviation of a population, by Welford's recurrence.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType as Arrow, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use super::fold::{Fold, Rows};
use super::spread::Spread;

#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Moment {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }

    fn merge(&mut self, other: Self) {
        if other.count == 0.0 {
            return;
        }
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        self.squares += other.squares + distance * distance * self.count * other.count / count;
        self.mean += distance * other.count / count;
        self.count = count;
    }
}

pub struct Moments {
    groups: Vec<Moment>,
    /// Else the variance.
    deviation: bool,
}

impl Moments {
    pub fn new(deviation: bool) -> Self {
        Self {
            groups: Vec::new(),
            deviation,
        }
    }
}

impl Fold for Moments {
    fn grow(&mut self, groups: usize) {
        self.groups.resize(groups, Moment::default());
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        let spread = Spread::of(&arguments[0]);
        let values = arrow::compute::cast(&spread.values, &Arrow::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        rows.each(|row, group| {
            spread.row(row, |index| {
                if values.is_valid(index) {
                    self.groups[group].add(values.value(index));
                }
            });
        });
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = emit.take_needed(&mut self.groups);
        let part = |part: fn(&Moment) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(groups.iter().map(part)))
        };
        Ok(vec![
            part(|moment| moment.count),
            part(|moment| moment.mean),
            part(|moment| moment.squares),
        ])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let part = |index: usize| states[index].as_primitive::<Float64Type>();
        let (counts, means, squares) = (part(0), part(1), part(2));
        for (row, group) in groups.iter().enumerate() {
            self.groups[*group].merge(Moment {
                count: counts.value(row),
                mean: means.value(row),
                squares: squares.value(row),
            });
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let deviation = self.deviation;
        let answer = |moment: Moment| {
            let variance = moment.squares / moment.count;
            let value = if deviation { variance.sqrt() } else { variance };
            (moment.count > 0.0 && value.is_finite()).then_some(value)
        };
        let groups = emit.take_needed(&mut self.groups).into_iter();
        Ok(Arc::new(groups.map(answer).collect::<Float64Array>()))
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Moment>()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        Box::new(Self::new(self.deviation))
    }
}
