//! Tests of the repositories without an engine. The contract suite tests the statements on both engines.

mod erasures;
mod migrations;
mod observe;
mod queries;
mod statements;
mod tables;
mod unit;
