//! Asks for a mail with a link: to reset a password, or to verify an address.

use super::{
    AccountMails, IdentityTx,
    account_mails::{NewMail, Recipient},
    mail_attempts::MailAttempts,
};
use crate::kernel::{
    Actor, Attempt, Begin, Fingerprints, Invalid, Runtime, StoreError, TooManyAttempts, TxMode, run, use_case_error,
};
use skep_domain::{
    identity::{LinkPurpose, User},
    shared::{EmailLookup, Timestamp, UserId},
};
use std::sync::Arc;

/// The address that a link is to be mailed to, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestLinkCommand {
    /// The e-mail address of the account.
    pub email: String,
}

impl std::fmt::Debug for RequestLinkCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestLinkCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why a request for a link was refused. None of them depends on an account.
    RequestLinkError {
        Invalid(Invalid),
        TooManyAttempts(TooManyAttempts),
    }
}

/// Mails links of one purpose.
pub struct RequestLink {
    purpose: LinkPurpose,
    store: Arc<dyn Begin<dyn IdentityTx>>,
    mails: AccountMails,
    attempts: MailAttempts,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
}

impl RequestLink {
    /// `attempts` limits the mails. `fingerprints` makes the ids that stand for addresses without an account.
    pub(super) fn new(
        purpose: LinkPurpose,
        store: Arc<dyn Begin<dyn IdentityTx>>,
        mails: AccountMails,
        attempts: MailAttempts,
        fingerprints: Arc<dyn Fingerprints>,
        runtime: Runtime,
    ) -> Self {
        Self { purpose, store, mails, attempts, fingerprints, runtime }
    }

    /// Mails a link to the owner of the account with this address, in place of any earlier one. Nothing changes in the
    /// account before the link is used.
    ///
    /// The answer is the same for an address without an account, for a disabled account, and for one that does not need
    /// the link. So is the work: the same rows are stored, in the name of an account that does not exist, and the job
    /// finds no account to mail to. These rows expire like all others, and the limits bound their number.
    ///
    /// # Errors
    /// [`RequestLinkError`].
    pub async fn execute(&self, actor: &Actor, command: RequestLinkCommand) -> Result<(), RequestLinkError> {
        let mut invalid = Invalid::default();
        let email = invalid.check("/email", "invalid_email", EmailLookup::parse(&command.email));
        let email = &email.ok_or(invalid)?;
        self.attempts.take_of_network(actor).await?;
        if !self.attempts.take_of_address(email).await {
            return Ok(());
        }
        let mail = self.mails.prepare_link(self.purpose);
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store(&mut *tx, actor, (email, mail), &attempt).await;
            attempt.end(tx, result.map_err(RequestLinkError::from)).await
        })
        .await
    }

    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        (email, mail): (&EmailLookup, NewMail),
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let user = tx.users().find_by_email(email).await?.filter(|user| self.is_for(user, mail.now()));
        let recipient =
            user.map_or_else(|| Recipient::no_account(self.no_account(email)), |user| Recipient::owner(&user));
        self.mails.store(tx, actor, mail, recipient, attempt).await
    }

    /// Whether the account can use the link.
    fn is_for(&self, user: &User, now: Timestamp) -> bool {
        match self.purpose {
            LinkPurpose::ResetPassword => user.can_reset_password(now),
            LinkPurpose::VerifyEmail => user.is_active() && user.email_verified_at.is_none(),
            // Other use cases issue these.
            LinkPurpose::ChangeEmail | LinkPurpose::RestoreEmail | LinkPurpose::AcceptInvitation => false,
        }
    }

    /// The id that stands for an address without an account. It is the same each time, so the address has one row.
    fn no_account(&self, email: &EmailLookup) -> UserId {
        let name = format!("no account\0{}", email.account());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.fingerprints.fingerprint(name.as_bytes())[..16]);
        UserId::new(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests;
