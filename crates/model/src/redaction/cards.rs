//! Payment cards: runs of digits that a scheme could have issued, with the right check digit.

use super::Found;

/// The shortest and longest card numbers that are issued (ISO/IEC 7812).
const MIN_DIGITS: usize = 13;
const MAX_DIGITS: usize = 19;

/// Digits, in groups divided by single spaces or hyphens, as people write cards. A run that goes
/// on in letters, digits or dots is an id, a time stamp or a number, and none of ours.
pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let (mut end, mut digits) = (at, Vec::with_capacity(MAX_DIGITS + 1));
        while at < bytes.len() {
            let byte = bytes[at];
            if byte.is_ascii_digit() {
                if digits.len() <= MAX_DIGITS {
                    digits.push(byte - b'0');
                }
                end = at + 1;
            } else if !(matches!(byte, b' ' | b'-')
                && bytes.get(at + 1).is_some_and(u8::is_ascii_digit))
            {
                break;
            }
            at += 1;
        }
        let before = start.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(end).copied();
        if !glued(before) && !goes_on(after, bytes.get(end + 1).copied()) && is_card(&digits) {
            found.push(Found {
                at: start..end,
                what: "card number",
            });
        }
    }
}

fn glued(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A full stop at a sentence's end doesn't make it a number.
fn goes_on(byte: Option<u8>, next: Option<u8>) -> bool {
    match byte {
        Some(b'.') => next.is_some_and(|byte| byte.is_ascii_digit()),
        Some(byte) => byte.is_ascii_alphanumeric() || byte == b'_',
        None => false,
    }
}

fn is_card(digits: &[u8]) -> bool {
    (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) && issued(digits) && luhn(digits)
}

/// Whether a scheme issues numbers of this length with this beginning: Visa, Mastercard, American
/// Express, Discover, Diners Club, JCB, UnionPay, Maestro (their published ranges).
fn issued(digits: &[u8]) -> bool {
    let first = |count: usize| {
        digits[..count]
            .iter()
            .fold(0u32, |sum, digit| sum * 10 + u32::from(*digit))
    };
    match digits.len() {
        13 => digits[0] == 4,
        14 => matches!(first(2), 36 | 38 | 39) || matches!(first(3), 300..=305),
        15 => matches!(first(2), 34 | 37),
        16 => {
            digits[0] == 4
                || matches!(first(2), 51..=55 | 62 | 65)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(first(3), 644..=649)
        }
        17..=19 => {
            digits[0] == 4 && digits.len() == 19
                || first(2) == 62
                || matches!(first(4), 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763)
        }
        _ => false,
    }
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}
