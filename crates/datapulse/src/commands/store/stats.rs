//! `datapulse store stats`: from the server that holds the folder, else from the folder.

use anyhow::Result;
use serde_json::Value;

use crate::arguments::Output;
use crate::client::encode;
use crate::context::Context as Here;
use crate::print;

const HEAD: [&str; 8] = [
    "index",
    "documents",
    "in memory",
    "segments",
    "bytes",
    "largest segment",
    "from",
    "to",
];

pub async fn run(
    here: &Here,
    index: Option<String>,
    sort: &str,
    offset: usize,
    limit: usize,
) -> Result<u8> {
    let mut path = format!(
        "/store/stats?offset={offset}&limit={limit}&sort={}",
        encode(sort)
    );
    if let Some(index) = index {
        path.push_str(&format!("&index={}", encode(&index)));
    }
    let page = here.read(&path).await?;
    if here.output == Output::Json {
        print::json(&page)?;
        return Ok(0);
    }
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    let rows = items.iter().map(row).collect();
    println!("{}", print::table(&HEAD, rows));
    let mut says = format!(
        "{} of {} indices, {} documents, {} in segments",
        items.len(),
        page["total"],
        page["documents"],
        size(&page["bytes"])
    );
    for (key, name) in [("log_bytes", "log"), ("database_bytes", "database")] {
        if !page[key].is_null() {
            says.push_str(&format!(", {name} {}", size(&page[key])));
        }
    }
    println!("{says}");
    for damage in page["damaged"].as_array().into_iter().flatten() {
        let damage = damage.as_str().unwrap_or_default();
        println!("DAMAGED {}", print::plain(damage));
    }
    Ok(0)
}

fn size(value: &Value) -> String {
    print::bytes(value.as_u64().unwrap_or(0))
}

fn row(index: &Value) -> Vec<String> {
    let cell = |key: &str| print::cell(index, key);
    vec![
        cell("index"),
        cell("documents"),
        cell("documents_in_memory"),
        cell("segments"),
        size(&index["bytes"]),
        size(&index["largest_segment_bytes"]),
        cell("oldest"),
        cell("newest"),
    ]
}
