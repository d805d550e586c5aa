//! README's commands: each one is there and takes what it is given.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::step::{datapulse, root};

/// A line of a README's `sh` block.
#[derive(Debug, PartialEq)]
enum Line {
    /// `datapulse …`, however it is started there.
    Datapulse(Vec<String>),
    /// `cargo xtask …`
    Xtask(Vec<String>),
}

/// Asks the binary itself: `--help` after a whole command line still refuses what comes before it
/// and isn't known.
pub fn run() -> Result<bool> {
    let text = fs::read_to_string(root().join("README.md")).context("README.md")?;
    let lines = lines(&text);
    if lines.is_empty() {
        bail!("README.md shows no command in a ```sh block");
    }
    let mut known = true;
    for line in &lines {
        let (program, words) = match line {
            Line::Datapulse(words) => (datapulse(), words.clone()),
            // The command's name alone: its arguments go to datapulse.
            Line::Xtask(words) => match words.split_first() {
                Some((first, rest)) if first == "demo" => {
                    let rest = rest.iter().filter(|word| *word != "--").cloned();
                    (
                        datapulse(),
                        ["demo".to_owned()].into_iter().chain(rest).collect(),
                    )
                }
                Some((first, _)) if crate::USAGE.contains(&format!("\n  {first} ")) => continue,
                _ => {
                    eprintln!("README.md: there is no `cargo xtask {}`", words.join(" "));
                    known = false;
                    continue;
                }
            },
        };
        let output = Command::new(&program)
            .args(&words)
            .arg("--help")
            .stdin(Stdio::null())
            .output()
            .with_context(|| program.display().to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!("README.md: datapulse {}: {}", words.join(" "), said.trim());
            known = false;
        }
    }
    eprintln!("── {} commands of README.md", lines.len());
    Ok(known)
}

fn lines(markdown: &str) -> Vec<Line> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in markdown.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            inside = !inside && matches!(language.trim(), "sh" | "bash" | "console");
            continue;
        }
        if inside {
            lines.extend(parse(line));
        }
    }
    lines
}

fn parse(line: &str) -> Option<Line> {
    let line = line.trim().trim_start_matches("$ ");
    let words = words(line);
    let at = words
        .iter()
        .position(|word| word == "datapulse" || word.ends_with("/datapulse"));
    let xtask = words
        .windows(2)
        .position(|pair| pair[0] == "cargo" && pair[1] == "xtask");
    match (at, xtask) {
        (_, Some(at)) => Some(Line::Xtask(words[at + 2..].to_vec())),
        (Some(at), None)
            if words[..at].is_empty() || words[..at].iter().all(|word| word.contains('=')) =>
        {
            Some(Line::Datapulse(words[at + 1..].to_vec()))
        }
        // `cargo run -p datapulse -- …`
        (Some(at), None) if words[0] == "cargo" && words[1] == "run" => {
            let rest = words[at..].iter().position(|word| word == "--")?;
            Some(Line::Datapulse(words[at + rest + 1..].to_vec()))
        }
        _ => None,
    }
}

/// A shell's words as far as a README has them: quotes, and no comment or pipe.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#' | '|' | '>' | '&' | ';') if word.is_none() => return words,
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::{Line, lines};

    #[test]
    fn commands_are_found_however_they_are_started() {
        let text = "datapulse no\n```sh\ncargo xtask demo -- --headless  # a comment\n\
             ./target/debug/datapulse query \"FROM logs-* | LIMIT 1\" | head\n\
             cargo run -p datapulse -- audit verify\nexport A=b\n```\n```json\ndatapulse no\n```\n";
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(
            lines(text),
            [
                Line::Xtask(owned(&["demo", "--", "--headless"])),
                Line::Datapulse(owned(&["query", "FROM logs-* | LIMIT 1"])),
                Line::Datapulse(owned(&["audit", "verify"])),
            ]
        );
    }
}
