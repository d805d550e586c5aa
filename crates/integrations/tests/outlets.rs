//! Teams and e-mail: what is sent is what the guides show, Microsoft's own reader of cards reads it,
//! and a real mail server takes it.
//!
//! `xtask/servers/adaptivecards/install.sh` and `xtask/servers/smtp/start.sh` get both and say what to
//! set.

#[path = "outlets/cards.rs"]
mod cards;
#[path = "slack/fixtures.rs"]
#[allow(dead_code, reason = "the incident's records alone are needed here")]
mod fixtures;
#[path = "outlets/guides.rs"]
mod guides;
#[path = "outlets/mails.rs"]
mod mails;
#[path = "outlets/notices.rs"]
mod notices;
