//! What can be said of the repositories without an engine. That the statements do what they should is told by the
//! contract, on both engines.

mod migrations;
mod observe;
mod queries;
mod statements;
mod tables;
mod unit;
