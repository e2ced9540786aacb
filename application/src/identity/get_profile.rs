//! One's own profile.

use super::{UserQueries, UserView};
use crate::kernel::{Actor, Denied, NotFound, permit, scope, use_case_error};
use skep_domain::access::{Action, Denial};
use std::sync::Arc;

use_case_error! {
    /// Why no profile is shown.
    GetProfileError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

/// Shows profiles.
pub struct GetProfile {
    users: Arc<dyn UserQueries>,
}

impl GetProfile {
    /// Shows profiles of this store.
    #[must_use]
    pub fn new(users: Arc<dyn UserQueries>) -> Self {
        Self { users }
    }

    /// The actor's own profile.
    ///
    /// # Errors
    /// [`GetProfileError`].
    pub async fn execute(&self, actor: &Actor) -> Result<UserView, GetProfileError> {
        permit(actor, Action::ReadProfile)?;
        let id = actor.user_id().ok_or(Denied { action: Action::ReadProfile, denial: Denial::NeedsAccount })?;
        let user = self.users.find_user(scope(actor, Action::ReadProfile), id).await?;
        Ok(user.ok_or(NotFound("user"))?)
    }
}

#[cfg(test)]
mod tests;
