//! Logs a user in with a password.

use super::{
    AccessClaims, AccessTokens, Accounts, Credentials, HashError, HasherBusy, IdentityTx, SessionPolicy, UserQueries,
};
use crate::kernel::{
    Actor, Attempt, Begin, Fingerprints, OutboxEvent, RateLimits, StoreError, TooManyAttempts, TxMode, refusal, run,
    use_case_error,
};
use skep_domain::{
    identity::{PasswordPolicy, Session, events::UserLoggedIn},
    shared::{Email, EventId, SessionId, Version},
};
use std::{sync::Arc, time::Duration};

/// The input of a login, not checked yet.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
pub struct LogInCommand {
    /// The e-mail address of the account.
    pub email: String,
    /// The password, in plain text.
    pub password: String,
}

impl std::fmt::Debug for LogInCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogInCommand").finish_non_exhaustive()
    }
}

/// The access token for a user that has logged in.
#[derive(Clone, PartialEq, Eq)]
pub struct LogInAnswer {
    /// The access token, signed.
    pub access_token: String,
    /// How long the token is valid.
    pub expires_in: Duration,
}

impl std::fmt::Debug for LogInAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogInAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
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

impl From<HashError> for LogInError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::HasherBusy(HasherBusy),
            HashError::Failed(cause) => Self::Store(StoreError::unreadable(cause)),
        }
    }
}

/// Checks a password, starts a session and issues an access token.
pub struct LogIn {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    users: Arc<dyn UserQueries>,
    accounts: Accounts,
    tokens: Arc<dyn AccessTokens>,
    limits: Arc<dyn RateLimits>,
    fingerprints: Arc<dyn Fingerprints>,
    policy: SessionPolicy,
}

impl LogIn {
    /// Makes the use case. `limits` counts the attempts. `fingerprints` hides the address in the name of its counter.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        users: Arc<dyn UserQueries>,
        accounts: Accounts,
        tokens: Arc<dyn AccessTokens>,
        limits: Arc<dyn RateLimits>,
        fingerprints: Arc<dyn Fingerprints>,
        policy: SessionPolicy,
    ) -> Self {
        Self { store, users, accounts, tokens, limits, fingerprints, policy }
    }

    /// Checks the password and starts a session.
    ///
    /// The refusal does not say whether the address or the password is wrong. Each refusal verifies exactly one
    /// password, so that the time does not reveal whether the account exists. The exception is a password that is too
    /// long for any account: it is refused without being verified.
    ///
    /// # Errors
    /// [`LogInError`].
    pub async fn execute(&self, actor: &Actor, command: LogInCommand) -> Result<LogInAnswer, LogInError> {
        let email = Email::parse(&command.email).ok();
        if let Some(email) = &email {
            self.check_attempts(email).await?;
        }
        if command.password.len() > PasswordPolicy::MAX_BYTES {
            return Err(InvalidCredentials.into());
        }
        let credentials = match &email {
            Some(email) => self.users.find_credentials(email).await?,
            None => None,
        };
        let hash = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
        let right = self.accounts.hasher.verify(command.password, hash).await?;
        let credentials = credentials.filter(|_| right).ok_or(InvalidCredentials)?;
        let runtime = &self.accounts.runtime;
        let now = runtime.clock.now();
        let session_id = SessionId::new(runtime.ids.next());
        let session = Session::start(session_id, credentials.user_id, now, millis(self.policy.session_lifetime));
        let event_id = EventId::new(runtime.ids.next());
        let (session, credentials) = (&session, &credentials);
        run(runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = start(&mut *tx, actor, session, credentials, event_id, &attempt).await;
            attempt.end(tx, result).await
        })
        .await?;
        let expires_at = now.plus_millis(millis(self.policy.token_lifetime)).min(session.expires_at);
        let token_id = runtime.ids.next();
        let user_id = credentials.user_id;
        let claims = AccessClaims { user_id, session_id, token_id, issued_at: now, expires_at };
        let access_token = self.tokens.issue(&claims).map_err(StoreError::unreadable)?;
        let lasts = expires_at.as_millis().saturating_sub(now.as_millis());
        Ok(LogInAnswer { access_token, expires_in: Duration::from_millis(u64::try_from(lasts).unwrap_or_default()) })
    }

    /// Counts the attempt before the password is verified, so that parallel guesses cannot exceed the limit (ASVS
    /// 15.4.2). If the counter does not answer, the login goes on.
    async fn check_attempts(&self, email: &Email) -> Result<(), LogInError> {
        let name = self.fingerprints.fingerprint(email.as_str().as_bytes());
        let key = name[..16].iter().fold("login:account:".to_owned(), |key, byte| key + &format!("{byte:02x}"));
        match self.limits.take(&key, self.policy.attempts).await {
            Ok(verdict) if !verdict.allowed => Err(TooManyAttempts { retry_after: verdict.retry_after }.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Stores the session, unless the password has changed or the account no longer exists.
async fn start(
    tx: &mut dyn IdentityTx,
    actor: &Actor,
    session: &Session,
    verified: &Credentials,
    event_id: EventId,
    attempt: &Attempt,
) -> Result<(), LogInError> {
    if attempt.after_unknown && tx.outbox().settle(event_id).await? {
        return Ok(());
    }
    let user = tx.users().find(session.user_id).await?.filter(|user| user.password_hash == verified.password_hash);
    let user = user.ok_or(InvalidCredentials)?;
    tx.sessions().insert(session).await?;
    let logged_in = UserLoggedIn::of(session);
    let mut event = OutboxEvent::of(event_id, &logged_in, Version::FIRST, actor, session.created_at)?;
    event.actor_id = Some(user.id);
    Ok(tx.outbox().append(&event).await?)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
