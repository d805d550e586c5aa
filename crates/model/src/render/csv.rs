//! Text in a field of CSV.

use super::{invisible, walk::Walk};

/// What begins a formula in a spreadsheet, and the forms in full width, which some read alike.
const TRIGGERS: &str = "=+-@＝＋－＠";
/// Stands before what would be a formula: a spreadsheet takes the rest for text.
const GUARD: char = '\'';

/// One field of a record (RFC 4180), quoted where it must be. Whoever writes the record puts
/// commas between fields and a line end after them, and nothing else.
///
/// From OWASP's "CSV Injection": a field whose first character that is no whitespace and no quote
/// is one of `=`, `+`, `-`, `@` or its form in full width gets an apostrophe before it. A plain
/// number (`-3.5`, `+1e-3`) stays. So does each part after a semicolon, a tab or a line end
/// within: a spreadsheet whose separator is another one would begin a cell there, and OWASP asks
/// to guard those too.
///
/// Control characters other than tabs and line ends, and what can't be seen, are left out; line
/// ends are `\n`. Links stay text: a spreadsheet makes none when it opens a file.
pub fn csv(text: &str) -> String {
    let clean = invisible::in_lines(text);
    let field = if is_number(&clean) {
        clean
    } else {
        guarded(&clean)
    };
    if !is_quoted(&field) {
        return field;
    }
    let mut out = String::with_capacity(field.len() + 2);
    out.push('"');
    for letter in Walk::over(&field) {
        out.extend((letter == '"').then_some('"'));
        out.push(letter);
    }
    out.push('"');
    out
}

/// RFC 4180 sections 2.5 to 2.7; also what separates fields elsewhere, and spaces at the ends,
/// which some readers drop.
fn is_quoted(field: &str) -> bool {
    field.contains([',', '"', '\n', ';', '\t']) || field.starts_with(' ') || field.ends_with(' ')
}

fn guarded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    // Nothing but whitespace and quotes so far: the field as a whole would be a formula.
    let mut leads = true;
    let mut parted = false;
    let mut begins = true;
    for letter in Walk::over(text) {
        if begins && TRIGGERS.contains(letter) {
            if leads {
                out.insert(0, GUARD);
            }
            if parted {
                out.push(GUARD);
            }
        }
        let separates = matches!(letter, ';' | '\t' | '\n');
        parted |= separates;
        begins = separates || (begins && matches!(letter, ' ' | '"'));
        leads &= begins && letter != ';';
        out.push(letter);
    }
    out
}

/// A sign, digits with one full stop at most, an exponent: nothing else, and digits there are.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    let exponent_is_number = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && are_digits(digits)
    });
    has_digits && are_digits(whole) && are_digits(fraction) && exponent_is_number
}

#[cfg(test)]
mod tests {
    use super::super::{hostile, invisible};
    use super::{TRIGGERS, csv, is_number};
    use proptest::prelude::*;

    #[test]
    fn formulas_are_text_and_numbers_stay() {
        for (text, expected) in [
            ("", ""),
            ("plain text", "plain text"),
            ("a,b", r#""a,b""#),
            (r#"say "x""#, r#""say ""x""""#),
            ("a\r\nb", "\"a\nb\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠SUM(A1)", "'＠SUM(A1)"),
            (" \t\r=1", "\"' \t\n'=1\""),
            (r#""=1"#, r#""'""=1""#),
            ("\u{feff}\0=1", "'=1"),
            ("-3.5", "-3.5"),
            ("+1e-3", "+1e-3"),
            ("-.5E+07", "-.5E+07"),
            ("-", "'-"),
            ("-e5", "'-e5"),
            ("-1e", "'-1e"),
            ("-1.2.3", "'-1.2.3"),
            ("-1\n", "\"'-1\n\""),
            ("a;=1", "\"a;'=1\""),
            ("a;\"=1", "\"a;\"\"'=1\""),
            ("a\n- b\n c=d", "\"a\n'- b\n c=d\""),
            ("a\t@b", "\"a\t'@b\""),
            (";=1", "\";'=1\""),
            ("x=1 - 2", "x=1 - 2"),
        ] {
            assert_eq!(csv(text), expected, "{text:?}");
        }
    }

    fn cells(record: &str, separator: u8, quoting: bool) -> Vec<String> {
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .quoting(quoting)
            .from_reader(record.as_bytes());
        let mut cells = Vec::new();
        for read in reader.records() {
            cells.extend(read.expect("a record").iter().map(str::to_owned));
        }
        cells
    }

    fn unguarded(text: &str) -> String {
        text.replace('\'', "")
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn a_reader_reads_the_same_text_and_no_formula(text in hostile::text()) {
            let record = format!("x,{},y\n", csv(&text));
            let read = cells(&record, b',', true);
            prop_assert_eq!(read.len(), 3);
            prop_assert_eq!(unguarded(&read[1]), unguarded(&invisible::in_lines(&text)));
            prop_assert!(hostile::hides_nothing(&record.replace(['\n', '\t'], "")));
        }

        #[test]
        fn no_cell_is_a_formula_whatever_separates(text in hostile::text()) {
            let record = format!("x,{},y\n", csv(&text));
            let cells = cells(&record, b',', true)
                .into_iter()
                .chain(cells(&record, b';', true))
                .chain(cells(&record, b';', false))
                .chain(cells(&record, b'\t', true))
                .chain(cells(&record, b'\t', false));
            for cell in cells {
                let inner = cell.trim_start_matches(['"', ' ', '\t', '\n', '\r']);
                prop_assert!(
                    !inner.starts_with(|c| TRIGGERS.contains(c)) || is_number(&cell),
                    "{cell:?} in {record:?}"
                );
            }
        }
    }
}
