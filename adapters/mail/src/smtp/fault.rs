//! The faults of a conversation with a server.

use lettre::transport::smtp::Error;
use skep_outbound::{DialError, Fault};
use std::io;

/// A fault of a conversation with a server.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpFault {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The conversation ended before a mail was mentioned.
    #[error("the mail server did not begin")]
    Begin(#[source] Error),
    /// The server does not offer TLS, or breaks its rules.
    #[error("the mail server offers no TLS: {0}")]
    StartTls(&'static str),
    /// The connection broke before a mail was mentioned.
    #[error("the mail server left")]
    Left(#[source] io::Error),
    /// The server does not take mails from our sender.
    #[error("the mail server refuses the sender")]
    Sender(#[source] Error),
    /// The server lacks what the mail needs.
    #[error("the mail server does not know {0}, which the mail needs")]
    Unsupported(&'static str),
    /// The server has refused the mail permanently.
    #[error("the mail server refused the mail")]
    Refused(#[source] Error),
    /// The server takes this mail later.
    #[error("the mail server takes the mail later")]
    Later(#[source] Error),
    /// The connection broke. The server may have taken the mail.
    #[error("the mail server did not answer")]
    Lost(#[source] Error),
}

impl SmtpFault {
    /// Classifies an error of the command that names the sender. Each mail has the same one, so the setting is wrong, and
    /// no mail should be lost by that.
    pub(super) fn of_sender(error: Error) -> Self {
        if error.is_permanent() { Self::Sender(error) } else { Self::of_mail(error) }
    }

    /// Classifies an error of a mail.
    pub(super) fn of_mail(error: Error) -> Self {
        if wants_credentials(&error) {
            Self::Begin(error)
        } else if error.is_permanent() || error.is_client() {
            Self::Refused(error)
        } else if error.is_transient() && !is_closing(&error) {
            Self::Later(error)
        } else {
            Self::Lost(error)
        }
    }
}

/// Codes 530, 534, 535 and 538 (RFC 4954, 6): the server wants other credentials, so every mail would be refused. The
/// setting is wrong, and no mail.
fn wants_credentials(error: &Error) -> bool {
    error.status().is_some_and(|code| ["530", "534", "535", "538"].contains(&code.to_string().as_str()))
}

/// Code 421: the server closes the connection, whatever the command was.
fn is_closing(error: &Error) -> bool {
    error.status().is_some_and(|code| code.to_string() == "421")
}

impl Fault for SmtpFault {
    fn is_outage(&self) -> bool {
        match self {
            // A setting is wrong, and waiting does not change it.
            Self::Dial(error) => !error.is_permanent(),
            Self::Begin(_) | Self::StartTls(_) | Self::Left(_) | Self::Sender(_) | Self::Lost(_) => true,
            Self::Unsupported(_) | Self::Refused(_) | Self::Later(_) => false,
        }
    }

    fn may_repeat(&self) -> bool {
        matches!(self, Self::Dial(error) if !error.is_permanent())
    }
}

/// The error with its causes, in one line.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let (mut words, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors repeat their cause.
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}
