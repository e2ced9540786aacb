//! A conversation with a server about one mail.

use super::{
    fault::SmtpFault,
    line::{Line, start_tls},
    server::{Security, SmtpServer},
};
use lettre::{
    Address,
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, AsyncTokioStream},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use secrecy::ExposeSecret as _;
use skep_outbound::Dialer;
use std::time::Duration;
use tokio::time::timeout;

/// How long the server may take to say goodbye. The mail is taken by then.
const GOODBYE: Duration = Duration::from_secs(1);
const MECHANISMS: &[Mechanism] = &[Mechanism::Plain, Mechanism::Login];

/// A connection on which a mail can be sent: encrypted and with credentials, as the server's settings say.
pub(super) struct Conversation(AsyncSmtpConnection);

impl Conversation {
    pub(super) async fn open(server: &SmtpServer, dialer: &Dialer, name: &str) -> Result<Self, SmtpFault> {
        let mut stream = dialer.connect(&server.host, server.port).await?;
        let peer = stream.peer_addr().map_err(SmtpFault::Left)?;
        let line: Box<dyn AsyncTokioStream> = match server.security {
            Security::Plain => Box::new(Line::new(stream, peer)),
            Security::Tls => Box::new(Line::new(dialer.encrypt(stream, &server.host).await?, peer)),
            Security::StartTls => {
                start_tls(&mut stream, name).await?;
                Box::new(Line::greeted(dialer.encrypt(stream, &server.host).await?, peer))
            }
        };
        let name = ClientId::Domain(name.to_owned());
        let connection = AsyncSmtpConnection::connect_with_transport(line, &name).await;
        let mut connection = connection.map_err(SmtpFault::Begin)?;
        if let Some((user, password)) = &server.credentials {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection.auth(MECHANISMS, &credentials).await.map_err(SmtpFault::Begin)?;
        }
        Ok(Self(connection))
    }

    pub(super) async fn send(mut self, envelope: &Envelope, message: &[u8]) -> Result<(), SmtpFault> {
        let sender = Mail::new(envelope.from().cloned(), self.parameters(envelope, message)?);
        self.0.command(sender).await.map_err(SmtpFault::of_sender)?;
        self.deliver(envelope, message).await.map_err(SmtpFault::of_mail)?;
        self.close().await
    }

    /// What the server must know so that it can take the mail.
    fn parameters(&self, envelope: &Envelope, message: &[u8]) -> Result<Vec<MailParameter>, SmtpFault> {
        let eight_bits = MailParameter::Body(MailBodyParameter::EightBitMime);
        let has_letters = |address: &Address| !AsRef::<str>::as_ref(address).is_ascii();
        let in_letters = envelope.from().into_iter().chain(envelope.to()).any(has_letters);
        let needs = [
            (in_letters, Extension::SmtpUtfEight, "SMTPUTF8", MailParameter::SmtpUtfEight),
            (!message.is_ascii(), Extension::EightBitMime, "8BITMIME", eight_bits),
        ];
        let needs = needs.into_iter().filter(|(is_needed, ..)| *is_needed);
        needs
            .map(|(_, extension, name, parameter)| match self.0.server_info().supports_feature(extension) {
                true => Ok(parameter),
                false => Err(SmtpFault::Unsupported(name)),
            })
            .collect()
    }

    async fn deliver(&mut self, envelope: &Envelope, message: &[u8]) -> Result<(), Error> {
        for recipient in envelope.to() {
            self.0.command(Rcpt::new(recipient.clone(), vec![])).await?;
        }
        self.0.command(Data).await?;
        self.0.message(message).await.map(drop)
    }

    /// Says goodbye. How the server answers does not matter.
    pub(super) async fn close(mut self) -> Result<(), SmtpFault> {
        drop(timeout(GOODBYE, self.0.quit()).await);
        Ok(())
    }
}
