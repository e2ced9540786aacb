//! Kills the server at random instants under load, starts it again on the same data, and checks what it acknowledged.
//!
//! A [`campaign`] keeps a [`Ledger`] of every command that was sent and of what became of it as far as its client knows,
//! looks into the store past the program's own code ([`look`]), and compares the two ([`check`]).
//!
//! What belongs here: whatever a crash could tear apart (orders with their stock, reservations, ledger, events and keys).
//! An entity that is stored by itself does not belong here: that a unit of work is stored as a whole or not at all is
//! checked by these, and holds for every table.

mod campaign;
mod check;
mod fault;
mod ledger;
mod load;
mod look;
mod repeat;
mod shop;
mod state;
mod tally;

pub use campaign::{Plan, campaign};
pub use check::{Findings, check};
pub use fault::{Fault, endure};
pub use ledger::{Command, Entry, Ledger, Outcome};
pub use look::look;
pub use state::{Event, KeyRow, Level, Line, Movement, Order, Reservation, State};
pub use tally::Tally;
