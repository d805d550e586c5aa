//! A message as words, marks and values.

use super::shape::{self, Piece, Shape};

/// Tokens of a message at most; what follows is one value.
pub const MAX_TOKENS: usize = 128;
/// Bytes of a message that are looked at; what follows is one value.
pub const MAX_BYTES: usize = 2048;

/// Groups between colons that make an address rather than a time of day.
const MIN_GROUPS: usize = 4;
/// Dots in a name before a port that make it a host's.
const MIN_DOTS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Mark,
    Value(Shape),
}

#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// White space comes before it.
    pub spaced: bool,
    /// Values in a row that it stands for.
    pub run: u16,
    /// Of kind, text and white space; one for all values.
    pub hash: u64,
}

impl Token<'_> {
    pub fn is_mark(&self, marks: &[&str]) -> bool {
        self.kind == Kind::Mark && marks.contains(&self.text)
    }

    pub fn is_value(&self) -> bool {
        matches!(self.kind, Kind::Value(_))
    }

    /// Makes a value of it.
    pub fn become_value(&mut self, shape: Shape) {
        self.kind = Kind::Value(shape);
        self.hash = value_hash(self.spaced);
    }
}

/// The hash of every value.
pub fn value_hash(spaced: bool) -> u64 {
    0x9e37_79b9_7f4a_7c15 ^ (u64::from(spaced) << 17)
}

fn hash(text: &str, spaced: bool) -> u64 {
    let mix = |state: u64, word: u64| {
        let wide = u128::from(state ^ word) * u128::from(0xa076_1d64_78bd_642f_u64);
        (wide >> 64) as u64 ^ wide as u64
    };
    let mut state = 0x517c_c1b7_2722_0a95_u64 ^ text.len() as u64;
    let mut chunks = text.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        state = mix(state, u64::from_le_bytes(eight));
    }
    let tail = chunks.remainder();
    let mut rest = [0; 8];
    rest[..tail.len()].copy_from_slice(tail);
    state = mix(state, u64::from_le_bytes(rest));
    mix(state, 0xe703_7ed1_a0b4_28db ^ u64::from(spaced))
}

/// Ends a piece.
fn is_hard(byte: u8) -> bool {
    matches!(
        byte,
        b',' | b';'
            | b':'
            | b'='
            | b'|'
            | b'"'
            | b'\''
            | b'`'
            | b'['
            | b']'
            | b'('
            | b')'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
            | b'!'
            | b'?'
    )
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Fills `out` with the tokens of a message.
pub fn scan<'a>(message: &'a str, out: &mut Vec<Token<'a>>) {
    out.clear();
    let message = message.trim_matches([' ', '\t', '\r', '\n']);
    let mut end = message.len().min(MAX_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = &message.as_bytes()[..end];
    let mut at = 0;
    let mut spaced = false;
    while at < bytes.len() {
        if is_white(bytes[at]) {
            spaced = true;
            at += 1;
        } else if out.len() >= MAX_TOKENS {
            end = at;
            break;
        } else {
            at = token(&message[..end], at, spaced, out);
            spaced = false;
        }
    }
    if end < message.len() {
        push_rest(out, &message[end..], spaced);
    }
}

/// Reads what starts at `at`, and returns where it ended.
fn token<'a>(text: &'a str, at: usize, spaced: bool, out: &mut Vec<Token<'a>>) -> usize {
    let bytes = text.as_bytes();
    if is_hard(bytes[at]) {
        return mark(text, at, spaced, out);
    }
    if let Some(end) = colons(bytes, at) {
        push_value(out, &text[at..end], Shape::Address, spaced);
        return end;
    }
    let ends = |byte: &u8| is_hard(*byte) || is_white(*byte);
    let length = bytes[at..].iter().position(ends);
    let whole = length.map_or(bytes.len(), |length| at + length);
    if let Some(end) = beyond_colon(bytes, at, whole) {
        push_value(out, &text[at..end], Shape::Path, spaced);
        return end;
    }
    let mut end = whole;
    while end > at + 1 && bytes[end - 1] == b'.' {
        end -= 1;
    }
    let piece = &text[at..end];
    let dated = out
        .last()
        .is_some_and(|last| last.kind == Kind::Value(Shape::Date));
    let is_key = bytes.get(end) == Some(&b'=') && bytes[at].is_ascii_alphabetic();
    match shape::piece(piece) {
        // The zone belongs to the date before it.
        Piece::Word if dated && spaced && shape::is_zone(piece) => {}
        Piece::Word => push(out, Kind::Word, piece, spaced),
        _ if is_key => push(out, Kind::Word, piece, spaced),
        Piece::Value(shape) => push_value(out, piece, shape, spaced),
        Piece::Tail(start, shape) => {
            let (head, tail) = piece.split_at(start);
            let kind = match head.bytes().any(|byte| byte.is_ascii_alphabetic()) {
                true => Kind::Word,
                false => Kind::Mark,
            };
            push(out, kind, head, spaced);
            push_value(out, tail, shape, false);
        }
    }
    if whole > end {
        push(out, Kind::Mark, &text[end..whole], false);
    }
    whole
}

fn mark<'a>(text: &'a str, at: usize, spaced: bool, out: &mut Vec<Token<'a>>) -> usize {
    push(out, Kind::Mark, &text[at..=at], spaced);
    let bytes = text.as_bytes();
    let closes = matches!(
        (bytes[at], bytes.get(at + 1)),
        (b'(', Some(b')')) | (b'[', Some(b']'))
    );
    if !(spaced && closes) {
        return at + 1;
    }
    // Brackets that stand alone with nothing in them hold an empty word, so that others hold a
    // word at the same place.
    push(out, Kind::Word, "", false);
    push(out, Kind::Mark, &text[at + 1..at + 2], false);
    at + 2
}

/// Groups of hexadecimal digits with colons between (a hardware address, IPv6): where they end.
fn colons(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut end, mut groups, mut digit) = (at, 0, false);
    loop {
        let is_digit = |byte: &&u8| byte.is_ascii_hexdigit();
        let group = bytes[end..].iter().take_while(is_digit).count();
        if !(1..=4).contains(&group) {
            return None;
        }
        digit |= bytes[end..end + group].iter().any(u8::is_ascii_digit);
        end += group;
        groups += 1;
        if bytes.get(end) != Some(&b':') {
            break;
        }
        end += 1;
    }
    let over = bytes
        .get(end)
        .is_none_or(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
    (groups >= MIN_GROUPS && digit && over).then_some(end)
}

/// A URL, or a path with a drive's letter, goes on behind its colon: where it ends.
fn beyond_colon(bytes: &[u8], at: usize, colon: usize) -> Option<usize> {
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let url = bytes[colon..].starts_with(b"://");
    let drive =
        colon == at + 1 && bytes[at].is_ascii_alphabetic() && bytes.get(colon + 1) == Some(&b'\\');
    if !url && !drive {
        return None;
    }
    let ends = |byte: &u8| {
        is_white(*byte) || (is_hard(*byte) && !matches!(*byte, b':' | b'=' | b'?' | b'!'))
    };
    let length = bytes[at..].iter().position(ends);
    let mut end = length.map_or(bytes.len(), |length| at + length);
    while end > colon + 1 && matches!(bytes[end - 1], b'.' | b':') {
        end -= 1;
    }
    Some(end)
}

fn push<'a>(out: &mut Vec<Token<'a>>, kind: Kind, text: &'a str, spaced: bool) {
    out.push(Token {
        kind,
        text,
        spaced,
        run: 1,
        hash: hash(text, spaced),
    });
}

fn push_rest<'a>(out: &mut Vec<Token<'a>>, text: &'a str, spaced: bool) {
    out.push(Token {
        kind: Kind::Value(Shape::Id),
        text,
        spaced,
        run: 1,
        hash: value_hash(spaced),
    });
}

fn push_value<'a>(out: &mut Vec<Token<'a>>, text: &'a str, shape: Shape, spaced: bool) {
    if spaced && is_counted(out, shape) {
        return;
    }
    if !spaced && is_joined(out) {
        out.pop();
        join(out);
        return;
    }
    if !spaced && shape == Shape::Number && is_port(out) {
        out.pop();
        if let Some(host) = out.last_mut() {
            host.become_value(Shape::Address);
        }
        return;
    }
    out.push(Token {
        kind: Kind::Value(shape),
        text,
        spaced,
        run: 1,
        hash: value_hash(spaced),
    });
    if spaced {
        make_date(out);
    }
}

/// A colon between two values, without white space, makes one of them.
fn is_joined(out: &[Token]) -> bool {
    let [.., before, mark] = out else {
        return false;
    };
    before.is_value() && mark.is_mark(&[":"]) && !mark.spaced
}

/// The value before a colon takes the one behind it in.
fn join(out: &mut Vec<Token>) {
    // `host-7:80` is one address, whatever the host is called.
    if let [.., host, value] = out.as_mut_slice()
        && !value.spaced
        && host.kind == Kind::Word
        && host.text.ends_with(['-', '.', '/'])
    {
        host.become_value(Shape::Address);
        out.pop();
        return;
    }
    if let Some(last) = out.last_mut()
        && last.kind != Kind::Value(Shape::Date)
    {
        last.kind = Kind::Value(Shape::Address);
    }
}

/// Whether a number follows a host's name and a colon.
fn is_port(out: &[Token]) -> bool {
    let [.., host, mark] = out else {
        return false;
    };
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/');
    mark.is_mark(&[":"])
        && !mark.spaced
        && host.kind == Kind::Word
        && host.text.bytes().filter(|&byte| byte == b'.').count() >= MIN_DOTS
        && host.text.bytes().all(of_host)
}

/// A value after one of its own shape, or within a date, is counted only.
fn is_counted(out: &mut [Token], shape: Shape) -> bool {
    let first = out.len() == 1;
    let Some(last) = out.last_mut() else {
        return false;
    };
    match last.kind {
        Kind::Value(Shape::Date) => true,
        Kind::Value(before) if before == shape && (last.spaced || first) => {
            last.run = last.run.saturating_add(1);
            true
        }
        _ => false,
    }
}

/// `Sat Jun 18`: the names before a value make a date with it.
fn make_date(out: &mut Vec<Token>) {
    while let [.., name, _] = out.as_mut_slice() {
        if name.kind != Kind::Word || !shape::is_calendar(name.text) {
            return;
        }
        name.become_value(Shape::Date);
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words and marks as they are, `*` for values, with their number in a row.
    fn scanned(message: &str) -> String {
        let mut tokens = Vec::new();
        scan(message, &mut tokens);
        let mut out = String::new();
        for token in tokens {
            if token.spaced {
                out.push(' ');
            }
            match token.kind {
                Kind::Value(_) if token.run > 1 => out.push_str(&format!("*{}", token.run)),
                Kind::Value(_) => out.push('*'),
                _ => out.push_str(token.text),
            }
        }
        out
    }

    #[test]
    fn values_are_masked_with_what_belongs_to_them() {
        let cases = [
            ("order 17 took 3ms.", "order * took *."),
            ("from 10.0.0.1:80 to a-1/10.0.0.2:81", "from * to *"),
            ("shop.example.org:8080 closed", "* closed"),
            ("node-7:80 is up", "* is up"),
            ("user=alice uid=0 r24=7", "user=alice uid=* r24=*"),
            ("see https://example.org/a?b=c, then", "see *, then"),
            ("C:\\a\\b.dll is gone", "* is gone"),
            ("link ff:02:0a:1b:00:7e up", "link * up"),
            ("at Sat Jun 18 02:08:10 UTC 2005 it ended", "at * it ended"),
            ("May I?", "May I?"),
            ("ids 1 2 3 4", "ids *4"),
            ("mixed 7 0xff", "mixed * *"),
            ("was null", "was *"),
            ("  two   spaces ", "two spaces"),
            ("", ""),
        ];
        for (message, masked) in cases {
            assert_eq!(scanned(message), masked, "{message}");
        }
    }

    #[test]
    fn a_long_message_ends_as_a_value() {
        let long = "word ".repeat(MAX_TOKENS + 10);
        let masked = scanned(&long);
        assert!(masked.ends_with("word *"), "{masked}");
        let long = "ä".repeat(MAX_BYTES);
        assert!(scanned(&long).ends_with("ä*"));
    }
}
