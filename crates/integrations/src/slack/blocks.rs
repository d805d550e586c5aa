//! From our model to Slack's Block Kit. Pure: JSON out of an incident, no I/O and no clock.
//!
//! Every text of others goes through [`text::theirs`]; texts of ours are written here. A text of
//! several parts is never cut as a whole, since that would cut our own markup: each part of
//! others has a limit, and what comes of them fits ([`limits`]).

mod alert;
mod command;
mod decision;
pub mod limits;
mod modal;
mod pieces;
pub mod text;
mod thread;

pub use command::{HELP, ephemeral};
pub use decision::{Asked, NotOurs, Stale, Wanted};
pub use modal::{TooLong, notice};

use serde_json::{Map, Value, json};

pub use crate::ui::Ui;

/// `action_id` of the button that takes an incident.
pub const ACKNOWLEDGE: &str = "datapulse_acknowledge";
/// `action_id` of the button that opens the modal to approve.
pub const APPROVE: &str = "datapulse_approve";
/// `action_id` of the button that opens the modal to reject.
pub const REJECT: &str = "datapulse_reject";
/// `action_id` of the button that is a link: Slack tells of it, and nothing is to be done.
pub const OPEN: &str = "datapulse_open";
/// `callback_id` of the modal of a decision.
pub const DECISION: &str = "datapulse_decision";
/// `block_id` of the reason in the modal: errors of a submission name it.
pub const REASON_BLOCK: &str = "datapulse_reason";
/// `action_id` of the reason in the modal.
pub const REASON: &str = "reason";

/// Whether people can press buttons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An app that hears of clicks.
    Buttons,
    /// An incoming webhook, or an app that hears nothing: a link.
    LinkOnly,
}

/// What is posted: a text for notifications and readers of screens, and blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub text: String,
    pub blocks: Vec<Value>,
}

impl Message {
    /// The fields of `chat.postMessage`, `chat.update` and an incoming webhook that make a
    /// message, with all that Slack does to texts by itself switched off.
    pub fn fields(&self) -> Map<String, Value> {
        let fields = json!({
            "text": self.text,
            "blocks": self.blocks,
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}

/// Makes messages and modals.
#[derive(Debug, Clone)]
pub struct Composer {
    ui: Ui,
    form: Form,
}

impl Composer {
    /// `ui` is where links lead.
    pub fn new(ui: Ui, form: Form) -> Self {
        Self { ui, form }
    }
}
