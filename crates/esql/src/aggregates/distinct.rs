//! `COUNT_DISTINCT`: how many different values there are.
//!
//! A value is known again by 128 bits of its hash. Two different ones of a billion have the same
//! with a probability of 1.5e-21; Elasticsearch counts exactly only up to a few thousand.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use ahash::RandomState;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType as Arrow, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use super::fold::{Fold, Rows};
use super::spread::Spread;

/// The same in every task: their states are merged. No caller can choose values for them, for what
/// is counted twice or not at all is only the caller's own number.
const SEEDS: [[u64; 4]; 2] = [
    [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
    [0xa409_3822, 0x299f_31d0, 0x082e_fa98, 0xec4e_6c89],
];
/// Bytes that a value of a set takes, with its share of empty places.
const HELD: usize = 24;

/// A hash is as good as any: its low half is its place.
#[derive(Default)]
struct Low(u64);

impl Hasher for Low {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

type Set = HashSet<u128, BuildHasherDefault<Low>>;

pub struct Distinct {
    groups: Vec<Set>,
    held: usize,
    hashers: [RandomState; 2],
    converter: RowConverter,
    element: Arrow,
}

impl Distinct {
    /// `element` is the scalar type of the argument.
    pub fn new(element: Arrow) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(element.clone())])?;
        Ok(Self {
            groups: Vec::new(),
            held: 0,
            hashers: SEEDS.map(|[a, b, c, d]| RandomState::with_seeds(a, b, c, d)),
            converter,
            element,
        })
    }

    fn hash(&self, value: &[u8]) -> u128 {
        let [low, high] = &self.hashers;
        u128::from(low.hash_one(value)) | u128::from(high.hash_one(value)) << 64
    }

    fn put(&mut self, group: usize, hash: u128) {
        if self.groups[group].insert(hash) {
            self.held += HELD;
        }
    }
}

impl Fold for Distinct {
    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups, Set::default);
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        let spread = Spread::of(&arguments[0]);
        if let Some(texts) = spread.values.as_string_opt::<i32>() {
            rows.each(|row, group| {
                spread.row(row, |index| {
                    let hash = self.hash(texts.value(index).as_bytes());
                    self.put(group, hash);
                });
            });
            return Ok(());
        }
        if *arguments[0].data_type() == Arrow::Null {
            return Ok(());
        }
        // Equal values have equal bytes there, whatever their type.
        let encoded = self
            .converter
            .convert_columns(std::slice::from_ref(&spread.values))?;
        rows.each(|row, group| {
            spread.row(row, |index| {
                let hash = self.hash(encoded.row(index).as_ref());
                self.put(group, hash);
            });
        });
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let sets = emit.take_needed(&mut self.groups);
        if self.groups.is_empty() {
            self.held = 0;
        }
        let offsets = OffsetBuffer::from_lengths(sets.iter().map(HashSet::len));
        let hashes: Vec<[u8; size_of::<u128>()]> = sets
            .iter()
            .flatten()
            .map(|hash| hash.to_le_bytes())
            .collect();
        let values = Arc::new(BinaryArray::from_iter_values(hashes));
        let field = Arc::new(Field::new_list_field(Arrow::Binary, true));
        Ok(vec![Arc::new(ListArray::try_new(
            field, offsets, values, None,
        )?)])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let lists = states[0].as_list::<i32>();
        let values = lists.values().as_binary::<i32>();
        let offsets = lists.offsets();
        for (row, group) in groups.iter().enumerate() {
            let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
            self.groups[*group].reserve(to - from);
            for index in from..to {
                let mut hash = [0; size_of::<u128>()];
                hash.copy_from_slice(values.value(index));
                self.put(*group, u128::from_le_bytes(hash));
            }
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sets = emit.take_needed(&mut self.groups);
        if self.groups.is_empty() {
            self.held = 0;
        }
        let counts = sets.iter().map(|set| set.len() as i64);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    fn size(&self) -> usize {
        self.held + self.groups.capacity() * size_of::<Set>()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        // The same type was accepted when this one was made.
        match Self::new(self.element.clone()) {
            Ok(fresh) => Box::new(fresh),
            Err(_) => Box::new(super::numbers::Count {
                counts: Vec::new(),
                all_rows: false,
                only: None,
            }),
        }
    }
}
