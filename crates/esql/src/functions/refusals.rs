//! Calls whose constant arguments can never do.

use super::arrays::{ints, texts};
use super::dates::part;
use super::multivalue::bad_slice;
use super::{Argument, digest, regexes};
use crate::date::difference::Unit;
use crate::date::pattern::Format;
use crate::error::Error;

/// The error that Elasticsearch answers the whole query with.
pub(super) fn refuse(name: &str, text: &str, arguments: &[Argument]) -> Option<Error> {
    match name {
        "SPACE" => negative(arguments.first()?),
        "REPEAT" => negative(arguments.get(1)?),
        "REPLACE" => {
            let reason = regexes::complaint(string(arguments.get(1)?)?)?;
            request("pattern_syntax_exception", reason)
        }
        "MV_SLICE" => {
            let start = integer(arguments.get(1)?)?;
            let end = arguments.get(2).map_or(Some(start), integer)?;
            request(
                "invalid_argument_exception",
                bad_slice(start, end)?.to_owned(),
            )
        }
        "MV_SORT" => {
            let order = string(arguments.get(1)?)?;
            if ["asc", "desc"].contains(&order.to_lowercase().as_str()) {
                return None;
            }
            let reason = format!(
                "Invalid order value in [{text}], expected one of [ASC, DESC] but got [{order}]"
            );
            Some(Error::IllegalArgument(reason))
        }
        "DATE_EXTRACT" => {
            let name = string(arguments.first()?)?;
            if part(name).is_some() {
                return None;
            }
            let reason = format!("invalid date field for [{text}]: {name}");
            request("invalid_argument_exception", reason)
        }
        "DATE_DIFF" => {
            let reason = Unit::named(string(arguments.first()?)?).err()?;
            let reason = format!("invalid unit format for [{text}]: {reason}");
            request("invalid_argument_exception", reason)
        }
        "DATE_FORMAT" | "DATE_PARSE" if arguments.len() == 2 => {
            let reason = Format::new(string(arguments.first()?)?).err()?;
            Some(Error::IllegalArgument(reason))
        }
        "HASH" => {
            let name = string(arguments.first()?)?;
            if digest::algorithm(name).is_some() {
                return None;
            }
            let reason =
                format!("invalid algorithm for [{text}]: {name} MessageDigest not available");
            request("invalid_argument_exception", reason)
        }
        _ => None,
    }
}

fn request(kind: &'static str, reason: String) -> Option<Error> {
    Some(Error::Request { kind, reason })
}

fn negative(count: &Argument) -> Option<Error> {
    let count = integer(count)?;
    (count < 0).then(|| {
        Error::IllegalArgument(format!(
            "Number parameter cannot be negative, found [{count}]"
        ))
    })
}

/// A constant string with one value.
fn string(argument: &Argument) -> Option<&str> {
    let values = texts(&argument.constant.as_ref()?.values)?;
    values.iter().next().flatten()
}

/// A constant integer with one value.
fn integer(argument: &Argument) -> Option<i32> {
    let values = ints(&argument.constant.as_ref()?.values)?;
    values.iter().next().flatten()
}
