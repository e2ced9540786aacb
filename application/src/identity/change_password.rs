//! Changes the password of the actor.

use super::{
    Accounts, HashError, HasherBusy, IdentityTx, SessionPolicy, SessionSecrets, StartedSession, UserQueries,
    new_session::NewSessions, own_password::OwnPassword, password_check::check_error,
};
use crate::kernel::{
    Actor, Attempt, Begin, Denied, Fingerprints, Invalid, NotFound, OutboxEvent, RateLimits, Runtime, StoreError,
    TooManyAttempts, TxMode, refusal, run, use_case_error,
};
use skep_domain::{
    identity::{
        AuthEpoch, Device, PasswordOwner, Session, SessionKind, actions::CHANGE_PASSWORD, events::PasswordChanged,
    },
    shared::EventId,
};
use std::sync::Arc;

/// The input of a change of the password, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangePasswordCommand {
    /// The present password, in plain text.
    pub current_password: String,
    /// The password to have from now on, in plain text.
    pub new_password: String,
    /// The program that the user calls with, for the list of sessions.
    pub device: Option<Device>,
}

impl std::fmt::Debug for ChangePasswordCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangePasswordCommand").finish_non_exhaustive()
    }
}

refusal! {
    /// The current password is wrong.
    WrongPassword = Denied, "wrong_password";
}

use_case_error! {
    /// The reason why the password was not changed.
    ChangePasswordError {
        Denied(Denied),
        NotFound(NotFound),
        Invalid(Invalid),
        WrongPassword(WrongPassword),
        TooManyAttempts(TooManyAttempts),
        HasherBusy(HasherBusy),
    }
}

check_error! { ChangePasswordError: WrongPassword }

impl From<HashError> for ChangePasswordError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::HasherBusy(HasherBusy),
            HashError::Failed(cause) => Self::Store(StoreError::unreadable(cause)),
        }
    }
}

/// Changes the password of the actor, who has to know the present one.
pub struct ChangePassword {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
    present: OwnPassword,
    sessions: NewSessions,
}

/// A change that is ready to be stored.
struct Change<'a> {
    /// The epoch in which the password was found to be right.
    auth_epoch: AuthEpoch,
    new_hash: String,
    session: &'a Session,
    event_id: EventId,
}

impl ChangePassword {
    /// Makes the use case. `limits` counts the attempts, together with those of logins. `fingerprints` hides addresses in
    /// the names of its counters.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        users: Arc<dyn UserQueries>,
        accounts: Accounts,
        secrets: SessionSecrets,
        limits: Arc<dyn RateLimits>,
        fingerprints: Arc<dyn Fingerprints>,
        policy: SessionPolicy,
    ) -> Self {
        let present = OwnPassword::new(users, &accounts, limits, fingerprints, policy);
        let sessions = NewSessions::new(secrets, policy, accounts.runtime.clone());
        Self { store, accounts, present, sessions }
    }

    /// Changes the password, ends every session of the actor, and starts a new one of the same kind for the caller.
    ///
    /// The present password is a guess: it has the limits of logins to the account. If several calls change the password
    /// at the same time, one succeeds, and the present password of the others is wrong.
    ///
    /// # Errors
    /// [`ChangePasswordError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        command: ChangePasswordCommand,
    ) -> Result<StartedSession, ChangePasswordError> {
        let user = self.present.owner::<ChangePasswordError>(actor, CHANGE_PASSWORD).await?;
        let owner = PasswordOwner { email: user.email.as_str(), display_name: user.display_name.as_str() };
        let mut invalid = Invalid::default();
        let judged = self.accounts.judge(&mut invalid, "/new_password", &command.new_password, owner).await?;
        let password = judged.ok_or(invalid)?;
        let verified = self.present.check(actor, &user, command.current_password).await?;
        let (auth_epoch, device) = (verified.credentials.auth_epoch, command.device);
        // The epoch that the change begins: the tokens of all devices end, and the caller's device gets one of the next.
        let next_epoch = auth_epoch.next();
        let new_hash = self.accounts.hasher.hash(verified.caller, password).await?;
        let event_id = EventId::new(self.runtime().ids.next());
        let change = |session| Change { auth_epoch, new_hash, session, event_id };
        Ok(match actor.credential() {
            Some(SessionKind::Cookie) => {
                let new = self.sessions.with_cookie(actor, user.id, device);
                self.change(actor, &change(&new.session)).await?;
                StartedSession::Cookie(self.sessions.cookie(new, next_epoch, None))
            }
            Some(SessionKind::Token) | None => {
                let new = self.sessions.with_tokens(actor, user.id, device).await?;
                self.change(actor, &change(&new.session)).await?;
                StartedSession::Tokens(self.sessions.tokens(&new, next_epoch, None)?)
            }
        })
    }

    async fn change(&self, actor: &Actor, change: &Change<'_>) -> Result<(), ChangePasswordError> {
        run(self.runtime(), actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store(&mut *tx, actor, change, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    const fn runtime(&self) -> &Runtime {
        &self.accounts.runtime
    }

    /// Stores the password and the session, unless the password is no longer the one that was checked, or the account is
    /// disabled.
    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        change: &Change<'_>,
        attempt: &Attempt,
    ) -> Result<(), ChangePasswordError> {
        if attempt.after_unknown && tx.outbox().settle(change.event_id).await? {
            return Ok(());
        }
        let session = change.session;
        let user = tx.users().find(session.user_id).await?;
        let user = user.filter(|user| user.auth_epoch == change.auth_epoch && user.is_active());
        let (mut user, now) = (user.ok_or(WrongPassword)?, session.created_at);
        user.change_password(change.new_hash.clone(), now);
        let version = tx.users().save(&user).await?;
        // The new epoch has ended them already. This shows it in the rows, so that they are not listed, and are swept.
        tx.sessions().revoke_all(user.id, None, now).await?;
        self.sessions.store(tx, session, &user).await?;
        let event = PasswordChanged { user_id: user.id, session_id: session.id };
        let event = OutboxEvent::of(change.event_id, &event, version, actor, user.updated_at)?;
        Ok(tx.outbox().append(&event).await?)
    }
}

#[cfg(test)]
mod tests;
