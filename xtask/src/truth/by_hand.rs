//! The numbers that were set by hand, as the code has them: docs/truth.md lists them, and a test holds
//! the list against the code.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub const SECTION: &str = "by-hand";

/// Where they stand, and what was looked at when they were set.
const PLACES: [(&str, &str); 5] = [
    (
        "crates/analyst/src/weigh",
        "the four suites of incidents and the demo's shop",
    ),
    ("crates/analyst/src/templates", "the eight systems of logs"),
    (
        "crates/sentinel/src/series",
        "nab, cloud-monitoring and asd; found with the tuned ones by a search of an earlier version",
    ),
    (
        "crates/sentinel/src/watch",
        "nezha-trainticket, petshop, rootcausebench and the demo's shop",
    ),
    (
        "crates/sentinel/src",
        "the demo's shop, nezha-trainticket and petshop",
    ),
];

/// One constant.
struct Number {
    name: String,
    value: String,
    says: String,
}

pub fn section(root: &Path) -> Result<String> {
    let mut text = String::new();
    for (place, looked_at) in PLACES {
        writeln!(text, "\n`{place}`, with {looked_at} at hand:\n")?;
        writeln!(text, "| number | value | what it is |\n| --- | --- | --- |")?;
        for file in files(&root.join(place))? {
            let shown = file.with_extension("");
            let stem = shown.file_name().unwrap_or_default().to_string_lossy();
            let code = fs::read_to_string(&file)
                .with_context(|| format!("{} can't be read", file.display()))?;
            for number in numbers(&code) {
                let Number { name, value, says } = number;
                writeln!(text, "| {stem}::{name} | {value} | {says} |")?;
            }
        }
    }
    Ok(text.trim_start().to_owned())
}

/// Rust files of a folder and of the file beside it that has its name; not those of folders below.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("{} can't be read", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .filter(|path| !path.ends_with("tests.rs"))
        .collect();
    let beside = folder.with_extension("rs");
    files.extend(beside.is_file().then_some(beside));
    files.sort();
    Ok(files)
}

/// Constants that are numbers, before the tests begin.
fn numbers(code: &str) -> Vec<Number> {
    let code = code
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(code);
    let mut found = Vec::new();
    let mut says = String::new();
    // A comment speaks of all constants right below it.
    let mut said = false;
    for line in code.lines() {
        if let Some(text) = line.strip_prefix("///") {
            if std::mem::take(&mut said) {
                says.clear();
            }
            says.push_str(text);
            continue;
        }
        said = true;
        let constant = line
            .strip_prefix("pub const ")
            .or(line.strip_prefix("const "));
        let parts = constant
            .and_then(|rest| rest.strip_suffix(';'))
            .and_then(|rest| rest.split_once(" = "))
            .and_then(|(head, value)| Some((head.split_once(": ")?, value)));
        match parts {
            Some(((name, of), value)) if is_number(of) => found.push(Number {
                name: name.to_owned(),
                value: value.replace('|', "\\|"),
                says: says.trim().replace('|', "\\|"),
            }),
            _ => says.clear(),
        }
    }
    found
}

fn is_number(of: &str) -> bool {
    ["f64", "i64", "usize", "u32", "u64"].contains(&of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::root;

    #[test]
    fn constants_are_listed_with_what_they_are() {
        let code = "/// How far,\n/// at most.\nconst FAR: f64 = 2.0;\npub const NEAR: f64 = 1.0;\nconst NAME: &str = \"a\";\n#[cfg(test)]\nmod tests {\nconst NOT: f64 = 1.0;\n";
        let numbers = numbers(code);
        let shown: Vec<String> = numbers
            .iter()
            .map(|one| format!("{} {} {}", one.name, one.value, one.says))
            .collect();
        assert_eq!(
            shown,
            ["FAR 2.0 How far, at most.", "NEAR 1.0 How far, at most."]
        );
    }

    #[test]
    fn the_page_lists_what_the_code_has() {
        let page = fs::read_to_string(root().join(super::super::PAGE)).expect("the page");
        let wanted = section(&root()).expect("is made");
        assert!(
            page.contains(wanted.trim_end()),
            "docs/truth.md lists other numbers than the code has: cargo xtask truth --by-hand"
        );
    }
}
