//! What other systems tell by webhooks.

pub mod deployments;
