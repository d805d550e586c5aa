//! Where plain text would become a link, and what stands there instead.
//!
//! The places are those of GitHub's dialect (GFM 0.29, section 6.9 "Autolinks (extension)":
//! `www.`, `http://`, `https://`, `ftp://`, `mailto:`, `xmpp:`), and the schemes that chats and
//! trackers add to them. All of `scheme://` counts, whatever the scheme. An e-mail address is
//! broken by its `@`, which the renderers of markup write in full width.

use super::walk::Walk;

/// Schemes that act without `//`.
const SCHEMES: [&str; 12] = [
    "callto",
    "facetime",
    "javascript",
    "magnet",
    "mailto",
    "sip",
    "sips",
    "skype",
    "sms",
    "tel",
    "vbscript",
    "xmpp",
];

/// What is written instead of this letter, which [`Walk::next`] gave last, where a link would
/// begin with it.
pub(super) fn broken(walk: &Walk<'_>, letter: char) -> Option<&'static str> {
    let more = || walk.after().is_some_and(|next| next != ' ');
    match letter {
        ':' if walk.goes_on_with("//") => Some("[:]"),
        ':' if more() && SCHEMES.iter().any(|scheme| walk.comes_after(scheme)) => Some("[:]"),
        '.' if walk.comes_after("www") => Some("[.]"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Walk, broken};

    fn apart(text: &str) -> String {
        let mut out = String::new();
        let mut walk = Walk::over(text);
        while let Some(letter) = walk.next() {
            match broken(&walk, letter) {
                Some(instead) => out.push_str(instead),
                None => out.push(letter),
            }
        }
        out
    }

    #[test]
    fn links_are_taken_apart_and_the_rest_stays() {
        for (text, expected) in [
            ("https://a.example/x?y", "https[:]//a.example/x?y"),
            ("HTTP://WWW.A.EXAMPLE", "HTTP[:]//WWW[.]A.EXAMPLE"),
            ("any+scheme://x", "any+scheme[:]//x"),
            ("see www.a.example", "see www[.]a.example"),
            ("(www.a.example)", "(www[.]a.example)"),
            ("MAILTO:a", "MAILTO[:]a"),
            ("tel:112, hotel:5", "tel[:]112, hotel:5"),
            ("javascript:alert(1)", "javascript[:]alert(1)"),
            (
                "10:15:30 a.b.c main.rs:12 x: y",
                "10:15:30 a.b.c main.rs:12 x: y",
            ),
            ("see www. And tel: none", "see www[.] And tel: none"),
            ("std::io::Error", "std::io::Error"),
        ] {
            assert_eq!(apart(text), expected);
        }
    }
}
