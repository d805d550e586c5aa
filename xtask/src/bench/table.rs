//! Tables and pictures of single questions, behind the figures that are medians over many.

use std::fs;

use anyhow::{Context, Result};

use super::Plan;
use super::asked::Pair;
use super::figure::short;
use super::plot;
use super::tools::LENGTHS;
use crate::page;
use crate::step::{root, target};

const IMAGES: &str = "docs/images";

/// One row a tool: each length warm, then cold.
pub fn tools(plan: &Plan, warm: &[Pair], cold: &[Pair], day: [&Pair; 2]) -> Result<()> {
    let tools = warm.len() / LENGTHS.len();
    let lengths = LENGTHS.map(|(label, _)| label);
    let heads =
        ["warm", "cold"].map(|how| lengths.map(|length| format!("{length} {how}")).join(" | "));
    let mut lines = vec![
        format!("| tool | {} |", heads.join(" | ")),
        format!("| --- |{}", " --- |".repeat(2 * LENGTHS.len())),
    ];
    for tool in 0..tools {
        let name = warm[tool].name.split(' ').next().unwrap_or_default();
        let mut cells = vec![name.to_owned()];
        for all in [warm, cold] {
            cells.extend((0..LENGTHS.len()).map(|length| cell(&all[length * tools + tool])));
        }
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    let [whole, whole_cold] = day.map(cell);
    lines.push(String::new());
    lines.push(format!(
        "Error rate and P99 of all services over the whole day: {whole} warm, {whole_cold} cold."
    ));
    for (name, how, all) in [
        ("bench-tools-warm", "warm", warm),
        ("bench-tools-cold", "cold", cold),
    ] {
        let title = format!("Tools about an hour of the day, {how}, beside Elasticsearch");
        let points = all[tools..2 * tools].iter().filter_map(point).collect();
        lines.push(picture(plan, name, &title, points)?);
    }
    publish(plan, "bench-tools", &lines.join("\n"))
}

/// Each question's texts stand in the figures' own rows.
pub fn scans(plan: &Plan, pairs: &[Pair]) -> Result<()> {
    let points = pairs.iter().filter_map(point).collect();
    let title = "Scans over the whole day, beside DuckDB";
    let link = picture(plan, "bench-scans", title, points)?;
    publish(plan, "bench-scans", &link)
}

/// Ours, theirs, and how many times faster ours is.
fn cell(pair: &Pair) -> String {
    match pair.medians() {
        Some((ours, theirs)) => {
            format!(
                "{} / {} ms, {}×",
                short(ours),
                short(theirs),
                short(theirs / ours)
            )
        }
        None => "the answers differ".to_owned(),
    }
}

fn point(pair: &Pair) -> Option<plot::Point> {
    let (ours, theirs) = pair.medians()?;
    let name = pair.name.split(' ').next().unwrap_or_default();
    Some(plot::Point {
        name: name.trim_start_matches("scans_").to_owned(),
        ours,
        theirs,
    })
}

fn publish(plan: &Plan, section: &str, text: &str) -> Result<()> {
    eprintln!("\n{text}\n");
    if plan.is_shown_only() {
        return Ok(());
    }
    page::write(section, &format!("{text}\n\n{}.", page::circumstances()))
}

/// Writes it, and gives the page's link to it.
fn picture(plan: &Plan, name: &str, title: &str, points: Vec<plot::Point>) -> Result<String> {
    let folder = if plan.is_shown_only() {
        {
            let folder = target().join("bench/pictures");
            fs::create_dir_all(&folder)?;
            folder
        }
    } else {
        root().join(IMAGES)
    };
    let path = folder.join(format!("{name}.svg"));
    fs::write(&path, plot::pairs(title, &points)).with_context(|| path.display().to_string())?;
    Ok(format!("\n![{title}](images/{name}.svg)"))
}
