//! What a program that embeds Skep can add to identity: a gate in front of registrations, a rule for new passwords, claims of
//! access tokens, and an observer of new devices. Without hooks, nothing is added.
//!
//! A hook is called before the unit of work of its use case, or after it, and never within. The calls of one request share no
//! state. A hook that fails, or does not answer within [`IdentityHooks::patience`], does not let anything through: the request
//! is answered as if the store was unavailable, and nothing was stored. Only the observer of devices stops nothing.

use super::ExtraClaims;
use crate::kernel::{BoxError, Runtime, StoreError};
use async_trait::async_trait;
use skep_domain::{
    identity::Device,
    shared::{Network, SessionId, Timestamp, UserId},
};
use std::{fmt, sync::Arc, time::Duration};

/// The answer of a hook that may refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookVerdict {
    /// The request goes on.
    Allowed,
    /// The request ends with this reason.
    Refused(HookReason),
}

impl HookVerdict {
    /// Refuses with a reason for the caller.
    #[must_use]
    pub fn refused(reason: &str) -> Self {
        Self::Refused(HookReason::new(reason))
    }
}

/// The reason of a hook, as the caller reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookReason(String);

impl HookReason {
    /// The greatest number of characters.
    pub const MOST: usize = 200;

    /// Keeps the first [`HookReason::MOST`] characters, without those that show nothing on a line.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_control()).take(Self::MOST).collect())
    }
}

impl fmt::Display for HookReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account that a caller wants to register. Its fields are valid, and its address may have an account already.
#[derive(Clone, PartialEq, Eq)]
pub struct AskedRegistration {
    /// The e-mail address as it was typed.
    pub email: String,
    /// The name that other users are to see.
    pub display_name: String,
    /// Where the caller calls from.
    pub network: Network,
}

/// A password that an account is to get. The rules of the deployment allow it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// The password in the form in which it is hashed.
    pub password: String,
    /// The address of its owner as it was typed.
    pub email: String,
    /// The name of its owner.
    pub display_name: String,
}

/// Shows no person.
impl fmt::Debug for AskedRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedRegistration").finish_non_exhaustive()
    }
}

/// Shows no password.
impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPassword").finish_non_exhaustive()
    }
}

/// A login that its owner may not expect: it shows no token of a device, and comes from a network that the account does not
/// know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeviceLogin {
    /// The account.
    pub user_id: UserId,
    /// The session that has begun.
    pub session_id: SessionId,
    /// The program of the user, if it is known.
    pub device: Option<Device>,
    /// Where the caller calls from.
    pub network: Network,
    /// The time of the login.
    pub at: Timestamp,
}

/// Decides who may register.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RegistrationGate: Send + Sync {
    /// Judges a registration before its password is hashed and before anything is read. It is asked for each valid request,
    /// whether the address has an account or not, so that its answer does not show that. Accounts that an admin, an operator
    /// or an import creates do not pass it.
    ///
    /// # Errors
    /// The gate cannot decide. Then the registration is not done.
    async fn judge(&self, asked: &AskedRegistration) -> Result<HookVerdict, BoxError>;
}

/// Judges new passwords besides the rules of the deployment, for example by a list of the company.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PasswordRule: Send + Sync {
    /// Judges a password before it is hashed, wherever one is set: for a new account, a change, a reset and an invitation.
    ///
    /// # Errors
    /// The rule cannot decide. Then the password is not set.
    async fn judge(&self, new: &NewPassword) -> Result<HookVerdict, BoxError>;
}

/// Adds claims to access tokens, for other services that verify them. Skep itself reads none of them.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TokenClaims: Send + Sync {
    /// The claims of the next access token of a session. It is called before each token is issued, and before anything is
    /// stored. For a refresh, the session may not hold any more; then no token is issued.
    ///
    /// # Errors
    /// The claims cannot be found. Then no token is issued, and the caller can try again with the same credentials.
    async fn claims(&self, user_id: UserId, session_id: SessionId) -> Result<ExtraClaims, BoxError>;
}

/// Learns of logins on new devices.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait DeviceObserver: Send + Sync {
    /// Learns of a login after it is stored, at most once. It cannot stop the login; the answer waits for it, at most for
    /// [`IdentityHooks::patience`]. A crash or an error loses the call, so a program that must not miss a login subscribes to
    /// the event `identity.user_logged_in.v1`.
    ///
    /// # Errors
    /// No caller learns of an error, so the observer logs its own.
    async fn logged_in(&self, login: &NewDeviceLogin) -> Result<(), BoxError>;
}

/// The hooks of a program. By default, it has no hook.
#[derive(Clone)]
pub struct IdentityHooks {
    /// Decides who may register.
    pub registration: Option<Arc<dyn RegistrationGate>>,
    /// Judges new passwords.
    pub passwords: Option<Arc<dyn PasswordRule>>,
    /// Adds claims to access tokens.
    pub claims: Option<Arc<dyn TokenClaims>>,
    /// Learns of logins on new devices.
    pub devices: Option<Arc<dyn DeviceObserver>>,
    /// How long a request waits for one call of a hook.
    pub patience: Duration,
}

impl Default for IdentityHooks {
    /// No hooks, and two seconds for each call.
    fn default() -> Self {
        Self { registration: None, passwords: None, claims: None, devices: None, patience: Duration::from_secs(2) }
    }
}

/// A hook has not decided.
#[derive(Debug, thiserror::Error)]
enum Undecided {
    #[error("the hook of {0} has failed")]
    Failed(&'static str, #[source] BoxError),
    #[error("the hook of {0} did not answer in time")]
    Late(&'static str),
}

impl IdentityHooks {
    /// Judges a registration.
    pub(super) async fn judge_registration(
        &self,
        runtime: &Runtime,
        asked: &AskedRegistration,
    ) -> Result<HookVerdict, StoreError> {
        let Some(hook) = &self.registration else { return Ok(HookVerdict::Allowed) };
        self.ask(runtime, "registrations", hook.judge(asked)).await
    }

    /// Judges a new password.
    pub(super) async fn judge_password(
        &self,
        runtime: &Runtime,
        new: impl FnOnce() -> NewPassword,
    ) -> Result<HookVerdict, StoreError> {
        let Some(hook) = &self.passwords else { return Ok(HookVerdict::Allowed) };
        self.ask(runtime, "passwords", hook.judge(&new())).await
    }

    /// Whether tokens get further claims.
    pub(super) const fn has_claims(&self) -> bool {
        self.claims.is_some()
    }

    /// The further claims of a token.
    pub(super) async fn claims_of(
        &self,
        runtime: &Runtime,
        user_id: UserId,
        session_id: SessionId,
    ) -> Result<ExtraClaims, StoreError> {
        let Some(hook) = &self.claims else { return Ok(ExtraClaims::default()) };
        self.ask(runtime, "claims", hook.claims(user_id, session_id)).await
    }

    /// Tells of a login on a new device.
    pub(super) async fn tell(&self, runtime: &Runtime, login: &NewDeviceLogin) {
        if let Some(hook) = &self.devices {
            // The login is stored, whatever the observer makes of it.
            let _ = self.ask(runtime, "devices", hook.logged_in(login)).await;
        }
    }

    /// Waits for a hook. Whatever is not an answer is an error, so nothing passes because of it.
    async fn ask<T>(
        &self,
        runtime: &Runtime,
        hook: &'static str,
        call: impl Future<Output = Result<T, BoxError>> + Send,
    ) -> Result<T, StoreError> {
        let answer = match runtime.within(self.patience, call).await {
            Some(answer) => answer.map_err(|cause| Undecided::Failed(hook, cause)),
            None => Err(Undecided::Late(hook)),
        };
        answer.map_err(|undecided| StoreError::Unavailable(undecided.into()))
    }
}

#[cfg(test)]
mod tests;
