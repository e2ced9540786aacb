//! What was sent to the servers, and what became of it as far as the clients know.

use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Every command by its key. No two clients use the same key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The commands.
    pub entries: BTreeMap<String, Entry>,
}

/// A command that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who sent it.
    pub principal: Uuid,
    /// What was asked for.
    pub command: Command,
    /// What became of it.
    pub outcome: Outcome,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// An order of these products, each named once, with the number of pieces.
    Place(Vec<(Uuid, i64)>),
    /// That an order is called off.
    Cancel(Uuid),
    /// That this many pieces of a product are on hand.
    SetStock(Uuid, i64),
}

/// What a client knows of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: no answer came, or one that says so.
    Unanswered,
    /// It was done.
    Acknowledged {
        /// The answer.
        body: Value,
        /// The entity tag: the version that came out.
        version: i64,
    },
    /// It was refused: nothing was changed.
    Refused {
        /// The status and the code of the problem.
        problem: String,
    },
}

impl Command {
    /// The name under which the store keeps what was answered.
    #[must_use]
    pub const fn use_case(&self) -> &'static str {
        match self {
            Self::Place(_) => "ordering.place_order",
            Self::Cancel(_) => "ordering.cancel_order",
            Self::SetStock(..) => "catalog.set_stock",
        }
    }
}

impl Ledger {
    /// Notes that a command is about to be sent.
    ///
    /// # Panics
    /// The key was used before.
    pub fn send(&mut self, key: &str, principal: Uuid, command: Command) {
        let entry = Entry { principal, command, outcome: Outcome::Unanswered };
        assert!(self.entries.insert(key.to_owned(), entry).is_none(), "the key {key} is used twice");
    }

    /// Notes what became of a command.
    ///
    /// # Panics
    /// It was never sent.
    pub fn settle(&mut self, key: &str, outcome: Outcome) {
        self.entries.get_mut(key).expect("it was sent").outcome = outcome;
    }

    /// The number of commands that are as told.
    #[must_use]
    pub fn count(&self, is: impl Fn(&Entry) -> bool) -> usize {
        self.entries.values().filter(|entry| is(entry)).count()
    }
}
