//! Mails to the owners of accounts: links, and notices. Identity stores the jobs of links; the notice of a new password
//! follows from its event.

use super::{MailOutcome, MailPolicy, SendMail, SendMailCommand, mail_jobs, order_mails::minute};
use crate::{
    events::{EventHandler, EventsTx, HandlerError, Handling, PlacedEvent},
    identity::{AccountMail, AccountMailKind, AddressedMail, ReadAccountMail, ReadAccountMailError, SeenLogin},
    jobs::{JobError, JobHandler, JobRun, Outcome, enqueue_internal},
    kernel::{Actor, Denied, Runtime, permit},
};
use serde_json::{Value, json};
use skep_domain::{
    events::OnFailure,
    identity::{
        Device, LinkPurpose,
        events::{PasswordChanged, UserPasswordReset},
    },
    jobs::JobId,
    notifications::{MailAddress, MailKind, MessageKey, actions},
    shared::{Event as _, UserId},
};
use std::sync::Arc;

/// Sends mails to the owners of accounts.
pub struct SendAccountMail {
    contents: ReadAccountMail,
    mails: Arc<SendMail>,
    policy: MailPolicy,
}

impl SendAccountMail {
    /// Finds recipients and links with `contents`. Links lead to the pages that the policy names.
    #[must_use]
    pub const fn new(contents: ReadAccountMail, mails: Arc<SendMail>, policy: MailPolicy) -> Self {
        Self { contents, mails, policy }
    }

    /// Makes the mail and sends it to the address of its link, or else to the present address of the account. `None` if
    /// there is nothing to send anymore.
    ///
    /// # Errors
    /// [`Denied`] if the actor may not send mails. Whatever else is wrong is an outcome.
    pub async fn execute(&self, actor: &Actor, mail: AccountMail) -> Result<Option<MailOutcome>, Denied> {
        permit(actor, actions::SEND_MAIL)?;
        let addressed = match self.contents.execute(actor, mail).await {
            Ok(Some(addressed)) => addressed,
            Ok(None) => return Ok(None),
            Err(ReadAccountMailError::Denied(denied)) => return Err(denied),
            Err(ReadAccountMailError::Store(error)) => return Ok(Some(MailOutcome::later(error, None))),
        };
        match self.command(mail, &addressed) {
            Ok(command) => self.mails.execute(actor, command).await.map(Some),
            Err(reason) => Ok(Some(MailOutcome::failed(reason))),
        }
    }

    fn command(&self, mail: AccountMail, addressed: &AddressedMail) -> Result<SendMailCommand, &'static str> {
        let kind = kind(mail.kind);
        let to =
            MailAddress::parse(addressed.to.as_str()).map_err(|_| "the address of the account cannot get mails")?;
        let key = MessageKey::parse(&format!("{}.{}", kind.name(), mail.id)).map_err(|_| "the mail has no key")?;
        let data = data(&self.policy.link_url, mail.kind, addressed);
        Ok(SendMailCommand { key, kind, locale: self.policy.locale.clone(), to, data })
    }
}

const fn kind(kind: AccountMailKind) -> MailKind {
    match kind {
        AccountMailKind::ResetPassword => MailKind::PasswordReset,
        AccountMailKind::VerifyEmail => MailKind::EmailVerification,
        AccountMailKind::PasswordChanged => MailKind::PasswordChanged,
        AccountMailKind::AccountExists => MailKind::AccountExists,
        AccountMailKind::ChangeEmail => MailKind::EmailChange,
        AccountMailKind::EmailChangeRequested => MailKind::EmailChangeRequested,
        AccountMailKind::RestoreEmail => MailKind::EmailChanged,
        AccountMailKind::Invitation => MailKind::Invitation,
        AccountMailKind::AccountDeletion => MailKind::AccountDeletion,
        AccountMailKind::ExportReady => MailKind::ExportReady,
        AccountMailKind::NewDevice => MailKind::NewDevice,
    }
}

/// The page that a link leads to, below the configured address.
const fn page(purpose: LinkPurpose) -> &'static str {
    match purpose {
        LinkPurpose::ResetPassword => "reset-password",
        LinkPurpose::VerifyEmail => "verify-email",
        LinkPurpose::ChangeEmail => "confirm-email",
        LinkPurpose::RestoreEmail => "restore-email",
        LinkPurpose::AcceptInvitation => "accept-invitation",
    }
}

/// What a mail says instead of something that is not known.
const UNKNOWN: &str = "unknown";

/// The variables of a mail; see [`sample_data`](super::sample_data). The token is in the fragment of the address, which a
/// browser sends to no server.
pub(super) fn data(link_url: &str, kind: AccountMailKind, addressed: &AddressedMail) -> Value {
    let mut data = json!({ "customer": { "name": addressed.name.as_str() } });
    if let Some((purpose, (token, expires_at))) = kind.link().zip(addressed.link.as_ref()) {
        let url = format!("{}/{}#token={token}", link_url.trim_end_matches('/'), page(purpose));
        data["link"] = json!({ "url": url, "valid_until": minute(*expires_at) });
    }
    if let Some(erase_at) = addressed.erase_at {
        data["account"] = json!({ "erase_at": minute(erase_at) });
    }
    if let Some(SeenLogin { at, origin }) = &addressed.login {
        let network = origin.network.map_or_else(|| UNKNOWN.to_owned(), |network| network.to_string());
        // The caller has chosen it, and the mail is from us.
        let device = origin.device.as_ref().map(Device::without_addresses).filter(|device| !device.is_empty());
        let device = device.unwrap_or_else(|| UNKNOWN.to_owned());
        let at = at.map_or_else(|| UNKNOWN.to_owned(), minute);
        data["login"] = json!({ "at": at, "network": network, "device": device });
    }
    data
}

/// Runs the jobs of mails to the owners of accounts.
pub struct AccountMailHandler {
    send: Arc<SendAccountMail>,
    runtime: Runtime,
}

impl AccountMailHandler {
    /// A handler that sends with this use case.
    #[must_use]
    pub fn new(send: Arc<SendAccountMail>, runtime: Runtime) -> Self {
        Self { send, runtime }
    }
}

impl JobHandler for AccountMailHandler {
    const KIND: &'static str = AccountMail::JOB_KIND;
    const ATTEMPTS: u32 = AccountMail::ATTEMPTS;
    type Args = AccountMail;

    async fn run(&self, job: &JobRun, mail: AccountMail) -> Result<Outcome, JobError> {
        let mut actor = Actor::system(job.job().origin.request_id.clone());
        actor.traceparent.clone_from(&job.job().origin.traceparent);
        let outcome = self.send.execute(&actor, mail).await.map_err(JobError::never)?;
        mail_jobs::settle(&self.runtime, job, outcome)
    }
}

/// Stores a job for the notice of each new password.
pub struct AccountNotices;

/// The part of the events that decides who gets the notice.
#[derive(serde::Deserialize)]
struct OfUser {
    user_id: UserId,
}

impl EventHandler for AccountNotices {
    const NAME: &'static str = "notifications.account_notices";
    const EVENTS: &'static [&'static str] = &[PasswordChanged::NAME, UserPasswordReset::NAME];
    const ON_FAILURE: OnFailure = OnFailure::BlockAggregate;
    type Unit = dyn EventsTx;

    async fn handle(
        &self,
        unit: &mut Self::Unit,
        placed: &PlacedEvent,
        call: &Handling<'_>,
    ) -> Result<(), HandlerError> {
        let event = &placed.event;
        let OfUser { user_id } = serde_json::from_str(&event.payload).map_err(HandlerError::failed)?;
        let mail = AccountMail { kind: AccountMailKind::PasswordChanged, user_id, id: event.id.uuid() };
        let (id, job) = (JobId::new(call.runtime.ids.next()), mail.job()?);
        enqueue_internal(unit.jobs(), id, job, &call.actor, call.now).await?;
        Ok(())
    }
}
