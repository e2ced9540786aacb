//! What becomes of the data of a user whose account is erased.

use super::{Round, StoreError};
use async_trait::async_trait;
use skep_domain::shared::UserId;

/// Erases what a context has stored for a user. Each context that deletes such rows has one, except identity: it erases the
/// account after all others, so that an erasure that was interrupted is found again.
#[async_trait]
pub trait EraseUser: Send + Sync {
    /// Erases the rows of the user, in units of work with a bounded size, until none is left or the round is stopped. It may
    /// be called again at any time: what is erased stays erased, and the rest follows.
    ///
    /// # Errors
    /// The first error of the store. What was erased before stays erased.
    async fn erase_user(&self, user: UserId, round: &Round<'_>) -> Result<(), StoreError>;
}

/// What an erasure does with the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserData {
    /// No row says anything about a user.
    None,
    /// The rows of the user are deleted.
    Erased,
    /// The rows stay, for this reason. They have the id of the user at most, and no name and no address, unless the reason
    /// says how long those stay.
    Kept(&'static str),
}

/// A table or collection, and what an erasure does with its rows.
pub type Erasure = (&'static str, UserData);
