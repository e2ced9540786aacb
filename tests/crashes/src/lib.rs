//! Kills the server at random moments under load, starts it again on the same data, and checks that everything it
//! acknowledged is stored.
//!
//! A [`campaign`] keeps a ledger of every command that was sent and of the outcome that its client knows. It reads the
//! store without the program's code (`look`) and compares the two (`check`). Each context has a folder with its
//! commands, its tables and its rules, and a line in `context::CONTEXTS`. The files beside the folders know no context.
//!
//! These tests cover data that a crash could store in part: orders with their stock, reservations, ledger, events and
//! keys. Entities that are stored alone need no test here. The orders show that a unit of work is stored as a whole or
//! not at all, and that holds for every table.

mod bucket;
mod campaign;
mod catalog;
mod check;
mod context;
mod events;
mod fault;
mod files;
mod jobs;
mod ledger;
mod load;
mod look;
mod ordering;
mod repeat;
mod shop;
mod state;
mod tally;

pub use bucket::Contents;
pub use campaign::{Plan, campaign};
pub use fault::{Fault, endure};
pub use files::{CUT_OFF, UNFINISHED};
pub use jobs::LOST;
pub use tally::Tally;
