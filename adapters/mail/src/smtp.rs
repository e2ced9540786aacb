//! Mails to an SMTP server.

mod conversation;
mod fault;
mod line;
mod server;

pub use server::{InvalidServer, Security, SmtpServer};

use crate::message::{Unsendable, message};
use async_trait::async_trait;
use conversation::Conversation;
use fault::SmtpFault;
use lettre::address::Envelope;
use skep_application::{
    kernel::Runtime,
    notifications::{MailError, Mailer, ServerWords},
};
use skep_domain::notifications::{Mail, MailAddress};
use skep_outbound::{BreakerPolicy, CallError, Dialer, Outbound};

/// Gives each mail to one SMTP server, over a connection of its own.
///
/// A server that refuses the recipient or the text of a mail permanently has refused the mail. All else may succeed
/// later: also a refusal of the connection, of the credentials or of the sender, because then a setting is wrong, and no
/// mail should be lost by that.
#[derive(Debug)]
pub struct SmtpMailer {
    server: SmtpServer,
    dialer: Dialer,
    outbound: Outbound,
    runtime: Clocked,
    /// The domain that the client names itself by.
    name: String,
}

struct Clocked(Runtime);

impl std::fmt::Debug for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

impl SmtpMailer {
    /// Sends to this server, over connections of this dialer. The client names itself by the domain of the sender.
    #[must_use]
    pub fn new(
        server: SmtpServer,
        sender: &MailAddress,
        dialer: Dialer,
        policy: BreakerPolicy,
        runtime: Runtime,
    ) -> Self {
        let outbound = Outbound::new("smtp", policy, dialer.phases().total, runtime.clone());
        Self { server, dialer, outbound, runtime: Clocked(runtime), name: sender.domain().to_owned() }
    }

    async fn open(&self) -> Result<Conversation, SmtpFault> {
        Conversation::open(&self.server, &self.dialer, &self.name).await
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message(mail, self.runtime.0.clock.now()).map_err(|error| unsendable(&error))?;
        let (envelope, bytes): (&Envelope, _) = (message.envelope(), message.formatted());
        let sent = self.outbound.call(|| async { self.open().await?.send(envelope, &bytes).await }).await;
        sent.map_err(mail_error)
    }

    async fn check(&self) -> Result<(), MailError> {
        let checked = self.outbound.call(|| async { self.open().await?.close().await }).await;
        checked.map_err(mail_error)
    }
}

fn unsendable(error: &Unsendable) -> MailError {
    MailError::Refused(ServerWords::of(&error.to_string()))
}

fn mail_error(error: CallError<SmtpFault>) -> MailError {
    match error {
        CallError::Failed(SmtpFault::Refused(error)) => MailError::Refused(ServerWords::of(&fault::words(&error))),
        CallError::Failed(error @ SmtpFault::Unsupported(_)) => MailError::Refused(ServerWords::of(&error.to_string())),
        CallError::Open(open) => MailError::Unavailable { retry_after: Some(open.retry_after), cause: open.into() },
        // The words of the chain, because a log of the message alone would not name the cause.
        other => MailError::unavailable(fault::words(&other)),
    }
}
