//! Verification of the journal in SQLite. Also beside a process that writes.

use std::path::Path;

use rusqlite::Connection;

use super::Embedded;
use super::journal::{incidents, records};
use crate::anchors::Anchors;
use crate::error::Error;
use crate::verify::Verification;

impl Embedded {
    /// The anchor file beside the database.
    pub fn anchors_path(&self) -> std::path::PathBuf {
        self.inner.engine.folder.anchors()
    }

    /// Walks all chains and anchors.
    ///
    /// # Errors
    /// Only where journal or anchors can't be read at all; faults are in the answer.
    pub async fn verify(&self) -> Result<Verification, Error> {
        let path = self.inner.engine.folder.anchors();
        self.inner
            .database
            .call(move |connection| walk(connection, &path))
            .await
    }
}

/// The same over a connection.
pub fn walk(connection: &mut Connection, anchors: &Path) -> Result<Verification, Error> {
    // The anchors first: what comes meanwhile is in the journal before its anchor.
    let anchors = Anchors::read(anchors)?;
    let transaction = connection.transaction()?;
    let checks = anchors
        .with(incidents(&transaction)?)
        .into_iter()
        .map(|incident| {
            let stored = records(&transaction, &incident)?;
            Ok(anchors.check(incident, &stored))
        })
        .collect::<Result<_, Error>>()?;
    Ok(anchors.verification(checks))
}
