//! Calls with what Elasticsearch answers to them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, NullArray, StringArray,
};
use serde_json::{Value, json};

use crate::ast::Span;
use crate::datatype::DataType;
use crate::functions::lists::from_lengths;
use crate::functions::render::json_value;
use crate::functions::{Argument, Call, Column, lookup};
use crate::warning::Warnings;

/// A column of one row: numbers, strings and booleans as JSON has them; `@2024-01-01` is a date,
/// `@10.0.0.1` an address, `@1.2.3` a version, by the conversion that is named before it.
fn column(value: &Value) -> Column {
    if let Some((conversion, text)) = value.as_str().and_then(|text| text.split_once('@')) {
        let text = column(&json!(text));
        return call(conversion, &[text]).map_or_else(|_| null(), |(column, _)| column);
    }
    let values: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    };
    let (data_type, flat): (DataType, ArrayRef) = match values[0] {
        Value::Bool(_) => {
            let values = values.iter().map(|value| value.as_bool());
            (
                DataType::Boolean,
                Arc::new(values.collect::<BooleanArray>()),
            )
        }
        Value::String(_) => {
            let values: Vec<Option<&str>> = values.iter().map(|value| value.as_str()).collect();
            (DataType::Keyword, Arc::new(StringArray::from(values)))
        }
        Value::Number(first) if first.is_f64() => {
            let values = values.iter().map(|value| value.as_f64());
            (DataType::Double, Arc::new(values.collect::<Float64Array>()))
        }
        Value::Number(first)
            if first
                .as_i64()
                .is_some_and(|first| i32::try_from(first).is_ok()) =>
        {
            let values = values
                .iter()
                .map(|value| value.as_i64().map(|value| value as i32));
            (DataType::Integer, Arc::new(values.collect::<Int32Array>()))
        }
        Value::Number(_) => {
            let values = values.iter().map(|value| value.as_i64());
            (DataType::Long, Arc::new(values.collect::<Int64Array>()))
        }
        _ => return null(),
    };
    let values = if values.len() == 1 {
        flat
    } else {
        from_lengths(flat, &[values.len()]).unwrap_or_else(|| Arc::new(NullArray::new(1)))
    };
    Column { data_type, values }
}

fn null() -> Column {
    Column {
        data_type: DataType::Null,
        values: Arc::new(NullArray::new(1)),
    }
}

/// The result and the warnings' lines, or what `resolve` says.
fn call(name: &str, columns: &[Column]) -> Result<(Column, Vec<String>), String> {
    let function = lookup(name).ok_or_else(|| format!("no function {name}"))?;
    let arguments: Vec<Argument> = columns
        .iter()
        .map(|column| Argument {
            data_type: column.data_type,
            text: "x".to_owned(),
            span: Span::default(),
            constant: Some(column.clone()),
        })
        .collect();
    let text = format!("{name}(x)");
    let result = function.resolve(&text, &arguments)?;
    let warnings = Warnings::default();
    let call = Call {
        text: &text,
        span: Span::default(),
        warnings: &warnings,
        now_ms: 0,
        result,
        rows: 1,
    };
    let column = function.evaluate(&call, columns);
    Ok((column, warnings.texts()))
}

/// `[name, arguments, result]`, and the end of the warning where there is one.
fn check(cases: Value) {
    for case in cases.as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = case[0].as_str().unwrap_or_default();
        let arguments = case[1].as_array().cloned().unwrap_or_default();
        let columns: Vec<Column> = arguments.iter().map(column).collect();
        match call(name, &columns) {
            Ok((column, warnings)) => {
                assert_eq!(json_value(&column, 0), case[2], "{case}");
                let wanted = case[3].as_str().unwrap_or_default();
                let found = warnings.get(1).map_or("", String::as_str);
                assert!(
                    found.ends_with(wanted) && found.is_empty() == wanted.is_empty(),
                    "{case}: {found}"
                );
            }
            Err(message) => assert_eq!(json!(message), case[2], "{case}"),
        }
    }
}

const MULTIVALUE: &str = "single-value function encountered multi-value";

#[test]
fn operators() {
    check(json!([
        ["+", [1, 2], 3],
        [
            "+",
            [2147483647, 1],
            null,
            "java.lang.ArithmeticException: integer overflow"
        ],
        [
            "*",
            [9223372036854775807_i64, 2],
            null,
            "java.lang.ArithmeticException: long overflow"
        ],
        ["/", [7, 2], 3],
        ["/", [7, 2.0], 3.5],
        [
            "/",
            [1, 0],
            null,
            "java.lang.ArithmeticException: / by zero"
        ],
        ["%", [5.5, 2], 1.5],
        [
            "*",
            [1e308, 10],
            null,
            "java.lang.ArithmeticException: not a finite double number: Infinity"
        ],
        [
            "neg",
            [-2147483648],
            null,
            "java.lang.ArithmeticException: integer overflow"
        ],
        ["neg", [[1, 2]], null, MULTIVALUE],
        ["+", [null, 1], null],
        [
            "+",
            ["to_datetime@2024-01-31", "to_dateperiod@1 month"],
            "2024-02-29T00:00:00.000Z"
        ],
        [
            "-",
            ["to_datetime@2024-01-31", "to_timeduration@90 minutes"],
            "2024-01-30T22:30:00.000Z"
        ],
        [
            "+",
            [
                "to_date_nanos@2024-01-31T10:00:00.123456789Z",
                "to_dateperiod@1 month"
            ],
            "2024-02-29T10:00:00.123456789Z"
        ],
        [
            "+",
            ["to_dateperiod@1 day", 1],
            "[+] has arguments with incompatible types [date_period] and [integer]"
        ],
        [
            "*",
            [1, "x"],
            "second argument of [*(x)] must be [numeric], found value [x] type [keyword]"
        ],
        ["==", [9007199254740993_i64, 9007199254740992.0], true],
        ["<", [[1, 2], 1], null, MULTIVALUE],
        ["==", ["to_version@1.0.0-alpha", "to_version@1.0.0"], false],
        ["<", ["to_ip@10.0.0.1", "to_ip@10.0.0.2"], true],
        [
            ">=",
            ["to_date_nanos@2024-01-01", "to_datetime@2024-01-01"],
            true
        ],
        [
            "<",
            [1, "x"],
            "first argument of [<(x)] is [numeric] so second argument must also be [numeric] but was [keyword]"
        ],
        ["in", [1, 2, null], null],
        ["in", [1, 1, null], true],
        ["in", [1, 2, 3], false],
        [
            "in",
            [1, "x"],
            "first argument of [in(x)] is [numeric] so second argument must also be [numeric] but was [keyword]"
        ],
        ["and", [false, null], false],
        ["or", [null, true], true],
        [
            "and",
            [5, true],
            "first argument of [and(x)] must be [boolean], found value [x] type [integer]"
        ],
        ["is_null", [null], true],
        ["is_not_null", [[1, 2]], true],
        ["like", ["a*b", "a\\*b"], true],
        ["rlike", [null, "a"], null],
        ["like", [["a", "b"], "*"], true],
        ["like", [["a", "b"], "a*"], null, MULTIVALUE],
    ]));
}

#[test]
fn conversions() {
    check(json!([
        ["to_integer", ["42.9"], 43],
        ["to_integer", [-3.5], -3],
        [
            "to_integer",
            [["1", "x", "3"]],
            [1, 3],
            "InvalidArgumentException: Cannot parse number [x]"
        ],
        [
            "to_integer",
            [2147483648_i64],
            null,
            "InvalidArgumentException: [2147483648] out of [integer] range"
        ],
        ["to_long", ["9223372036854775808"], 9223372036854775807_i64],
        ["to_long", [1e19], null, "[1.0E19] out of [long] range"],
        ["to_ul", ["2147483648.2"], 2147483648_u64],
        [
            "to_ul",
            ["foo"],
            null,
            "java.lang.NumberFormatException: Character f is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark."
        ],
        ["to_double", ["5.20128E11"], 520128000000.0],
        [
            "to_boolean",
            [["true", "TRuE", "", "yes"]],
            [true, true, false, false]
        ],
        ["to_string", [[1.5, 2.0]], ["1.5", "2.0"]],
        ["to_string", ["to_ip@::ffff:1.2.3.4"], "1.2.3.4"],
        ["to_datetime", [-1.5], "1969-12-31T23:59:59.999Z"],
        [
            "to_datetime",
            ["2024-12-31T24:00:00Z"],
            null,
            "failed to parse date field [2024-12-31T24:00:00Z] with format [strict_date_optional_time]"
        ],
        [
            "to_date_nanos",
            [1700000000123456789_i64],
            "2023-11-14T22:13:20.123456789Z"
        ],
        [
            "to_ip",
            ["10.0.0.256"],
            null,
            "java.lang.IllegalArgumentException: '10.0.0.256' is not an IP string literal."
        ],
        ["to_ip_leading_zeros_octal", ["1.1.010.1"], "1.1.8.1"],
        [
            "to_ip",
            [5],
            "argument of [to_ip(x)] must be [ip or string], found value [x] type [integer]"
        ],
        ["to_upper", ["ǆ ß ﬁ"], "Ǆ SS FI"],
    ]));
}

#[test]
fn strings() {
    check(json!([
        ["concat", ["x", "-", "y"], "x-y"],
        ["concat", [["x", "y"], "z"], null, MULTIVALUE],
        [
            "concat",
            ["x"],
            "error building [concat]: expects at least two arguments"
        ],
        ["length", ["🚀"], 1],
        [
            "length",
            ["a", "b"],
            "error building [length]: expects exactly one argument"
        ],
        ["substring", ["a🚀b日c", 3, 2], "b日"],
        ["substring", ["a🚀b日c", -2], "日c"],
        ["left", ["hello", 2], "he"],
        ["right", ["a🚀b日c", 2], "日c"],
        ["locate", ["banana", "a", -2], 6],
        ["locate", ["banana", ""], 1],
        [
            "repeat",
            ["ab", -1],
            null,
            "java.lang.IllegalArgumentException: Number parameter cannot be negative, found [-1]"
        ],
        ["split", ["a,b", ","], ["a", "b"]],
        ["split", ["", ";"], ""],
        [
            "replace",
            ["a.b", "[", "x"],
            null,
            "java.util.regex.PatternSyntaxException: Unclosed character class near index 0\n[\n^"
        ],
        ["from_base64", ["YWI"], "ab"],
        [
            "from_base64",
            ["not base64!"],
            null,
            "Illegal base64 character 20"
        ],
        ["reverse", ["ab👩‍🚀"], "🚀‍👩ba"],
        ["contains", ["hello", "ll"], true],
    ]));
}

#[test]
fn numbers_and_dates() {
    check(json!([
        ["abs", [-5], 5],
        ["ceil", [[1, 2]], [1, 2]],
        ["ceil", [[1.5, 2.0]], null, MULTIVALUE],
        [
            "sqrt",
            [-1],
            null,
            "java.lang.ArithmeticException: Square root of negative"
        ],
        ["log", [2, 8.0], 3.0],
        [
            "pow",
            [10, 400],
            null,
            "not a finite double number: Infinity"
        ],
        ["exp", [710], "Infinity"],
        ["round", [1234.5678, -2], 1200.0],
        ["round_to", [7.5, 1, 2.5, 7.5], 7.5],
        ["greatest", [1, null], null],
        ["least", [3, 1, 2], 1],
        [
            "date_trunc",
            [
                "to_dateperiod@1 month",
                "to_datetime@2024-05-15T13:47:31.123Z"
            ],
            "2024-05-01T00:00:00.000Z"
        ],
        [
            "date_diff",
            [
                "ms",
                "to_datetime@2024-03-01",
                "to_datetime@2023-12-31T23:59:59.999Z"
            ],
            null,
            "[-5184000001] out of [integer] range"
        ],
        [
            "date_diff",
            [
                "month",
                "to_datetime@2023-12-31T23:59:59.999Z",
                "to_datetime@2024-03-01"
            ],
            1
        ],
        [
            "date_extract",
            ["day_of_year", "to_datetime@2024-02-29"],
            60
        ],
        [
            "date_format",
            ["to_datetime@2024-02-29"],
            "2024-02-29T00:00:00.000Z"
        ],
        [
            "date_parse",
            ["yyyy", "x"],
            null,
            "failed to parse date field [x] with format [yyyy]"
        ],
        ["day_name", ["to_datetime@2024-02-29"], "Thursday"],
        ["bucket", [14999, 5000.0], 10000.0],
        [
            "cidr_match",
            ["to_ip@192.168.1.77", "10.0.0.0/8", "192.168.1.77/32"],
            true
        ],
        [
            "ip_prefix",
            ["to_ip@10.1.2.3", 33, 0],
            null,
            "Prefix length v4 must be in range [0, 32], found 33"
        ],
        ["pi", [], std::f64::consts::PI],
    ]));
}

#[test]
fn conditions_and_multivalues() {
    check(json!([
        ["case", [false, 1, true, 2, 3], 2],
        ["case", [null, 1, [2, 3]], [2, 3]],
        [
            "case",
            [1, 2, 3],
            "first argument of [case(x)] must be [boolean], found value [x] type [integer]"
        ],
        ["coalesce", [null, [1, 2], 3], [1, 2]],
        [
            "coalesce",
            [1, "x"],
            "second argument of [coalesce(x)] must be [integer], found value [x] type [keyword]"
        ],
        ["mv_append", ["x", ["y", "x"]], ["x", "y", "x"]],
        ["mv_avg", [[3, 5, 1, 6]], 3.75],
        ["mv_concat", [["x", "y"], ","], "x,y"],
        ["mv_contains", [["a", "b", "c"], ["a", "c"]], true],
        ["mv_contains", [["a"], null], true],
        ["mv_count", [[1, 2, 2]], 3],
        ["mv_dedupe", [[3, 1, 2, 3, -1]], [3, 1, 2, -1]],
        ["mv_first", [[3, 1, 2]], 3],
        ["mv_last", [[3, 1, 2]], 2],
        ["mv_max", [["foo", "zoo", "bar"]], "zoo"],
        ["mv_median", [[3, 7, 1, 6]], 4],
        ["mv_median_absolute_deviation", [[0, 2, 5, 6]], 2],
        ["mv_percentile", [[5, 5, 10, 12, 5000], 50], 10],
        [
            "mv_pseries_weighted_sum",
            [[70.0, 45.0, 21.0, 21.0, 21.0], 1.5],
            94.45465156212452
        ],
        ["mv_slice", [["x", "y", "z"], 1, 2], ["y", "z"]],
        ["mv_slice", [1, 1, 2], null],
        ["mv_sort", [[4, 2, -3, 2], "DESC"], [4, 2, 2, -3]],
        [
            "mv_sum",
            [[2147483647, 1]],
            null,
            "java.lang.ArithmeticException: integer overflow"
        ],
        [
            "mv_zip",
            [["x", "y", "z"], ["1", "2"], "-"],
            ["x-1", "y-2", "z"]
        ],
    ]));
}
