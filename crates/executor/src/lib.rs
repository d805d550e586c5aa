//! Executor: may it be done? Then do it; did it help?
//!
//! It asks the policy for a verdict, reads the target again, records `ExecutionStarted` before it
//! acts and `ExecutionFinished` after, and runs the query that raised the alarm on a window after
//! the act. It never decides for a person, and it never does anything twice.
//!
//! Read first: [`verdict`] and [`recovery`] (pure), then [`stage`].

pub mod recovery;
pub mod settings;
pub mod stage;
pub mod verdict;

pub use settings::Settings;
pub use stage::Executor;
