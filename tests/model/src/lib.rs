//! Compares random sequences of operations on the whole application with a plain model.
//!
//! The model ([`Model`]) implements the application again, without units of work, ports and attempts: it has maps in
//! memory and takes one step per call. [`sequence`] runs a random program call by call on the application over a real
//! store, and compares every answer and the end state with the model. [`round`] runs short programs in parallel and
//! looks for an order of the calls in which the model gives all answers and the end state ([`linearize`]).
//!
//! These tests cover rules that span several rows or several concurrent callers (money, stock, orders, keys, sessions,
//! jobs). Entities that are created, changed, listed and deleted alone are tested elsewhere. The laws of
//! `skep-contract` cover how every store keeps them, and `tests/suites/tests/flaws.rs` shows that these laws detect a
//! wrong statement. The tests of the use cases cover the rules, and the journeys cover authorization over HTTP.
//!
//! Each context has a folder with its operations, its use cases and their rules, and a line in `context::CONTEXTS`. The
//! files beside the folders know no context, except for `world`, which implements the ports of the application.
//!
//! Programs consist of symbolic [`Step`]s ("the product after the one that was seen last"), so that a shortened program
//! still makes sense. A [`Desk`] turns them into calls, with the ids and versions that a caller has seen so far.

mod application;
mod call;
pub mod catalog;
mod context;
mod desk;
mod double;
pub mod identity;
mod item;
mod linearize;
mod model;
mod operations;
pub mod ordering;
mod parallel;
mod run;
mod sequential;
mod state;
mod step;
mod world;

pub use application::Application;
pub use call::{Answer, Answers, Call, Command, Commands, Failure, Fresh, Now, Outcome, Refusal, System, answer_of};
pub use desk::Desk;
pub use double::{Double, Flaw, OwnFlaw};
pub use item::Item;
pub use linearize::{Event, History, linearize};
pub use model::Model;
pub use parallel::{Patience, Round, Setting, clients, round, rounds, short, start};
pub use run::{Budget, Found, Stores, each_store};
pub use sequential::{REGRESSIONS, Trouble, programs, sequence};
pub use state::{EndState, Happened};
pub use step::{Action, Caller, Condition, Field, Operation, Step, Target, program, short_programs};
pub use world::{Account, ModelClock, people};

/// The answers and refusals that random programs must get: the name of the command, then that of the answer or the
/// codes of the refusal and its fields.
pub fn expected() -> impl Iterator<Item = &'static str> {
    context::CONTEXTS.iter().flat_map(|context| context.expected()).copied()
}
