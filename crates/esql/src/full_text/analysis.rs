//! Texts into words, as Elasticsearch's standard analyzer: at the word boundaries of Unicode,
//! in lower case.

/// Longer words are cut into pieces of this many letters.
const MAX_WORD_CHARS: usize = 255;

/// The words of a text, in order.
pub fn words(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(index + 1);
        if is_ideograph(*letter) || is_pictograph(*letter) {
            push(&mut words, &mut word);
            words.push(letter.to_string());
        } else if is_word(*letter) || joins(*letter, before, after) {
            word.push(*letter);
        } else {
            push(&mut words, &mut word);
        }
    }
    push(&mut words, &mut word);
    words
}

fn push(words: &mut Vec<String>, word: &mut String) {
    if word.chars().any(char::is_alphanumeric) {
        // A letter stays one letter, as in Lucene.
        let lower: Vec<char> = word
            .chars()
            .map(|letter| letter.to_lowercase().next().unwrap_or(letter))
            .collect();
        for piece in lower.chunks(MAX_WORD_CHARS) {
            words.push(piece.iter().collect());
        }
    }
    word.clear();
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || is_mark(letter)
}

/// Combining marks belong to the letter before.
fn is_mark(letter: char) -> bool {
    matches!(u32::from(letter), 0x0300..=0x036F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F)
}

/// Scripts without spaces: a letter is a word.
fn is_ideograph(letter: char) -> bool {
    matches!(
        u32::from(letter),
        0x3040..=0x309F | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF
    )
}

/// Emoji are words.
fn is_pictograph(letter: char) -> bool {
    matches!(u32::from(letter), 0x1F300..=0x1F64F | 0x1F680..=0x1F6FF | 0x1F900..=0x1FAFF)
}

/// A point or an apostrophe between letters or digits doesn't end a word.
fn joins(letter: char, before: Option<&char>, after: Option<&char>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    let letters = before.is_alphabetic() && after.is_alphabetic();
    let digits = before.is_numeric() && after.is_numeric();
    match letter {
        '.' | '\'' | '\u{2018}' | '\u{2019}' | '\u{2024}' | '\u{FF0E}' | '\u{FF07}' => {
            letters || digits
        }
        ':' | '\u{B7}' | '\u{387}' | '\u{55F}' | '\u{5F4}' | '\u{2027}' => letters,
        ',' | ';' | '\u{66C}' => digits,
        _ => false,
    }
}
