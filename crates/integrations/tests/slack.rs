//! The Slack adapter: what it sends, what it takes, and what it makes of answers.
//!
//! Slack itself is never called. [`stand_in::StandIn`] is a server of ours on loopback that plays
//! the parts of the Web API and of Socket Mode that are used, as Slack documents them; what is
//! sent to it is held against Slack's OpenAPI file where that is at hand.

#[path = "slack/api.rs"]
mod api;
#[path = "slack/callbacks.rs"]
mod callbacks;
#[path = "slack/channel.rs"]
mod channel;
#[path = "slack/contract.rs"]
mod contract;
#[path = "slack/fixtures.rs"]
mod fixtures;
#[path = "slack/kit.rs"]
mod kit;
#[path = "slack/people.rs"]
mod people;
#[path = "slack/shown.rs"]
mod shown;
#[path = "slack/socket.rs"]
mod socket;
#[path = "slack/stand_in.rs"]
mod stand_in;
