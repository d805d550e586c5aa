//! Names that say something, and no task in the code without a reason.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{files, rust_files};
use crate::step::root;

/// Names that say nothing.
const NO_NAMES: [&str; 5] = ["common", "core", "utils", "helpers", "types"];
/// Written in two parts, for this file is searched too.
const TASKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const FOLDERS: [&str; 5] = ["crates", "xtask", "tools", "runbooks", "web"];
const EXTENSIONS: [&str; 8] = ["rs", "ts", "tsx", "mjs", "js", "toml", "py", "sh"];

pub fn check() -> Result<Vec<String>> {
    let mut faults: Vec<String> = rust_files().iter().filter_map(|path| named(path)).collect();
    for path in files(&FOLDERS, &EXTENSIONS) {
        let shown = path.display().to_string();
        let text = fs::read_to_string(root().join(&path)).with_context(|| shown.clone())?;
        faults.extend(tasks(&shown, &text));
        if shown.ends_with(".rs") {
            faults.extend(modules(&shown, &text));
        }
    }
    Ok(faults)
}

/// What is wrong with a Rust file's path.
fn named(path: &Path) -> Option<String> {
    let shown = path.display();
    let mut parts = path.iter().filter_map(|part| part.to_str());
    if path.file_stem().is_some_and(|stem| stem == "mod") {
        return Some(format!("{shown}: x.rs beside x/, no mod.rs"));
    }
    parts
        .find(|part| NO_NAMES.contains(&part.trim_end_matches(".rs")))
        .map(|part| format!("{shown}: the name {part} says nothing"))
}

/// Modules within a file that say nothing.
fn modules(shown: &str, text: &str) -> Vec<String> {
    let declared = |line: &str| {
        let (_, name) = line.trim().split_once("mod ")?;
        let name = name.trim_end_matches([' ', '{', ';']).to_owned();
        NO_NAMES.contains(&name.as_str()).then_some(name)
    };
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, declared(line)?)))
        .map(|(line, name)| format!("{shown}:{line}: the name {name} says nothing"))
        .collect()
}

/// Tasks without a reason in brackets.
fn tasks(shown: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for task in TASKS {
            let mut rest = line;
            while let Some(at) = rest.find(task) {
                let before = rest[..at].chars().next_back();
                let after = &rest[at + task.len()..];
                let word = |letter: char| letter.is_alphanumeric() || letter == '_';
                let alone = !before.is_some_and(word) && !after.starts_with(word);
                let reason = after
                    .strip_prefix('(')
                    .and_then(|after| after.split_once(')'))
                    .is_some_and(|(reason, _)| !reason.trim().is_empty());
                if alone && !reason {
                    let line = index + 1;
                    faults.push(format!(
                        "{shown}:{line}: {task} without a reason in brackets"
                    ));
                }
                rest = after;
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{TASKS, modules, named, tasks};

    #[test]
    fn names_that_say_nothing_are_found_as_file_as_folder_and_within() {
        for bad in [
            "crates/a/src/utils.rs",
            "crates/a/src/core/x.rs",
            "crates/a/src/x/mod.rs",
        ] {
            assert!(named(Path::new(bad)).is_some(), "{bad}");
        }
        assert_eq!(named(Path::new("crates/a/src/datatypes.rs")), None);
        assert_eq!(
            modules("a.rs", "mod names;\npub mod helpers;\nmod types {\n"),
            [
                "a.rs:2: the name helpers says nothing",
                "a.rs:3: the name types says nothing"
            ]
        );
    }

    #[test]
    fn a_task_needs_a_reason() {
        let task = TASKS[0];
        let text = format!(
            "// {task}: later\n// {task}() too\n// {task}(no kernel has it yet): ask\nlet {task}S = 1;"
        );
        assert_eq!(
            tasks("a.rs", &text),
            [
                format!("a.rs:1: {task} without a reason in brackets"),
                format!("a.rs:2: {task} without a reason in brackets"),
            ]
        );
    }
}
