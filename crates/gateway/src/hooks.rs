//! What other systems tell by webhooks, and what their people do through them.
//!
//! Read first: [`doors`], then [`people`] (who somebody is), then [`slack`].

pub mod alerts;
pub mod deployments;
pub mod doors;
pub mod jira;
pub mod links;
pub mod outside;
pub mod pagerduty;
pub mod people;
pub mod slack;
