//! Verification of the journal in the cluster against the anchors on this machine.

use std::collections::BTreeMap;

use model::IncidentId;

use super::Elastic;
use crate::anchors::Anchors;
use crate::error::Error;
use crate::verify::Verification;

impl Elastic {
    /// The anchor file of this cluster on this machine.
    pub fn anchors_path(&self) -> std::path::PathBuf {
        self.inner.anchors_path.clone()
    }

    /// Walks all chains and anchors. Records are read by their ids; a search only says which
    /// incidents there are and how far they go, so a record that was deleted is missed too.
    ///
    /// # Errors
    /// Only where journal or anchors can't be read at all; faults are in the answer.
    pub async fn verify(&self) -> Result<Verification, Error> {
        // The anchors first: what comes meanwhile is in the journal before its anchor.
        let path = self.inner.anchors_path.clone();
        let anchors = tokio::task::spawn_blocking(move || Anchors::read(&path))
            .await
            .map_err(|error| Error::Unavailable(format!("the store's work ended: {error}")))??;
        let heads: BTreeMap<IncidentId, u64> = self.heads().await?.into_iter().collect();
        let mut checks = Vec::new();
        for incident in anchors.with(heads.keys().cloned().collect()) {
            let known = heads.get(&incident).copied().unwrap_or_default();
            let stored = self.fold(&incident, known).await?;
            checks.push(anchors.check(incident, &stored));
        }
        Ok(anchors.verification(checks))
    }
}
