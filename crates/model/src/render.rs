//! Text that someone else wrote, put into texts for other systems: it is shown, and does nothing.
//!
//! Log messages, user agents, commit messages, runbooks, comments of tickets, names of services
//! and annotations of alerts reach chats, trackers, pages, terminals and spreadsheets. There is
//! one renderer for each of these targets, and after it nothing in the text acts: no link, no
//! mention, no markup, no control code, no formula. Each renderer is a function of the text, does
//! no I/O and takes time linear in the length.
//!
//! What holds for all of them:
//!
//! * **What can't be seen is left out** (`invisible.rs` says which characters, and why); a
//!   terminal shows it instead.
//! * **Links are broken** as reports on security do it: `http[:]//`, `mailto[:]`, `www[.]`. HTML
//!   and fields of CSV keep them, since a browser and a spreadsheet make no link of plain text.
//! * **What a target has no escape for is written in full width**: `＠name`, `＃123`, `＊`. People
//!   read the same, machines don't.
//! * **A text for markup is one line**: line ends become spaces, so that a text can neither begin
//!   a block nor forge a line beside ours. Who wants lines renders each, or uses a block.
//! * Rendering twice is not rendering once, where characters are escaped. It is for
//!   [`terminal()`], [`terminal_block`] and [`one_line`].
//!
//! A name of a host without scheme (`db.example.com`) stays as it is: it is in every second
//! message, and looks like a name of a file. Where a target makes links of those too, the sender
//! switches that off, as [`mrkdwn()`] says.

mod adaptive_card;
mod adf;
mod csv;
#[cfg(test)]
mod hostile;
mod html;
mod invisible;
mod jira_wiki;
mod line;
mod links;
mod markdown;
mod mrkdwn;
mod terminal;
mod walk;

pub use adaptive_card::adaptive_card;
pub use adf::adf_text;
pub use csv::csv;
pub use html::html;
pub use jira_wiki::jira_wiki;
pub use line::one_line;
pub use markdown::{markdown, markdown_block};
pub use mrkdwn::mrkdwn;
pub use terminal::{terminal, terminal_block};
