//! A shop of services that breaks on request: the demo's world, and the tests'.
//!
//! The world is a pure function of its seed, its fault, the moment it began and the actions that
//! were carried out. Its telemetry leaves by HTTP like anybody's, and actions come in by HTTP; it
//! knows nothing of incidents, and no document says which fault it has.
//!
//! Read first: [`catalog`] (who calls whom), [`fault`], [`world`] (the state at a moment).

pub mod catalog;
pub mod condition;
pub mod control;
pub mod fault;
pub mod feed;
pub mod random;
pub mod shop;
pub mod telemetry;
pub mod world;

pub use catalog::Naming;
pub use fault::{Fault, Truth};
pub use feed::Feed;
pub use shop::{Error, Setting, Shop};
pub use world::{Change, World};
