//! Gives an account the new address that a link was mailed to.

use super::{
    AccountMails, EmailTaken, HasherBusy, IdentityTx, LinkInvalid, WrongPassword,
    account_mails::{NewMail, Recipient},
    link_tokens::LinkToken,
    linked_address::{store_address, take_address},
    own_password::OwnPassword,
    password_check::{Verified, check_error},
    redeem_link::Opened,
};
use crate::kernel::{Actor, Attempt, Begin, StoreError, TooManyAttempts, TxMode, run, use_case_error};
use skep_domain::{
    identity::{LinkPurpose, User},
    shared::{EventId, Timestamp},
};
use std::sync::Arc;

/// The token of a link, and the password of the account, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfirmEmailCommand {
    /// The token of the link.
    pub token: String,
    /// The password of the account, in plain text.
    pub password: String,
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
        WrongPassword(WrongPassword),
        EmailTaken(EmailTaken),
        TooManyAttempts(TooManyAttempts),
        HasherBusy(HasherBusy),
    }
}

check_error! { ConfirmEmailError: WrongPassword }

/// Changes addresses through links. The link shows that the mails reach the caller, and the password that the caller is the
/// owner. Either alone is not enough: a person who opens the link of a stranger would make the stranger's account one with
/// the address of that person.
pub struct ConfirmEmail {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    present: OwnPassword,
    mails: AccountMails,
}

/// A change that is ready to be stored.
struct Change {
    token: LinkToken,
    verified: Verified,
    /// The mail to the address that is replaced.
    notice: NewMail,
    event_id: EventId,
    now: Timestamp,
}

const PURPOSE: LinkPurpose = LinkPurpose::ChangeEmail;

impl ConfirmEmail {
    /// `mails` reads the tokens of links.
    pub(super) const fn new(store: Arc<dyn Begin<dyn IdentityTx>>, present: OwnPassword, mails: AccountMails) -> Self {
        Self { store, present, mails }
    }

    /// Gives the account the address of the link, which counts as verified, uses the link up, and ends every session and
    /// every link to reset the password. If the address that is replaced was verified, it gets a link to restore it, unless
    /// an earlier address of the account still has a valid one: that stays, so that a second change does not shut out the
    /// first owner.
    ///
    /// The password is a guess: it has the limits of logins to the account. A wrong one does not use the link up. The link
    /// is checked first, so that a caller without one cannot guess here.
    ///
    /// # Errors
    /// [`ConfirmEmailError`]. A link that is wrong, used, replaced or too old, or whose account is disabled, gets one and
    /// the same refusal. If the address has an account meanwhile, the link stays.
    pub async fn execute(&self, actor: &Actor, command: ConfirmEmailCommand) -> Result<(), ConfirmEmailError> {
        let token = self.mails.read(PURPOSE, &command.token)?;
        let runtime = &self.present.runtime;
        let user = Opened::look::<ConfirmEmailError>(&*self.store, runtime, actor, PURPOSE, &token).await?;
        let verified = self.present.check(actor, &(&user).into(), command.password).await?;
        let notice = self.mails.prepare_link(LinkPurpose::RestoreEmail);
        let (now, event_id) = (runtime.clock.now(), EventId::new(runtime.ids.next()));
        let change = &Change { token, verified, notice, event_id, now };
        run(runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store(&mut *tx, actor, change, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    /// Stores the address, unless the password has changed meanwhile.
    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        change: &Change,
        attempt: &Attempt,
    ) -> Result<(), ConfirmEmailError> {
        let Change { token, verified, notice, event_id, now } = change;
        if attempt.after_unknown && tx.outbox().settle(*event_id).await? {
            return Ok(());
        }
        let opened = Opened::find::<ConfirmEmailError>(tx, PURPOSE, token, *now).await?;
        if opened.user.auth_epoch != verified.credentials.auth_epoch {
            return Err(WrongPassword.into());
        }
        let before = opened.user.clone();
        let user = take_address::<ConfirmEmailError>(tx, opened, *now).await?;
        store_address::<ConfirmEmailError>(tx, actor, &user, *event_id, *now).await?;
        Ok(self.offer_restoring(tx, actor, *notice, &before, attempt).await?)
    }

    /// Mails a link to the address that was replaced, unless an earlier one has a link that is still valid. An address that
    /// was never verified gets none, because it may be that of another person.
    async fn offer_restoring(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        notice: NewMail,
        before: &User,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let earlier = tx.account_links().find(before.id, LinkPurpose::RestoreEmail).await?;
        if before.email_verified_at.is_none() || earlier.is_some_and(|link| link.opens(before, notice.now())) {
            return Ok(());
        }
        let old = Recipient::owner(before).at(before.email.shown());
        self.mails.store(tx, actor, notice, old, attempt).await
    }
}

#[cfg(test)]
mod tests;
