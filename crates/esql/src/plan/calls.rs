//! Our scalar functions as DataFusion's.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType as Arrow, Field};
use datafusion::common::{Result, exec_err, resources_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::ast::Span;
use crate::datatype::DataType;
use crate::functions::{Call, Column, Function};
use crate::warning::Warnings;

/// Functions and operators that give one value a row whatever they are given.
const GIVE_ONE: [&str; 35] = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "and",
    "or",
    "not",
    "neg",
    "is_null",
    "is_not_null",
    "in",
    "like",
    "rlike",
    "mv_avg",
    "mv_concat",
    "mv_count",
    "mv_first",
    "mv_last",
    "mv_max",
    "mv_median",
    "mv_min",
    "mv_sum",
    "length",
    "concat",
    "date_trunc",
    "starts_with",
    "bucket",
    "tbucket",
];

/// Functions that give several values even for one.
const GIVE_SEVERAL: [&str; 4] = ["split", "mv_append", "mv_zip", "mv_union"];

/// Functions whose value may be much larger than all that they are given, up to a mebibyte.
const GROWING: [&str; 4] = ["repeat", "space", "replace", "mv_concat"];
/// Rows of those that are evaluated at once.
const GROWING_ROWS: usize = 128;
/// Bytes of repeated constants that are made at once.
const PART_BYTES: usize = 64 << 20;
/// Bytes of one column of one batch. The pool of memory counts what operators keep; what a
/// function makes is bounded here.
const MAX_COLUMN_BYTES: usize = 128 << 20;
/// Values of one column of lists: functions on them need several times their size.
const MAX_COLUMN_VALUES: usize = 1 << 20;

/// A call of one of our functions, as it stands in a query.
pub struct EsqlCall {
    name: String,
    function: &'static dyn Function,
    /// ES|QL types of the arguments.
    arguments: Vec<DataType>,
    result: DataType,
    text: Arc<str>,
    span: Span,
    now_ms: i64,
    warnings: Warnings,
    signature: Signature,
}

/// What all calls of a query share.
#[derive(Clone)]
pub struct Shared {
    pub now_ms: i64,
    pub warnings: Warnings,
    /// Only whether some value satisfies a pushed condition counts, and nothing is said.
    pub approximate: bool,
}

impl Shared {
    /// The same where nothing is said.
    pub fn approximate(&self) -> Self {
        Self {
            now_ms: self.now_ms,
            warnings: Warnings::default(),
            approximate: true,
        }
    }
}

impl EsqlCall {
    pub fn new(
        name: &str,
        function: &'static dyn Function,
        arguments: Vec<DataType>,
        result: DataType,
        place: (&Arc<str>, Span),
        shared: &Shared,
    ) -> Self {
        Self {
            name: name.to_owned(),
            function,
            arguments,
            result,
            text: place.0.clone(),
            span: place.1,
            now_ms: shared.now_ms,
            warnings: shared.warnings.clone(),
            signature: any_arguments(Volatility::Immutable),
        }
    }

    /// A call that isn't worked out before a row needs it.
    pub fn late(mut self) -> Self {
        self.signature = any_arguments(Volatility::Volatile);
        self
    }
}

impl EsqlCall {
    /// Rows that are evaluated at once: all of them, unless the values may be large.
    fn step(&self, arguments: &[ColumnarValue], rows: usize) -> usize {
        let all = rows.max(1);
        if GROWING.contains(&self.name.as_str()) {
            return all.min(GROWING_ROWS);
        }
        // A constant is repeated for each row.
        let constant: usize = arguments
            .iter()
            .map(|argument| match argument {
                ColumnarValue::Scalar(value) => value.size(),
                ColumnarValue::Array(_) => 0,
            })
            .sum();
        all.min((PART_BYTES / constant.max(1)).max(1))
    }

    /// The values of some rows.
    fn part(
        &self,
        arguments: &[ColumnarValue],
        first: usize,
        rows: usize,
        wanted: &Arrow,
    ) -> Result<ArrayRef> {
        let mut columns = Vec::with_capacity(arguments.len());
        for (argument, data_type) in arguments.iter().zip(&self.arguments) {
            let values = match argument {
                ColumnarValue::Array(values) if values.len() == rows => values.clone(),
                ColumnarValue::Array(values) => values.slice(first, rows),
                ColumnarValue::Scalar(value) => value.to_array_of_size(rows)?,
            };
            columns.push(Column {
                data_type: *data_type,
                values,
            });
        }
        let call = Call {
            text: &self.text,
            span: self.span,
            warnings: &self.warnings,
            now_ms: self.now_ms,
            result: self.result,
            rows,
        };
        let column = self.function.evaluate(&call, &columns);
        fitted(&column.values, wanted, rows)
    }
}

/// Any number of arguments of any types: ours are settled before DataFusion sees them.
pub fn any_arguments(volatility: Volatility) -> Signature {
    Signature::one_of(
        vec![TypeSignature::VariadicAny, TypeSignature::Nullary],
        volatility,
    )
}

impl fmt::Debug for EsqlCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.name, self.span.start)
    }
}

impl PartialEq for EsqlCall {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.span == other.span
            && self.result == other.result
            && self.arguments == other.arguments
    }
}

impl Eq for EsqlCall {}

impl Hash for EsqlCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.span.hash(state);
    }
}

impl ScalarUDFImpl for EsqlCall {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[Arrow]) -> Result<Arrow> {
        let name = self.name.as_str();
        let any_list = arguments
            .iter()
            .any(|argument| matches!(argument, Arrow::List(_)));
        if GIVE_SEVERAL.contains(&name) || (any_list && !GIVE_ONE.contains(&name)) {
            return Ok(self.result.arrow_list());
        }
        Ok(self.result.arrow())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // A call of constants gives a constant: one row stands for all.
        let constant = !arguments.args.is_empty()
            && arguments
                .args
                .iter()
                .all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let wanted = arguments.return_field.data_type();
        let step = self.step(&arguments.args, rows);
        let mut parts: Vec<ArrayRef> = Vec::new();
        let (mut bytes, mut values) = (0, 0);
        for first in (0..rows.max(1)).step_by(step) {
            let part = self.part(&arguments.args, first, step.min(rows - first), wanted)?;
            values += values_of(&part);
            if values > MAX_COLUMN_VALUES {
                return resources_err!(
                    "the lists of [{}] have more than {MAX_COLUMN_VALUES} values",
                    self.text
                );
            }
            bytes += part.to_data().get_slice_memory_size().unwrap_or(0);
            if bytes > MAX_COLUMN_BYTES {
                return resources_err!(
                    "the values of [{}] have more than {MAX_COLUMN_BYTES} bytes",
                    self.text
                );
            }
            parts.push(part);
        }
        let values = match parts.as_slice() {
            [whole] => whole.clone(),
            parts => {
                let views: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                arrow::compute::concat(&views)?
            }
        };
        if constant {
            let value = datafusion::common::ScalarValue::try_from_array(&values, 0)?;
            return Ok(ColumnarValue::Scalar(value));
        }
        Ok(ColumnarValue::Array(values))
    }
}

/// How many values the rows of a list have together.
fn values_of(column: &ArrayRef) -> usize {
    let Some(list) = column.as_list_opt::<i32>() else {
        return 0;
    };
    let offsets = list.value_offsets();
    let (first, last) = (offsets.first(), offsets.last());
    last.zip(first)
        .map_or(0, |(last, first)| (last - first) as usize)
}

/// The same values in the layout that was promised.
pub fn fitted(values: &ArrayRef, wanted: &Arrow, rows: usize) -> Result<ArrayRef> {
    if values.data_type() == wanted && values.len() == rows {
        return Ok(values.clone());
    }
    if *values.data_type() == Arrow::Null {
        return Ok(arrow::array::new_null_array(wanted, rows));
    }
    if values.len() != rows {
        return exec_err!("a function gave {} rows instead of {rows}", values.len());
    }
    match (values.data_type(), wanted) {
        (Arrow::List(_), Arrow::List(element)) => {
            let list = values.as_list::<i32>();
            let inner = arrow::compute::cast(list.values(), element.data_type())?;
            let offsets = list.offsets().clone();
            let nulls = list.nulls().cloned();
            let list = ListArray::try_new(element.clone(), offsets, inner, nulls)?;
            Ok(Arc::new(list))
        }
        (_, Arrow::List(element)) => listed(values, element.data_type()),
        (Arrow::List(_), _) => single(values, wanted),
        _ => Ok(arrow::compute::cast(values, wanted)?),
    }
}

/// Lists of one value each; null stays null.
pub fn listed(values: &ArrayRef, element: &Arrow) -> Result<ArrayRef> {
    let values = arrow::compute::cast(values, element)?;
    let rows = values.len();
    let nulls = values.logical_nulls();
    let lengths =
        (0..rows).map(|row| usize::from(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let present = if nulls.is_some() {
        let valid = arrow::compute::is_not_null(&values)?;
        arrow::compute::filter(&values, &valid)?
    } else {
        values
    };
    let field = Arc::new(Field::new_list_field(element.clone(), false));
    Ok(Arc::new(ListArray::try_new(
        field, offsets, present, nulls,
    )?))
}

/// The one value of each list.
fn single(values: &ArrayRef, wanted: &Arrow) -> Result<ArrayRef> {
    let list = values.as_list::<i32>();
    if (0..list.len()).any(|row| list.is_valid(row) && list.value_length(row) > 1) {
        return exec_err!("a function gave several values where one was promised");
    }
    let indices: arrow::array::UInt32Array = (0..list.len())
        .map(|row| {
            let some = list.is_valid(row) && list.value_length(row) == 1;
            some.then(|| list.value_offsets()[row] as u32)
        })
        .collect();
    let taken = arrow::compute::take(list.values(), &indices, None)?;
    Ok(arrow::compute::cast(&taken, wanted)?)
}
