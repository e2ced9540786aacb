//! Tests of group commit and of the shared writer.

mod cancellation;
mod failures;
mod groups;
mod limits;
mod log;
