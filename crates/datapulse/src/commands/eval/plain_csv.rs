//! Tables with commas, as RFC 4180 says: fields in quotes may hold commas, quotes and line ends.

/// The records of a text; an open quote ends with it.
pub fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ => field.push(c),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

/// One field, in quotes where it must be.
pub fn field(text: &str) -> std::borrow::Cow<'_, str> {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let fields = ["plain", "with, comma", "say \"hi\"", "two\nlines", "\"", ""];
        let line: Vec<_> = fields.iter().map(|text| field(text)).collect();
        let text = format!("{}\r\nnext,\n", line.join(","));
        assert_eq!(records(&text), [fields.to_vec(), vec!["next", ""]]);
        assert_eq!(records("a,\"b"), [["a", "b"]]);
    }
}
