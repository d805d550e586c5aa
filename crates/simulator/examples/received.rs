//! The shop's own book, for tests that kill the demo: which orders it was given, by key, and how
//! many changes came of them.
//!
//! `received DIR` prints `{"keys":[…],"changes":N}`.

use std::path::PathBuf;
use std::process::ExitCode;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: received DIR");
        return ExitCode::from(2);
    };
    match read(&dir) {
        Ok(book) => {
            println!("{book}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

fn read(dir: &std::path::Path) -> rusqlite::Result<serde_json::Value> {
    let connection =
        Connection::open_with_flags(dir.join("world.db"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut statement = connection.prepare("SELECT key FROM actions ORDER BY at_ms, key")?;
    let keys = statement
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let changes: i64 =
        connection.query_row("SELECT COUNT(*) FROM changes", [], |row| row.get(0))?;
    Ok(json!({ "keys": keys, "changes": changes }))
}
