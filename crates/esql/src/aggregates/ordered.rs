//! Aggregates that pick values of any type: `MIN`, `MAX`, `VALUES`, `TOP`, `SAMPLE`,
//! `FIRST`, `LAST`.
//!
//! Values are held as comparable bytes, whose order is the order of the values; so one
//! implementation does for all types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType as Arrow, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use indexmap::IndexSet;

use super::fold::{Fold, Rows};
use super::spread::Spread;

type Bytes = Box<[u8]>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    Least,
    Greatest,
    /// All different values, in the order in which they were seen.
    Different,
    /// That many, sorted, greatest first if so wanted.
    Top {
        limit: usize,
        descending: bool,
    },
    /// That many, chosen by chance.
    Sample {
        limit: usize,
    },
    /// The value where the second argument is least, or greatest.
    At {
        greatest: bool,
    },
}

#[derive(Debug, Clone, Default)]
struct Group {
    values: IndexSet<Bytes>,
    /// Of `TOP`, `SAMPLE` and single values.
    list: Vec<Bytes>,
    /// Values that were seen, for a fair sample.
    seen: u64,
}

pub struct Picked {
    groups: Vec<Group>,
    held: usize,
    pick: Pick,
    converter: RowConverter,
    element: Arrow,
    /// Of the second argument of `FIRST` and `LAST`.
    order: Option<(RowConverter, Arrow)>,
    chance: u64,
}

impl Picked {
    /// `element` is the scalar type of the first argument, `order` that of the second.
    pub fn new(pick: Pick, element: Arrow, order: Option<Arrow>) -> Result<Self> {
        let order = match order {
            Some(order) => {
                let field = SortField::new(order.clone());
                Some((RowConverter::new(vec![field])?, order))
            }
            None => None,
        };
        Ok(Self {
            groups: Vec::new(),
            held: 0,
            pick,
            converter: RowConverter::new(vec![SortField::new(element.clone())])?,
            element,
            order,
            // Any odd number: a sample need not be secret, and is the same for the same rows.
            chance: 0x9E37_79B9_7F4A_7C15,
        })
    }

    fn next_chance(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }

    fn put(&mut self, group: usize, value: &[u8]) {
        let chance = match self.pick {
            Pick::Sample { .. } => self.next_chance(),
            _ => 0,
        };
        let pick = self.pick;
        let entry = &mut self.groups[group];
        let grown = match pick {
            Pick::Least => keep_one(&mut entry.list, value, |new, old| new < old),
            Pick::Greatest | Pick::At { .. } => {
                keep_one(&mut entry.list, value, |new, old| new > old)
            }
            Pick::Different => !entry.values.contains(value) && entry.values.insert(value.into()),
            Pick::Top { limit, descending } => keep_top(&mut entry.list, value, limit, descending),
            Pick::Sample { limit } => {
                entry.seen += 1;
                if entry.list.len() < limit {
                    entry.list.push(value.into());
                    true
                } else {
                    let place = (chance % entry.seen) as usize;
                    if let Some(slot) = entry.list.get_mut(place) {
                        *slot = value.into();
                    }
                    false
                }
            }
        };
        if grown {
            // The box, its place in the list and, in a set, the hash.
            self.held += value.len() + 4 * size_of::<usize>();
        }
    }

    fn lists(&mut self, emit: EmitTo) -> Vec<Vec<Bytes>> {
        let groups = emit.take_needed(&mut self.groups);
        if self.groups.is_empty() {
            self.held = 0;
        }
        groups
            .into_iter()
            .map(|group| {
                if group.values.is_empty() {
                    group.list
                } else {
                    group.values.into_iter().collect()
                }
            })
            .collect()
    }

    fn decoded(&self, rows: &[Bytes]) -> Result<ArrayRef> {
        if rows.is_empty() {
            return Ok(arrow::array::new_empty_array(&self.element));
        }
        let parser = self.converter.parser();
        let columns = self
            .converter
            .convert_rows(rows.iter().map(|row| parser.parse(row)))?;
        Ok(columns
            .into_iter()
            .next()
            .unwrap_or_else(|| arrow::array::new_empty_array(&self.element)))
    }

    /// One value or null a group.
    fn single(&self, lists: &[Vec<Bytes>]) -> Result<ArrayRef> {
        let present: Vec<Bytes> = lists
            .iter()
            .filter_map(|list| list.first().map(|bytes| self.without_order(bytes)))
            .collect();
        let values = self.decoded(&present)?;
        let mut next = 0;
        let indices: arrow::array::UInt32Array = lists
            .iter()
            .map(|list| {
                list.first().map(|_| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        Ok(arrow::compute::take(&values, &indices, None)?)
    }

    /// `FIRST` and `LAST` hold `length of the order, order, value`.
    fn without_order(&self, bytes: &Bytes) -> Bytes {
        if self.order.is_none() {
            return bytes.clone();
        }
        let (length, rest) = bytes.split_at(bytes.len() - size_of::<u32>());
        let mut order = [0; size_of::<u32>()];
        order.copy_from_slice(rest);
        let order = u32::from_le_bytes(order) as usize;
        length[order..].into()
    }

    fn several(&self, lists: &[Vec<Bytes>]) -> Result<ArrayRef> {
        let flat: Vec<Bytes> = lists.iter().flatten().cloned().collect();
        let values = self.decoded(&flat)?;
        let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
        let nulls: NullBuffer = lists.iter().map(|list| !list.is_empty()).collect();
        let field = Arc::new(Field::new_list_field(self.element.clone(), false));
        Ok(Arc::new(ListArray::try_new(
            field,
            offsets,
            values,
            Some(nulls),
        )?))
    }

    fn add_at(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>, greatest: bool) -> Result<()> {
        let value = Spread::of(&arguments[0]);
        let order = Spread::of(&arguments[1]);
        let Some((converter, _)) = &self.order else {
            return Ok(());
        };
        let values = self
            .converter
            .convert_columns(std::slice::from_ref(&value.values))?;
        let orders = converter.convert_columns(std::slice::from_ref(&order.values))?;
        rows.each(|row, group| {
            let mut at: Option<usize> = None;
            order.row(row, |index| {
                let closer =
                    at.is_none_or(|known| (orders.row(index) > orders.row(known)) == greatest);
                if closer {
                    at = Some(index);
                }
            });
            let mut first = None;
            value.row(row, |index| {
                first.get_or_insert(index);
            });
            if let (Some(at), Some(first)) = (at, first) {
                let key = orders.row(at);
                // The least is the greatest of the inverted bytes.
                let mut bytes: Vec<u8> = if greatest {
                    key.as_ref().to_vec()
                } else {
                    key.as_ref().iter().map(|byte| !byte).collect()
                };
                let length = bytes.len() as u32;
                bytes.extend_from_slice(values.row(first).as_ref());
                bytes.extend_from_slice(&length.to_le_bytes());
                self.put(group, &bytes);
            }
        });
        Ok(())
    }
}

/// Whether the list has grown.
fn keep_one(list: &mut Vec<Bytes>, value: &[u8], better: fn(&[u8], &[u8]) -> bool) -> bool {
    match list.first_mut() {
        None => {
            list.push(value.into());
            true
        }
        Some(known) => {
            if better(value, known) {
                *known = value.into();
            }
            false
        }
    }
}

fn keep_top(list: &mut Vec<Bytes>, value: &[u8], limit: usize, descending: bool) -> bool {
    let before = |known: &Bytes| {
        if descending {
            known.as_ref() >= value
        } else {
            known.as_ref() <= value
        }
    };
    let place = list.partition_point(before);
    if place >= limit {
        return false;
    }
    list.insert(place, value.into());
    if list.len() > limit {
        list.pop();
        return false;
    }
    true
}

impl Fold for Picked {
    fn grow(&mut self, groups: usize) {
        self.groups.resize(groups, Group::default());
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<()> {
        if *arguments[0].data_type() == Arrow::Null {
            return Ok(());
        }
        if let Pick::At { greatest } = self.pick {
            return self.add_at(arguments, rows, greatest);
        }
        let spread = Spread::of(&arguments[0]);
        let encoded = self
            .converter
            .convert_columns(std::slice::from_ref(&spread.values))?;
        rows.each(|row, group| {
            spread.row(row, |index| self.put(group, encoded.row(index).as_ref()));
        });
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let lists = self.lists(emit);
        let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
        let flat: Vec<&Bytes> = lists.iter().flatten().collect();
        let values = BinaryArray::from_iter_values(flat);
        let field = Arc::new(Field::new_list_field(Arrow::Binary, true));
        let values = Arc::new(values);
        Ok(vec![Arc::new(ListArray::try_new(
            field, offsets, values, None,
        )?)])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let lists = states[0].as_list::<i32>();
        let values = lists.values().as_binary::<i32>();
        let offsets = lists.offsets();
        for (row, group) in groups.iter().enumerate() {
            for index in offsets[row] as usize..offsets[row + 1] as usize {
                self.put(*group, values.value(index));
            }
        }
        Ok(())
    }

    fn result(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let lists = self.lists(emit);
        match self.pick {
            Pick::Least | Pick::Greatest | Pick::At { .. } => self.single(&lists),
            Pick::Different | Pick::Top { .. } | Pick::Sample { .. } => self.several(&lists),
        }
    }

    fn size(&self) -> usize {
        self.held + self.groups.capacity() * size_of::<Group>()
    }

    fn fresh(&self) -> Box<dyn Fold> {
        let order = self.order.as_ref().map(|(_, order)| order.clone());
        // The same types were accepted when this one was made.
        match Self::new(self.pick, self.element.clone(), order) {
            Ok(fresh) => Box::new(fresh),
            Err(_) => Box::new(super::numbers::Count {
                counts: Vec::new(),
                all_rows: false,
                only: None,
            }),
        }
    }
}
