//! Gives an account the address that a link was mailed to: a new one, or the one that it had before.

use super::{
    AccountMails, EmailTaken, IdentityTx, LinkInvalid,
    account_mails::{NewMail, Recipient},
    link_tokens::LinkToken,
    new_account::{find_owner, lookups, taken},
    redeem_link::Opened,
};
use crate::kernel::{Actor, Attempt, Begin, OutboxEvent, Runtime, StoreError, TxMode, run, use_case_error};
use skep_domain::{
    identity::{LinkPurpose, User, events::UserEmailChanged},
    shared::{Email, EventId, Timestamp},
};
use std::sync::Arc;

/// The token of a link, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfirmEmailCommand {
    /// The token of the link.
    pub token: String,
}

impl std::fmt::Debug for ConfirmEmailCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfirmEmailCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why the address was not changed.
    ConfirmEmailError {
        LinkInvalid(LinkInvalid),
        EmailTaken(EmailTaken),
    }
}

/// Changes addresses through links of one purpose.
pub struct ConfirmEmail {
    purpose: LinkPurpose,
    store: Arc<dyn Begin<dyn IdentityTx>>,
    mails: AccountMails,
    runtime: Runtime,
}

/// A change that is ready to be stored.
struct Change {
    token: LinkToken,
    /// The mail to the address that is replaced.
    notice: NewMail,
    event_id: EventId,
    now: Timestamp,
}

impl ConfirmEmail {
    /// Takes links of this purpose. `mails` reads their tokens.
    #[must_use]
    pub fn new(
        purpose: LinkPurpose,
        store: Arc<dyn Begin<dyn IdentityTx>>,
        mails: AccountMails,
        runtime: Runtime,
    ) -> Self {
        Self { purpose, store, mails, runtime }
    }

    /// Gives the account the address of the link, which counts as verified, uses the link up, and ends every session and
    /// every link to reset the password. The address that is replaced gets a link to restore it, unless an earlier address
    /// of the account still has a valid one: that stays, so that a second change does not shut out the first owner.
    ///
    /// # Errors
    /// [`ConfirmEmailError`]. A link that is wrong, used, replaced or too old, or whose account is disabled, gets one and
    /// the same refusal. If the address has an account meanwhile, the link stays.
    pub async fn execute(&self, actor: &Actor, command: ConfirmEmailCommand) -> Result<(), ConfirmEmailError> {
        let change = &Change {
            token: self.mails.read(self.purpose, &command.token)?,
            notice: self.mails.prepare_link(LinkPurpose::RestoreEmail),
            event_id: EventId::new(self.runtime.ids.next()),
            now: self.runtime.clock.now(),
        };
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store(&mut *tx, actor, change, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        change: &Change,
        attempt: &Attempt,
    ) -> Result<(), ConfirmEmailError> {
        let Change { token, notice, event_id, now } = change;
        if attempt.after_unknown && tx.outbox().settle(*event_id).await? {
            return Ok(());
        }
        let opened = Opened::find::<ConfirmEmailError>(tx, self.purpose, token, *now).await?;
        let typed = opened.link.email.clone().ok_or(LinkInvalid)?;
        let email = Email::parse(typed.as_str()).map_err(|_| LinkInvalid)?;
        let mut user = opened.consume::<ConfirmEmailError>(tx, *now).await?;
        let other = find_owner(tx, &lookups(typed.as_str())).await?;
        if other.is_some_and(|other| other.id != user.id) {
            return Err(EmailTaken.into());
        }
        let before = user.clone();
        user.change_email(email, *now);
        let version = tx.users().save(&user).await.map_err(taken::<ConfirmEmailError>)?;
        // The new epoch has ended them already. This shows it in the rows, so that they are not listed, and are swept.
        tx.sessions().revoke_all(user.id, None, *now).await?;
        if self.purpose == LinkPurpose::ChangeEmail {
            self.offer_restoring(tx, actor, *notice, &before, attempt).await?;
        }
        let event = UserEmailChanged { user_id: user.id };
        let event = OutboxEvent::of(*event_id, &event, version, actor, user.updated_at)?;
        Ok(tx.outbox().append(&event).await?)
    }

    /// Mails a link to the address that was replaced, unless an earlier one has a link that is still valid.
    async fn offer_restoring(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        notice: NewMail,
        before: &User,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let earlier = tx.account_links().find(before.id, LinkPurpose::RestoreEmail).await?;
        if earlier.is_some_and(|link| link.opens(before, notice.now())) {
            return Ok(());
        }
        let old = Recipient::owner(before).at(before.email.shown());
        self.mails.store(tx, actor, notice, old, attempt).await
    }
}

#[cfg(test)]
mod tests;
