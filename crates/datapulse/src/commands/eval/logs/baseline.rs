//! What there is to beat: every word with a digit is a value, and messages that are equal then are
//! of one template.

pub fn templates(messages: &[String]) -> Vec<String> {
    messages.iter().map(|message| template(message)).collect()
}

fn template(message: &str) -> String {
    let words = message.split_whitespace().map(|word| {
        match word.bytes().any(|byte| byte.is_ascii_digit()) {
            true => "<*>",
            false => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
