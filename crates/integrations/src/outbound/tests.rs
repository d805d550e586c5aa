//! Spellings, rules and decisions.
