//! Logs a user in with a password.

use super::{
    AccessClaims, AccessTokens, Accounts, Credentials, HashCaller, HashError, HasherBusy, IdentityTx, SessionPolicy,
    UserQueries,
    login_attempts::{LoginAttempts, Taken},
};
use crate::kernel::{
    Actor, Attempt, Begin, Fingerprints, OutboxEvent, RateLimits, StoreError, TooManyAttempts, TxMode, refusal, run,
    use_case_error,
};
use skep_domain::{
    identity::{KnownNetworks, NetworkMark, PasswordForm, PasswordPolicy, Session, events::UserLoggedIn},
    shared::{EmailLookup, EventId, SessionId, Timestamp, Version},
};
use std::{sync::Arc, time::Duration};

/// The most sessions that one login ends. It ends more than one only if the limit was lowered, or if the user has
/// logged in several times at once.
const ENDED_AT_ONCE: u32 = 1_000;

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
    attempts: LoginAttempts,
    policy: SessionPolicy,
}

/// A caller whose password is right.
struct Verified {
    credentials: Credentials,
    network: NetworkMark,
}

impl LogIn {
    /// Makes the use case. `limits` counts the attempts. `fingerprints` hides addresses in the names of its counters
    /// and in the list of known networks.
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
        let attempts = LoginAttempts::new(limits, fingerprints);
        Self { store, users, accounts, tokens, attempts, policy }
    }

    /// Checks the password and starts a session. Ends the oldest sessions of the user if there would be too many.
    ///
    /// The refusal does not say whether the address or the password is wrong. Each refusal verifies exactly one
    /// password, so that the time does not reveal whether the account exists. The exception is a password that is too
    /// long for any account: it is refused without being verified.
    ///
    /// Attempts count per account and network, so a client can use up only those of its own network. The attempts of
    /// the whole account have a far higher limit, which does not apply to networks that the account has logged in from
    /// before. An account that does not exist has the same limits.
    ///
    /// # Errors
    /// [`LogInError`].
    pub async fn execute(&self, actor: &Actor, command: LogInCommand) -> Result<LogInAnswer, LogInError> {
        let mut taken = Taken::default();
        let verified = self.verify(actor, command, &mut taken).await;
        // A wrong password costs an attempt. An attempt that did not end with a verdict on the password costs nothing,
        // so that busy hashers lock no one out.
        if !matches!(verified, Err(LogInError::InvalidCredentials(_))) {
            self.attempts.give_back(taken).await;
        }
        let verified = verified?;
        let runtime = &self.accounts.runtime;
        let now = runtime.clock.now();
        let session_id = SessionId::new(runtime.ids.next());
        let user_id = verified.credentials.user_id;
        let session = Session::start(session_id, user_id, now, millis(self.policy.session_lifetime));
        let event_id = EventId::new(runtime.ids.next());
        let (session, verified) = (&session, &verified);
        run(runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.start(&mut *tx, actor, session, verified, event_id, &attempt).await;
            attempt.end(tx, result).await
        })
        .await?;
        let expires_at = now.plus_millis(millis(self.policy.token_lifetime)).min(session.expires_at);
        let token_id = runtime.ids.next();
        let claims = AccessClaims { user_id, session_id, token_id, issued_at: now, expires_at };
        let access_token = self.tokens.issue(&claims).map_err(StoreError::unreadable)?;
        let lasts = expires_at.as_millis().saturating_sub(now.as_millis());
        Ok(LogInAnswer { access_token, expires_in: Duration::from_millis(u64::try_from(lasts).unwrap_or_default()) })
    }

    /// Counts the attempt and verifies the password. `taken` gets the attempts that were taken.
    async fn verify(&self, actor: &Actor, command: LogInCommand, taken: &mut Taken) -> Result<Verified, LogInError> {
        let typed = TypedPassword::read(command.password);
        let Ok(email) = EmailLookup::parse(&command.email) else {
            return Err(self.refuse_stranger(actor, typed).await);
        };
        self.attempts.take_of_network(&email, actor.network, &self.policy, taken).await?;
        let typed = typed.ok_or(InvalidCredentials)?;
        let credentials = self.users.find_credentials(&email).await?;
        let network = self.attempts.mark(&email, actor.network);
        let (now, policy) = (self.accounts.runtime.clock.now(), &self.policy.known_networks);
        let known = credentials.as_ref().map(|credentials| &credentials.known_networks);
        let is_known = known.is_some_and(|known| known.contains(network, now, policy));
        if !is_known {
            self.attempts.take_of_account(&email, &self.policy, taken).await?;
        }
        let hash =
            credentials.as_ref().map(|credentials| (credentials.password_form, credentials.password_hash.clone()));
        let (password, hash) = typed.against(hash);
        let caller = HashCaller { network: actor.network, is_known };
        let has_hash = hash.is_some();
        let right = self.accounts.hasher.verify(caller, password, hash).await?;
        let credentials = credentials.filter(|_| right && has_hash).ok_or(InvalidCredentials)?;
        Ok(Verified { credentials, network })
    }

    /// Verifies the password of a caller whose address no account can have, so that the answer takes as long as any.
    async fn refuse_stranger(&self, actor: &Actor, typed: Option<TypedPassword>) -> LogInError {
        let Some(typed) = typed else { return InvalidCredentials.into() };
        let caller = HashCaller { network: actor.network, is_known: false };
        let (password, no_hash) = typed.against(None);
        match self.accounts.hasher.verify(caller, password, no_hash).await {
            Ok(_) => InvalidCredentials.into(),
            Err(error) => error.into(),
        }
    }

    /// Stores the session and the network, unless the password has changed or the account no longer exists.
    async fn start(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        session: &Session,
        verified: &Verified,
        event_id: EventId,
        attempt: &Attempt,
    ) -> Result<(), LogInError> {
        if attempt.after_unknown && tx.outbox().settle(event_id).await? {
            return Ok(());
        }
        let hash = &verified.credentials.password_hash;
        let user = tx.users().find(session.user_id).await?.filter(|user| user.password_hash == *hash);
        let user = user.ok_or(InvalidCredentials)?;
        // Before the insert, so that the new session stays even if the clock of another instance is ahead.
        let others = self.policy.sessions_per_user.saturating_sub(1);
        tx.sessions().keep_newest(user.id, others, ENDED_AT_ONCE).await?;
        tx.sessions().insert(session).await?;
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

/// A password in the forms in which it may have been hashed. Which one counts is known with the account.
struct TypedPassword {
    as_typed: String,
    new: String,
}

impl TypedPassword {
    /// `None` if the password is too long for any account.
    fn read(as_typed: String) -> Option<Self> {
        if as_typed.len() > PasswordPolicy::MAX_TYPED_BYTES {
            return None;
        }
        let new = PasswordForm::NEW.of(&as_typed);
        (fits(&as_typed) || fits(&new)).then_some(Self { as_typed, new })
    }

    /// The password to verify, once, and the hash to verify it against.
    fn against(self, stored: Option<(PasswordForm, String)>) -> (String, Option<String>) {
        let (this, other, hash) = match stored {
            Some((PasswordForm::AsTyped, hash)) => (self.as_typed, self.new, Some(hash)),
            Some((PasswordForm::Opaque, hash)) => (self.new, self.as_typed, Some(hash)),
            None => (self.new, self.as_typed, None),
        };
        // No account has a password that is too long in its form. The other form takes as long to refuse.
        if fits(&this) { (this, hash) } else { (other, None) }
    }
}

fn fits(password: &str) -> bool {
    password.len() <= PasswordPolicy::MAX_BYTES
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod attempt_tests;
#[cfg(test)]
mod tests;
