//! The commands, one file each.

pub mod action;
pub mod audit;
pub mod backtest;
pub mod deployment;
pub mod doctor;
pub mod eval;
pub mod export;
pub mod import;
pub mod incident;
pub mod investigate;
pub mod keys;
pub mod login;
pub mod ml;
pub mod person;
pub mod pki;
pub mod policy;
pub mod query;
pub mod runbook;
pub mod store;
pub mod token;
pub mod tools;
