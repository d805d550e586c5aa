//! A changed rule: a file with the lines of `[sentinel]` that differ.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sentinel::Settings;
use toml::{Table, Value};

/// The configured settings with what the file says in place of theirs.
///
/// # Errors
/// Where the file can't be read, isn't TOML, or has a line that `[sentinel]` doesn't know.
pub fn read(own: &Settings, path: &Path) -> Result<Settings> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("--rule {shown}"))?;
    let mut changes: Table = text.parse().with_context(|| format!("--rule {shown}"))?;
    // As a whole datapulse.toml has it, or its lines alone.
    if let Some(Value::Table(inner)) = changes.remove("sentinel") {
        if !changes.is_empty() {
            bail!("--rule {shown}: beside [sentinel] nothing else is read: leave it out");
        }
        changes = inner;
    }
    let mut all = Table::try_from(own).context("the configured rules")?;
    merge(&mut all, changes);
    let settings: Settings = all.try_into().with_context(|| format!("--rule {shown}"))?;
    settings
        .check()
        .map_err(|wrong| anyhow::anyhow!("--rule {shown}: {wrong}"))?;
    Ok(settings)
}

fn merge(all: &mut Table, changes: Table) {
    for (key, value) in changes {
        match (all.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(changes)) => merge(inner, changes),
            (_, value) => {
                all.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Settings> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rule.toml");
        std::fs::write(&path, text).expect("is written");
        read(&Settings::default(), &path)
    }

    #[test]
    fn only_what_is_named_changes() {
        let changed = with("needed = 3\n[error_rate]\nglobal = 0.2\n").expect("is read");
        let mut wanted = Settings {
            needed: 3,
            ..Settings::default()
        };
        wanted.error_rate.global = Some(0.2);
        assert_eq!(changed, wanted);
        let same = with("[sentinel]\nneeded = 3\n[sentinel.error_rate]\nglobal = 0.2\n");
        assert_eq!(same.expect("is read"), wanted);
    }

    #[test]
    fn what_it_does_not_know_is_named() {
        for (text, part) in [
            ("neded = 3", "neded"),
            ("needed = 9", "expected 1 to 3"),
            (
                "[sentinel]\nneeded = 3\n[server]\nlisten = \"x\"",
                "nothing else is read",
            ),
            ("needed =", "--rule"),
        ] {
            let error = format!("{:#}", with(text).expect_err("is refused"));
            assert!(error.contains(part), "{error}");
        }
    }
}
