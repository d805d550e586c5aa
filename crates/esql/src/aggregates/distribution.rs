//! `PERCENTILE`, `MEDIAN`, `MEDIAN_ABSOLUTE_DEVIATION`: exact, from all values.
//!
//! Elasticsearch is exact too until a group is large, and then estimates; a million doubles are
//! eight megabytes, so there is no need to estimate here.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType as Arrow, Field, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use super::fold::{Fold, Rows};
use super::spread::Spread;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Question {
    /// From 0 to 100.
    Percentile(f64),
    MedianAbsoluteDeviation,
}

pub struct Distribution {
    groups: Vec<Vec<f64>>,
    held: usize,
    question: Question,
}

impl Distribution {
    pub fn new(question: Question) -> Self {
        Self {
            groups: Vec::new(),
            held: 0,
            question,
        }
    }
}

/// The value at a share between 0 and 1 of the sorted values, between neighbours by proportion.
fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let place = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let part = place - place.floor();
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    if part == 0.0 {
        return Some(low);
    }
    let high = above.iter().copied().min_by(f64::total_cmp)?;
    Some(low + part * (high - low))
}

fn answer(question: Question, values: &mut [f64]) -> Option<f64> {
    match question {
        Question::Percentile(percentage) => quantile(values, percentage / 100.0),
        Question::MedianAbsoluteDeviation => {
            let median = quantile(values, 0.5)?;
            let mut distances: Vec<f64> =
                values.iter().map(|value| (value - median).abs()).collect();
            quantile(&mut distances, 0.5)
        }
    }
}

impl Fold for Distribution {
    fn grow(&mut self, groups: usize) {
        self.groups.resize(groups, Vec::new());
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        let spread = Spread::of(&arguments[0]);
        let values = arrow::compute::cast(&spread.values, &Arrow::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        rows.each(|row, group| {
            spread.row(row, |index| {
                if values.is_valid(index) {
                    self.groups[group].push(values.value(index));
                    self.held += 1;
                }
            });
        });
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = emit.take_needed(&mut self.groups);
        let offsets = OffsetBuffer::from_lengths(groups.iter().map(Vec::len));
        let flat: Vec<f64> = groups.into_iter().flatten().collect();
        self.held -= flat.len();
        let field = Arc::new(Field::new_list_field(Arrow::Float64, true));
        let values = Arc::new(Float64Array::from(flat));
        Ok(vec![Arc::new(ListArray::try_new(
            field, offsets, values, None,
        )?)])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let lists = states[0].as_list::<i32>();
        let values = lists.values().as_primitive::<Float64Type>().values();
        let offsets = lists.offsets();
        for (row, group) in groups.iter().enumerate() {
            let part = &values[offsets[row] as usize..offsets[row + 1] as usize];
            self.groups[*group].extend_from_slice(part);
            self.held += part.len();
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let mut groups = emit.take_needed(&mut self.groups);
        self.held -= groups.iter().map(Vec::len).sum::<usize>();
        let question = self.question;
        let answers = groups.iter_mut().map(|values| answer(question, values));
        Ok(Arc::new(answers.collect::<Float64Array>()))
    }

    fn size(&self) -> usize {
        // Vectors grow by doubling.
        2 * self.held * size_of::<f64>() + self.groups.capacity() * size_of::<Vec<f64>>()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        Box::new(Self::new(self.question))
    }
}
