//! The actor's own profile.

use super::{UserQueries, UserView};
use crate::kernel::{Actor, GetError, NotFound, Reader, account};
use skep_domain::identity::actions;
use std::sync::Arc;

/// Shows the profile of the actor.
pub struct GetProfile(Reader<dyn UserQueries>);

impl GetProfile {
    /// Makes the use case. It reads users through `users`.
    #[must_use]
    pub fn new(users: Arc<dyn UserQueries>) -> Self {
        Self(Reader::new(actions::READ_PROFILE, users))
    }

    /// Returns the account of the actor.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor) -> Result<UserView, GetError> {
        let (users, scope) = self.0.scoped(actor)?;
        let id = account(actor, actions::READ_PROFILE)?;
        Ok(users.find_user(scope, id).await?.ok_or(NotFound("user"))?)
    }
}

#[cfg(test)]
mod tests;
