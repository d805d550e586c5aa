//! Retention by age.

use std::sync::{Arc, PoisonError};

use model::Timestamp;

use super::Embedded;
use super::catalog::Pattern;
use super::database::blocking;
use super::engine::Engine;
use super::flush::forget;
use crate::error::Error;

impl Embedded {
    /// Deletes segments of matching indices whose newest document is older than `before`; gives
    /// the number of documents. As in Elasticsearch, whole segments go, never single documents:
    /// a document may outlive its age by its segment's span of time. Documents in memory go to a
    /// segment first.
    pub async fn retain(&self, pattern: &str, before: Timestamp) -> Result<u64, Error> {
        self.flush().await?;
        let engine = self.inner.engine.clone();
        let pattern = Pattern::new(pattern);
        blocking(move || delete(&engine, &pattern, before)).await
    }
}

fn delete(engine: &Engine, pattern: &Pattern, before: Timestamp) -> Result<u64, Error> {
    let _no_flush = engine
        .flushing
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let old: Vec<_> = {
        let state = engine.state();
        let matching = state.indices.iter().filter(|(name, _)| pattern.names(name));
        matching
            .flat_map(|(_, index)| index.segments.iter())
            .filter(|segment| {
                segment
                    .row
                    .span_ms
                    .is_some_and(|(_, newest)| newest < before.ms())
            })
            .cloned()
            .collect()
    };
    engine.database.with(|connection| {
        let transaction = connection.transaction()?;
        for segment in &old {
            forget(&transaction, segment.row.id)?;
        }
        Ok(transaction.commit()?)
    })?;
    let mut state = engine.state_mut();
    for index in state.indices.values_mut() {
        index
            .segments
            .retain(|kept| !old.iter().any(|gone| Arc::ptr_eq(kept, gone)));
    }
    drop(state);
    old.iter().for_each(|segment| segment.retire());
    Ok(old.iter().map(|segment| segment.row.rows).sum())
}
