use proptest::prelude::*;

use super::miner::{MAX_PLACES, MAX_SHAPES, MAX_TEMPLATE_BYTES, MAX_TEMPLATES};
use super::*;

/// The template of each message, after the last one.
fn templates(messages: &[&str]) -> Vec<String> {
    let mut miner = Miner::default();
    let ids: Vec<Id> = messages
        .iter()
        .map(|message| miner.observe(message, &mut Vec::new()))
        .collect();
    ids.into_iter()
        .map(|id| miner.template(id).expect("is kept"))
        .collect()
}

fn one(messages: &[&str]) -> String {
    let mut found = templates(messages);
    found.dedup();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Whether a message is what a template says, white space aside.
fn fits(template: &str, message: &str) -> bool {
    let white = [' ', '\t', '\r', '\n'];
    let words: Vec<&str> = message
        .split(white)
        .filter(|word| !word.is_empty())
        .collect();
    let mut rest = words.join(" ");
    let mut pieces = template.split("<*>");
    let Some(first) = pieces.next() else {
        return rest.is_empty();
    };
    let Some(behind) = rest.strip_prefix(first) else {
        return false;
    };
    rest = behind.to_owned();
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = rest[at + piece.len()..].to_owned();
    }
    rest.ends_with(last)
}

#[test]
fn values_by_shape_need_no_second_message() {
    assert_eq!(
        one(&["order 17 of user=7 took 3ms at Sat Jun 18 02:08:10 2005"]),
        "order <*> of user=<*> took <*> at <*>"
    );
}

#[test]
fn a_word_that_varies_enough_is_a_value() {
    let names = ["ada", "bob", "cyd", "dan", "eve", "fay"];
    let lines: Vec<String> = names
        .iter()
        .map(|name| format!("login of {name} was refused"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(one(&lines), "login of <*> was refused");
    assert_eq!(templates(&lines[..3])[0], "login of ada was refused");
    assert_eq!(
        one(&["user='ada' left", "user='bob' left"]),
        "user='<*>' left"
    );
}

#[test]
fn states_stay_words() {
    let found = templates(&["pump one started", "pump one stopped", "pump one failed"]);
    assert_eq!(
        found,
        ["pump one started", "pump one stopped", "pump one failed"]
    );
}

#[test]
fn two_words_are_found_one_after_the_other() {
    let names = ["ada", "bob", "cyd", "dan", "eve", "fay"];
    let mut lines = Vec::new();
    for from in names {
        for to in names {
            lines.push(format!("mail from {from} to {to} was sent"));
        }
    }
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines.push("mail from pat to quinn was sent");
    assert_eq!(one(&lines), "mail from <*> to <*> was sent");
}

#[test]
fn rows_of_values_are_written_as_they_are_seen() {
    assert_eq!(one(&["regs 1 2 3", "regs 4 5 6"]), "regs <*> <*> <*>");
    assert_eq!(one(&["delete 1 2 3", "delete 4"]), "delete <*>");
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut miner = Miner::default();
    let mut retired = 0;
    let mut state = 7_u64;
    let mut word = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let letter = |shift: u64| char::from(b'a' + (state >> shift) as u8 % 26);
        [letter(20), letter(28), letter(36), letter(44), letter(52)]
            .iter()
            .collect::<String>()
    };
    // First few and long ones, which meet the bound on bytes, then many short ones.
    let lengths = [(1_200, 120), (MAX_TEMPLATES + 500, 5)];
    let mut lines = 0;
    for (count, length) in lengths {
        for _ in 0..count {
            let line: Vec<String> = (0..length).map(|_| word()).collect();
            let line = line.join(" ");
            let id = miner.observe(&line, &mut Vec::new());
            assert_eq!(miner.template(id).as_deref(), Some(line.as_str()));
            lines += 1;
            retired += miner.retired().len();
            let (templates, shapes, places) = miner.sizes();
            assert!(templates <= MAX_TEMPLATES && shapes <= MAX_SHAPES && places <= MAX_PLACES);
            assert!(miner.bytes() < 4 * MAX_TEMPLATE_BYTES);
        }
    }
    let (kept, _, _) = miner.sizes();
    assert!(kept < lines, "some were given up");
    assert_eq!(retired + kept, lines, "each is kept or given back once");
}

proptest! {
    /// No message is lost or bent: it fits the template that it ended with.
    #[test]
    fn each_message_fits_its_template(
        lines in prop::collection::vec(
            prop::collection::vec(
                prop::sample::select(vec![
                    "a", "b", "c", "d", "e", "f", "g", "h", "7", "0x1f", "x=1", "(q)", "()", "k=", "Jun", "18",
                    "node-7:80", "a.b.c:1", "[p, q]", "1:2", "tls1", "user", "/a/b.", "end.",
                ]),
                1..6,
            ),
            1..60,
        )
    ) {
        let lines: Vec<String> = lines.iter().map(|words| words.join(" ")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for (template, line) in templates(&lines).iter().zip(&lines) {
            prop_assert!(fits(template, line), "{line:?} is not {template:?}");
        }
    }

    #[test]
    fn any_text_has_a_template_that_it_fits(message in "\\PC{0,80}|[ -~\t]{0,3000}") {
        let template = one(&[&message]);
        prop_assume!(!message.contains("<*>"));
        prop_assert!(fits(&template, &message), "{template:?}");
    }
}
