//! Deletes the account of the actor.

use super::{
    AccountMails, HasherBusy, IdentityTx, LastAdmin, WrongPassword,
    account_mails::NewMail,
    own_password::OwnPassword,
    password_check::{Verified, check_error},
};
use crate::kernel::{
    Actor, Attempt, Begin, Denied, NotFound, OutboxEvent, TooManyAttempts, TxMode, run, use_case_error,
};
use skep_domain::{
    identity::{User, actions::DELETE_ACCOUNT},
    shared::{EventId, Timestamp},
};
use std::sync::Arc;

/// The password of the account to delete.
#[derive(Clone, PartialEq, Eq)]
pub struct DeleteAccountCommand {
    /// The present password, in plain text.
    pub current_password: String,
}

impl std::fmt::Debug for DeleteAccountCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeleteAccountCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why the account was not deleted.
    DeleteAccountError {
        Denied(Denied),
        NotFound(NotFound),
        WrongPassword(WrongPassword),
        LastAdmin(LastAdmin),
        TooManyAttempts(TooManyAttempts),
        HasherBusy(HasherBusy),
    }
}

check_error! { DeleteAccountError: WrongPassword }

/// Deletes the account of the actor, who has to know its password.
pub struct DeleteAccount {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    present: OwnPassword,
    mails: AccountMails,
}

/// A deletion that is ready to be stored.
struct Deletion<'a> {
    verified: &'a Verified,
    mail: NewMail,
    event_id: EventId,
}

impl DeleteAccount {
    /// `mails` knows the grace.
    pub(super) fn new(store: Arc<dyn Begin<dyn IdentityTx>>, present: OwnPassword, mails: AccountMails) -> Self {
        Self { store, present, mails }
    }

    /// Ends every session of the actor, has the account erased after the grace, and mails when. Returns that time. Only an
    /// admin can take the deletion back.
    ///
    /// The present password is a guess: it has the limits of logins to the account.
    ///
    /// # Errors
    /// [`DeleteAccountError`].
    pub async fn execute(&self, actor: &Actor, command: DeleteAccountCommand) -> Result<Timestamp, DeleteAccountError> {
        let user = self.present.owner::<DeleteAccountError>(actor, DELETE_ACCOUNT).await?;
        let verified = &self.present.check(actor, &user, command.current_password).await?;
        let event_id = EventId::new(self.present.runtime.ids.next());
        let deletion = &Deletion { verified, mail: self.mails.prepare_deletion(), event_id };
        run(&self.present.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store(&mut *tx, actor, deletion, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    /// Deletes the account, unless its password is no longer the one that was checked, or it is no longer active.
    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        Deletion { verified, mail, event_id }: &Deletion<'_>,
        attempt: &Attempt,
    ) -> Result<Timestamp, DeleteAccountError> {
        let is_stored = attempt.after_unknown && tx.outbox().settle(*event_id).await?;
        let user = tx.users().find(verified.credentials.user_id).await?;
        if is_stored {
            // An admin may have taken the deletion back meanwhile.
            return erase_at(user.as_ref());
        }
        let user = user.filter(|user| user.auth_epoch == verified.credentials.auth_epoch && user.is_active());
        let mut user = user.ok_or(WrongPassword)?;
        let event = self.mails.delete::<DeleteAccountError>(tx, actor, &mut user, *mail, mail.now()).await?;
        if let Some(event) = event {
            let event = OutboxEvent::of(*event_id, &event, user.version, actor, user.updated_at)?;
            tx.outbox().append(&event).await?;
        }
        erase_at(Some(&user))
    }
}

/// The time from which on the account is erased.
fn erase_at(user: Option<&User>) -> Result<Timestamp, DeleteAccountError> {
    user.and_then(|user| user.erase_at).ok_or(NotFound("user").into())
}

#[cfg(test)]
mod tests;
