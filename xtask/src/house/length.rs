//! Lengths, ratcheted: what is too long today is listed with its length and may only shrink.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use super::rust_files;
use crate::step::root;

/// Lines of a file, without its own tests.
const MAX_FILE: usize = 600;
/// Lines of a function.
const MAX_FUNCTION: usize = 80;

const RATCHET: &str = "xtask/ratchet.txt";
const HEAD: &str =
    "# What is too long, with its lines: may only shrink. Made by `cargo xtask house --bless`.";

/// What is too long, with its lines: files by path, functions by `path::name`.
type Long = BTreeMap<String, usize>;

pub fn check() -> Result<Vec<String>> {
    let text = fs::read_to_string(root().join(RATCHET)).unwrap_or_default();
    Ok(compare(&known(&text), &measure()?))
}

/// Writes what is too long now; what grew or is new has to be looked at before.
pub fn bless() -> Result<()> {
    let mut lines = vec![HEAD.to_owned()];
    lines.extend(
        measure()?
            .iter()
            .map(|(what, length)| format!("{what} {length}")),
    );
    fs::write(root().join(RATCHET), lines.join("\n") + "\n").context(RATCHET)
}

fn known(text: &str) -> Long {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(what, length)| Some((what.to_owned(), length.parse().ok()?)))
        .collect()
}

fn compare(known: &Long, long: &Long) -> Vec<String> {
    let mut faults = Vec::new();
    for (what, length) in long {
        match known.get(what) {
            None => faults.push(format!(
                "{what}: {length} lines is too long (files {MAX_FILE}, functions {MAX_FUNCTION})"
            )),
            Some(before) if length > before => faults.push(format!(
                "{what}: grew from {before} to {length} lines; it may only shrink"
            )),
            Some(before) if length < before => faults.push(format!(
                "{what}: shrank from {before} to {length} lines; keep it with `cargo xtask house --bless`"
            )),
            Some(_) => {}
        }
    }
    for what in known.keys().filter(|what| !long.contains_key(*what)) {
        faults.push(format!(
            "{what}: short enough now; keep it with `cargo xtask house --bless`"
        ));
    }
    faults
}

fn measure() -> Result<Long> {
    let mut long = Long::new();
    for path in rust_files() {
        let shown = path.display().to_string();
        let text = fs::read_to_string(root().join(&path)).with_context(|| shown.clone())?;
        add(&mut long, &shown, &text);
    }
    Ok(long)
}

fn add(long: &mut Long, shown: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .iter()
        .position(|line| line.trim() == "mod tests {")
        .unwrap_or(lines.len());
    if tests > MAX_FILE {
        long.insert(shown.to_owned(), tests);
    }
    for (name, length) in functions(&lines[..tests]) {
        if length > MAX_FUNCTION {
            let longest = long.entry(format!("{shown}::{name}")).or_insert(0);
            *longest = (*longest).max(length);
        }
    }
}

/// Functions with their lines, by indentation: the code is formatted, so a function ends at the
/// first closing brace as deep as its head.
fn functions(lines: &[&str]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let head = line.trim_start();
        let words: Vec<&str> = head.split_whitespace().take(5).collect();
        let Some(at) = words.iter().position(|word| *word == "fn") else {
            continue;
        };
        let leads = ["pub", "async", "const", "pub(crate)", "pub(super)"];
        if !words[..at].iter().all(|word| leads.contains(word)) {
            continue;
        }
        let name = words.get(at + 1).unwrap_or(&"");
        let name = name.split(['(', '<']).next().unwrap_or(name).to_owned();
        let indent = line.len() - head.len();
        let end = lines[start..]
            .iter()
            .position(|line| line.trim() == "}" && line.len() - line.trim_start().len() == indent);
        if let Some(end) = end {
            found.push((name, end + 1));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Long, MAX_FILE, MAX_FUNCTION, add, compare, functions, known};

    #[test]
    fn a_function_ends_at_its_own_depth() {
        let text = "impl A {\n    pub fn long(\n        a: u8,\n    ) {\n        if a {\n        }\n    }\n}\nfn short() {\n}";
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            functions(&lines),
            [("long".to_owned(), 6), ("short".to_owned(), 2)]
        );
    }

    #[test]
    fn long_files_and_functions_are_found_and_a_files_tests_are_not() {
        let body = "    step();\n".repeat(MAX_FUNCTION);
        let long_function = format!("async fn walk() {{\n{body}}}\n");
        let long_file = "// A line.\n".repeat(MAX_FILE + 1);
        let mut long = Long::new();
        add(&mut long, "a.rs", &long_function);
        add(&mut long, "b.rs", &long_file);
        add(
            &mut long,
            "c.rs",
            &format!("mod tests {{\n{long_file}{long_function}"),
        );
        let expected = [
            ("a.rs::walk".to_owned(), MAX_FUNCTION + 2),
            ("b.rs".to_owned(), MAX_FILE + 1),
        ];
        assert_eq!(long, Long::from(expected));
    }

    #[test]
    fn the_ratchet_only_turns_one_way() {
        let before = known("# Head.\nkept.rs 700\ngrown.rs 700\nshrunk.rs 700\ngone.rs 700\n");
        let now = [
            ("kept.rs", 700),
            ("grown.rs", 701),
            ("shrunk.rs", 699),
            ("new.rs", 601),
        ];
        let now = now.map(|(what, length)| (what.to_owned(), length)).into();
        let faults = compare(&before, &now);
        let starts = [
            "grown.rs: grew",
            "new.rs: 601 lines",
            "shrunk.rs: shrank",
            "gone.rs: short",
        ];
        assert_eq!(faults.len(), starts.len(), "{faults:?}");
        for (fault, start) in faults.iter().zip(starts) {
            assert!(fault.starts_with(start), "{fault}");
        }
    }
}
