//! Functions of doubles that aren't defined everywhere.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::Float64Type;

use crate::functions::arithmetic::finite;
use crate::functions::arrays::{map, to_doubles, to_longs, zip};
use crate::functions::entry::Failures;
use crate::functions::{Call, Column};

type Real = Result<f64, &'static str>;

const NO_LOGARITHM: &str = "Log of non-positive number";

pub(super) fn acos(value: f64) -> Real {
    if value.abs() > 1.0 {
        Err("Acos input out of range")
    } else {
        Ok(value.acos())
    }
}

pub(super) fn asin(value: f64) -> Real {
    if value.abs() > 1.0 {
        Err("Asin input out of range")
    } else {
        Ok(value.asin())
    }
}

pub(super) fn cosh(value: f64) -> Real {
    let result = value.cosh();
    if result.is_finite() {
        Ok(result)
    } else {
        Err("cosh overflow")
    }
}

pub(super) fn sinh(value: f64) -> Real {
    let result = value.sinh();
    if result.is_finite() {
        Ok(result)
    } else {
        Err("sinh overflow")
    }
}

pub(super) fn sqrt(value: f64) -> Real {
    if value < 0.0 {
        Err("Square root of negative")
    } else {
        Ok(value.sqrt())
    }
}

pub(super) fn log10(value: f64) -> Real {
    if value <= 0.0 {
        Err(NO_LOGARITHM)
    } else {
        Ok(value.log10())
    }
}

/// Zeros keep their own sign.
pub(super) fn signum(value: f64) -> Real {
    Ok(if value == 0.0 { value } else { value.signum() })
}

pub(super) fn power(base: f64, exponent: f64) -> Real {
    finite(base.powf(exponent))
}

pub(super) fn log(_: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let first = to_doubles(&arguments.first()?.values)?;
    let Some(second) = arguments.get(1) else {
        return Some(Arc::new(map::<_, Float64Type>(&first, failures, |value| {
            if value <= 0.0 {
                Err(NO_LOGARITHM)
            } else {
                Ok(value.ln())
            }
        })));
    };
    let values = to_doubles(&second.values)?;
    Some(Arc::new(zip::<_, _, Float64Type>(
        &first,
        &values,
        failures,
        |base, value| {
            if base <= 0.0 || value <= 0.0 {
                return Err(NO_LOGARITHM);
            }
            if base == 1.0 {
                return Err("Log of base 1");
            }
            Ok(value.log10() / base.log10())
        },
    )))
}

pub(super) fn scalb(
    _: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    /// No double is moved further than this by powers of two.
    const FURTHEST: i64 = 2_200;
    let values = to_doubles(&arguments.first()?.values)?;
    let exponents = to_longs(&arguments.get(1)?.values)?;
    Some(Arc::new(zip::<_, _, Float64Type>(
        &values,
        &exponents,
        failures,
        |value, exponent| {
            let mut rest = exponent.clamp(-FURTHEST, FURTHEST) as i32;
            let mut scaled = value;
            while rest != 0 {
                let step = rest.clamp(-1_000, 1_000);
                scaled *= 2_f64.powi(step);
                rest -= step;
            }
            finite(scaled)
        },
    )))
}
