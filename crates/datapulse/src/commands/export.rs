//! `datapulse export`: an index, page by page, or the answer of a query into a file.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::arguments::{Export, Form, Output};
use crate::context::Context;
use crate::print;
use crate::refusal::wrong_use;
use crate::transfer::columns::Column;
use crate::transfer::counted::Counted;
use crate::transfer::pages::{Asked, Page, Pages, quoted};
use crate::transfer::writer::Writer;

pub async fn run(here: &Context, export: Export) -> Result<u8> {
    let form = form(&export)?;
    let asked = match here.server_at(&export.elsewhere)? {
        Some(server) => Asked::Server(server),
        None => Asked::Folder(here.reading().await?),
    };
    let mut counted = Counted::new("exported");
    if is_index(&export.what) {
        index(&asked, &export, form, &mut counted).await?;
    } else {
        query(&asked, &export, form, &mut counted).await?;
    }
    let count = counted.count();
    drop(counted);
    if export.to == Path::new("-") {
        return Ok(0);
    }
    let file = export.to.display().to_string();
    if here.output == Output::Json {
        print::json(&json!({ "file": file, "documents": count }))?;
    } else {
        println!("{file}: {count} documents");
    }
    Ok(0)
}

/// ES|QL begins with a command's word and has blanks.
fn is_index(what: &str) -> bool {
    !what.trim().contains(char::is_whitespace) && !what.contains('|')
}

fn form(export: &Export) -> Result<Form> {
    let end = export.to.extension().and_then(|end| end.to_str());
    let form = export.format.or(match end {
        Some("ndjson" | "jsonl") => Some(Form::Ndjson),
        Some("csv") => Some(Form::Csv),
        Some("parquet") => Some(Form::Parquet),
        _ => None,
    });
    let form = form.ok_or_else(|| {
        wrong_use(format!(
            "--to {}: name the form with --format ndjson, parquet or csv",
            export.to.display()
        ))
    })?;
    if form == Form::Parquet && export.to == Path::new("-") {
        return Err(wrong_use(
            "--format parquet: needs a file, not standard output",
        ));
    }
    Ok(form)
}

/// The columns, and which of them have several values in some row.
async fn columns(asked: &Asked, pages: &Pages<'_>, form: Form) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = pages
        .columns
        .iter()
        .map(|(name, kind)| Column {
            name: name.clone(),
            kind: kind.clone(),
            several: false,
        })
        .collect();
    if form != Form::Parquet {
        return Ok(columns);
    }
    // A file says for all of its rows at once what a column is.
    let most = |column: &Column| format!("MAX(MV_COUNT({}))", quoted(&column.name));
    for some in columns.chunks_mut(COUNTED_AT_ONCE) {
        let counts: Vec<String> = some.iter().map(most).collect();
        let query = format!("{} | STATS {}", pages.from(), counts.join(", "));
        let counts = asked.ask(&query, &[]).await?.rows;
        for (column, count) in some.iter_mut().zip(counts.first().into_iter().flatten()) {
            column.several = count.as_u64().is_some_and(|count| count > 1);
        }
    }
    Ok(columns)
}

/// Columns that are looked through by one query.
const COUNTED_AT_ONCE: usize = 50;

async fn index(asked: &Asked, export: &Export, form: Form, counted: &mut Counted) -> Result<()> {
    let mut pages = Pages::of(asked, &export.what).await?;
    let columns = columns(asked, &pages, form).await?;
    let mut writer = Writer::open(&export.to, form, columns)?;
    loop {
        let rows = pages.next().await?;
        if rows.is_empty() {
            return writer.close();
        }
        writer.write(&rows)?;
        counted.add(rows.len() as u64);
    }
}

async fn query(asked: &Asked, export: &Export, form: Form, counted: &mut Counted) -> Result<()> {
    let Page { columns, rows } = asked.ask(&export.what, &[]).await?;
    let several = |place: usize| rows.iter().any(|row: &Vec<Value>| row[place].is_array());
    let columns = columns.into_iter().enumerate();
    let columns = columns.map(|(place, (name, kind))| Column {
        name,
        kind,
        several: several(place),
    });
    let mut writer = Writer::open(&export.to, form, columns.collect())?;
    writer.write(&rows)?;
    counted.add(rows.len() as u64);
    writer.close()
}
