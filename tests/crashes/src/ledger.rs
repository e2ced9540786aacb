//! The commands that clients sent to the servers, and the outcomes that the clients know.

use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Every command by its key. No two clients use the same key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The commands by idempotency key.
    pub entries: BTreeMap<String, Entry>,
}

/// A command that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The user that sent it.
    pub principal: Uuid,
    /// The content of the request.
    pub command: Command,
    /// The last outcome that the client knows.
    pub outcome: Outcome,
}

/// The commands that the clients send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Places an order of these products, each named once, with the number of pieces.
    Place(Vec<(Uuid, i64)>),
    /// Cancels the order with this id.
    Cancel(Uuid),
    /// Sets the number of pieces of a product on hand.
    SetStock(Uuid, i64),
}

/// The outcome of a command, as far as its client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// No answer came, or the answer said that the outcome is unknown.
    Unanswered,
    /// The server answered with success.
    Acknowledged {
        /// The JSON body of the answer.
        body: Value,
        /// The resulting version, from the entity tag.
        version: i64,
    },
    /// The server refused the command and changed nothing.
    Refused {
        /// The status and the code of the problem.
        problem: String,
    },
}

impl Command {
    /// The name of the use case under which the store keeps the answer.
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
    /// Records a command that is about to be sent.
    ///
    /// # Panics
    /// If the key was used before.
    pub fn send(&mut self, key: &str, principal: Uuid, command: Command) {
        let entry = Entry { principal, command, outcome: Outcome::Unanswered };
        assert!(self.entries.insert(key.to_owned(), entry).is_none(), "the key {key} is used twice");
    }

    /// Records the outcome of a command.
    ///
    /// # Panics
    /// If the command was never sent.
    pub fn settle(&mut self, key: &str, outcome: Outcome) {
        self.entries.get_mut(key).expect("it was sent").outcome = outcome;
    }

    /// The number of commands for which `is` holds.
    #[must_use]
    pub fn count(&self, is: impl Fn(&Entry) -> bool) -> usize {
        self.entries.values().filter(|entry| is(entry)).count()
    }
}
