//! The embedded store's promises: what it keeps over restarts, crashes and damage.

mod backup;
mod care;
mod compact;
mod conformance;
mod crash;
mod damage;
mod disk;
mod flips;
mod folder;
mod formats;
mod indices;
mod journal;
mod memory_limit;
mod retention;
mod rows;
mod segments;
mod shop;
mod summaries;
