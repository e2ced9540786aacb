//! Mails to the owners of accounts about logins that they may not expect.

use super::{
    AccountMails, IdentityTx,
    account_mails::{AccountMailKind, NewMail, Recipient},
    login_attempts::Taken,
    mail_attempts::MailAttempts,
    password_check::Verified,
};
use crate::kernel::{Actor, StoreError};
use skep_domain::identity::{Session, User};

/// Mails the owner of an account about a login on a new device: one that shows no token of the account, from a network
/// that the account does not know.
pub(super) struct LoginNotices {
    mails: AccountMails,
    attempts: MailAttempts,
}

/// The permission to mail about one login.
pub(super) struct Notice {
    mail: NewMail,
    taken: Taken,
}

impl LoginNotices {
    pub(super) const fn new(mails: AccountMails, attempts: MailAttempts) -> Self {
        Self { mails, attempts }
    }

    /// Makes the mail about the login that starts this session, before its unit of work begins. `None` if no mails are
    /// wanted, or the address has had enough of them. The attempts are not those of mails that callers ask for, so no thief
    /// can use them up before the login.
    pub(super) async fn prepare(&self, verified: &Verified, session: &Session) -> Option<Notice> {
        if !self.mails.policy.login_mails {
            return None;
        }
        let taken = self.attempts.take_of_login(&verified.email).await?;
        let mail = self.mails.prepare_about(AccountMailKind::NewDevice, session.id.uuid());
        Some(Notice { mail, taken })
    }

    /// Stores the job of the mail.
    pub(super) async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        notice: &Notice,
        user: &User,
    ) -> Result<(), StoreError> {
        self.mails.store_new(tx, actor, notice.mail, Recipient::owner(user)).await
    }

    /// Gives back what a mail has taken that was not stored.
    pub(super) async fn give_back(&self, notice: Notice) {
        self.attempts.give_back(notice.taken).await;
    }
}
