//! Slack: the alert that is updated in place, its thread, and decisions that people take there.
//!
//! [`channel`] tells the notifier's notices: it asks [`blocks`] for texts and sends them with
//! [`client`]. Who hears what people do in Slack takes it through [`incoming`] (over HTTP) or
//! [`socket_mode`] (without a public URL). Both ways end in the same [`incoming::Incoming`], the
//! same checks ([`incoming::gate`]) and the same [`reply::Reply`]. Where there is no app but a URL to post to, [`incoming_webhook`] is all.
//!
//! What holds throughout:
//!
//! * **Text of others is shown and does nothing**: it goes through `model::render::mrkdwn`, and
//!   messages are sent with `verbatim`, `parse: none`, without names linked or links unfolded.
//! * **Nobody approves what they didn't see**: what the seal covers is in the modal as a whole, or
//!   there is no modal.
//! * **Success is said after the decision is written**, by the type of [`reply::Written`].
//! * **A notice is posted once**: each carries its key, by which a lost answer is found again.
//!
//! Read first: [`blocks`], then [`channel`], then [`incoming`]. `docs/integrations/slack.md` is for operators.

pub mod blocks;
pub mod channel;
pub mod client;
pub mod incoming;
pub mod incoming_webhook;
pub mod reply;
pub mod seen;
pub mod socket_mode;

pub use blocks::{Composer, Form, Message, Ui};
pub use channel::{SlackChannel, WebhookChannel};
pub use client::{Client, Delivery, Posted};
pub use incoming::{Incoming, Sender};
pub use incoming_webhook::IncomingWebhook;
pub use reply::{Reply, Written};
pub use socket_mode::SocketMode;
