//! DataPulse in the words of the Model Context Protocol: tools, resources and prompts for other
//! people's agents, over stdio and over streamable HTTP.
//!
//! It is a thin client of DataPulse's own API ([`Api`]): who may do what, what is taken out of
//! texts, and how much may be asked is decided there, once. What is added here is for the reader
//! on the other side, which is a model: answers have an end, what can't be seen is left out of
//! them, and they say that they are data.
//!
//! **There is no tool that decides.** No approval, no withdrawal, no lifted stop. That isn't only a
//! matter of this list: the gateway marks who comes through here, and refuses them these routes.
//!
//! Read first: [`tools`], then [`shown`], then [`server`].

pub mod answers;
pub mod api;
pub mod arguments;
pub mod page;
pub mod prompts;
pub mod questions;
pub mod resources;
pub mod server;
pub mod shown;
pub mod tools;

pub use api::{Api, Call, Caller, Refusal};
pub use server::{Reach, Server, over_http, over_stdio};
