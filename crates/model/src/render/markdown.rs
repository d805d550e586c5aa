//! Text in Markdown: CommonMark, and the dialects of GitHub and GitLab.

use super::{invisible, links, walk::Walk};

/// What begins or ends inline markup, wherever it stands: CommonMark 0.31 section 6 (`\`, `` ` ``,
/// `*`, `_`, `[`, `]`, `<`, `>`, `&`, `!`), GFM 0.29 sections 4.10 and 6.5 (`|`, `~`), and the
/// dialects: mathematics (`$`), footnotes and superscript (`^`), attributes and differences
/// (`{`, `}`), references of GitLab (`!`, `$`, `&`, `~`, which it leaves alone when escaped; `%` where it
/// could be one).
/// All of ASCII's punctuation may be escaped (CommonMark section 2.4).
const MARKS: &str = r"\`*_[]<>|~&!$^{}";
/// What begins a block at the start of a line: a list (`-`, `+`), an underlined heading or
/// metadata (`=`, `-`, `+`), a definition or container (`:`), a quick action of GitLab (`/`).
const OPENERS: &str = "-+=:/";
/// Shortest fence of a block of code (CommonMark section 4.5).
const MIN_FENCE: usize = 3;

/// One line of inline text, without the spaces at its ends, for CommonMark and its dialects: what
/// is shown are the same characters, and nothing else is made of them.
///
/// What could begin markup is escaped with a backslash. What is made of text after the markup was
/// read can't be escaped: links are broken (`http[:]//`, `www[.]`, see GFM section 6.9), `@` is
/// `＠`, `#` before a letter or digit is `＃`, and the hyphen of `GH-12` is one that doesn't break.
///
/// Not broken, since there is nothing to break them with: hashes of commits and keys such as
/// `ABC-12`, of which a tracker makes links to itself, and names of emoji (`:tada:`), which are
/// pictures.
pub fn markdown(text: &str) -> String {
    let clean = invisible::in_one_line(text);
    let mut out = String::with_capacity(clean.len() + clean.len() / 8);
    let mut walk = Walk::over(&clean);
    // Only digits so far: with `.` or `)` they would begin a list.
    let mut counts = true;
    while let Some(letter) = walk.next() {
        let first = out.is_empty();
        if let Some(instead) = links::broken(&walk, letter) {
            for mark in instead.chars() {
                out.extend(MARKS.contains(mark).then_some('\\'));
                out.push(mark);
            }
        } else if letter == '@' {
            out.push('＠');
        } else if letter == '#' && walk.after().is_some_and(names) {
            out.push('＃');
        } else if letter == '-' && refers(&walk) {
            out.push('\u{2011}');
        } else {
            out.extend(escapes(&walk, letter, first, counts).then_some('\\'));
            out.push(letter);
        }
        counts &= letter.is_ascii_digit();
    }
    out
}

/// `GH-12` is a reference of GitHub.
fn refers(walk: &Walk<'_>) -> bool {
    walk.comes_after("gh") && walk.after().is_some_and(|next| next.is_ascii_digit())
}

fn names(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn escapes(walk: &Walk<'_>, letter: char, first: bool, counts: bool) -> bool {
    match letter {
        '#' => true,
        '.' | ')' if counts && !first => matches!(walk.after(), None | Some(' ')),
        // A milestone of GitLab; a share in percent isn't one.
        '%' => walk.after().is_some_and(|next| names(next) || next == '"'),
        // Two of them mark a text or an insertion in some dialects.
        '=' | '+' if walk.after() == Some(letter) || walk.before() == Some(letter) => true,
        _ => MARKS.contains(letter) || (first && OPENERS.contains(letter)),
    }
}

/// A block of code with these lines, whose fence is longer than any run of backticks within
/// (CommonMark section 4.5). It stands on lines of its own and ends without a line end; empty
/// lines at the end are left out.
///
/// Nothing is escaped, since nothing in a block of code is markup, a mention or a link.
pub fn markdown_block(text: &str) -> String {
    let clean = invisible::in_lines(text);
    let code = clean.trim_end();
    let (mut longest, mut run) = (0, 0);
    for letter in Walk::over(code) {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(MIN_FENCE.max(longest + 1));
    if code.is_empty() {
        return format!("{fence}\n{fence}");
    }
    format!("{fence}\n{code}\n{fence}")
}

#[cfg(test)]
mod tests;
