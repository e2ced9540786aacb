//! What the ways to delete an account have in common.

use super::{
    AccountMailKind, AccountMails, IdentityTx, LastAdmin,
    account_mails::{NewMail, Recipient},
    last_admin::keep_an_admin,
};
use crate::kernel::{Actor, StoreError};
use skep_domain::{
    identity::{User, events::UserDeletionRequested},
    shared::Timestamp,
};

impl AccountMails {
    /// Makes the mail that says when the account is erased.
    pub(super) fn prepare_deletion(&self) -> NewMail {
        self.prepare(AccountMailKind::AccountDeletion)
    }

    /// Deletes the account, ends its sessions, and stores the job of the mail. Returns the event, or `None` if the account
    /// was deleted before. Unless its user deletes it, the account is disabled, too, so that no mail takes the deletion back.
    pub(super) async fn delete<E: From<LastAdmin> + From<StoreError>>(
        &self,
        unit: &mut dyn IdentityTx,
        actor: &Actor,
        user: &mut User,
        mail: NewMail,
        now: Timestamp,
    ) -> Result<Option<UserDeletionRequested>, E> {
        let before = user.clone();
        if !user.delete(now, self.policy.grace) {
            return Ok(None);
        }
        if actor.user_id() != Some(user.id) {
            user.disable(now);
        }
        keep_an_admin::<E>(unit, &before, user).await?;
        user.version = unit.users().save(user).await?;
        // The new epoch has ended them already. This shows it in the rows, so that they are swept.
        unit.sessions().revoke_all(user.id, None, now).await?;
        self.store_new(unit, actor, mail, Recipient::owner(user)).await?;
        Ok(user.erase_at.map(|erase_at| UserDeletionRequested { user_id: user.id, erase_at }))
    }
}
