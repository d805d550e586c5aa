//! An older folder becomes one of the present format, when it is opened for writing.
//!
//! Each step may be done again: a crash between a step and the `format` file, which is written
//! last, leaves a folder that the next start brings on.

use rusqlite::Connection;

use super::database::{Database, set_meta};
use super::flush::{LOG_FROM, log_from};
use super::folder::{FORMAT, Folder, write_whole};
use super::log;
use crate::error::Error;

/// Brings the folder to the present format; says which one it had where that was another.
pub fn migrate(folder: &Folder, database: &Database) -> Result<Option<String>, Error> {
    let format = folder.format()?;
    if format == FORMAT {
        return Ok(None);
    }
    // There is one older format so far; what is newer or unknown was refused.
    database.with(|connection| from_1(connection, folder))?;
    write_whole(
        &folder.root().join("format"),
        format!("{FORMAT}\n").as_bytes(),
    )?;
    tracing::info!(from = %format, to = FORMAT, "the data folder was brought to the present format");
    Ok(Some(format))
}

/// Format 2 keeps the catalog's rows twice and says of which index what was set aside: that is made
/// when the database is opened. And its log begins with a file that is there.
fn from_1(connection: &mut Connection, folder: &Folder) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    let from = log_from(&transaction)?;
    let generations = match folder.log().exists() {
        true => log::generations(&folder.log())?,
        false => Vec::new(),
    };
    let first = generations.iter().find(|(number, _)| *number >= from);
    if let Some((first, _)) = first {
        set_meta(&transaction, LOG_FROM, &first.to_string())?;
    }
    Ok(transaction.commit()?)
}
