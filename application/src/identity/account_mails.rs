//! Mails to the owners of accounts. A unit of work stores a job for each, and the job has no secret: the token of a link
//! is derived when the mail is sent.

use super::{AccountPolicy, IdentityTx, LinkTokens, session_tokens::millis};
use crate::{
    jobs::{constraints::JOB_ID, enqueue_internal},
    kernel::{Actor, Attempt, Runtime, StoreError},
};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch, LinkPurpose},
    jobs::{JobArgs, JobId, JobKind, NewJob, QueueName},
    shared::{Timestamp, UserId, named},
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
    }
}

impl AccountMailKind {
    /// The purpose of the link in the mail; `None` for a mail without a link.
    #[must_use]
    pub const fn link(self) -> Option<LinkPurpose> {
        match self {
            Self::ResetPassword => Some(LinkPurpose::ResetPassword),
            Self::VerifyEmail => Some(LinkPurpose::VerifyEmail),
            Self::PasswordChanged | Self::AccountExists => None,
        }
    }

    const fn of(purpose: LinkPurpose) -> Self {
        match purpose {
            LinkPurpose::ResetPassword => Self::ResetPassword,
            LinkPurpose::VerifyEmail => Self::VerifyEmail,
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
        (user_id, auth_epoch): (UserId, AuthEpoch),
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let NewMail { kind, id, job_id, now } = mail;
        if attempt.after_unknown && tx.jobs().find(job_id).await?.is_some() {
            return Ok(());
        }
        let job = AccountMail { kind, user_id, id }.job()?;
        match enqueue_internal(tx.jobs(), job_id, job, actor, now).await {
            Err(error @ StoreError::Duplicate { constraint: JOB_ID }) if attempt.after_unknown => {
                return Err(StoreError::Retry(error.into()));
            }
            stored => drop(stored?),
        }
        let Some(purpose) = kind.link() else { return Ok(()) };
        let id = AccountLinkId::new(id);
        let (hash, lifetime) = (self.tokens.of(purpose, id).hash, self.policy.lifetime(purpose));
        let expires_at = now.plus_millis(millis(lifetime));
        let link = AccountLink { id, user_id, purpose, hash, auth_epoch, expires_at };
        tx.account_links().replace(&link).await
    }
}
