//! The commands that clients sent to the servers, and the outcomes that the clients know.

use crate::context::Command;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Every command by its key. No two clients use the same key.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The commands by idempotency key.
    pub(crate) entries: BTreeMap<String, Entry>,
}

/// A command that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The user that sent it.
    pub(crate) principal: Uuid,
    /// The content of the request.
    pub(crate) command: Arc<dyn Command>,
    /// The last outcome that the client knows.
    pub(crate) outcome: Outcome,
}

/// The outcome of a command, as far as its client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No answer came, or the answer said that the outcome is unknown.
    Unanswered,
    /// The server answered with success.
    Acknowledged {
        /// The JSON body of the answer; null if it has none.
        body: Value,
        /// The resulting version, from the entity tag; 0 if the answer has no body.
        version: i64,
    },
    /// The server refused the command and changed nothing.
    Refused {
        /// The status and the code of the problem.
        problem: String,
    },
}

impl Ledger {
    /// Records a command that is about to be sent.
    ///
    /// # Panics
    /// If the key was used before.
    pub(crate) fn send(&mut self, key: &str, principal: Uuid, command: Arc<dyn Command>) {
        let entry = Entry { principal, command, outcome: Outcome::Unanswered };
        assert!(self.entries.insert(key.to_owned(), entry).is_none(), "the key {key} is used twice");
    }

    /// Records the outcome of a command.
    ///
    /// # Panics
    /// If the command was never sent.
    pub(crate) fn settle(&mut self, key: &str, outcome: Outcome) {
        self.entries.get_mut(key).expect("it was sent").outcome = outcome;
    }
}
