//! Anchors' places: one suite that every place passes, on real servers where they can be had, and
//! what is said of a place that is down, slow, torn or somebody else's.

mod faults;
mod receiver;
mod s3;
mod scripted;
mod suite;
mod time;
