//! Columns while they grow: values flat, and how many each row has.
//!
//! Every type that a mapping may have: see [`super::definition`].

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
    ListArray, StringArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Field as ArrowField;
use esql::DataType;

/// One value, ready for its column.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Double(f64),
    Text(String),
    /// Of addresses and versions, in the engine's own form.
    Bytes(Vec<u8>),
}

impl Scalar {
    /// Several values of one row lie in the order of doc values: sorted, keywords once each.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Double(a), Self::Double(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Unsigned(a), Self::Unsigned(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            _ => std::cmp::Ordering::Equal,
        }
    }
}

/// The values of all rows, one after the other.
#[derive(Debug)]
enum Flat {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bytes { bytes: Vec<u8>, ends: Vec<i32> },
}

/// A growing column.
#[derive(Debug)]
pub struct Column {
    data_type: DataType,
    flat: Flat,
    /// Values per row; rows after the last one with a value are not here yet.
    counts: Vec<u32>,
    several: bool,
}

impl Column {
    pub fn new(data_type: DataType) -> Self {
        let flat = match data_type {
            DataType::Boolean => Flat::Bool(Vec::new()),
            DataType::Long
            | DataType::Integer
            | DataType::UnsignedLong
            | DataType::Date
            | DataType::DateNanos => Flat::Int(Vec::new()),
            DataType::Double | DataType::DenseVector => Flat::Double(Vec::new()),
            _ => Flat::Bytes {
                bytes: Vec::new(),
                ends: vec![0],
            },
        };
        Self {
            data_type,
            flat,
            counts: Vec::new(),
            several: data_type == DataType::DenseVector,
        }
    }

    /// Adds a value to row number `row`; rows come in order.
    pub fn push(&mut self, row: usize, value: &Scalar) {
        match (&mut self.flat, value) {
            (Flat::Bool(values), Scalar::Bool(value)) => values.push(*value),
            (Flat::Int(values), Scalar::Int(value)) => values.push(*value),
            // The bits: `array` takes them for what they are.
            (Flat::Int(values), Scalar::Unsigned(value)) => values.push(*value as i64),
            (Flat::Double(values), Scalar::Double(value)) => values.push(*value),
            (Flat::Bytes { bytes, ends }, Scalar::Text(text)) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len() as i32);
            }
            (Flat::Bytes { bytes, ends }, Scalar::Bytes(value)) => {
                bytes.extend_from_slice(value);
                ends.push(bytes.len() as i32);
            }
            // `document::coerce` gives each column its own kind of value only.
            _ => return,
        }
        if self.counts.len() <= row {
            self.counts.resize(row + 1, 0);
        }
        self.counts[row] += 1;
        self.several |= self.counts[row] > 1;
    }

    /// The array of `rows` rows: scalar, or a list where some row has several values.
    pub fn finish(mut self, rows: usize) -> ArrayRef {
        self.counts.resize(rows, 0);
        if self.several {
            return self.finish_list();
        }
        let all = self.counts.iter().all(|&count| count == 1);
        let nulls =
            (!all).then(|| NullBuffer::from_iter(self.counts.iter().map(|&count| count == 1)));
        if !all {
            self.spread();
        }
        array(self.data_type, self.flat, nulls)
    }

    fn finish_list(self) -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths(self.counts.iter().map(|&count| count as usize));
        let nulls = NullBuffer::from_iter(self.counts.iter().map(|&count| count > 0));
        let values = array(self.data_type, self.flat, None);
        let item = Arc::new(ArrowField::new_list_field(
            values.data_type().clone(),
            false,
        ));
        Arc::new(ListArray::new(item, offsets, values, Some(nulls)))
    }

    /// Puts a place for every row without a value between the values.
    fn spread(&mut self) {
        fn gaps<T: Copy + Default>(values: &mut Vec<T>, counts: &[u32]) {
            let mut next = values.iter().copied();
            let spread: Vec<T> = counts
                .iter()
                .map(|&count| {
                    if count == 1 {
                        next.next().unwrap_or_default()
                    } else {
                        T::default()
                    }
                })
                .collect();
            *values = spread;
        }
        match &mut self.flat {
            Flat::Bool(values) => gaps(values, &self.counts),
            Flat::Int(values) => gaps(values, &self.counts),
            Flat::Double(values) => gaps(values, &self.counts),
            Flat::Bytes { ends, .. } => {
                let mut place = 0;
                let mut spread = Vec::with_capacity(self.counts.len() + 1);
                spread.push(0);
                for &count in &self.counts {
                    place += usize::from(count == 1);
                    spread.push(ends[place]);
                }
                *ends = spread;
            }
        }
    }
}

fn array(data_type: DataType, flat: Flat, nulls: Option<NullBuffer>) -> ArrayRef {
    match flat {
        Flat::Bool(values) => Arc::new(BooleanArray::new(values.into(), nulls)),
        Flat::Double(values) if data_type == DataType::DenseVector => {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Arc::new(Float32Array::new(values.into(), nulls))
        }
        Flat::Double(values) => Arc::new(Float64Array::new(values.into(), nulls)),
        Flat::Int(values) => match data_type {
            DataType::Date => Arc::new(TimestampMillisecondArray::new(values.into(), nulls)),
            DataType::DateNanos => Arc::new(TimestampNanosecondArray::new(values.into(), nulls)),
            DataType::Integer => {
                // `document::coerce` lets through what fits only.
                let values: Vec<i32> = values.into_iter().map(|value| value as i32).collect();
                Arc::new(Int32Array::new(values.into(), nulls))
            }
            DataType::UnsignedLong => {
                let values: Vec<u64> = values.into_iter().map(|value| value as u64).collect();
                Arc::new(UInt64Array::new(values.into(), nulls))
            }
            _ => Arc::new(Int64Array::new(values.into(), nulls)),
        },
        Flat::Bytes { bytes, ends } => {
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
            let bytes = Buffer::from_vec(bytes);
            match data_type {
                DataType::Ip | DataType::Version => {
                    Arc::new(BinaryArray::new(offsets, bytes, nulls))
                }
                _ => Arc::new(StringArray::new(offsets, bytes, nulls)),
            }
        }
    }
}
