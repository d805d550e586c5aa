//! What casework promises: tools give the values worked out by hand, one failure is one incident.

mod month;
mod open;
mod people;
mod tools;
mod world;
