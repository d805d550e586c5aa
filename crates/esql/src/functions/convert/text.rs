//! Conversions to strings, addresses and versions.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder};

use super::{Call, Column, Failures, unchanged};
use crate::functions::arrays::{texts, write_texts};
use crate::functions::ip::{self, LeadingZeros};
use crate::functions::{render, version};

pub(super) fn to_string(call: &Call<'_>, column: &Column, _: &mut Failures) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    let printer = render::Printer::new(column)?;
    Some(write_texts(column.values.len(), |row, to| {
        let valid = column.values.is_valid(row);
        if valid {
            printer.write(row, to);
        }
        valid
    }))
}

pub(super) fn to_lower(_: &Call<'_>, column: &Column, _: &mut Failures) -> Option<ArrayRef> {
    changed(column, |text, to| {
        if text.is_ascii() {
            to.push_str(text);
            to.make_ascii_lowercase();
        } else {
            let _ = write!(to, "{}", text.to_lowercase());
        }
    })
}

pub(super) fn to_upper(_: &Call<'_>, column: &Column, _: &mut Failures) -> Option<ArrayRef> {
    changed(column, |text, to| {
        if text.is_ascii() {
            to.push_str(text);
            to.make_ascii_uppercase();
        } else {
            let _ = write!(to, "{}", text.to_uppercase());
        }
    })
}

fn changed(column: &Column, change: impl Fn(&str, &mut String)) -> Option<ArrayRef> {
    let texts = texts(&column.values)?;
    Some(write_texts(texts.len(), |row, to| {
        let valid = texts.is_valid(row);
        if valid {
            change(texts.value(row), to);
        }
        valid
    }))
}

pub(super) fn to_ip(call: &Call<'_>, column: &Column, failures: &mut Failures) -> Option<ArrayRef> {
    addresses(call, column, LeadingZeros::Reject, failures)
}

pub(super) fn to_ip_octal(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    addresses(call, column, LeadingZeros::Octal, failures)
}

pub(super) fn to_ip_decimal(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    addresses(call, column, LeadingZeros::Decimal, failures)
}

fn addresses(
    call: &Call<'_>,
    column: &Column,
    zeros: LeadingZeros,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    let texts = texts(&column.values)?;
    let mut builder = BinaryBuilder::with_capacity(texts.len(), texts.len() * 16);
    for text in texts {
        let Some(text) = text else {
            builder.append_null();
            continue;
        };
        match ip::parse(text, zeros) {
            Some(address) => builder.append_value(address),
            None => {
                failures.illegal(&format!("'{text}' is not an IP string literal."));
                builder.append_null();
            }
        }
    }
    Some(Arc::new(builder.finish()))
}

pub(super) fn to_version(call: &Call<'_>, column: &Column, _: &mut Failures) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    let texts = texts(&column.values)?;
    let mut builder = BinaryBuilder::with_capacity(texts.len(), texts.len() * 12);
    for text in texts {
        match text {
            Some(text) => builder.append_value(version::encode(text)),
            None => builder.append_null(),
        }
    }
    Some(Arc::new(builder.finish()))
}
