//! A peer for the benchmark of ingest: the same `_bulk` bodies into SQLite alone, with the same
//! promise. Each document is parsed, its time and service become columns, and a transaction of
//! `BATCH` documents is synced before the next begins.
//!
//! `sqlite_ingest BODIES DATABASE BATCH` prints `{"documents":N,"seconds":S,"version":V}`.

use std::process::ExitCode;
use std::time::Instant;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

const SCHEMA: &str = "
CREATE TABLE documents(
  id INTEGER PRIMARY KEY, index_name TEXT NOT NULL, at TEXT NOT NULL, service TEXT NOT NULL,
  source TEXT NOT NULL);
CREATE INDEX documents_by_time ON documents(index_name, at);
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [bodies, database, batch] = words.as_slice() else {
        eprintln!("usage: sqlite_ingest BODIES DATABASE BATCH");
        return ExitCode::from(2);
    };
    match run(bodies, database, batch) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(bodies: &str, database: &str, batch: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let batch: usize = batch.parse()?;
    let text = std::fs::read_to_string(bodies)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(SCHEMA)?;
    let began = Instant::now();
    let mut documents = 0;
    for part in lines.chunks(2 * batch) {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO documents(index_name, at, service, source) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for pair in part.chunks(2) {
                let [action, source] = pair else {
                    return Err("an action without a document".into());
                };
                let action: Value = serde_json::from_str(action)?;
                let document: Value = serde_json::from_str(source)?;
                let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                insert.execute(params![
                    word(&action["create"]["_index"]),
                    word(&document["@timestamp"]),
                    word(&document["service.name"]),
                    source
                ])?;
                documents += 1;
            }
        }
        transaction.commit()?;
    }
    Ok(json!({
        "documents": documents,
        "seconds": began.elapsed().as_secs_f64(),
        "version": rusqlite::version(),
    }))
}
