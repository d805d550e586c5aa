//! Rows with several values: telling them apart, reading and making them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType as Arrow, Field};

use super::entry::Failures;
use super::{Call, Column};
use crate::datatype::DataType;

/// Whether the array is laid out for rows with several values of the type.
pub(super) fn is_multi(values: &ArrayRef, data_type: DataType) -> bool {
    matches!(values.data_type(), Arrow::List(field) if *field.data_type() == data_type.arrow())
}

fn list(column: &Column) -> Option<&ListArray> {
    if is_multi(&column.values, column.data_type) {
        column.values.as_any().downcast_ref::<ListArray>()
    } else {
        None
    }
}

/// Where each row's values lie in one flat array.
pub(super) struct Rows {
    pub values: ArrayRef,
    /// `None` where row `i` is the value at `i`.
    offsets: Option<OffsetBuffer<i32>>,
    nulls: Option<NullBuffer>,
}

impl Rows {
    pub fn new(column: &Column) -> Self {
        match list(column) {
            Some(list) => Self {
                values: list.values().clone(),
                offsets: Some(list.offsets().clone()),
                nulls: list.nulls().cloned(),
            },
            None => Self {
                values: column.values.clone(),
                offsets: None,
                nulls: column.values.logical_nulls(),
            },
        }
    }

    /// Indexes into `values`; empty where the row is null.
    pub fn row(&self, row: usize) -> std::ops::Range<usize> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return 0..0;
        }
        match &self.offsets {
            Some(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            None => row..row + 1,
        }
    }

    /// Whether the layout lets rows have several values.
    pub fn multi(&self) -> bool {
        self.offsets.is_some()
    }
}

/// Every column with one value a row; rows with several become null and warn, but only where no
/// earlier argument was null already.
pub(super) fn single(
    columns: &[Column],
    rows: usize,
    failures: &mut Failures,
) -> Option<Vec<Column>> {
    if columns.iter().all(|column| list(column).is_none()) {
        return Some(columns.to_vec());
    }
    let mut alive = vec![true; rows];
    let mut singles = Vec::with_capacity(columns.len());
    for column in columns {
        let found = Rows::new(column);
        let mut indexes = Vec::with_capacity(rows);
        for (row, alive) in alive.iter_mut().enumerate() {
            let range = found.row(row);
            indexes.push((range.len() == 1).then_some(range.start as u32));
            if *alive && range.len() != 1 {
                *alive = false;
                if range.len() > 1 {
                    failures.multivalue();
                }
            }
        }
        let values = if found.multi() {
            take(&found.values, &UInt32Array::from(indexes), None).ok()?
        } else {
            column.values.clone()
        };
        singles.push(Column {
            data_type: column.data_type,
            values,
        });
    }
    Some(singles)
}

/// Applies `kernel` to all values at once; nulls among its results are left out of the rows.
pub(super) fn each(
    kernel: fn(&Call<'_>, &Column, &mut Failures) -> Option<ArrayRef>,
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let Some(lists) = list(column) else {
        return kernel(call, column, failures);
    };
    let rows = Rows::new(column);
    let used: usize = (0..call.rows).map(|row| rows.row(row).len()).sum();
    if used != rows.values.len() {
        // Values under rows that are null, or of other rows, would fail in their name.
        let all: UInt32Array = (0..call.rows as u32).collect();
        let compact = Column {
            data_type: column.data_type,
            values: take(lists, &all, None).ok()?,
        };
        if Rows::new(&compact).values.len() == used {
            return each(kernel, call, &compact, failures);
        }
    }
    let flat = Column {
        data_type: column.data_type,
        values: rows.values.clone(),
    };
    let mut inner = call.clone();
    inner.rows = flat.values.len();
    let values = kernel(&inner, &flat, failures)?;
    let mut builder = Picks::new(call.rows);
    for row in 0..call.rows {
        builder.row(rows.row(row).filter(|index| values.is_valid(*index)));
    }
    builder.finish(&values)
}

/// Rows made of values picked from a flat array.
pub(super) struct Picks {
    indexes: Vec<u32>,
    lengths: Vec<usize>,
    several: bool,
}

impl Picks {
    pub fn new(rows: usize) -> Self {
        Self {
            indexes: Vec::with_capacity(rows),
            lengths: Vec::with_capacity(rows),
            several: false,
        }
    }

    /// The next row's values; none is null.
    pub fn row(&mut self, indexes: impl IntoIterator<Item = usize>) {
        let before = self.indexes.len();
        self.indexes
            .extend(indexes.into_iter().map(|index| index as u32));
        let length = self.indexes.len() - before;
        self.several |= length > 1;
        self.lengths.push(length);
    }

    /// A scalar array where no row has several values.
    pub fn finish(self, values: &ArrayRef) -> Option<ArrayRef> {
        if self.several {
            let taken = take(values, &UInt32Array::from(self.indexes), None).ok()?;
            return from_lengths(taken, &self.lengths);
        }
        let mut next = self.indexes.into_iter();
        let indexes: Vec<Option<u32>> = self
            .lengths
            .iter()
            .map(|length| if *length == 1 { next.next() } else { None })
            .collect();
        take(values, &UInt32Array::from(indexes), None).ok()
    }
}

/// A list array from flat values and the number of values in each row.
pub(super) fn from_lengths(values: ArrayRef, lengths: &[usize]) -> Option<ArrayRef> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    let nulls: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
    let array = ListArray::try_new(field, offsets, values, Some(nulls)).ok()?;
    Some(Arc::new(array))
}
