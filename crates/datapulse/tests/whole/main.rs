//! The whole program as its users meet it: the real binary, real sockets, real folders.

mod access;
mod api;
mod approvals;
mod asked;
mod bad_input;
mod changes;
mod cli;
mod command;
mod deployments;
mod elasticsearch;
mod enrich;
mod errors;
mod esql_over_http;
mod grpc;
mod indices;
mod intake;
mod lessons;
mod notices;
mod prometheus;
mod runs;
mod searches;
mod server;
mod sessions;
mod store;
mod story;
mod transfers;
