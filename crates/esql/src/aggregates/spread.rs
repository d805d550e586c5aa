//! Rows with any number of values, flattened.

use arrow::array::{Array, ArrayRef, ListArray};
use arrow::buffer::OffsetBuffer;

/// The values of a column, list or not, with where each row's lie.
#[derive(Debug)]
pub struct Spread {
    /// Flat; nulls only where there are no offsets.
    pub values: ArrayRef,
    offsets: Option<(OffsetBuffer<i32>, ArrayRef)>,
}

impl Spread {
    pub fn of(array: &ArrayRef) -> Self {
        match array.as_any().downcast_ref::<ListArray>() {
            Some(list) => Self {
                values: list.values().clone(),
                offsets: Some((list.offsets().clone(), array.clone())),
            },
            None => Self {
                values: array.clone(),
                offsets: None,
            },
        }
    }

    /// Calls `each` with the index of every value of the row.
    #[inline]
    pub fn row(&self, row: usize, mut each: impl FnMut(usize)) {
        match &self.offsets {
            None => {
                if self.values.is_valid(row) {
                    each(row);
                }
            }
            Some((offsets, list)) => {
                if list.is_valid(row) {
                    for index in offsets[row] as usize..offsets[row + 1] as usize {
                        each(index);
                    }
                }
            }
        }
    }

    pub fn rows(&self) -> usize {
        match &self.offsets {
            None => self.values.len(),
            Some((_, list)) => list.len(),
        }
    }

    /// How many values the row has.
    #[inline]
    pub fn count(&self, row: usize) -> usize {
        match &self.offsets {
            None => usize::from(self.values.is_valid(row)),
            Some((offsets, list)) if list.is_valid(row) => {
                (offsets[row + 1] - offsets[row]) as usize
            }
            Some(_) => 0,
        }
    }
}
