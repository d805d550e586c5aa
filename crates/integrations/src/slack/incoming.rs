//! What Slack sends us: clicks, submissions, slash commands, events.
//!
//! In this order: [`gate::Gate`] says whether it is Slack's and new, [`payload`] reads it,
//! [`who()`] says which person it is, and the blocks' `check` whether what it is about still
//! holds. Over HTTP and over Socket Mode the same, but for the signature, which only HTTP has.

mod command;
pub mod gate;
pub mod payload;
pub mod signature;
mod who;

pub use command::{Taker, Wish};
pub use gate::{Gate, NotTaken};
pub use payload::{Click, Command, Happened, Incoming, Sender, Submission, Unreadable};
pub use signature::Unproven;
pub use who::{Denied, Mapping, PersonRef, Profile, SingleSignOn, Workspace, who};
