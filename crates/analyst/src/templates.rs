//! Log messages as templates: what stays, with `<*>` where values were.
//!
//! [`scan`] cuts a message into words, marks and values by their shape alone ([`shape`]). The
//! [`Miner`] puts messages of one shape together, and finds by counting which words are values
//! too. It reads each message once, looks back at none, and has one configuration for all.

pub use miner::{Id, Miner};

mod aging;
pub mod miner;
mod pattern;
pub mod scan;
pub mod shape;
#[cfg(test)]
mod tests;
