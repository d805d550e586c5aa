//! What other systems tell by webhooks.

pub mod alerts;
pub mod deployments;
