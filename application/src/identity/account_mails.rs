//! Mails to the owners of accounts. A unit of work stores a job for each, and the job has no secret: the token of a link
//! is derived when the mail is sent.

use super::{AccountPolicy, IdentityTx, LinkTokens, session_tokens::millis};
use crate::{
    jobs::{constraints::JOB_ID, enqueue_internal},
    kernel::{Actor, Attempt, Runtime, StoreError},
};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch, LinkPurpose, User},
    jobs::{JobArgs, JobId, JobKind, NewJob, QueueName},
    shared::{ShownEmail, Timestamp, UserId, named},
};
use uuid::Uuid;

named! {
    /// What a mail to the owner of an account is about.
    AccountMailKind {
        /// A link to set a new password.
        ResetPassword = "reset_password",
        /// A link to verify the address.
        VerifyEmail = "verify_email",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// The address was registered again.
        AccountExists = "account_exists",
        /// A link to confirm a new address, to that address.
        ChangeEmail = "change_email",
        /// A new address was asked for.
        EmailChangeRequested = "email_change_requested",
        /// A link to restore the address that was replaced, to that address.
        RestoreEmail = "restore_email",
        /// A link to set the first password.
        Invitation = "invitation",
        /// The account was deleted, and is erased at a set time.
        AccountDeletion = "account_deletion",
        /// The archive of an export can be downloaded.
        ExportReady = "export_ready",
        /// Someone has logged in on a device and from a network that the account does not know.
        NewDevice = "new_device",
    }
}

impl AccountMailKind {
    /// The purpose of the link in the mail; `None` for a mail without a link.
    #[must_use]
    pub const fn link(self) -> Option<LinkPurpose> {
        match self {
            Self::ResetPassword => Some(LinkPurpose::ResetPassword),
            Self::VerifyEmail => Some(LinkPurpose::VerifyEmail),
            Self::ChangeEmail => Some(LinkPurpose::ChangeEmail),
            Self::RestoreEmail => Some(LinkPurpose::RestoreEmail),
            Self::Invitation => Some(LinkPurpose::AcceptInvitation),
            Self::PasswordChanged
            | Self::AccountExists
            | Self::EmailChangeRequested
            | Self::AccountDeletion
            | Self::ExportReady
            | Self::NewDevice => None,
        }
    }

    const fn of(purpose: LinkPurpose) -> Self {
        match purpose {
            LinkPurpose::ResetPassword => Self::ResetPassword,
            LinkPurpose::VerifyEmail => Self::VerifyEmail,
            LinkPurpose::ChangeEmail => Self::ChangeEmail,
            LinkPurpose::RestoreEmail => Self::RestoreEmail,
            LinkPurpose::AcceptInvitation => Self::Invitation,
        }
    }
}

/// A mail to the owner of an account, as the arguments of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AccountMail {
    /// What the mail is about.
    pub kind: AccountMailKind,
    /// The account. If none has this id, no mail is sent.
    pub user_id: UserId,
    /// The link in the mail, or else whatever caused the mail. It stays the same if the mail is sent again.
    pub id: Uuid,
}

impl AccountMail {
    /// The kind of the jobs that send these mails.
    pub const JOB_KIND: &'static str = "identity.account_mail";
    /// How often such a job is tried. With the usual pauses, a mail server may be down for a day.
    pub const ATTEMPTS: u32 = 20;

    /// The job that sends the mail.
    ///
    /// # Errors
    /// The arguments cannot be written, which is a fault of the program.
    pub fn job(&self) -> Result<NewJob, StoreError> {
        let args = serde_json::to_string(self).map_err(StoreError::unreadable)?;
        let args = JobArgs::parse(args).map_err(StoreError::unreadable)?;
        let kind = JobKind::stored(Self::JOB_KIND.to_owned());
        Ok(NewJob { max_attempts: Self::ATTEMPTS, queue: QueueName::mails(), ..NewJob::of(kind, args) })
    }
}

/// Issues links and stores the jobs of mails.
#[derive(Clone)]
pub struct AccountMails {
    pub(super) tokens: LinkTokens,
    pub(super) policy: AccountPolicy,
    runtime: Runtime,
}

/// A mail that is ready to be stored as a job.
#[derive(Clone, Copy)]
pub(super) struct NewMail {
    kind: AccountMailKind,
    id: Uuid,
    job_id: JobId,
    now: Timestamp,
}

/// The account that a mail is about.
#[derive(Clone)]
pub(super) struct Recipient {
    user_id: UserId,
    auth_epoch: AuthEpoch,
    /// The address that the link in the mail goes to, if it is not that of the account.
    email: Option<ShownEmail>,
}

impl Recipient {
    /// The owner of this account, in its present epoch.
    pub(super) const fn owner(user: &User) -> Self {
        Self { user_id: user.id, auth_epoch: user.auth_epoch, email: None }
    }

    /// A recipient that no account has.
    pub(super) const fn no_account(user_id: UserId) -> Self {
        Self { user_id, auth_epoch: AuthEpoch::FIRST, email: None }
    }

    /// The same account, at this address.
    pub(super) fn at(self, email: ShownEmail) -> Self {
        Self { email: Some(email), ..self }
    }
}

impl NewMail {
    /// The time at which the mail was prepared.
    pub(super) const fn now(self) -> Timestamp {
        self.now
    }
}

impl AccountMails {
    /// `tokens` makes the tokens of links, and `policy` says how long these are valid.
    #[must_use]
    pub const fn new(tokens: LinkTokens, policy: AccountPolicy, runtime: Runtime) -> Self {
        Self { tokens, policy, runtime }
    }

    /// Makes the ids and the time of a mail about this.
    pub(super) fn prepare(&self, kind: AccountMailKind) -> NewMail {
        let (ids, now) = (&self.runtime.ids, self.runtime.clock.now());
        NewMail { kind, id: ids.next(), job_id: JobId::new(ids.next()), now }
    }

    /// Makes the ids and the time of a mail about something that has this id.
    pub(super) fn prepare_about(&self, kind: AccountMailKind, id: Uuid) -> NewMail {
        NewMail { id, ..self.prepare(kind) }
    }

    /// Makes the ids and the time of a mail with a link of this purpose.
    pub(super) fn prepare_link(&self, purpose: LinkPurpose) -> NewMail {
        self.prepare(AccountMailKind::of(purpose))
    }

    /// Stores the job of the mail, and the link in it in place of any earlier one of the account and the purpose.
    ///
    /// The job exists exactly if an attempt was stored, and only this unit of work has its id. So an attempt after an
    /// unknown outcome looks for it, and is repeated if the earlier one is being stored at the same time.
    pub(super) async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        mail: NewMail,
        recipient: Recipient,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        if attempt.after_unknown && tx.jobs().find(mail.job_id).await?.is_some() {
            return Ok(());
        }
        match self.store_new(tx, actor, mail, recipient).await {
            Err(error @ StoreError::Duplicate { constraint: JOB_ID }) if attempt.after_unknown => {
                Err(StoreError::Retry(error.into()))
            }
            stored => stored,
        }
    }

    /// The same in a unit of work that the frame of commands recognizes by its event.
    pub(super) async fn store_new(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        mail: NewMail,
        recipient: Recipient,
    ) -> Result<(), StoreError> {
        let NewMail { kind, id, job_id, now } = mail;
        let Recipient { user_id, auth_epoch, email } = recipient;
        let job = AccountMail { kind, user_id, id }.job()?;
        enqueue_internal(tx.jobs(), job_id, job, actor, now).await?;
        let Some(purpose) = kind.link() else { return Ok(()) };
        let id = AccountLinkId::new(id);
        let (hash, lifetime) = (self.tokens.of(purpose, id).hash, self.policy.lifetime(purpose));
        let expires_at = now.plus_millis(millis(lifetime));
        let link = AccountLink { id, user_id, purpose, hash, auth_epoch, expires_at, email };
        tx.account_links().replace(&link).await
    }
}
