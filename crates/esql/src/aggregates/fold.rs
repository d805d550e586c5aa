//! What an accumulator of ours is, and how DataFusion sees it.

use std::fmt;

use arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// Which rows of a batch count, and for which group.
pub struct Rows<'a> {
    pub groups: &'a [usize],
    pub filter: Option<&'a BooleanArray>,
}

impl Rows<'_> {
    /// Calls `each` with row and group of every row that counts.
    #[inline]
    pub fn each(&self, mut each: impl FnMut(usize, usize)) {
        match self.filter {
            None => {
                for (row, group) in self.groups.iter().enumerate() {
                    each(row, *group);
                }
            }
            Some(filter) => {
                for (row, group) in self.groups.iter().enumerate() {
                    if filter.is_valid(row) && filter.value(row) {
                        each(row, *group);
                    }
                }
            }
        }
    }
}

/// One aggregate over many groups.
pub trait Fold: Send + Sync + 'static {
    /// Makes room for that many groups.
    fn grow(&mut self, groups: usize);
    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()>;
    /// Arrays with a row a group, from which [`Fold::merge`] can go on.
    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>>;
    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()>;
    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef>;
    /// Bytes held.
    fn size(&self) -> usize;
    /// An empty one of the same kind.
    fn fresh(&self) -> Box<dyn Fold>;
}

/// A fold under `GROUP BY`.
pub struct Grouped(pub Box<dyn Fold>);

impl GroupsAccumulator for Grouped {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.0.grow(total);
        self.0.add(values, &Rows { groups, filter })
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        self.0.result(emit)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.state(emit)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.0.grow(total);
        self.0.merge(states, groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |array| array.len());
        let groups: Vec<usize> = (0..rows).collect();
        let mut fresh = self.0.fresh();
        fresh.grow(rows);
        let rows = Rows {
            groups: &groups,
            filter,
        };
        fresh.add(values, &rows)?;
        fresh.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

/// A fold over everything.
pub struct Single {
    fold: Box<dyn Fold>,
    zeros: Vec<usize>,
}

impl Single {
    pub fn new(mut fold: Box<dyn Fold>) -> Self {
        fold.grow(1);
        Self {
            fold,
            zeros: Vec::new(),
        }
    }
}

impl fmt::Debug for Single {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Single")
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |array| array.len());
        self.zeros.resize(rows, 0);
        let rows = Rows {
            groups: &self.zeros,
            filter: None,
        };
        self.fold.add(values, &rows)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let array = self.fold.result(EmitTo::All)?;
        self.fold.grow(1);
        ScalarValue::try_from_array(&array, 0)
    }

    fn size(&self) -> usize {
        self.fold.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let arrays = self.fold.state(EmitTo::All)?;
        self.fold.grow(1);
        arrays
            .iter()
            .map(|array| ScalarValue::try_from_array(array, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |array| array.len());
        self.zeros.resize(rows, 0);
        self.fold.merge(states, &self.zeros)
    }
}
