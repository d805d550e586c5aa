//! Vectors: conversion, magnitude and similarity.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, ListArray};
use arrow::datatypes::Float32Type;

use super::arrays::{texts, to_doubles};
use super::conditional::listed;
use super::entry::{Entry, Failures, Kernel};
use super::lists::{Rows, from_lengths};
use super::signature::{Count, VECTOR, fixed};
use super::{Argument, Call, Column};
use crate::datatype::DataType;

/// A similarity of two vectors.
macro_rules! similarity {
    ($name:literal, $f:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: two_vectors,
            kernel: Kernel::Whole(|call, arguments, failures| {
                compare(call, arguments, failures, $f)
            }),
        }
    };
}

pub(super) static ENTRIES: [Entry; 6] = [
    similarity!(
        "V_COSINE",
        cosine,
        "The cosine similarity of two vectors, scaled to 0 to 1."
    ),
    similarity!(
        "V_DOT_PRODUCT",
        dot_product,
        "The dot product of two vectors, scaled to 0 to 1."
    ),
    similarity!(
        "V_L1_NORM",
        l1_norm,
        "The sum of the distances in each dimension."
    ),
    similarity!("V_L2_NORM", l2_norm, "The distance of two vectors."),
    similarity!(
        "V_HAMMING",
        hamming,
        "How many bits differ in two vectors of bytes."
    ),
    Entry {
        name: "V_MAGNITUDE",
        aliases: &[],
        summary: "The length of a vector: the root of the sum of its squares.",
        resolve: |text, arguments| fixed(text, arguments, Count::One, &[VECTOR], DataType::Double),
        kernel: Kernel::Whole(magnitude),
    },
];

fn two_vectors(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    fixed(
        text,
        arguments,
        Count::Two,
        &[VECTOR, VECTOR],
        DataType::Double,
    )
}

fn pairs(left: &[f32], right: &[f32]) -> impl Iterator<Item = (f64, f64)> {
    left.iter()
        .zip(right)
        .map(|(left, right)| (f64::from(*left), f64::from(*right)))
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    pairs(left, right).map(|(left, right)| left * right).sum()
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let norms = (dot(left, left) * dot(right, right)).sqrt();
    (1.0 + dot(left, right) / norms) / 2.0
}

fn dot_product(left: &[f32], right: &[f32]) -> f64 {
    (1.0 + dot(left, right)) / 2.0
}

fn l1_norm(left: &[f32], right: &[f32]) -> f64 {
    pairs(left, right)
        .map(|(left, right)| (left - right).abs())
        .sum()
}

fn l2_norm(left: &[f32], right: &[f32]) -> f64 {
    pairs(left, right)
        .map(|(left, right)| (left - right).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// Each element is a byte, as Java narrows a float: towards zero, then the lowest eight bits.
fn hamming(left: &[f32], right: &[f32]) -> f64 {
    let byte = |value: f32| value as i32 as u8;
    left.iter()
        .zip(right)
        .map(|(left, right)| f64::from((byte(*left) ^ byte(*right)).count_ones()))
        .sum()
}

/// The elements of a row's vector.
fn elements<'a>(list: &ListArray, values: &'a Float32Array, row: usize) -> &'a [f32] {
    let offsets = list.value_offsets();
    &values.values()[offsets[row] as usize..offsets[row + 1] as usize]
}

fn magnitude(call: &Call<'_>, arguments: &[Column], _: &mut Failures) -> Option<ArrayRef> {
    let vectors: &ListArray = arguments.first()?.values.as_list_opt::<i32>()?;
    let values: &Float32Array = vectors.values().as_primitive_opt::<Float32Type>()?;
    let one = |row: usize| {
        let vector = elements(vectors, values, row);
        vectors.is_valid(row).then(|| dot(vector, vector).sqrt())
    };
    Some(Arc::new((0..call.rows).map(one).collect::<Float64Array>()))
}

fn compare(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
    similarity: fn(&[f32], &[f32]) -> f64,
) -> Option<ArrayRef> {
    let left: &ListArray = arguments.first()?.values.as_list_opt::<i32>()?;
    let right: &ListArray = arguments.get(1)?.values.as_list_opt::<i32>()?;
    let left_values: &Float32Array = left.values().as_primitive_opt::<Float32Type>()?;
    let right_values: &Float32Array = right.values().as_primitive_opt::<Float32Type>()?;
    let mut one = |row: usize| {
        if left.is_null(row) || right.is_null(row) {
            return None;
        }
        let (one, other) = (
            elements(left, left_values, row),
            elements(right, right_values, row),
        );
        if one.len() != other.len() {
            failures.illegal("Vectors must have the same dimensions");
            return None;
        }
        let similarity = similarity(one, other);
        similarity.is_finite().then_some(similarity)
    };
    Some(Arc::new(
        (0..call.rows).map(&mut one).collect::<Float64Array>(),
    ))
}

/// Numbers become the vector's elements; a string is hexadecimal, a byte an element.
pub(super) fn to_vector(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let column = arguments.first()?;
    if column.data_type == DataType::DenseVector {
        return Some(column.values.clone());
    }
    if column.data_type.is_string() {
        let columns = super::lists::single(arguments, call.rows, failures)?;
        return from_hexadecimal(texts(&columns.first()?.values)?, failures);
    }
    let rows = Rows::new(&Column {
        data_type: column.data_type,
        values: listed(column)?,
    });
    let numbers = to_doubles(&rows.values)?;
    let mut values = Vec::with_capacity(numbers.len());
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let range = rows.row(row);
        lengths.push(range.len());
        values.extend(range.map(|index| numbers.value(index) as f32));
    }
    from_lengths(Arc::new(Float32Array::from(values)), &lengths)
}

fn from_hexadecimal(
    texts: &arrow::array::StringArray,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let mut values = Vec::new();
    let mut lengths = Vec::with_capacity(texts.len());
    for text in texts {
        let bytes = text.and_then(|text| {
            let bytes = hex::decode(text);
            if bytes.is_err() {
                failures.illegal(&format!("{text} is not a valid hex string"));
            }
            bytes.ok()
        });
        let bytes = bytes.unwrap_or_default();
        lengths.push(bytes.len());
        values.extend(bytes.iter().map(|byte| f32::from(*byte as i8)));
    }
    from_lengths(Arc::new(Float32Array::from(values)), &lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarities() {
        let (one, other) = ([1.0, 0.0], [0.0, 2.0]);
        assert_eq!(cosine(&one, &other), 0.5);
        assert_eq!(cosine(&one, &one), 1.0);
        assert_eq!(dot_product(&other, &other), 2.5);
        assert_eq!(l1_norm(&one, &other), 3.0);
        assert_eq!(l2_norm(&one, &other), 5_f64.sqrt());
        assert_eq!(hamming(&[3.9, -1.0], &[0.0, 0.0]), 10.0);
    }
}
