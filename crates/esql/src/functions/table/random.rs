//! No function panics, whatever is in its columns, and what it gives is what it promised.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray,
    NullArray, StringArray, UInt64Array,
};
use arrow::datatypes::Float32Type;
use proptest::prelude::*;

use super::entries;
use crate::ast::Span;
use crate::datatype::DataType;
use crate::functions::arrays::dated;
use crate::functions::lists::{Picks, is_multi};
use crate::functions::render::json_value;
use crate::functions::{Argument, Call, Column, Function, version};
use crate::warning::Warnings;

const ROWS: usize = 5;

const TYPES: [DataType; 15] = [
    DataType::Null,
    DataType::Boolean,
    DataType::Integer,
    DataType::Long,
    DataType::UnsignedLong,
    DataType::Double,
    DataType::Keyword,
    DataType::Text,
    DataType::Date,
    DataType::DateNanos,
    DataType::Ip,
    DataType::Version,
    DataType::DenseVector,
    DataType::DatePeriod,
    DataType::TimeDuration,
];

const TEXTS: [&str; 14] = [
    "",
    "abc",
    "10",
    "-1.5",
    "2024-01-01",
    "10.0.0.0/8",
    "[",
    "yyyy-MM-dd",
    "day",
    "year",
    "🚀é",
    "3 days",
    "%zz",
    "YQ==",
];

/// A small generator of odd values.
struct Odd(u64);

impl Odd {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 16
    }

    fn long(&mut self) -> i64 {
        let odd = [
            0,
            1,
            -1,
            2,
            7,
            100,
            i64::MAX,
            i64::MIN,
            1_700_000_000_000,
            -62_135_596_800_000,
        ];
        odd[self.next() as usize % odd.len()]
    }

    fn double(&mut self) -> f64 {
        let odd = [
            0.0,
            -0.0,
            1.0,
            -1.5,
            0.1,
            1e308,
            -1e308,
            f64::NAN,
            f64::INFINITY,
            5e-324,
        ];
        odd[self.next() as usize % odd.len()]
    }

    fn texts(&mut self, count: usize) -> Vec<&'static str> {
        (0..count)
            .map(|_| TEXTS[self.next() as usize % TEXTS.len()])
            .collect()
    }

    fn flat(&mut self, data_type: DataType, count: usize) -> Option<ArrayRef> {
        let longs: Vec<i64> = (0..count).map(|_| self.long()).collect();
        Some(match data_type {
            DataType::Null => Arc::new(NullArray::new(count)),
            DataType::Boolean => Arc::new(BooleanArray::from_iter(
                longs.iter().map(|value| Some(*value > 0)),
            )),
            DataType::Integer => Arc::new(Int32Array::from_iter_values(
                longs.iter().map(|value| *value as i32),
            )),
            DataType::UnsignedLong => Arc::new(UInt64Array::from_iter_values(
                longs.iter().map(|value| *value as u64),
            )),
            DataType::Double => Arc::new(Float64Array::from_iter_values(
                (0..count).map(|_| self.double()),
            )),
            DataType::Keyword | DataType::Text => Arc::new(StringArray::from(self.texts(count))),
            DataType::Date | DataType::DateNanos => {
                dated(Int64Array::from(longs), &data_type.arrow())?
            }
            DataType::Ip => Arc::new(BinaryArray::from_iter_values(
                longs
                    .iter()
                    .map(|value| u128::from(*value as u64).to_be_bytes()),
            )),
            DataType::Version => {
                let texts = self.texts(count);
                Arc::new(BinaryArray::from_iter_values(
                    texts.iter().map(|text| version::encode(text)),
                ))
            }
            DataType::DenseVector => {
                let rows = longs
                    .iter()
                    .map(|value| Some(vec![Some(*value as f32), Some(1.0)]));
                let list = ListArray::from_iter_primitive::<Float32Type, _, _>(rows);
                arrow::compute::cast(&list, &data_type.arrow()).ok()?
            }
            _ => Arc::new(Int64Array::from(longs)),
        })
    }

    /// A column with nulls, and perhaps with several values a row.
    fn column(&mut self, data_type: DataType) -> Option<Column> {
        let flat = self.flat(data_type, ROWS * 3)?;
        let multi = self.next().is_multiple_of(2) && !data_type.is_span();
        let mut picks = Picks::new(ROWS);
        for row in 0..ROWS {
            let length = self.next() as usize % if multi { 4 } else { 2 };
            picks.row(row * 3..row * 3 + length);
        }
        let vectors = data_type == DataType::DenseVector || data_type == DataType::Null;
        let values = if vectors {
            flat.slice(0, ROWS)
        } else {
            picks.finish(&flat)?
        };
        Some(Column { data_type, values })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_panics(seed: u64) {
        let mut odd = Odd(seed);
        for entry in entries() {
            let count = odd.next() as usize % 5;
            let chosen = TYPES[odd.next() as usize % TYPES.len()];
            let columns: Option<Vec<Column>> = (0..count)
                .map(|_| {
                    let other = TYPES[odd.next() as usize % TYPES.len()];
                    let alike = odd.next().is_multiple_of(2);
                    odd.column(if alike { chosen } else { other })
                })
                .collect();
            let columns = columns.unwrap_or_default();
            let arguments: Vec<Argument> = columns
                .iter()
                .map(|column| Argument {
                    data_type: column.data_type,
                    text: "x".to_owned(),
                    span: Span::default(),
                    constant: Some(column.clone()),
                })
                .collect();
            let _ = entry.refuse("f(x)", &arguments);
            let Ok(result) = entry.resolve("f(x)", &arguments) else { continue };
            let warnings = Warnings::default();
            let call = Call {
                text: "f(x)",
                span: Span::default(),
                warnings: &warnings,
                now_ms: 0,
                result,
                rows: ROWS,
            };
            let column = entry.evaluate(&call, &columns);
            prop_assert_eq!(column.values.len(), ROWS, "{}", entry.name);
            let promised = *column.values.data_type() == result.arrow()
                || is_multi(&column.values, result);
            prop_assert!(promised, "{}", entry.name);
            for row in 0..ROWS {
                json_value(&column, row);
            }
        }
    }
}
