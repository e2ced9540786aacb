//! Sets a password through a link that was mailed to the owner of the account: a new one, or the first one of an account
//! that an admin has created.

use super::{
    AccountMails, Accounts, HashCaller, HashError, HasherBusy, IdentityTx, LinkInvalid,
    link_tokens::LinkToken,
    redeem_link::{Opened, report_return},
};
use crate::kernel::{
    Actor, Attempt, Begin, Invalid, Key, OutboxEvent, Runtime, StoreError, TxMode, run, use_case_error,
};
use skep_domain::{
    identity::{
        LinkPurpose, PasswordOwner, User,
        events::{InvitationAccepted, UserPasswordReset},
    },
    shared::{Email, EventId, Timestamp},
};
use std::sync::Arc;

/// The token of a link, and the new password, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct ResetPasswordCommand {
    /// The token of the link.
    pub token: String,
    /// The password to have from now on, in plain text.
    pub password: String,
}

impl std::fmt::Debug for ResetPasswordCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResetPasswordCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why the password was not reset.
    ResetPasswordError {
        LinkInvalid(LinkInvalid),
        Invalid(Invalid),
        HasherBusy(HasherBusy),
    }
}

impl From<HashError> for ResetPasswordError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::HasherBusy(HasherBusy),
            HashError::Failed(cause) => Self::Store(StoreError::unreadable(cause)),
        }
    }
}

/// Sets passwords through links of one purpose, for owners of accounts who read the mails to their addresses.
pub struct ResetPassword {
    purpose: LinkPurpose,
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
    mails: AccountMails,
}

/// A change that is ready to be stored.
struct Reset {
    token: LinkToken,
    password_hash: String,
    event_id: EventId,
    /// The id of the event of a deletion that is taken back.
    return_id: EventId,
    now: Timestamp,
}

impl ResetPassword {
    /// Takes links of this purpose. `mails` reads their tokens.
    #[must_use]
    pub fn new(
        purpose: LinkPurpose,
        store: Arc<dyn Begin<dyn IdentityTx>>,
        accounts: Accounts,
        mails: AccountMails,
    ) -> Self {
        Self { purpose, store, accounts, mails }
    }

    /// Replaces the password, uses the link up, and ends every session of the account. It starts none.
    ///
    /// The owner of the account reads the mails to its address, so the address is verified, too. The link is checked
    /// before the password is hashed, so that a caller without one cannot keep the hashers busy. A refused password does
    /// not use the link up. A deletion of the account is taken back if [`User::returns_by_reset`] says so.
    ///
    /// # Errors
    /// [`ResetPasswordError`]. A link that is wrong, used, replaced or too old, or whose account is disabled, gets one
    /// and the same refusal.
    pub async fn execute(&self, actor: &Actor, command: ResetPasswordCommand) -> Result<(), ResetPasswordError> {
        let token = self.mails.read(self.purpose, &command.token)?;
        let runtime = self.runtime();
        let user = Opened::look::<ResetPasswordError>(&*self.store, runtime, actor, self.purpose, &token).await?;
        let password = self.judge(&command.password, &user).await?;
        let caller = HashCaller { network: actor.network, is_known: false };
        let password_hash = self.accounts.hasher.hash(caller, password).await?;
        let (now, ids) = (self.runtime().clock.now(), &self.runtime().ids);
        let [event_id, return_id] = [(); 2].map(|()| EventId::new(ids.next()));
        let reset = &Reset { token, password_hash, event_id, return_id, now };
        run(self.runtime(), actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[Key(user.id.uuid())]).await?;
            let result = self.store(&mut *tx, actor, reset, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    const fn runtime(&self) -> &Runtime {
        &self.accounts.runtime
    }

    async fn judge(&self, password: &str, user: &User) -> Result<String, ResetPasswordError> {
        let owner = PasswordOwner {
            email: Email::typed(&user.email).unwrap_or_else(|| user.email.address()),
            display_name: user.display_name.as_str(),
        };
        let mut invalid = Invalid::default();
        let judged = self.accounts.judge(&mut invalid, "/password", password, owner).await?;
        Ok(judged.ok_or(invalid)?)
    }

    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        reset: &Reset,
        attempt: &Attempt,
    ) -> Result<(), ResetPasswordError> {
        let Reset { token, password_hash, event_id, return_id, now } = reset;
        if attempt.after_unknown && tx.outbox().settle(*event_id).await? {
            return Ok(());
        }
        let opened = Opened::find::<ResetPasswordError>(tx, self.purpose, token, *now).await?;
        let mut user = opened.consume::<ResetPasswordError>(tx, *now).await?;
        user.change_password(password_hash.clone(), *now);
        let returns = user.returns_by_reset(*now) && user.enable(*now);
        user.verify_email(*now);
        let version = tx.users().save(&user).await?;
        // The new epoch has ended them already. This shows it in the rows, so that they are not listed, and are swept.
        tx.sessions().revoke_all(user.id, None, *now).await?;
        let (user_id, changed_at) = (user.id, user.updated_at);
        if returns {
            report_return(tx, actor, &user, version, *return_id).await?;
        }
        let event = if self.purpose == LinkPurpose::AcceptInvitation {
            OutboxEvent::of(*event_id, &InvitationAccepted { user_id }, version, actor, changed_at)?
        } else {
            OutboxEvent::of(*event_id, &UserPasswordReset { user_id }, version, actor, changed_at)?
        };
        Ok(tx.outbox().append(&event).await?)
    }
}

#[cfg(test)]
mod tests;
