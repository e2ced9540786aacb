//! Asks for another e-mail address of the actor's account.

use super::{
    AccountMailKind, AccountMails, HasherBusy, IdentityTx, WrongPassword,
    account_mails::{NewMail, Recipient},
    mail_attempts::MailAttempts,
    own_password::OwnPassword,
    password_check::{Verified, check_error},
};
use crate::kernel::{Actor, Attempt, Begin, Denied, Invalid, NotFound, TooManyAttempts, TxMode, run, use_case_error};
use skep_domain::{
    identity::{LinkPurpose, actions::CHANGE_EMAIL},
    shared::{Email, EmailLookup, ShownEmail},
};
use std::sync::Arc;

/// The address that the account is to get, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestEmailChangeCommand {
    /// The new address.
    pub email: String,
    /// The present password, in plain text.
    pub current_password: String,
}

impl std::fmt::Debug for RequestEmailChangeCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestEmailChangeCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why no link was mailed. None of them depends on whether the new address has an account.
    RequestEmailChangeError {
        Denied(Denied),
        NotFound(NotFound),
        Invalid(Invalid),
        WrongPassword(WrongPassword),
        TooManyAttempts(TooManyAttempts),
        HasherBusy(HasherBusy),
    }
}

check_error! { RequestEmailChangeError: WrongPassword }

/// Mails a link to the address that the actor's account is to get. Only the link changes the address.
pub struct RequestEmailChange {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    present: OwnPassword,
    mails: AccountMails,
    attempts: MailAttempts,
}

/// The mails of a request: the link to the new address, and the notice to the present one.
struct Mails {
    email: ShownEmail,
    link: NewMail,
    notice: NewMail,
}

impl RequestEmailChange {
    /// `attempts` limits the mails.
    pub(super) fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        present: OwnPassword,
        mails: AccountMails,
        attempts: MailAttempts,
    ) -> Self {
        Self { store, present, mails, attempts }
    }

    /// Mails a link to the new address, in place of any earlier one of the account, and a notice to the present address.
    ///
    /// Whether the new address has an account is not looked up before the link is used, so the answer, the work and the
    /// mails are the same. The present password is a guess: it has the limits of logins to the account.
    ///
    /// # Errors
    /// [`RequestEmailChangeError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        command: RequestEmailChangeCommand,
    ) -> Result<(), RequestEmailChangeError> {
        let user = self.present.owner::<RequestEmailChangeError>(actor, CHANGE_EMAIL).await?;
        let mut invalid = Invalid::default();
        let email = invalid.check("/email", "invalid_email", Email::parse(&command.email));
        let (email, lookup) = email.zip(EmailLookup::parse(&command.email).ok()).ok_or(invalid)?;
        self.attempts.take_of_network(actor).await?;
        let verified = &self.present.check(actor, &user, command.current_password).await?;
        if !self.attempts.take_of_address(&lookup).await {
            return Ok(());
        }
        let mails = &Mails {
            email: email.shown(),
            link: self.mails.prepare_link(LinkPurpose::ChangeEmail),
            notice: self.mails.prepare(AccountMailKind::EmailChangeRequested),
        };
        run(&self.present.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store(&mut *tx, actor, verified, mails, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    /// Stores the link and both jobs, unless the password has changed, or the account is disabled or no longer exists.
    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        verified: &Verified,
        mails: &Mails,
        attempt: &Attempt,
    ) -> Result<(), RequestEmailChangeError> {
        let user = tx.users().find(verified.credentials.user_id).await?;
        let user = user.filter(|user| user.auth_epoch == verified.credentials.auth_epoch && user.is_active());
        let owner = Recipient::owner(&user.ok_or(WrongPassword)?);
        let new = owner.clone().at(mails.email.clone());
        self.mails.store(tx, actor, mails.link, new, attempt).await?;
        Ok(self.mails.store(tx, actor, mails.notice, owner, attempt).await?)
    }
}

#[cfg(test)]
mod tests;
