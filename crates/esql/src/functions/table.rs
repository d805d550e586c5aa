//! All functions and operators by name.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::entry::Entry;

/// Every entry, by lower-case name and alias.
static BY_NAME: LazyLock<HashMap<String, &'static Entry>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for entry in entries() {
        names.insert(entry.name.to_lowercase(), entry);
        for alias in entry.aliases {
            names.insert((*alias).to_owned(), entry);
        }
    }
    names
});

fn entries() -> impl Iterator<Item = &'static Entry> {
    let tables: [&'static [Entry]; 13] = [
        &super::arithmetic::ENTRIES,
        &super::comparison::ENTRIES,
        &super::logic::ENTRIES,
        &super::convert::ENTRIES,
        &super::math::ENTRIES,
        &super::strings::ENTRIES,
        &super::conditional::ENTRIES,
        &super::multivalue::ENTRIES,
        &super::dates::ENTRIES,
        &super::digest::ENTRIES,
        &super::ip::ENTRIES,
        &super::like::ENTRIES,
        &super::vectors::ENTRIES,
    ];
    tables.into_iter().flatten()
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let entries = BY_NAME.iter().filter(|(_, entry)| {
        let first = entry.name.chars().next();
        first.is_some_and(|letter| letter.is_ascii_uppercase())
    });
    entries
        .map(|(name, _)| name.as_str())
        .filter(|name| !name.starts_with("to_ip_leading"))
}

pub(super) fn find(name: &str) -> Option<&'static Entry> {
    BY_NAME.get(name).copied()
}

/// Functions that people write by name, in the order of their names.
pub(super) fn documented() -> impl Iterator<Item = &'static Entry> {
    let mut functions: Vec<&'static Entry> = entries()
        .filter(|entry| {
            entry
                .name
                .starts_with(|letter: char| letter.is_ascii_uppercase())
        })
        .filter(|entry| !entry.name.starts_with("TO_IP_LEADING_ZEROS"))
        .collect();
    functions.sort_by_key(|entry| entry.name);
    functions.into_iter()
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod random;
