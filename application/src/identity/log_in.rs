//! Logs a user in with a password.

use super::{
    Accounts, HasherBusy, IdentityTx, LogInAnswer, SessionPolicy, SessionTokens, UserQueries,
    new_session::{NewSession, NewSessions},
    password_check::{PasswordCheck, Verified, check_error},
};
use crate::kernel::{
    Actor, Attempt, Begin, Fingerprints, OutboxEvent, RateLimits, Runtime, StoreError, TooManyAttempts, TxMode,
    refusal, run, use_case_error,
};
use skep_domain::{
    identity::{Device, KnownNetworks, events::UserLoggedIn},
    shared::{EventId, Timestamp, Version},
};
use std::sync::Arc;

/// The input of a login, not checked yet.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
pub struct LogInCommand {
    /// The e-mail address of the account.
    pub email: String,
    /// The password, in plain text.
    pub password: String,
    /// The program that the user logs in with, for the list of sessions.
    #[serde(default)]
    pub device: Option<Device>,
}

impl std::fmt::Debug for LogInCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogInCommand").finish_non_exhaustive()
    }
}

refusal! {
    /// The e-mail address or the password is wrong.
    InvalidCredentials = Unauthenticated, "invalid_credentials";
}

use_case_error! {
    /// The reason why no user was logged in.
    LogInError {
        InvalidCredentials(InvalidCredentials),
        TooManyAttempts(TooManyAttempts),
        HasherBusy(HasherBusy),
    }
}

check_error! { LogInError: InvalidCredentials }

/// Checks a password, starts a session and issues an access token.
pub struct LogIn {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    check: PasswordCheck,
    sessions: NewSessions,
    policy: SessionPolicy,
    runtime: Runtime,
}

impl LogIn {
    /// Makes the use case. `limits` counts the attempts. `fingerprints` hides addresses in the names of its counters
    /// and in the list of known networks.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        users: Arc<dyn UserQueries>,
        accounts: Accounts,
        tokens: SessionTokens,
        limits: Arc<dyn RateLimits>,
        fingerprints: Arc<dyn Fingerprints>,
        policy: SessionPolicy,
    ) -> Self {
        let Accounts { hasher, runtime, .. } = accounts;
        let check = PasswordCheck::new(users, hasher, runtime.clock.clone(), limits, fingerprints, policy);
        let sessions = NewSessions::new(tokens, policy, runtime.clone());
        Self { store, check, sessions, policy, runtime }
    }

    /// Checks the password and starts a session. Ends the oldest sessions of the user if there would be too many.
    ///
    /// The refusal does not say whether the address or the password is wrong, and takes as long in both cases.
    ///
    /// # Errors
    /// [`LogInError`].
    pub async fn execute(&self, actor: &Actor, command: LogInCommand) -> Result<LogInAnswer, LogInError> {
        let LogInCommand { email, password, device } = command;
        let verified = self.check.check(actor, &email, password).await?;
        let new = self.sessions.prepare(actor, verified.credentials.user_id, device);
        let event_id = EventId::new(self.runtime.ids.next());
        let (new, verified) = (&new, &verified);
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.start(&mut *tx, actor, new, verified, event_id, &attempt).await;
            attempt.end(tx, result).await
        })
        .await?;
        Ok(self.sessions.answer(new)?)
    }

    /// Stores the session and the network, unless the password has changed, or the account is disabled or no longer exists.
    async fn start(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        new: &NewSession,
        verified: &Verified,
        event_id: EventId,
        attempt: &Attempt,
    ) -> Result<(), LogInError> {
        if attempt.after_unknown && tx.outbox().settle(event_id).await? {
            return Ok(());
        }
        let hash = &verified.credentials.password_hash;
        let session = &new.session;
        let user =
            tx.users().find(session.user_id).await?.filter(|user| user.password_hash == *hash && user.is_active());
        let user = user.ok_or(InvalidCredentials)?;
        self.sessions.store(tx, new, &user).await?;
        self.remember(tx, verified, session.created_at).await?;
        let logged_in = UserLoggedIn::of(session);
        let mut event = OutboxEvent::of(event_id, &logged_in, Version::FIRST, actor, session.created_at)?;
        event.actor_id = Some(user.id);
        Ok(tx.outbox().append(&event).await?)
    }

    /// Adds the network to those that the account has logged in from.
    async fn remember(&self, tx: &mut dyn IdentityTx, verified: &Verified, now: Timestamp) -> Result<(), StoreError> {
        let (network, policy) = (verified.network, &self.policy.known_networks);
        // Usually the list that was read before the password was verified has the network, and nothing is written.
        if verified.credentials.known_networks.after_login(network, now, policy).is_none() {
            return Ok(());
        }
        let user_id = verified.credentials.user_id;
        let stored = tx.known_networks().find(user_id).await?;
        let stored = stored.unwrap_or_else(|| KnownNetworks::none(user_id));
        match stored.after_login(network, now, policy) {
            Some(changed) => tx.known_networks().replace(&changed).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod attempt_tests;
#[cfg(test)]
mod tests;
