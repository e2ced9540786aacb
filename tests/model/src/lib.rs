//! Random sequences of operations on the whole application against a plain model.
//!
//! The model ([`Model`]) is the slice once more, without units of work, ports and attempts: maps in memory, one step per
//! call. [`sequence`] runs a random program call by call on the application over a real store and compares every
//! answer and the end state with the model's. [`round`] runs short programs at once and looks for an order of the
//! calls by which the model explains all answers and the end state ([`linearize`]).
//!
//! What belongs here: things whose rules span several rows or several callers at once (money, stock, orders, keys,
//! sessions, jobs). An entity that is created, changed, listed and deleted by itself does not belong here: the laws of
//! `skep-contract` cover how every store keeps it, `tests/suites/tests/flaws.rs` shows that they see a wrong statement,
//! the tests of its use cases cover its rules, and the journeys cover who may do what over HTTP.
//!
//! Programs are made of symbolic [`Step`]s ("the product after the one that was seen last"), so that a program can be
//! shortened and still means something; a [`Desk`] turns them into calls with what a caller has seen so far.

mod application;
mod call;
mod desk;
mod double;
mod linearize;
mod model;
mod parallel;
mod run;
mod sequential;
mod state;
mod step;
mod world;

pub use application::Application;
pub use call::{Answer, Call, Command, LoggedIn, Refusal, System};
pub use desk::Desk;
pub use double::{Double, Flaw};
pub use linearize::{Event, History, linearize};
pub use model::Model;
pub use parallel::{Round, Setting, clients, round, rounds, short, start};
pub use run::{Budget, Found, Stores, each_store};
pub use sequential::{REGRESSIONS, Trouble, programs, sequence};
pub use state::{Claim, EndState, Entry, Happened, Shelf, Sold};
pub use step::{Caller, Condition, Field, Operation, Quantity, Step, Target, program, short_programs};
pub use world::{Account, ModelClock, people};
