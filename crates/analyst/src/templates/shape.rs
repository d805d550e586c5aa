//! Which parts of a text are values by their shape alone.

/// What a value looks like; a row of values of one shape counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Number,
    Hex,
    /// Of a network or of hardware, with its port.
    Address,
    /// Of a file, or a URL.
    Path,
    Date,
    /// True, false, null.
    Literal,
    /// Anything else with digits.
    Id,
    /// A word that was found to be a value.
    Found,
}

/// What a piece of a text, between white space and hard marks, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    Word,
    Value(Shape),
    /// A word of so many bytes, then a value.
    Tail(usize, Shape),
}

/// Hexadecimal digits that make a number rather than a word.
const MIN_HEX: usize = 6;
/// Digits that make a value of a part with letters: `tls1` is a word, `node17` is not.
const MIN_DIGITS: usize = 2;
/// Digits of a byte of an IPv4 address at most.
const MAX_BYTE: usize = 3;

/// Joins the parts of one piece.
fn is_joint(byte: u8) -> bool {
    matches!(
        byte,
        b'.' | b'-' | b'+' | b'@' | b'#' | b'$' | b'%' | b'&' | b'/' | b'~' | b'*' | b'\\' | b'^'
    )
}

pub fn piece(text: &str) -> Piece {
    let bytes = text.as_bytes();
    if is_path(bytes) {
        return Piece::Value(Shape::Path);
    }
    if !bytes.iter().any(u8::is_ascii_digit) {
        return match is_literal(text) {
            true => Piece::Value(Shape::Literal),
            false => Piece::Word,
        };
    }
    of_parts(bytes)
}

/// A piece with digits: a value from its first part that is one, and whole if a word follows that.
fn of_parts(bytes: &[u8]) -> Piece {
    let mut first: Option<(usize, Shape)> = None;
    let (mut values, mut word_after, mut dotted) = (0, false, 0);
    let mut at = 0;
    while at < bytes.len() {
        if is_joint(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().position(|&byte| is_joint(byte));
        let end = length.map_or(bytes.len(), |length| at + length);
        let part = &bytes[at..end];
        let versioned = bytes.get(end) == Some(&b'.') && is_version(part);
        match value(part).or(versioned.then_some(Shape::Id)) {
            Some(shape) => {
                values += 1;
                first = first.or(Some((at, shape)));
                let is_byte = part.len() <= MAX_BYTE && part.iter().all(u8::is_ascii_digit);
                let joined = at > 0 && bytes[at - 1] == b'.' && dotted > 0;
                dotted = match (is_byte, joined) {
                    (true, true) => dotted + 1,
                    (true, false) => 1,
                    (false, _) => 0,
                };
                if dotted == 4 {
                    return Piece::Value(Shape::Address);
                }
            }
            None => {
                dotted = 0;
                word_after |= first.is_some();
            }
        }
        at = end;
    }
    let Some((start, shape)) = first else {
        return Piece::Word;
    };
    if word_after {
        return Piece::Value(Shape::Id);
    }
    let shape = if values > 1 { Shape::Id } else { shape };
    let sign = start == 1 && matches!(bytes[0], b'-' | b'+');
    // In `id_-7` the dash is a sign, so the name goes with its number.
    let signed = bytes[..start].ends_with(b"_-");
    match start == 0 || sign || signed {
        true => Piece::Value(shape),
        false => Piece::Tail(start, shape),
    }
}

/// Whether a part without joints is a value, and of which shape.
fn value(part: &[u8]) -> Option<Shape> {
    let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    if digits == part.len() {
        return Some(Shape::Number);
    }
    let prefixed = part.len() > 2 && part[0] == b'0' && part[1] | 0x20 == b'x';
    let bare = part.len() >= MIN_HEX && part.iter().all(u8::is_ascii_hexdigit);
    if prefixed || bare {
        return Some(Shape::Hex);
    }
    let begins = part[0].is_ascii_digit();
    let numbered = |two: &[u8]| two[0] == b'_' && two[1].is_ascii_digit();
    let is_id = begins || digits >= MIN_DIGITS || part.windows(2).any(numbered);
    is_id.then_some(Shape::Id)
}

/// The `v2` of `v2.0`.
fn is_version(part: &[u8]) -> bool {
    part.len() > 1 && part[0] | 0x20 == b'v' && part[1..].iter().all(u8::is_ascii_digit)
}

fn is_path(bytes: &[u8]) -> bool {
    let rooted = bytes.len() > 2
        && bytes[0] == b'/'
        && (bytes[1].is_ascii_alphanumeric() || matches!(bytes[1], b'_' | b'.'));
    rooted || bytes.iter().filter(|&&byte| byte == b'\\').count() >= 2
}

fn is_literal(text: &str) -> bool {
    ["true", "false", "null"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Months and days as most logs write them.
pub fn is_calendar(text: &str) -> bool {
    const NAMES: [&str; 19] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon",
        "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
    ];
    text.len() == 3 && NAMES.contains(&text)
}

/// Time zones by their names.
pub fn is_zone(text: &str) -> bool {
    const NAMES: [&str; 15] = [
        "UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST", "BST",
        "JST", "IST",
    ];
    NAMES.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_one_digit() {
        for word in [
            "order", "tls1", "http2", "a.b.c", "log4j", "z-", "Class#", "v",
        ] {
            assert_eq!(piece(word), Piece::Word, "{word}");
        }
    }

    #[test]
    fn values_are_known_by_their_shape() {
        let cases = [
            ("4711", Shape::Number),
            ("-3", Shape::Number),
            ("0x1f", Shape::Hex),
            ("00c06c48", Shape::Hex),
            ("10.0.0.7", Shape::Address),
            ("shop-7/10.0.0.7", Shape::Address),
            ("/var/log/a.log", Shape::Path),
            ("NULL", Shape::Literal),
            ("v2.14", Shape::Id),
            ("job_17", Shape::Id),
            ("job_-17", Shape::Number),
            ("64MB", Shape::Id),
            ("3f2b-11aa.example", Shape::Id),
        ];
        for (text, shape) in cases {
            assert_eq!(piece(text), Piece::Value(shape), "{text}");
        }
    }

    #[test]
    fn a_word_before_a_value_stays() {
        assert_eq!(piece("core.1524"), Piece::Tail(5, Shape::Number));
        assert_eq!(piece("CPU#0"), Piece::Tail(4, Shape::Number));
        assert_eq!(piece("worker-3-7"), Piece::Tail(7, Shape::Id));
    }
}
