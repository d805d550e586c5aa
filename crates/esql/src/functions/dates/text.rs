//! Dates to text and back.

use arrow::array::{Array, ArrayRef, Int64Array};

use super::moments;
use crate::datatype::DataType::Date;
use crate::date::Moment;
use crate::date::pattern::{self, Format};
use crate::functions::arrays::{dated, texts, write_texts};
use crate::functions::entry::Failures;
use crate::functions::{Call, Column};

/// Of dates where no format is given, and of text.
const DEFAULT: &str = "strict_date_optional_time";

/// The last format: they are nearly always constants.
#[derive(Default)]
struct Known {
    last: Option<(String, Result<Format, String>)>,
}

impl Known {
    /// `Err` is a line of a warning.
    fn get(&mut self, text: &str) -> Result<&Format, String> {
        if self.last.as_ref().is_none_or(|(known, _)| known != text) {
            self.last = Some((text.to_owned(), Format::new(text)));
        }
        match &self.last {
            Some((_, Ok(format))) => Ok(format),
            Some((_, Err(message))) => Err(message.clone()),
            None => Err(String::new()),
        }
    }
}

pub(super) fn date_format(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let (dates, moment) = moments(arguments.last()?)?;
    let formats = match arguments {
        [formats, _] => Some(texts(&formats.values)?),
        _ => None,
    };
    let mut known = Known::default();
    Some(write_texts(call.rows, |row, to| {
        if dates.is_null(row) || formats.is_some_and(|formats| formats.is_null(row)) {
            return false;
        }
        let text = formats.map_or(DEFAULT, |formats| formats.value(row));
        match known.get(text) {
            Ok(format) => {
                format.print(moment(dates.value(row)), to);
                true
            }
            Err(message) => {
                failures.illegal(&message);
                false
            }
        }
    }))
}

pub(super) fn date_parse(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.last()?.values)?;
    let formats = match arguments {
        [formats, _] => Some(texts(&formats.values)?),
        _ => None,
    };
    let mut known = Known::default();
    let mut one = |row: usize| {
        if strings.is_null(row) || formats.is_some_and(|formats| formats.is_null(row)) {
            return None;
        }
        let name = formats.map_or(DEFAULT, |formats| formats.value(row));
        let text = strings.value(row);
        if text.is_empty() {
            failures.illegal("cannot parse empty datetime");
            return None;
        }
        let parsed = known.get(name).and_then(|format| {
            format
                .parse(text)
                .and_then(Moment::ms)
                .ok_or_else(|| format!("failed to parse date field [{text}] with format [{name}]"))
        });
        parsed.map_err(|message| failures.illegal(&message)).ok()
    };
    let values: Int64Array = (0..call.rows).map(&mut one).collect();
    dated(values, &Date.arrow())
}

pub(super) fn day_name(
    call: &Call<'_>,
    arguments: &[Column],
    _: &mut Failures,
) -> Option<ArrayRef> {
    named(call, arguments, |moment| {
        pattern::weekday_name(moment.day().weekday())
    })
}

pub(super) fn month_name(
    call: &Call<'_>,
    arguments: &[Column],
    _: &mut Failures,
) -> Option<ArrayRef> {
    named(call, arguments, |moment| {
        pattern::month_name(moment.day().month)
    })
}

fn named(
    call: &Call<'_>,
    arguments: &[Column],
    name: fn(Moment) -> &'static str,
) -> Option<ArrayRef> {
    let (dates, moment) = moments(arguments.first()?)?;
    Some(write_texts(call.rows, |row, to| {
        let valid = dates.is_valid(row);
        if valid {
            to.push_str(name(moment(dates.value(row))));
        }
        valid
    }))
}
