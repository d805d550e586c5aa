//! Pages: a cursor says where the next one begins. Clients hand it back as they got it.

/// What a cursor begins with; the rest is a number.
const MARK: &str = "o";
/// The last place where a page may begin.
pub const MAX_OFFSET: u64 = 100_000;

/// Where a page begins: at the first without a cursor.
pub fn offset(cursor: Option<&str>) -> Result<u64, String> {
    let Some(cursor) = cursor else { return Ok(0) };
    let number = cursor.strip_prefix(MARK).and_then(|rest| rest.parse().ok());
    number
        .filter(|offset| *offset <= MAX_OFFSET)
        .ok_or_else(|| {
            "cursor: this is none of ours; take next_cursor of the page before".to_owned()
        })
}

/// The next page's cursor; `None`: this was the last.
pub fn next(offset: u64, shown: u64, total: u64) -> Option<String> {
    let next = offset.saturating_add(shown);
    (shown > 0 && next < total && next <= MAX_OFFSET).then(|| format!("{MARK}{next}"))
}

#[cfg(test)]
mod tests {
    use super::{MAX_OFFSET, next, offset};

    #[test]
    fn pages_follow_each_other_and_end() {
        assert_eq!(offset(None), Ok(0));
        assert_eq!(next(0, 20, 45).as_deref(), Some("o20"));
        assert_eq!(offset(Some("o20")), Ok(20));
        assert_eq!(next(40, 5, 45), None);
        assert_eq!(next(0, 0, 45), None);
        assert_eq!(next(MAX_OFFSET, 20, u64::MAX), None);
        for wrong in ["", "20", "o", "o-1", "o100001", "o99999999999999999999"] {
            assert!(offset(Some(wrong)).is_err(), "{wrong:?}");
        }
    }
}
