//! The traps of group commit, and of a writer that is shared.

mod cancellation;
mod failures;
mod groups;
mod limits;
mod log;
