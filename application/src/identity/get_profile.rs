//! One's own profile.

use super::{UserQueries, UserView};
use crate::kernel::{Actor, Denied, NotFound, account, permit, scope, use_case_error};
use skep_domain::identity::actions;
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
        permit(actor, actions::READ_PROFILE)?;
        let id = account(actor, actions::READ_PROFILE)?;
        let user = self.users.find_user(scope(actor, actions::READ_PROFILE), id).await?;
        Ok(user.ok_or(NotFound("user"))?)
    }
}

#[cfg(test)]
mod tests;
