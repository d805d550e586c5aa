//! Text in messages of Slack.

use super::{invisible, links, walk::Walk};

/// The longest name of an emoji; Slack allows no longer one.
const MAX_EMOJI_NAME: usize = 100;
/// Names of emoji that are digits alone. Other digits between colons are times.
const DIGIT_EMOJI: [&str; 2] = ["100", "1234"];

/// One line of text, without the spaces at its ends, for a message or a text object of type
/// `mrkdwn`.
///
/// From Slack's page "Formatting message text": `&`, `<` and `>` are entities, which disarms
/// `<!channel>`, `<@U…>`, `<#C…>`, links and dates. There is no escape for the rest, which is
/// written in full width: `＊`, `～`, `｀`, `＿` (within a word `_` stays: it isn't markup there),
/// `＠` (so that `@here`, `@channel`, `@everyone` and e-mail addresses do nothing), `＃` before a
/// letter or digit, the second colon of `:name：`, and `＞` at the start, where the entity would
/// still begin a quotation. URLs are broken (`http[:]//`).
///
/// Slack also makes links of bare names of hosts. The sender switches that off with
/// `"verbatim": true` in the text object or `"parse": "none"` and `"link_names": false` in the
/// message (Slack's pages "Text object" and "chat.postMessage").
pub fn mrkdwn(text: &str) -> String {
    let clean = invisible::in_one_line(text);
    let mut out = String::with_capacity(clean.len() + clean.len() / 8);
    let mut walk = Walk::over(&clean);
    let mut emoji = Emoji::default();
    while let Some(letter) = walk.next() {
        let ends_emoji = emoji.ends_with(letter);
        match letter {
            '>' if out.is_empty() => out.push('＞'),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '*' => out.push('＊'),
            '~' => out.push('～'),
            '`' => out.push('｀'),
            '@' => out.push('＠'),
            '_' if !within_word(&walk) => out.push('＿'),
            '#' if walk.after().is_some_and(char::is_alphanumeric) => out.push('＃'),
            ':' if ends_emoji => out.push('：'),
            letter => match links::broken(&walk, letter) {
                Some(instead) => out.push_str(instead),
                None => out.push(letter),
            },
        }
    }
    out
}

fn within_word(walk: &Walk<'_>) -> bool {
    walk.before().is_some_and(char::is_alphanumeric)
        && walk.after().is_some_and(char::is_alphanumeric)
}

/// The letters since a colon, as long as they may be the name of an emoji.
#[derive(Default)]
struct Emoji {
    name: Option<String>,
}

impl Emoji {
    /// Whether this letter is the colon that ends the name of an emoji.
    fn ends_with(&mut self, letter: char) -> bool {
        if letter == ':' {
            let ends = self.name.as_deref().is_some_and(is_emoji);
            // A colon that ended a name begins none: it isn't written as one.
            self.name = (!ends).then(String::new);
            return ends;
        }
        match &mut self.name {
            Some(name)
                if name.len() < MAX_EMOJI_NAME * char::MAX.len_utf8()
                    && (letter.is_alphanumeric() || "_-+'".contains(letter)) =>
            {
                name.push(letter);
            }
            name => *name = None,
        }
        false
    }
}

fn is_emoji(name: &str) -> bool {
    !name.is_empty()
        && (DIGIT_EMOJI.contains(&name) || !name.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::mrkdwn;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_called_linked_or_formatted() {
        for (text, expected) in [
            ("", ""),
            ("a & b", "a &amp; b"),
            (
                "<!channel> <@U123> <#C1|x>",
                "&lt;!channel&gt; &lt;＠U123&gt; &lt;＃C1|x&gt;",
            ),
            ("<https://a.example|ok>", "&lt;https[:]//a.example|ok&gt;"),
            ("@here @channel @everyone", "＠here ＠channel ＠everyone"),
            ("#general, C# and # x", "＃general, C# and # x"),
            ("*b* ~s~ `c` ```d```", "＊b＊ ～s～ ｀c｀ ｀｀｀d｀｀｀"),
            ("_i_ pay_ments __init__", "＿i＿ pay_ments ＿＿init＿＿"),
            ("> quoted\n> again", "＞ quoted &gt; again"),
            ("&gt; quoted", "&amp;gt; quoted"),
            (
                ":tada: :+1::skin-tone-2: :100:",
                ":tada： :+1：:skin-tone-2： :100：",
            ),
            ("at 10:15:30, : x : and ::", "at 10:15:30, : x : and ::"),
            ("a@b.example", "a＠b.example"),
            ("MAILTO:a www.b.example", "MAILTO[:]a www[.]b.example"),
            ("@\u{200b}here <\u{202e}!here>", "＠here &lt;!here&gt;"),
            ("one\ntwo\r\nthree", "one two  three"),
        ] {
            assert_eq!(mrkdwn(text), expected, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn nothing_that_acts_is_left(text in hostile::text()) {
            let shown = mrkdwn(&text);
            prop_assert!(hostile::is_one_clean_line(&shown));
            prop_assert!(!shown.contains(['*', '~', '`', '@', '<', '>']));
            prop_assert!(!shown.contains("://"));
            for rest in shown.split('&').skip(1) {
                let entity = ["amp;", "lt;", "gt;"].iter().any(|name| rest.starts_with(name));
                prop_assert!(entity);
            }
            let names = |_, after: Option<char>| after.is_some_and(char::is_alphanumeric);
            let channel = hostile::has(&shown, "#", names);
            prop_assert!(!channel);
            let edge = |before: Option<char>, after: Option<char>| {
                !before.is_some_and(char::is_alphanumeric)
                    || !after.is_some_and(char::is_alphanumeric)
            };
            let italic = hostile::has(&shown, "_", edge);
            prop_assert!(!italic);
            // As Slack reads it, without its entities, it is what was written.
            let read = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            prop_assert_eq!(hostile::folded(&read), hostile::folded_line(&text));
        }

        #[test]
        fn no_name_stands_between_two_colons(text in "[:a1 +]{0,40}") {
            let shown = mrkdwn(&text);
            let parts: Vec<&str> = shown.split(':').collect();
            for part in parts.iter().take(parts.len() - 1).skip(1) {
                prop_assert!(
                    part.contains([' ', '：']) || part.bytes().all(|b| b.is_ascii_digit()),
                    "{shown}"
                );
            }
        }
    }
}
