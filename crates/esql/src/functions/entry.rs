//! What one function is: its names, what it accepts, and how it is worked out.

use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType as Arrow;

use super::lists::{is_multi, single};
use super::{Argument, Call, Column, Documentation, Function};
use crate::datatype::DataType;
use crate::error::Error;
use crate::warning::MAX_WARNINGS_PER_EXPRESSION;

/// The type of the result, or the verifier's message.
pub(super) type Resolve = fn(&str, &[Argument]) -> Result<DataType, String>;

/// One function or operator of the table.
pub(super) struct Entry {
    /// As written in queries: `DATE_TRUNC`; operators as in [`super::lookup`].
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub summary: &'static str,
    pub resolve: Resolve,
    pub kernel: Kernel,
}

/// How a function is evaluated. `None` means that the arrays aren't of the types that were
/// resolved; the result is null then.
#[derive(Clone, Copy)]
pub(super) enum Kernel {
    /// Every argument has at most one value a row; several are null and a warning.
    Single(fn(&Call<'_>, &[Column], &mut Failures) -> Option<ArrayRef>),
    /// Each value of the only argument by itself; values that fail are left out.
    Each(fn(&Call<'_>, &Column, &mut Failures) -> Option<ArrayRef>),
    /// The columns as they are.
    Whole(fn(&Call<'_>, &[Column], &mut Failures) -> Option<ArrayRef>),
}

/// The first failures of one evaluation, handed over at its end.
#[derive(Debug, Default)]
pub(super) struct Failures {
    lines: Vec<String>,
}

impl Failures {
    pub fn add(&mut self, line: &str) {
        if self.lines.len() < MAX_WARNINGS_PER_EXPRESSION {
            self.lines.push(line.to_owned());
        }
    }

    /// `java.lang.IllegalArgumentException: …`
    pub fn illegal(&mut self, message: &str) {
        self.add(&format!("java.lang.IllegalArgumentException: {message}"));
    }

    /// `java.lang.ArithmeticException: …`
    pub fn arithmetic(&mut self, message: &str) {
        self.add(&format!("java.lang.ArithmeticException: {message}"));
    }

    /// Elasticsearch's own `InvalidArgumentException`.
    pub fn invalid(&mut self, message: &str) {
        self.add(&format!(
            "org.elasticsearch.xpack.esql.core.InvalidArgumentException: {message}"
        ));
    }

    pub fn multivalue(&mut self) {
        self.illegal("single-value function encountered multi-value");
    }

    fn report(self, call: &Call<'_>) {
        for line in &self.lines {
            call.warnings.failed(call.span, call.text, line);
        }
    }
}

impl Function for Entry {
    fn documentation(&self) -> Documentation {
        Documentation {
            name: self.name,
            summary: self.summary,
        }
    }

    fn resolve(&self, text: &str, arguments: &[Argument]) -> Result<DataType, String> {
        (self.resolve)(text, arguments)
    }

    fn evaluate(&self, call: &Call<'_>, arguments: &[Column]) -> Column {
        let columns: Vec<Column> = arguments
            .iter()
            .map(|column| normal(column, call.rows))
            .collect();
        let mut failures = Failures::default();
        let values = match self.kernel {
            _ if call.result == DataType::Null => None,
            Kernel::Single(kernel) => evaluate_single(kernel, call, &columns, &mut failures),
            Kernel::Each(kernel) => columns
                .first()
                .and_then(|column| super::lists::each(kernel, call, column, &mut failures)),
            Kernel::Whole(kernel) => kernel(call, &columns, &mut failures),
        };
        failures.report(call);
        Column {
            data_type: call.result,
            values: values
                .filter(|values| fits(values, call))
                .unwrap_or_else(|| new_null_array(&call.result.arrow(), call.rows)),
        }
    }

    fn refuse(&self, text: &str, arguments: &[Argument]) -> Option<Error> {
        super::refusals::refuse(self.name, text, arguments)
    }
}

fn fits(values: &ArrayRef, call: &Call<'_>) -> bool {
    values.len() == call.rows
        && (*values.data_type() == call.result.arrow() || is_multi(values, call.result))
}

fn evaluate_single(
    kernel: fn(&Call<'_>, &[Column], &mut Failures) -> Option<ArrayRef>,
    call: &Call<'_>,
    columns: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    // What is null whatever stands beside it isn't looked at.
    if columns
        .iter()
        .any(|column| column.data_type == DataType::Null)
    {
        return None;
    }
    let values = single(columns, call.rows, failures)?;
    kernel(call, &values, failures)
}

/// The column with `rows` rows and laid out as its type says, whatever string or timestamp type
/// the reader of a file chose.
fn normal(column: &Column, rows: usize) -> Column {
    let scalar = column.data_type.arrow();
    let found = column.values.data_type();
    let values = if *found == scalar || is_multi(&column.values, column.data_type) {
        Some(column.values.clone())
    } else {
        let wanted = match found {
            Arrow::List(_) | Arrow::LargeList(_) if column.data_type != DataType::DenseVector => {
                column.data_type.arrow_list()
            }
            _ => scalar.clone(),
        };
        cast(&column.values, &wanted).ok()
    };
    let values = match values {
        Some(values) if values.len() == rows => values,
        Some(values) if values.len() == 1 => {
            let first = UInt32Array::from(vec![0; rows]);
            take(&values, &first, None).unwrap_or_else(|_| new_null_array(&scalar, rows))
        }
        _ => new_null_array(&scalar, rows),
    };
    Column {
        data_type: column.data_type,
        values,
    }
}
