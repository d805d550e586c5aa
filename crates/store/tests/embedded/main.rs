//! The embedded store's promises: what it keeps over restarts, crashes and damage.

mod compact;
mod conformance;
mod crash;
mod damage;
mod disk;
mod folder;
mod indices;
mod journal;
mod rows;
mod segments;
mod shop;
mod summaries;
