//! The store in a real Elasticsearch. Each test needs one to itself, and empties it:
//! `cargo xtask test --all` starts it and runs them one after the other.

mod care;
mod conformance;
mod journal;
mod logins;
mod proxy;
mod questions;
mod server;
mod setup;
