//! `DATE_EXTRACT`: the fields of `java.time`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};

use super::moments;
use crate::date::{Moment, NANOS_PER_MS, NANOS_PER_SECOND};
use crate::functions::arrays::texts;
use crate::functions::entry::Failures;
use crate::functions::{Call, Column};

type Part = fn(Moment) -> i64;

/// A part by its name, in any case.
pub(in crate::functions) fn part(name: &str) -> Option<Part> {
    Some(match name.to_lowercase().as_str() {
        "aligned_day_of_week_in_month" => |moment| i64::from((moment.day().day - 1) % 7 + 1),
        "aligned_day_of_week_in_year" => {
            |moment| i64::from((moment.day().day_of_year() - 1) % 7 + 1)
        }
        "aligned_week_of_month" => |moment| i64::from((moment.day().day - 1) / 7 + 1),
        "aligned_week_of_year" => |moment| i64::from((moment.day().day_of_year() - 1) / 7 + 1),
        "ampm_of_day" => |moment| moment.hour() / 12,
        "clock_hour_of_ampm" => |moment| (moment.hour() % 12 + 11) % 12 + 1,
        "clock_hour_of_day" => |moment| (moment.hour() + 23) % 24 + 1,
        "day_of_month" => |moment| i64::from(moment.day().day),
        "day_of_week" => |moment| i64::from(moment.day().weekday()),
        "day_of_year" => |moment| i64::from(moment.day().day_of_year()),
        "epoch_day" => |moment| moment.epoch_day,
        "era" => |moment| i64::from(moment.day().year > 0),
        "hour_of_ampm" => |moment| moment.hour() % 12,
        "hour_of_day" => Moment::hour,
        "instant_seconds" => {
            |moment| (moment.wide_nanos().div_euclid(i128::from(NANOS_PER_SECOND))) as i64
        }
        "micro_of_day" => |moment| moment.nano_of_day / 1_000,
        "micro_of_second" => |moment| moment.nano() / 1_000,
        "milli_of_day" => |moment| moment.nano_of_day / NANOS_PER_MS,
        "milli_of_second" => |moment| moment.nano() / NANOS_PER_MS,
        "minute_of_day" => |moment| moment.hour() * 60 + moment.minute(),
        "minute_of_hour" => Moment::minute,
        "month_of_year" => |moment| i64::from(moment.day().month),
        "nano_of_day" => |moment| moment.nano_of_day,
        "nano_of_second" => Moment::nano,
        "offset_seconds" => |_| 0,
        "proleptic_month" => |moment| moment.day().year * 12 + i64::from(moment.day().month) - 1,
        "second_of_day" => |moment| moment.nano_of_day / NANOS_PER_SECOND,
        "second_of_minute" => Moment::second,
        "year" => |moment| moment.day().year,
        "year_of_era" => |moment| {
            let year = moment.day().year;
            if year > 0 { year } else { 1 - year }
        },
        _ => return None,
    })
}

pub(super) fn date_extract(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let names = texts(&arguments.first()?.values)?;
    let (dates, moment) = moments(arguments.get(1)?)?;
    let mut known: Option<(&str, Option<Part>)> = None;
    let mut results = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if names.is_null(row) || dates.is_null(row) {
            results.push(None);
            continue;
        }
        let name = names.value(row);
        if known.is_none_or(|(text, _)| text != name) {
            known = Some((name, part(name)));
        }
        let found = known.and_then(|(_, part)| part);
        if found.is_none() {
            failures.illegal(&format!(
                "No enum constant java.time.temporal.ChronoField.{}",
                name.to_uppercase()
            ));
        }
        results.push(found.map(|part| part(moment(dates.value(row)))));
    }
    Some(Arc::new(Int64Array::from(results)))
}
