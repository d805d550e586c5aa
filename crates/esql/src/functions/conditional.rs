//! `CASE`, `COALESCE`, `GREATEST` and `LEAST`.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, make_comparator, new_null_array};
use arrow::compute::{SortOptions, cast, interleave};

use super::arrays::booleans;
use super::entry::{Entry, Failures, Kernel};
use super::lists::{Rows, from_lengths, is_multi};
use super::signature::{Count, count, no_text, ordinal, wrong};
use super::{Argument, Call, Column, multivalue};
use crate::datatype::DataType;

pub(super) static ENTRIES: [Entry; 2] = [
    Entry {
        name: "CASE",
        aliases: &[],
        summary: "The value behind the first condition that is true.",
        resolve: resolve_case,
        kernel: Kernel::Whole(case),
    },
    Entry {
        name: "COALESCE",
        aliases: &[],
        summary: "The first of the values that isn't null.",
        resolve: |text, arguments| {
            count(text, arguments, Count::OneOrMore)?;
            one_type(text, arguments.iter().enumerate())
        },
        kernel: Kernel::Whole(|call, arguments, _| coalesce(call, arguments)),
    },
];

/// The one type of all the arguments; null fits all.
fn one_type<'a>(
    text: &str,
    arguments: impl Iterator<Item = (usize, &'a Argument)>,
) -> Result<DataType, String> {
    let mut result = DataType::Null;
    for (index, argument) in arguments {
        let found = no_text(argument.data_type);
        if result == DataType::Null {
            result = found;
        } else if found != result && found != DataType::Null {
            return Err(wrong(ordinal(index), text, result.message_name(), argument));
        }
    }
    Ok(result)
}

fn resolve_case(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::TwoOrMore)?;
    let is_condition = |index: usize| index.is_multiple_of(2) && index + 1 < arguments.len();
    let mut result = DataType::Null;
    for (index, argument) in arguments.iter().enumerate() {
        let found = no_text(argument.data_type);
        if is_condition(index) {
            if !matches!(found, DataType::Boolean | DataType::Null) {
                return Err(wrong(ordinal(index), text, "boolean", argument));
            }
        } else if result == DataType::Null {
            result = found;
        } else if found != result && found != DataType::Null {
            return Err(wrong(ordinal(index), text, result.message_name(), argument));
        }
    }
    Ok(result)
}

fn case(call: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let pairs = arguments.len() / 2;
    // Which argument each row takes; the nulls are behind the last of them.
    let otherwise = if arguments.len() % 2 == 1 {
        pairs
    } else {
        pairs + 1
    };
    let mut picks = vec![usize::MAX; call.rows];
    for pair in 0..pairs {
        let condition = &arguments[pair * 2];
        if condition.data_type == DataType::Null {
            continue;
        }
        let rows = Rows::new(condition);
        let flags = booleans(&rows.values)?;
        for (row, pick) in picks.iter_mut().enumerate() {
            if *pick != usize::MAX {
                continue;
            }
            let range = rows.row(row);
            if range.len() > 1 {
                failures.illegal("CASE expects a single-valued boolean");
            } else if range.len() == 1 && flags.value(range.start) {
                *pick = pair;
            }
        }
    }
    let mut values: Vec<Column> = (0..pairs)
        .map(|pair| arguments[pair * 2 + 1].clone())
        .collect();
    if arguments.len() % 2 == 1 {
        values.push(arguments.last()?.clone());
    }
    let picks: Vec<usize> = picks
        .into_iter()
        .map(|pick| if pick == usize::MAX { otherwise } else { pick })
        .collect();
    picked(call, &values, &picks)
}

fn coalesce(call: &Call<'_>, arguments: &[Column]) -> Option<ArrayRef> {
    let mut picks = vec![arguments.len() + 1; call.rows];
    let mut left = call.rows;
    for (index, column) in arguments.iter().enumerate() {
        if left == 0 {
            break;
        }
        let nulls = column.values.logical_nulls();
        for (row, pick) in picks.iter_mut().enumerate() {
            if *pick > arguments.len() && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                *pick = index;
                left -= 1;
            }
        }
    }
    picked(call, arguments, &picks)
}

/// Each row from the column that it picks; null where it picks none.
pub(super) fn picked(call: &Call<'_>, columns: &[Column], picks: &[usize]) -> Option<ArrayRef> {
    let used = |index: usize| picks.contains(&index);
    let multi = columns
        .iter()
        .enumerate()
        .any(|(index, column)| is_multi(&column.values, column.data_type) && used(index));
    let wanted = if multi {
        call.result.arrow_list()
    } else {
        call.result.arrow()
    };
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len() + 1);
    for (index, column) in columns.iter().enumerate() {
        let array = if column.data_type == DataType::Null || !used(index) {
            new_null_array(&wanted, call.rows)
        } else if multi {
            listed(column)?
        } else {
            column.values.clone()
        };
        arrays.push(if *array.data_type() == wanted {
            array
        } else {
            cast(&array, &wanted).ok()?
        });
    }
    arrays.push(new_null_array(&wanted, call.rows));
    let last = columns.len();
    let indexes: Vec<(usize, usize)> = picks
        .iter()
        .enumerate()
        .map(|(row, pick)| ((*pick).min(last), row))
        .collect();
    let views: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    interleave(&views, &indexes).ok()
}

/// The column laid out for several values a row.
pub(super) fn listed(column: &Column) -> Option<ArrayRef> {
    if is_multi(&column.values, column.data_type) {
        return Some(column.values.clone());
    }
    let nulls = column.values.logical_nulls();
    let lengths: Vec<usize> = (0..column.values.len())
        .map(|row| usize::from(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))))
        .collect();
    let values = match &nulls {
        Some(nulls) => {
            let valid = arrow::array::BooleanArray::new(nulls.inner().clone(), None);
            arrow::compute::filter(&column.values, &valid).ok()?
        }
        None => column.values.clone(),
    };
    from_lengths(values, &lengths)
}

pub(super) fn resolve_extreme(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::OneOrMore)?;
    one_type(text, arguments.iter().enumerate())
}

/// The greatest or the least value of each row, over all arguments and all of their values.
pub(super) fn extreme(call: &Call<'_>, arguments: &[Column], wanted: Ordering) -> Option<ArrayRef> {
    if arguments
        .iter()
        .any(|column| column.data_type == DataType::Null)
    {
        return None;
    }
    let columns = arguments
        .iter()
        .map(|column| multivalue::extreme(call, column, wanted))
        .collect::<Option<Vec<ArrayRef>>>()?;
    let mut best = vec![0_usize; call.rows];
    let mut valid = vec![true; call.rows];
    for (index, array) in columns.iter().enumerate() {
        for (row, valid) in valid.iter_mut().enumerate() {
            *valid &= array.is_valid(row);
        }
        for (before, earlier) in columns[..index].iter().enumerate() {
            let compare = make_comparator(array, earlier, SortOptions::default()).ok()?;
            for row in 0..call.rows {
                if best[row] == before && valid[row] && compare(row, row) == wanted {
                    best[row] = index;
                }
            }
        }
    }
    let columns: Vec<Column> = columns
        .into_iter()
        .map(|values| Column {
            data_type: call.result,
            values,
        })
        .collect();
    let picks: Vec<usize> = best
        .into_iter()
        .zip(valid)
        .map(|(best, valid)| if valid { best } else { columns.len() })
        .collect();
    picked(call, &columns, &picks)
}
