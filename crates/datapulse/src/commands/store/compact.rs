//! `datapulse store compact`: index by index, by the server that holds the folder, else here.

use anyhow::Result;
use serde_json::{Value, json};
use store::Embedded;
use store::embedded::Options;

use super::embedded_only;
use crate::arguments::Output;
use crate::client::{Client, encode};
use crate::context::Context as Here;
use crate::print;
use crate::progress::Bytes;

/// Who does it.
enum By {
    Server(Client),
    Folder(Embedded),
}

pub async fn run(here: &Here, index: Option<String>) -> Result<u8> {
    embedded_only(here, "compact")?;
    let by = match here.find_server()? {
        Some(server) => By::Server(server),
        None => {
            // An open for writing would make a folder.
            drop(here.reading().await?);
            By::Folder(Embedded::open(&here.folder, Options::default()).await?)
        }
    };
    let pattern = index.as_deref().unwrap_or("*");
    let indices = indices(&by, pattern).await?;
    let all: u64 = indices.iter().map(|(_, bytes)| bytes).sum();
    let bytes = Bytes::of("compacted");
    let watch = bytes.watch();
    let mut sums = [0; 5];
    let mut done = 0;
    watch(0, all);
    for (name, size) in indices {
        for (sum, new) in sums.iter_mut().zip(one(&by, &name).await?) {
            *sum += new;
        }
        done += size;
        watch(done, all);
    }
    drop(bytes);
    let [before, after, bytes_before, bytes_after, documents] = sums;
    if here.output == Output::Json {
        print::json(&json!({
            "segments_before": before,
            "segments_after": after,
            "bytes_before": bytes_before,
            "bytes_after": bytes_after,
            "documents": documents,
        }))?;
    } else if before == 0 {
        println!("all segments are in order already");
    } else {
        println!(
            "{before} segments ({}) are {after} now ({}), with {documents} documents",
            print::bytes(bytes_before),
            print::bytes(bytes_after)
        );
    }
    Ok(0)
}

/// Names and bytes of the indices that have segments.
async fn indices(by: &By, pattern: &str) -> Result<Vec<(String, u64)>> {
    let page = match by {
        By::Server(server) => {
            let limit = store::care::MAX_STATS_PAGE;
            let path = format!("/store/stats?limit={limit}&index={}", encode(pattern));
            server.get(&path).await?
        }
        By::Folder(store) => {
            let stats = store::Care::stats(store, Some(pattern)).await?;
            json!({ "items": stats.indices })
        }
    };
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    let known = items.iter().filter_map(|index| {
        let bytes = index["bytes"].as_u64().unwrap_or(0);
        let memory = index["documents_in_memory"].as_u64().unwrap_or(0);
        let name = index["index"].as_str()?.to_owned();
        (bytes + memory > 0).then_some((name, bytes))
    });
    Ok(known.collect())
}

async fn one(by: &By, index: &str) -> Result<[u64; 5]> {
    match by {
        By::Server(server) => {
            let body = json!({ "index": index });
            let done: Value = server.post_patiently("/store/compact", &body).await?;
            let keys = [
                "segments_before",
                "segments_after",
                "bytes_before",
                "bytes_after",
                "documents",
            ];
            Ok(keys.map(|key| done[key].as_u64().unwrap_or(0)))
        }
        By::Folder(store) => {
            let done = store.compact(index).await?;
            Ok([
                done.segments_before as u64,
                done.segments_after as u64,
                done.bytes_before,
                done.bytes_after,
                done.rows,
            ])
        }
    }
}
