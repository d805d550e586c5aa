//! `PERCENTILE`, `MEDIAN`, `MEDIAN_ABSOLUTE_DEVIATION`: exact, from all values.
//!
//! Elasticsearch is exact too until a group is large, and then estimates; a million doubles are
//! eight megabytes, so there is no need to estimate here. Where a table knows its rows by
//! summaries ([`super::known`]), values come with weights, and an answer is as far from the exact
//! one as the summaries' values are from theirs.

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

#[derive(Debug, Clone, Default)]
struct Values {
    single: Vec<f64>,
    /// Values with how many of them there are.
    weighted: Vec<(f64, f64)>,
}

impl Values {
    fn len(&self) -> usize {
        self.single.len() + 2 * self.weighted.len()
    }

    fn quantile(&mut self, share: f64) -> Option<f64> {
        if self.weighted.is_empty() {
            return quantile(&mut self.single, share);
        }
        let single = std::mem::take(&mut self.single);
        self.weighted
            .extend(single.into_iter().map(|value| (value, 1.0)));
        weighted_quantile(&mut self.weighted, share)
    }

    /// Every value by what `change` makes of it.
    fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        let weighted = self.weighted.iter();
        Self {
            single: self.single.iter().map(|value| change(*value)).collect(),
            weighted: weighted
                .map(|(value, many)| (change(*value), *many))
                .collect(),
        }
    }
}

pub struct Distribution {
    groups: Vec<Values>,
    /// Doubles in all groups.
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

/// The same, where each value stands for as many as its weight says.
fn weighted_quantile(values: &mut [(f64, f64)], share: f64) -> Option<f64> {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let count: f64 = values.iter().map(|(_, many)| many).sum();
    let place = share.clamp(0.0, 1.0) * (count - 1.0);
    let part = place - place.floor();
    let mut before = 0.0;
    let mut low = None;
    for (value, many) in values {
        before += *many;
        if low.is_none() && before > place.floor() {
            low = Some(*value);
        }
        if let Some(low) = low
            && (part == 0.0 || before > place.floor() + 1.0)
        {
            return Some(low + part * (*value - low));
        }
    }
    low
}

fn answer(question: Question, values: &mut Values) -> Option<f64> {
    match question {
        Question::Percentile(percentage) => values.quantile(percentage / 100.0),
        Question::MedianAbsoluteDeviation => {
            let median = values.quantile(0.5)?;
            values.map(|value| (value - median).abs()).quantile(0.5)
        }
    }
}

/// Groups' values as lists, a list a group.
fn lists(groups: impl Iterator<Item = Vec<f64>>) -> Result<ArrayRef> {
    let groups: Vec<Vec<f64>> = groups.collect();
    let offsets = OffsetBuffer::from_lengths(groups.iter().map(Vec::len));
    let field = Arc::new(Field::new_list_field(Arrow::Float64, true));
    let values = Arc::new(Float64Array::from(groups.concat()));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, None)?))
}

/// The state of groups with these values, each with how often it is there; one list a group.
pub fn state_of(weighted: impl Iterator<Item = Vec<(f64, f64)>>) -> Result<Vec<ArrayRef>> {
    let flat = weighted.map(|pairs| pairs.into_iter().flat_map(|(value, many)| [value, many]));
    let pairs: Vec<Vec<f64>> = flat.map(Iterator::collect).collect();
    let none = lists(pairs.iter().map(|_| Vec::new()))?;
    Ok(vec![none, lists(pairs.into_iter())?])
}

impl Fold for Distribution {
    fn grow(&mut self, groups: usize) {
        self.groups.resize(groups, Values::default());
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        let spread = Spread::of(&arguments[0]);
        let values = arrow::compute::cast(&spread.values, &Arrow::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        rows.each(|row, group| {
            spread.row(row, |index| {
                if values.is_valid(index) {
                    self.groups[group].single.push(values.value(index));
                    self.held += 1;
                }
            });
        });
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = emit.take_needed(&mut self.groups);
        self.held -= groups.iter().map(Values::len).sum::<usize>();
        let pairs = groups.iter().map(|values| &values.weighted);
        let flat = |pairs: &Vec<(f64, f64)>| pairs.iter().flat_map(|(v, n)| [*v, *n]).collect();
        let pairs: Vec<Vec<f64>> = pairs.map(flat).collect();
        let single = lists(groups.into_iter().map(|values| values.single))?;
        Ok(vec![single, lists(pairs.into_iter())?])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let (single, pairs) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        let part = |lists: &ListArray, row: usize| {
            let offsets = lists.offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        };
        let singles = single.values().as_primitive::<Float64Type>().values();
        let weights = pairs.values().as_primitive::<Float64Type>().values();
        for (row, group) in groups.iter().enumerate() {
            let values = &mut self.groups[*group];
            let (singles, weights) = (&singles[part(single, row)], &weights[part(pairs, row)]);
            values.single.extend_from_slice(singles);
            let pairs = weights.chunks_exact(2).map(|pair| (pair[0], pair[1]));
            values.weighted.extend(pairs);
            self.held += singles.len() + weights.len();
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let mut groups = emit.take_needed(&mut self.groups);
        self.held -= groups.iter().map(Values::len).sum::<usize>();
        let question = self.question;
        let answers = groups.iter_mut().map(|values| answer(question, values));
        Ok(Arc::new(answers.collect::<Float64Array>()))
    }

    fn size(&self) -> usize {
        // Vectors grow by doubling.
        2 * self.held * size_of::<f64>() + self.groups.capacity() * size_of::<Values>()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        Box::new(Self::new(self.question))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_as_many_values() {
        let mut values: Vec<f64> = Vec::new();
        let mut weighted = Vec::new();
        for (number, many) in [(5.0, 3), (1.0, 1), (9.0, 40), (2.0, 7), (4.0, 2)] {
            values.extend(std::iter::repeat_n(number, many));
            weighted.push((number, many as f64));
        }
        for percentage in [0.0, 1.0, 12.5, 23.0, 24.5, 50.0, 99.0, 100.0] {
            let mut held = Values {
                single: vec![3.0, 9.5],
                weighted: weighted.clone(),
            };
            let mut all = values.clone();
            all.extend([3.0, 9.5]);
            let exact = quantile(&mut all, percentage / 100.0);
            let found = held.quantile(percentage / 100.0);
            assert_eq!(found, exact, "P{percentage}");
        }
    }
}
