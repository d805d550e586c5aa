//! What every backend must do, whatever it is made of. A backend's tests run each of these on a
//! fresh store; a broken promise panics with what was expected.

mod journal;
mod knowledge;
mod telemetry;

pub use telemetry::{document, first_row};

use crate::{Journal, Knowledge, Telemetry};

/// Runs the whole suite. `fresh` opens an empty store each time it is called.
pub async fn run<S, F>(mut fresh: F)
where
    S: Journal + Knowledge + Telemetry,
    F: AsyncFnMut() -> S,
{
    journal::created_never_overwritten(&fresh().await).await;
    journal::projections_are_shown_whole(&fresh().await).await;
    journal::summaries_are_filtered_sorted_and_paged(&fresh().await).await;
    knowledge::services_are_replaced_by_name(&fresh().await).await;
    knowledge::runbooks_are_replaced_by_id(&fresh().await).await;
    knowledge::runbooks_are_found_by_meaning(&fresh().await).await;
    knowledge::tokens_are_found_by_hash_and_revoked_once(&fresh().await).await;
    knowledge::people_are_known_as_they_were_last(&fresh().await).await;
    telemetry::an_id_is_never_doubled(&fresh().await).await;
    telemetry::what_is_deleted_is_gone(&fresh().await).await;
    telemetry::items_are_refused_one_by_one(&fresh().await).await;
    telemetry::fields_follow_the_documents(&fresh().await).await;
    telemetry::services_come_through_ingest(&fresh().await).await;
    telemetry::queries_see_what_was_ingested(&fresh().await).await;
}
