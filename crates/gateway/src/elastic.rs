//! Elasticsearch's interface, as far as the embedded store has it: what its clients, shippers and
//! tools send to write, to describe indices and to ask.
//!
//! [`dialect`] lies around all of these routes: the product's header, errors in Elasticsearch's
//! form, `filter_path` and `pretty`. The routes' intake and ES|QL are in [`crate::intake`].
//!
//! Read first: [`refusal`], then [`dialect`].

pub mod about;
pub mod aliases;
pub mod cat;
pub mod dialect;
pub mod documents;
pub mod enrich;
pub mod filter_path;
pub mod indices;
pub mod refusal;
pub mod search;
pub mod templates;
pub mod update;

pub use refusal::Refusal;

/// The version whose interface this is: clients refuse to talk to one that is too old.
pub const VERSION: &str = "9.2.0";
