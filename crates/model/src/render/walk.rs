//! A walk over the letters of a text that looks only a bounded way ahead and back.
//!
//! Every renderer reads through it, so that tests can count all that is looked at: a renderer
//! that became quadratic would be seen by its number of looks, not by a clock.

/// Goes from letter to letter; what is asked is about the letter that [`Iterator::next`] gave last.
pub(super) struct Walk<'a> {
    text: &'a str,
    /// Bytes: where the letter begins, and where it ends.
    start: usize,
    end: usize,
}

impl<'a> Walk<'a> {
    pub fn over(text: &'a str) -> Self {
        Self {
            text,
            start: 0,
            end: 0,
        }
    }

    /// The letter that comes next.
    pub fn after(&self) -> Option<char> {
        looked(1);
        self.text[self.end..].chars().next()
    }

    /// The letter that came before.
    pub fn before(&self) -> Option<char> {
        looked(1);
        self.text[..self.start].chars().next_back()
    }

    /// Whether the text goes on with this.
    pub fn goes_on_with(&self, what: &str) -> bool {
        looked(what.len());
        self.text[self.end..].starts_with(what)
    }

    /// Whether this word of ASCII letters, in any case, is all that stands before the letter, or
    /// stands there after something that is no letter and no digit.
    pub fn comes_after(&self, word: &str) -> bool {
        looked(word.len() + 1);
        let passed = &self.text[..self.start];
        let Some(from) = passed.len().checked_sub(word.len()) else {
            return false;
        };
        passed.as_bytes()[from..].eq_ignore_ascii_case(word.as_bytes())
            && !passed[..from].ends_with(char::is_alphanumeric)
    }
}

impl Iterator for Walk<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let letter = self.after()?;
        self.start = self.end;
        self.end += letter.len_utf8();
        Some(letter)
    }
}

#[cfg(not(test))]
fn looked(_letters: usize) {}

#[cfg(test)]
fn looked(letters: usize) {
    LOOKED.set(LOOKED.get() + letters);
}

#[cfg(test)]
thread_local! {
    static LOOKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many letters were looked at during this work, on this thread.
#[cfg(test)]
pub(super) fn looks<T>(work: impl FnOnce() -> T) -> (T, usize) {
    LOOKED.set(0);
    let done = work();
    (done, LOOKED.get())
}

#[cfg(test)]
mod tests {
    use super::Walk;

    fn at_colon(text: &str) -> Walk<'_> {
        let mut walk = Walk::over(text);
        walk.find(|letter| *letter == ':').expect("a colon");
        walk
    }

    #[test]
    fn a_word_before_is_a_whole_word_in_any_case() {
        assert!(at_colon("MailTo:a").comes_after("mailto"));
        assert!(at_colon("(mailto:a").comes_after("mailto"));
        assert!(!at_colon("hotel:a").comes_after("tel"));
        assert!(!at_colon("ätel:a").comes_after("tel"));
        assert!(!at_colon("el:a").comes_after("tel"));
        // The place where the word would begin lies within a letter.
        assert!(!at_colon("é:").comes_after("l"));
    }

    #[test]
    fn what_stands_beside_a_letter() {
        let walk = at_colon("é:/x");
        assert_eq!((walk.before(), walk.after()), (Some('é'), Some('/')));
        assert!(walk.goes_on_with("/x"));
        assert!(!walk.goes_on_with("/xy"));
    }
}
