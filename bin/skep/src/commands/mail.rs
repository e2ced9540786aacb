//! `skep mail`.

use crate::{config::Config, data_dir::DataDir, mail::post};
use clap::Subcommand;
use skep_application::kernel::BoxError;
use skep_domain::notifications::{Mail, MailAddress, MailPart, MessageKey, Subject};
use skep_local::system_runtime;

/// The commands about mails.
#[derive(Debug, Subcommand)]
pub(super) enum MailCommand {
    /// Send a mail now, to see whether the settings are right.
    ///
    /// Prints where the mail went, or what the mail server answered. Needs no store and no running server.
    #[command(after_long_help = "Example:
  skep mail test --to ada@example.com")]
    Test {
        /// The recipient.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
}

pub(super) async fn run(config: &Config, command: MailCommand) -> Result<(), BoxError> {
    let MailCommand::Test { to } = command;
    let to = MailAddress::parse_named(&to).map_err(|error| format!("--to: {error}"))?;
    let runtime = system_runtime();
    let mail = Mail {
        key: MessageKey::parse(&format!("test.{}", runtime.ids.next()))?,
        from: config.policies.mail.from.clone(),
        to,
        reply_to: config.policies.mail.reply_to.clone(),
        subject: Subject::parse("Test mail from Skep")?,
        text: MailPart::parse("This mail was sent by `skep mail test`. The settings of mails are right.")?,
        html: None,
    };
    let post = post(config, &DataDir::open(&config.data_dir)?, runtime)?;
    post.mailer.send(&mail).await.map_err(|error| format!("{}: {}", post.place, error.words()))?;
    if post.is_sent {
        tell!("{} has taken the mail to {}", post.place, mail.to)?;
    } else {
        tell!("wrote the mail to {} into {}, because SKEP_MAIL_URL is not set", mail.to, post.place)?;
    }
    Ok(())
}
