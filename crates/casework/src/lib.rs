//! How work is done: the only writer of records, the tools that agents ask, and the loop that
//! lets agents look at incidents.
//!
//! Agents never know each other: each looks at an incident's state, does its part, and records
//! it. This crate refuses to decide anything about incidents itself; that is the state machine's
//! ([`model::Incident::apply`]) and the agents' part.
//!
//! Read first: [`case`], then [`tools`], then [`driver`].

pub mod automatic;
pub mod case;
pub mod clock;
pub mod deliveries;
pub mod driver;
pub mod error;
pub mod feedback;
pub mod lineage;
pub mod open;
pub mod outside;
pub mod people;
pub mod postmortem;
pub mod pulse;
mod redacted;
pub mod similar;
pub mod system;
pub mod tools;

pub use case::{Casework, Keys, ReadKeys};
pub use clock::Clock;
pub use deliveries::Deliveries;
pub use driver::{Driver, Stage};
pub use error::Error;
pub use open::Opened;
pub use pulse::Pulse;
pub use tools::{Asked, Parameter, ParameterType, Tool, Toolbox};
