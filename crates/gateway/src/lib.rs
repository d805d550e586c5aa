//! Every socket that we listen on: the API, the stream of events, the intake of telemetry, the UI.
//!
//! The gateway knows who is asking and what they may do; it decides nothing about incidents, that
//! is the state machine's part. One table ([`routes`]) says what each route asks of its caller;
//! the router, the OpenAPI document and the tests' matrix are made from it.
//!
//! Read first: [`routes`], then [`auth`], then [`problem`].

pub mod answers;
pub mod api;
pub mod auth;
pub mod cors;
pub mod elastic;
pub mod guard;
pub mod hooks;
pub mod identity;
pub mod intake;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod routes;
pub mod serve;
pub mod state;
pub mod tls;
pub mod wrongs;

pub use auth::{Principal, issue_token};
pub use problem::Problem;
pub use routes::{grpc_router, router};
pub use serve::serve;
pub use state::{Audit, Gateway, Metrics, Options};
