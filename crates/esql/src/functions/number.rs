//! Numbers as text, and text as numbers, as Java has them.

/// A double as Java's `Double.toString` prints it: `1.0`, `1.0E15`, `-0.0`, `Infinity`.
pub fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    // Java writes the smallest double with two digits.
    let digits = if size == f64::from_bits(1) {
        digits.replace('5', "4.9")
    } else {
        format!("{digits}{point}")
    };
    format!("{digits}E{exponent}")
}

/// A double as `Double.parseDouble` reads it: blanks around it, a sign, `NaN`, `Infinity`, an
/// `f` or `d` at the end.
pub fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|letter: char| letter <= ' ');
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    match bare {
        "NaN" => return Some(f64::NAN),
        "Infinity" => {
            let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
            return Some(sign * f64::INFINITY);
        }
        _ => {}
    }
    let first = bare.bytes().next()?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    let text = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    text.parse().ok()
}

/// The nearest whole number, halves upwards, as `Math.round` has it: `-2.5` becomes `-2`.
pub fn round_half_up(value: f64) -> f64 {
    let floor = value.floor();
    if value - floor >= 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_as_java_prints_them() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (3.5, "3.5"),
            (1e15, "1.0E15"),
            (9_007_199_254_740_992.0, "9.007199254740992E15"),
            (f64::MAX, "1.7976931348623157E308"),
            (1e19, "1.0E19"),
            (0.001, "0.001"),
            (0.000_1, "1.0E-4"),
            (1e7, "1.0E7"),
            (9_999_999.5, "9999999.5"),
            (f64::from_bits(1), "4.9E-324"),
            (f64::INFINITY, "Infinity"),
        ];
        for (value, expected) in cases {
            assert_eq!(double_text(value), expected);
        }
    }

    #[test]
    fn doubles_as_java_reads_them() {
        assert_eq!(parse_double("5.20128E11"), Some(520_128_000_000.0));
        assert_eq!(parse_double(" 1.5 "), Some(1.5));
        assert_eq!(parse_double("-1"), Some(-1.0));
        assert_eq!(parse_double(".5"), Some(0.5));
        assert_eq!(parse_double("1d"), Some(1.0));
        for wrong in ["x1", "", "inf", "nan", "1e", "--1", "0x10"] {
            assert_eq!(parse_double(wrong), None, "{wrong}");
        }
    }
}
