//! The mailer of the configuration.

use crate::{config::Config, data_dir::DataDir};
use skep_application::{
    kernel::{BoxError, Runtime},
    notifications::Mailer,
};
use skep_mail::{FolderBounds, FolderMailer, SmtpMailer};
use skep_outbound::{AddressFilter, BreakerPolicy, Dialer, Phases, Roots, SystemResolver};
use std::{fs, sync::Arc};

/// The mailer, and where its mails go, for people.
pub(crate) struct Post {
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) place: String,
    /// Whether the mails go to a server.
    pub(crate) is_sent: bool,
}

impl Post {
    /// Logs that mails go to a folder, if they do.
    pub(crate) fn announced(self) -> Self {
        if !self.is_sent {
            tracing::info!(folder = self.place, "mails are written to a folder: SKEP_MAIL_URL is not set");
        }
        self
    }
}

/// Builds the mailer. Opens no connection.
///
/// # Errors
/// The file of certificates cannot be used.
pub(crate) fn post(config: &Config, data: &DataDir, runtime: Runtime) -> Result<Post, BoxError> {
    let Some(server) = config.mail.smtp.clone() else {
        let folder = data.mails();
        let place = folder.display().to_string();
        let mailer = FolderMailer::new(folder, FolderBounds::default(), runtime.clock);
        return Ok(Post { mailer: Arc::new(mailer), place, is_sent: false });
    };
    let roots = match &config.mail.ca_file {
        None => Roots::default(),
        Some(file) => {
            let pem = fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            Roots::default().with_pem(&pem)?
        }
    };
    let filter = AddressFilter::allowing(config.mail.networks.iter().copied());
    let dialer = Dialer::new(filter, Arc::new(SystemResolver), Phases::default(), roots)?;
    let place = server.place();
    let mailer = SmtpMailer::new(server, &config.policies.mail.from, dialer, BreakerPolicy::default(), runtime);
    Ok(Post { mailer: Arc::new(mailer), place, is_sent: true })
}
