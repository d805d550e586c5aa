//! docs/benchmarks.md: figures stand between markers that only these commands fill, so that no
//! number there was typed by hand.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::step::root;

const PAGE: &str = "docs/benchmarks.md";
const KIB_OF_GIB: f64 = 1_048_576.0;

/// Puts `text` between the markers of `section`.
pub fn write(section: &str, text: &str) -> Result<()> {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("{PAGE} can't be read"))?;
    let page = replace(&page, section, text).with_context(|| {
        let (begin, end) = markers(section);
        format!("{PAGE}: expected the lines {begin:?} and {end:?}")
    })?;
    fs::write(&path, page).with_context(|| format!("{PAGE} can't be written"))?;
    eprintln!("── written to {PAGE}, section {section}");
    Ok(())
}

fn markers(section: &str) -> (String, String) {
    (
        format!("<!-- begin {section} -->"),
        format!("<!-- end {section} -->"),
    )
}

/// `None` where the page has no such section.
pub fn replace(page: &str, section: &str, text: &str) -> Option<String> {
    let (begin, end) = markers(section);
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!(
        "{before}{begin}\n{}\n{end}{after}",
        text.trim_end()
    ))
}

/// Date, commit and machine, as every section names them.
pub fn circumstances() -> String {
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let touched = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changes| !changes.is_empty());
    let touched = if touched { " with changes" } else { "" };
    format!("{}, commit {commit}{touched}, {}", today(), machine())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Cores and memory; never a name.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
        .map(|kib| format!(", {:.0} GiB of memory", kib / KIB_OF_GIB));
    format!("{cores} cores{}", total.unwrap_or_default())
}

/// The day in UTC.
pub fn today() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil((seconds / 86_400) as i64);
    format!("{year}-{month:02}-{day:02}")
}

/// Days since 1970 as a date, after Howard Hinnant's `civil_from_days`.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{civil, replace};

    #[test]
    fn only_its_own_section_is_replaced() {
        let page = "# A\n<!-- begin a -->\nold\n<!-- end a -->\nkept\n<!-- begin b -->\nb\n<!-- end b -->\n";
        let new = "# A\n<!-- begin a -->\nnew\n<!-- end a -->\nkept\n<!-- begin b -->\nb\n<!-- end b -->\n";
        assert_eq!(replace(page, "a", "new\n\n").as_deref(), Some(new));
        assert_eq!(replace(page, "c", "new"), None);
    }

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(20_512), (2026, 2, 28));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(-1), (1969, 12, 31));
    }
}
