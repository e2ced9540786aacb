//! Sending a mail that is made from a template.

use super::{
    MailError, MailPolicy, MailTemplateQueries, Mailer, Renderer, ServerWords, built_in, mail_rates::MailRates,
    rendering,
};
use crate::kernel::{Actor, Denied, Fingerprints, RateLimits, StoreError, permit};
use serde_json::Value;
use skep_domain::notifications::{Locale, Mail, MailAddress, MailKind, MessageKey, TemplateSources, actions};
use std::{sync::Arc, time::Duration};

/// A mail that is to be made from a template and the data of one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct SendMailCommand {
    /// Stays the same if the mail is sent again.
    pub key: MessageKey,
    /// Decides which templates are possible.
    pub kind: MailKind,
    /// The language of the recipient.
    pub locale: Locale,
    /// The recipient.
    pub to: MailAddress,
    /// The values of the variables, with the fields of [`sample_data`](super::sample_data).
    pub data: Value,
}

/// The outcome of sending a mail. A job that sends it is done, fails permanently, or runs again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail server has taken the mail.
    Sent,
    /// The mail will never be sent: the server refused it, or no mail can be made from the template and the data.
    Failed {
        /// Why, for logs and admins.
        reason: ServerWords,
    },
    /// A rate is reached. The mail waits, which does not count as an attempt.
    Limited {
        /// Which rate, for logs and admins.
        reason: ServerWords,
        /// The time until one more mail is allowed. Others may wait for it, too.
        retry_after: Duration,
    },
    /// The mail was not sent, and must be tried again: the server, the store or the limiter does not answer.
    Later {
        /// Why, for logs and admins.
        reason: ServerWords,
        /// The time to wait, if it is known.
        retry_after: Option<Duration>,
    },
}

impl MailOutcome {
    pub(super) fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed { reason: ServerWords::of(&reason.to_string()) }
    }

    pub(super) fn later(reason: impl std::fmt::Display, retry_after: Option<Duration>) -> Self {
        Self::Later { reason: ServerWords::of(&reason.to_string()), retry_after }
    }
}

/// Sends mails. Each is made from the template of the best locale: a stored one, or the built-in one in English.
///
/// It changes nothing in the store, so it needs no idempotency key. A job that does not learn the outcome sends the mail
/// again, with the same `Message-ID`.
pub struct SendMail {
    templates: Arc<dyn MailTemplateQueries>,
    renderer: Arc<dyn Renderer>,
    mailer: Arc<dyn Mailer>,
    rates: MailRates,
    policy: MailPolicy,
}

impl SendMail {
    /// Builds the use case. `fingerprints` hides addresses in the names of counters.
    #[must_use]
    pub fn new(
        templates: Arc<dyn MailTemplateQueries>,
        renderer: Arc<dyn Renderer>,
        mailer: Arc<dyn Mailer>,
        limits: Arc<dyn RateLimits>,
        fingerprints: Arc<dyn Fingerprints>,
        policy: MailPolicy,
    ) -> Self {
        let rates = MailRates::new(limits, fingerprints, &policy);
        Self { templates, renderer, mailer, rates, policy }
    }

    /// Makes the mail and sends it.
    ///
    /// # Errors
    /// [`Denied`] if the actor may not send mails. Whatever else is wrong is an outcome.
    pub async fn execute(&self, actor: &Actor, command: SendMailCommand) -> Result<MailOutcome, Denied> {
        permit(actor, actions::SEND_MAIL)?;
        let mail = match self.mail(command).await {
            Ok(mail) => mail,
            Err(outcome) => return Ok(outcome),
        };
        let taken = match self.rates.take(&mail.to).await {
            Ok(taken) => taken,
            Err(outcome) => return Ok(outcome),
        };
        let sent = self.mailer.send(&mail).await;
        if matches!(sent, Err(MailError::Unavailable { .. })) {
            self.rates.give_back(taken).await;
        }
        Ok(match sent {
            Ok(()) => MailOutcome::Sent,
            Err(MailError::Refused(reason)) => MailOutcome::Failed { reason },
            Err(error @ MailError::Unavailable { retry_after, .. }) => {
                MailOutcome::Later { reason: error.words(), retry_after }
            }
        })
    }

    async fn mail(&self, command: SendMailCommand) -> Result<Mail, MailOutcome> {
        let SendMailCommand { key, kind, locale, to, data } = command;
        let sources = self.sources(kind, &locale).await.map_err(|error| MailOutcome::later(error, None))?;
        let rendered = rendering::render(&*self.renderer, &sources, &data).map_err(MailOutcome::failed)?;
        let MailPolicy { from, reply_to, .. } = self.policy.clone();
        let (subject, text, html) = (rendered.subject, rendered.text, rendered.html);
        Ok(Mail { key, from, to, reply_to, subject, text, html })
    }

    /// The sources of the best locale that has any.
    async fn sources(&self, kind: MailKind, locale: &Locale) -> Result<TemplateSources, StoreError> {
        let mut stored = self.templates.list_translations(kind, locale).await?;
        let locales = locale.fallbacks();
        stored.sort_by_key(|template| locales.iter().position(|locale| *locale == template.locale));
        Ok(stored.into_iter().next().map_or_else(|| built_in(kind), |template| template.sources))
    }
}
