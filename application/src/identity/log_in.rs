//! Logs a user in with a password.

use super::{
    Accounts, CookieAnswer, Credentials, DeviceTokens, HasherBusy, IdentityHooks, IdentityTx, LogInAnswer,
    LoginAttempts, NewDeviceLogin, PasswordHasher, SessionCookies, SessionPolicy, SessionSecrets, UserQueries,
    login_notices::{LoginNotices, Notice},
    new_session::NewSessions,
    password_check::{PasswordCheck, Verified, check_error},
};
use crate::kernel::{
    Actor, Attempt, Begin, OutboxEvent, Runtime, StoreError, TooManyAttempts, TxMode, refusal, run, use_case_error,
};
use skep_domain::{
    identity::{
        Device, KnownNetworks, PasswordForm, PasswordPolicy, Session,
        events::{SessionEnded, UserLoggedIn},
    },
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
    /// The token of the device, from the last login on it. One that is not valid counts as none.
    #[serde(default)]
    pub device_token: Option<String>,
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

/// Checks a password, starts a session and issues its tokens or its cookie.
pub struct LogIn {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    check: PasswordCheck,
    hasher: Arc<dyn PasswordHasher>,
    sessions: NewSessions,
    cookies: SessionCookies,
    devices: DeviceTokens,
    notices: LoginNotices,
    policy: SessionPolicy,
    runtime: Runtime,
    hooks: IdentityHooks,
}

/// A password that was right.
struct Checked {
    verified: Verified,
    /// A hash with the costs of today, if that of the account has others.
    renewed: Option<String>,
}

/// A login that is ready to be stored.
struct Login<'a> {
    session: &'a Session,
    checked: &'a Checked,
    /// Whether neither the device nor the network was known when the password was verified.
    is_unknown: bool,
    /// The mail about the login, if its owner may not expect it.
    notice: Option<&'a Notice>,
    /// The value of the cookie that the browser has sent, whose session ends.
    replaced: Option<&'a str>,
    event_id: EventId,
    end_id: EventId,
}

impl LogIn {
    /// Makes the use case. `attempts` counts the attempts, and `notices` mails about logins on new devices.
    pub(super) fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        users: Arc<dyn UserQueries>,
        accounts: Accounts,
        secrets: SessionSecrets,
        attempts: LoginAttempts,
        notices: LoginNotices,
        policy: SessionPolicy,
    ) -> Self {
        let Accounts { hasher, runtime, hooks, .. } = accounts;
        let check = PasswordCheck::new(users, hasher.clone(), runtime.clock.clone(), attempts, policy);
        let (cookies, devices) = (secrets.cookies.clone(), secrets.devices.clone());
        let sessions = NewSessions::new(secrets, policy, runtime.clone());
        Self { store, check, hasher, sessions, cookies, devices, notices, policy, runtime, hooks }
    }

    /// Checks the password and starts a session with tokens. Ends the oldest sessions of the user if there would be too
    /// many. If the hash of the password has other costs than new hashes, it is replaced; if that is not possible, the
    /// login goes on.
    ///
    /// The refusal does not say whether the address or the password is wrong, and takes as long in both cases. With the
    /// token of a device of the account, wrong passwords of others do not keep the caller out.
    ///
    /// # Errors
    /// [`LogInError`].
    pub async fn execute(&self, actor: &Actor, command: LogInCommand) -> Result<LogInAnswer, LogInError> {
        let device = command.device.clone();
        let checked = self.check(actor, command).await?;
        let Verified { credentials, device: known, .. } = &checked.verified;
        let new = self.sessions.with_tokens(actor, credentials.user_id, device).await?;
        self.store(actor, &new.session, &checked, None).await?;
        Ok(self.sessions.tokens(&new, credentials.auth_epoch, *known)?)
    }

    /// Like [`LogIn::execute`], but starts a session with a cookie. `replaced` is the value of the cookie that the browser
    /// has sent: its session ends, whichever account it has, because the browser forgets the cookie. The new session never
    /// takes anything over from it.
    ///
    /// # Errors
    /// [`LogInError`].
    pub async fn execute_with_cookie(
        &self,
        actor: &Actor,
        command: LogInCommand,
        replaced: Option<&str>,
    ) -> Result<CookieAnswer, LogInError> {
        let device = command.device.clone();
        let checked = self.check(actor, command).await?;
        let Verified { credentials, device: known, .. } = &checked.verified;
        let new = self.sessions.with_cookie(actor, credentials.user_id, device);
        self.store(actor, &new.session, &checked, replaced).await?;
        Ok(self.sessions.cookie(new, credentials.auth_epoch, *known))
    }

    async fn check(&self, actor: &Actor, command: LogInCommand) -> Result<Checked, LogInError> {
        let LogInCommand { email, password, device_token, .. } = command;
        let shown = device_token.and_then(|text| self.devices.read(&text));
        let verified = self.check.check(actor, &email, password.clone(), shown).await?;
        let renewed = self.renewed(&verified, &password).await;
        Ok(Checked { verified, renewed })
    }

    /// Hashes the password again if its hash is outdated. `None` also if the hashers are busy; the next login tries again.
    async fn renewed(&self, verified: &Verified, password: &str) -> Option<String> {
        if !self.hasher.is_outdated(&verified.credentials.password_hash) {
            return None;
        }
        let password = PasswordForm::NEW.of(password);
        if password.len() > PasswordPolicy::MAX_BYTES {
            return None;
        }
        self.hasher.hash(verified.caller, password).await.ok()
    }

    async fn store(
        &self,
        actor: &Actor,
        session: &Session,
        checked: &Checked,
        replaced: Option<&str>,
    ) -> Result<(), LogInError> {
        let ids = &self.runtime.ids;
        let (event_id, end_id) = (EventId::new(ids.next()), EventId::new(ids.next()));
        let Verified { credentials, device, network, .. } = &checked.verified;
        let policy = &self.policy.known_networks;
        let is_unknown = device.is_none() && !credentials.known_networks.contains(*network, session.created_at, policy);
        let notice = if is_unknown { self.notices.prepare(&checked.verified, session).await } else { None };
        let login = &Login { session, checked, is_unknown, notice: notice.as_ref(), replaced, event_id, end_id };
        let stored: Result<bool, LogInError> = run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.start(&mut *tx, actor, login, &attempt).await;
            attempt.end(tx, result).await
        })
        .await;
        if let (Ok(false), Some(notice)) = (&stored, notice) {
            self.notices.give_back(notice).await;
        }
        if stored? {
            let Session { id: session_id, user_id, created_at: at, origin, .. } = session.clone();
            let login = NewDeviceLogin { user_id, session_id, device: origin.device, network: actor.network, at };
            self.hooks.tell(&self.runtime, &login).await;
        }
        Ok(())
    }

    /// Stores the session, the network and the mail about the login, unless the password has changed, or the account is
    /// disabled or no longer exists. Returns whether the device is new; after an unknown outcome, it is if it was unknown.
    async fn start(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        login: &Login<'_>,
        attempt: &Attempt,
    ) -> Result<bool, LogInError> {
        let Login { session, checked: Checked { verified, renewed }, is_unknown, notice, event_id, .. } = *login;
        if attempt.after_unknown && tx.outbox().settle(event_id).await? {
            return Ok(is_unknown);
        }
        let Credentials { auth_epoch, password_hash: old, .. } = &verified.credentials;
        let user = tx.users().find(session.user_id).await?;
        // The epoch is compared, not the hash: another login may just have renewed that.
        let user = user.filter(|user| user.auth_epoch == *auth_epoch && user.is_active()).ok_or(InvalidCredentials)?;
        if let Some(renewed) = renewed
            && user.password_hash == *old
        {
            tx.users().renew_hash(user.id, old, renewed).await?;
        }
        self.replace(tx, actor, login).await?;
        self.sessions.store(tx, session, &user).await?;
        let known = self.remember(tx, verified, session.created_at).await?;
        let (network, policy) = (verified.network, &self.policy.known_networks);
        let is_new = is_unknown && known.is_surprised_by(network, user.created_at, session.created_at, policy);
        if let Some(notice) = notice.filter(|_| is_new) {
            self.notices.store(tx, actor, notice, &user).await?;
        }
        let logged_in = UserLoggedIn::of(session);
        let mut event = OutboxEvent::of(event_id, &logged_in, Version::FIRST, actor, session.created_at)?;
        event.actor_id = Some(user.id);
        tx.outbox().append(&event).await?;
        Ok(is_new)
    }

    /// Ends the session of the cookie that the browser has sent, if it holds.
    async fn replace(&self, tx: &mut dyn IdentityTx, actor: &Actor, login: &Login<'_>) -> Result<(), StoreError> {
        let Some(value) = login.replaced.and_then(|value| self.cookies.read(value)) else { return Ok(()) };
        let now = login.session.created_at;
        let is_of_cookie = |found: &Session| {
            now < found.expires_at && found.cookie.is_some_and(|cookie| self.cookies.is_same(cookie.hash, value.hash))
        };
        let Some(found) = tx.sessions().find(value.session_id).await?.filter(is_of_cookie) else { return Ok(()) };
        if !tx.sessions().revoke(found.id, now).await? {
            return Ok(());
        }
        let ended = SessionEnded { user_id: found.user_id, session_id: found.id };
        let event = OutboxEvent::of(login.end_id, &ended, Version::FIRST.next(), actor, now)?;
        tx.outbox().append(&event).await
    }

    /// Adds the network to those that the account has logged in from. Returns those from before.
    async fn remember(
        &self,
        tx: &mut dyn IdentityTx,
        verified: &Verified,
        now: Timestamp,
    ) -> Result<KnownNetworks, StoreError> {
        let (network, policy) = (verified.network, &self.policy.known_networks);
        // Usually the list that was read before the password was verified has the network, and nothing is written.
        if verified.credentials.known_networks.after_login(network, now, policy).is_none() {
            return Ok(verified.credentials.known_networks.clone());
        }
        let user_id = verified.credentials.user_id;
        let stored = tx.known_networks().find(user_id).await?;
        let stored = stored.unwrap_or_else(|| KnownNetworks::none(user_id));
        if let Some(changed) = stored.after_login(network, now, policy) {
            tx.known_networks().replace(&changed).await?;
        }
        Ok(stored)
    }
}

#[cfg(test)]
mod attempt_tests;
#[cfg(test)]
mod device_tests;
#[cfg(test)]
mod renewal_tests;
#[cfg(test)]
mod tests;
