//! Checks the present password of an account, before a change that a thief of a session or of a mail must not make.

use super::{
    Accounts, LoginAttempts, SessionPolicy, UserQueries, UserView,
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
        let attempts = LoginAttempts::new(limits, fingerprints);
        let check = PasswordCheck::new(users.clone(), hasher, runtime.clock.clone(), attempts, policy);
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
        let verified = self.check.check(actor, user.email.as_str(), password, None).await?;
        // Another account may be found by the address, if an early version has stored both.
        if verified.credentials.user_id == user.id { Ok(verified) } else { Err(CheckError::Wrong) }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::{
        identity::{Credentials, MockPasswordHasher, MockUserQueries},
        kernel::{MockRateLimits, Verdict},
        testing::*,
    };
    use skep_domain::identity::{KnownNetworks, User};
    use std::time::Duration;

    /// Checks the password of Ada, and fails the test unless so many passwords are verified. `allows` says of a counter
    /// whether it allows another attempt. Also returns the counters.
    pub(in super::super) fn of_ada(
        times: usize,
        allows: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> (OwnPassword, Arc<MockRateLimits>) {
        let (mut users, mut hasher, mut limits) =
            (MockUserQueries::new(), MockPasswordHasher::new(), MockRateLimits::new());
        users.expect_find_user().returning(|_, id| Ok(Some(UserView::from(&ada())).filter(|user| user.id == id)));
        users.expect_find_credentials().returning(|email| {
            let User { id: user_id, password_hash, password_form, auth_epoch, .. } = ada();
            let (known_networks, is_active, is_verified) = (KnownNetworks::none(user_id), true, false);
            assert_eq!(email.key(), ADDRESS, "no other address is looked up");
            Ok(Some(Credentials {
                user_id,
                password_hash,
                password_form,
                auth_epoch,
                known_networks,
                is_active,
                is_verified,
            }))
        });
        hasher.expect_verify().times(times).returning(|_, password, hash| Ok(hash == Some(hash_of(&password))));
        limits.expect_take().returning(move |key, _, _| {
            let (allowed, retry_after) = (allows(key), Duration::from_secs(7));
            Ok(Verdict { allowed, remaining: 0, retry_after, reset_after: retry_after })
        });
        limits.expect_give_back().returning(|_, _, _| Ok(()));
        let (limits, policy) = (Arc::new(limits), SessionPolicy::default());
        let (accounts, users) = (accounts(hasher).0, Arc::new(users));
        (OwnPassword::new(users, &accounts, limits.clone(), fingerprints(), policy), limits)
    }

    /// The same for the password in a request with a link, which counts as a login and as nothing else.
    pub(in super::super) fn guessed(times: usize, is_allowed: bool) -> OwnPassword {
        let allows = move |key: &str| {
            assert!(key.starts_with("login:"), "{key}");
            is_allowed
        };
        of_ada(times, allows).0
    }
}
