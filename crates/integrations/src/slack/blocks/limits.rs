//! What Slack takes, from its reference of Block Kit and of the Web API, and what we take of it.
//!
//! Slack counts characters and doesn't say which. Here they are units of UTF-16, of which no text
//! has fewer than characters of any other kind.

/// Blocks of a message.
pub const MAX_BLOCKS: usize = 50;
/// Blocks of a modal.
pub const MAX_VIEW_BLOCKS: usize = 100;
/// The text of a section.
pub const MAX_SECTION: usize = 3000;
/// Fields of a section.
pub const MAX_FIELDS: usize = 10;
/// The text of one field.
pub const MAX_FIELD: usize = 2000;
/// The text of a header.
pub const MAX_HEADER: usize = 150;
/// Elements of a context block.
pub const MAX_CONTEXT_ELEMENTS: usize = 10;
/// Elements of an actions block.
pub const MAX_ACTIONS: usize = 25;
/// The text on a button.
pub const MAX_BUTTON_TEXT: usize = 75;
/// The value of a button.
pub const MAX_BUTTON_VALUE: usize = 2000;
/// The URL of a button.
pub const MAX_BUTTON_URL: usize = 3000;
/// An `action_id`, a `block_id` and a `callback_id`.
pub const MAX_ID: usize = 255;
/// The title, the submit and the close text of a modal.
pub const MAX_VIEW_TITLE: usize = 24;
/// What a modal keeps for us.
pub const MAX_PRIVATE_METADATA: usize = 3000;
/// What a person may write into an input.
pub const MAX_INPUT: usize = 3000;
/// The label of an input.
pub const MAX_LABEL: usize = 2000;
/// The placeholder of an input.
pub const MAX_PLACEHOLDER: usize = 150;
/// The text of a message beside its blocks: Slack advises this, and cuts at ten times as much.
pub const MAX_TEXT: usize = 4000;

/// A reason that we take: as long as anybody reads at night.
pub const MAX_REASON: usize = 1000;
/// A sentence of others in a message.
pub const MAX_SENTENCE: usize = 600;
/// A name of others in a message: of a service, a person, a rule.
pub const MAX_NAME: usize = 120;
/// What one piece of evidence says, in a list.
pub const MAX_EVIDENCE_LINE: usize = 240;
/// Hypotheses of a report; the rest is behind the link.
pub const MAX_HYPOTHESES: usize = 5;
/// Evidence for one hypothesis.
pub const MAX_SUPPORTS: usize = 4;
/// Evidence against one hypothesis.
pub const MAX_CONTRADICTS: usize = 3;
/// Decisions shown on an offer.
pub const MAX_DECISIONS: usize = 5;
/// Sections that the summary of what is approved may take in a modal; a longer one isn't decided
/// on in Slack.
pub const MAX_SUMMARY_SECTIONS: usize = 20;
/// Incidents in the answer to a slash command.
pub const MAX_LISTED: usize = 15;
