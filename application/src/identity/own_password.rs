//! Checks the present password of an account, before a change that a thief of a session or of a mail must not make.

use super::{
    Accounts, SessionPolicy, UserQueries, UserView,
    password_check::{CheckError, PasswordCheck, Verified},
};
use crate::kernel::{Actor, Denied, Fingerprints, NotFound, RateLimits, Runtime, StoreError, account, permit, scope};
use skep_domain::shared::Action;
use std::sync::Arc;

/// Checks the present password of an account, with the limits of logins. The address need not be verified.
pub(super) struct OwnPassword {
    users: Arc<dyn UserQueries>,
    check: PasswordCheck,
    pub(super) runtime: Runtime,
}

impl OwnPassword {
    /// `limits` counts the attempts, together with those of logins. `fingerprints` hides addresses in the names of its
    /// counters.
    pub(super) fn new(
        users: Arc<dyn UserQueries>,
        accounts: &Accounts,
        limits: Arc<dyn RateLimits>,
        fingerprints: Arc<dyn Fingerprints>,
        policy: SessionPolicy,
    ) -> Self {
        let Accounts { hasher, runtime, .. } = accounts.clone();
        let check = PasswordCheck::new(users.clone(), hasher, runtime.clock.clone(), limits, fingerprints, policy);
        Self { users, check, runtime }
    }

    /// Shows the account of the actor, which must be permitted the action on it.
    pub(super) async fn owner<E: From<Denied> + From<NotFound> + From<StoreError>>(
        &self,
        actor: &Actor,
        action: Action,
    ) -> Result<UserView, E> {
        permit(actor, action)?;
        let id = account(actor, action)?;
        Ok(self.users.find_user(scope(actor, action), id).await?.ok_or(NotFound("user"))?)
    }

    /// Checks the password of this account. It is a guess, and counts as one.
    pub(super) async fn check(&self, actor: &Actor, user: &UserView, password: String) -> Result<Verified, CheckError> {
        let verified = self.check.check(actor, user.email.as_str(), password).await?;
        // Another account may be found by the address, if an early version has stored both.
        if verified.credentials.user_id == user.id { Ok(verified) } else { Err(CheckError::Wrong) }
    }
}
