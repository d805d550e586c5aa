//! Small functions of the plan itself: lists, structs, sort keys. None is part of the language.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StructArray,
    UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType as Arrow, Field, Fields, Float64Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::calls::{Shared, any_arguments, fitted, listed};
use super::expression::Lowered;

type Run = dyn Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync;

/// A function made of a closure; two of one name are the same function.
pub struct Inner {
    name: String,
    gives: Arrow,
    run: Arc<Run>,
    signature: Signature,
}

impl Inner {
    pub fn call(
        name: impl Into<String>,
        gives: Arrow,
        arguments: Vec<Expr>,
        run: impl Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Expr {
        Self::with(
            name.into(),
            gives,
            arguments,
            Arc::new(run),
            Volatility::Immutable,
        )
    }

    pub fn with(
        name: String,
        gives: Arrow,
        arguments: Vec<Expr>,
        run: Arc<Run>,
        volatility: Volatility,
    ) -> Expr {
        let function = ScalarUDF::new_from_impl(Self {
            name,
            gives,
            run,
            signature: any_arguments(volatility),
        });
        function.call(arguments)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl PartialEq for Inner {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.gives == other.gives
    }
}

impl Eq for Inner {}

impl Hash for Inner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Inner {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> Result<Arrow> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let arrays: Vec<ArrayRef> = arguments
            .args
            .iter()
            .map(|argument| argument.to_array(rows))
            .collect::<Result<_>>()?;
        let values = (self.run)(&arrays, rows)?;
        Ok(ColumnarValue::Array(fitted(&values, &self.gives, rows)?))
    }
}

/// The list type of an element's.
pub fn list_of(element: &Arrow) -> Arrow {
    Arrow::List(Arc::new(Field::new_list_field(element.clone(), false)))
}

/// The element's type of a list, or the type itself.
pub fn element_of(data_type: &Arrow) -> &Arrow {
    match data_type {
        Arrow::List(element) => element.data_type(),
        scalar => scalar,
    }
}

/// A scalar column as lists.
pub fn to_list(value: Expr, element: &Arrow) -> Expr {
    let inner = element.clone();
    Inner::call(
        format!("to_list_{element}"),
        list_of(element),
        vec![value],
        move |arrays, rows| {
            if *arrays[0].data_type() == Arrow::Null {
                return Ok(arrow::array::new_null_array(&list_of(&inner), rows));
            }
            listed(&arrays[0], &inner)
        },
    )
}

/// Lists without the values that were there before.
pub fn deduplicated(value: Expr, element: &Arrow) -> Expr {
    Inner::call(
        format!("deduplicated_{element}"),
        list_of(element),
        vec![value],
        |arrays, _| {
            let list = arrays[0].as_list::<i32>();
            let converter = RowConverter::new(vec![SortField::new(list.value_type())])?;
            let rows = converter.convert_columns(&[list.values().clone()])?;
            let mut kept: Vec<u32> = Vec::with_capacity(list.values().len());
            let mut lengths = Vec::with_capacity(list.len());
            for row in 0..list.len() {
                let first = kept.len();
                if list.is_valid(row) {
                    for index in list.value_offsets()[row]..list.value_offsets()[row + 1] {
                        let bytes = rows.row(index as usize);
                        let known = kept[first..]
                            .iter()
                            .any(|earlier| rows.row(*earlier as usize) == bytes);
                        if !known {
                            kept.push(index as u32);
                        }
                    }
                }
                lengths.push(kept.len() - first);
            }
            let values = arrow::compute::take(list.values(), &UInt32Array::from(kept), None)?;
            let field = Arc::new(Field::new_list_field(list.value_type(), false));
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = list.nulls().cloned();
            Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls)?))
        },
    )
}

/// What a multivalue sorts by: its least value, or its greatest when descending.
pub fn sort_key(value: Expr, element: &Arrow, greatest: bool) -> Expr {
    Inner::call(
        format!("sort_key_{greatest}_{element}"),
        element.clone(),
        vec![value],
        move |arrays, _| {
            let list = arrays[0].as_list::<i32>();
            let converter = RowConverter::new(vec![SortField::new(list.value_type())])?;
            let rows = converter.convert_columns(&[list.values().clone()])?;
            let indices: UInt32Array = (0..list.len())
                .map(|row| {
                    if !list.is_valid(row) {
                        return None;
                    }
                    let range = list.value_offsets()[row]..list.value_offsets()[row + 1];
                    let key = |index: &i32| rows.row(*index as usize);
                    let best = if greatest {
                        range.max_by_key(key)
                    } else {
                        range.min_by_key(key)
                    };
                    best.map(|index| index as u32)
                })
                .collect();
            Ok(arrow::compute::take(list.values(), &indices, None)?)
        },
    )
}

/// The value where there is exactly one; several count as null, for they equal nothing.
pub fn only_value(value: Expr, element: &Arrow) -> Expr {
    Inner::call(
        format!("only_value_{element}"),
        element.clone(),
        vec![value],
        |arrays, _| {
            let list = arrays[0].as_list::<i32>();
            let indices: UInt32Array = (0..list.len())
                .map(|row| {
                    let one = list.is_valid(row) && list.value_length(row) == 1;
                    one.then(|| list.value_offsets()[row] as u32)
                })
                .collect();
            Ok(arrow::compute::take(list.values(), &indices, None)?)
        },
    )
}

/// A condition of `CASE` that may have several values: such a row warns and counts as false.
pub fn condition(expr: &super::Expr, lowered: &Lowered, shared: &Shared) -> Lowered {
    let (span, text) = (expr.span, expr.text.clone());
    let warnings = shared.warnings.clone();
    Lowered::boolean(Inner::call(
        format!("condition@{}..{}", span.start, span.end),
        Arrow::Boolean,
        vec![lowered.expr.clone()],
        move |arrays, _| {
            let list = arrays[0].as_list::<i32>();
            let values = list.values().as_boolean();
            let truth: BooleanArray = (0..list.len())
                .map(|row| {
                    if list.is_null(row) {
                        return None;
                    }
                    let at = list.value_offsets()[row] as usize;
                    match list.value_length(row) {
                        0 => None,
                        1 => values.is_valid(at).then(|| values.value(at)),
                        _ => {
                            let failure = "java.lang.IllegalArgumentException: CASE expects a single-valued boolean";
                            warnings.failed_as_false(span, &text, failure);
                            Some(false)
                        }
                    }
                })
                .collect();
            Ok(Arc::new(truth))
        },
    ))
}

/// A struct's member.
pub fn member(value: Expr, name: &str, gives: &Arrow) -> Expr {
    let wanted = name.to_owned();
    Inner::call(
        format!("member_{name}_{gives}"),
        gives.clone(),
        vec![value],
        move |arrays, rows| {
            let Some(parts) = arrays[0].as_any().downcast_ref::<StructArray>() else {
                return exec_err!("no struct to take {wanted} from: {rows} rows");
            };
            match parts.column_by_name(&wanted) {
                Some(column) => Ok(column.clone()),
                None => exec_err!("no member {wanted}"),
            }
        },
    )
}

/// A struct of which this row's index fills only one member.
pub fn only_member(value: Expr, name: &str, fields: Fields) -> Expr {
    let wanted = name.to_owned();
    let members = fields.clone();
    Inner::call(
        format!("only_member_{name}_{fields:?}"),
        Arrow::Struct(fields),
        vec![value],
        move |arrays, rows| {
            let columns = members
                .iter()
                .map(|field| {
                    if *field.name() == wanted {
                        fitted(&arrays[0], field.data_type(), rows)
                    } else {
                        Ok(arrow::array::new_null_array(field.data_type(), rows))
                    }
                })
                .collect::<Result<Vec<_>>>()?;
            let parts = StructArray::try_new_with_length(members.clone(), columns, None, rows)?;
            Ok(Arc::new(parts))
        },
    )
}

/// Doubles as their bits: as groups, -0.0 and 0.0 are two.
pub fn bits_of_double(value: Expr) -> Expr {
    Inner::call("bits_of_double", Arrow::Int64, vec![value], |arrays, _| {
        let bits: Int64Array = arrays[0]
            .as_primitive::<Float64Type>()
            .unary(|value| value.to_bits() as i64);
        Ok(Arc::new(bits))
    })
}

/// The inverse of [`bits_of_double`].
pub fn double_of_bits(value: Expr) -> Expr {
    Inner::call(
        "double_of_bits",
        Arrow::Float64,
        vec![value],
        |arrays, _| {
            let doubles: Float64Array = arrays[0]
                .as_primitive::<Int64Type>()
                .unary(|bits| f64::from_bits(bits as u64));
            Ok(Arc::new(doubles))
        },
    )
}
