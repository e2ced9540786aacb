//! The templates that mails are made from.

use super::Locale;
use crate::shared::{InvalidText, Text, Timestamp, Version, named, typed_id};

/// The greatest length of the source of a subject in characters.
pub const SUBJECT_SOURCE_MAX: usize = 500;
/// The greatest length of the source of a text in characters.
pub const TEXT_SOURCE_MAX: usize = 5_000;
/// The greatest length of the source of an HTML part in characters.
pub const HTML_SOURCE_MAX: usize = 20_000;

typed_id! {
    /// Identifies a template of mails.
    MailTemplateId
}

named! {
    /// The kinds of mails. The kind decides which variables a template has.
    MailKind {
        /// To the customer of a new order.
        OrderPlaced = "order_placed",
        /// To the customer of an order that was cancelled.
        OrderCancelled = "order_cancelled",
        /// To the customer of an order that was not paid in time.
        OrderExpired = "order_expired",
        /// To the owner of an account, with a link to set a new password.
        PasswordReset = "password_reset",
        /// To the owner of an account, with a link to verify the address.
        EmailVerification = "email_verification",
        /// To the owner of an account whose password was changed.
        PasswordChanged = "password_changed",
        /// To the owner of an account whose address was registered again.
        AccountExists = "account_exists",
        /// To the address that an account is to get, with a link to confirm it.
        EmailChange = "email_change",
        /// To the owner of an account for which a new address was asked.
        EmailChangeRequested = "email_change_requested",
        /// To the address that an account had before it got another one, with a link to restore it.
        EmailChanged = "email_changed",
        /// To the owner of an account that an admin has created, with a link to set the first password.
        Invitation = "invitation",
        /// To the owner of an account that was deleted, before it is erased.
        AccountDeletion = "account_deletion",
        /// To the owner of an account whose export can be downloaded.
        ExportReady = "export_ready",
        /// To the owner of an account that was logged in to on a new device.
        NewDevice = "new_device",
    }
}

/// The sources of a template. The rules of the template language are checked besides, because they need its parser.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TemplateSources {
    /// One line of 1 to [`SUBJECT_SOURCE_MAX`] characters.
    pub subject: Text,
    /// 1 to [`TEXT_SOURCE_MAX`] characters.
    pub text: Text,
    /// At most [`HTML_SOURCE_MAX`] characters. `None` for a mail of plain text only.
    pub html: Option<Text>,
}

impl TemplateSources {
    /// Reads the source of a subject.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn subject(text: &str) -> Result<Text, InvalidText> {
        Text::line(text, SUBJECT_SOURCE_MAX)
    }

    /// Reads the source of a text.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn text(text: &str) -> Result<Text, InvalidText> {
        Self::filled(text, TEXT_SOURCE_MAX)
    }

    /// Reads the source of an HTML part.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn html(text: &str) -> Result<Text, InvalidText> {
        Self::filled(text, HTML_SOURCE_MAX)
    }

    fn filled(text: &str, max: usize) -> Result<Text, InvalidText> {
        let text = Text::block(text, max)?;
        if text.as_str().is_empty() { Err(InvalidText::Empty) } else { Ok(text) }
    }
}

/// A template that an admin has written. It replaces the built-in template of its kind and locale.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MailTemplate {
    /// The identifier.
    pub id: MailTemplateId,
    /// The mails that are made from it.
    pub kind: MailKind,
    /// The language of the mails. A kind has one template per locale.
    pub locale: Locale,
    /// The subject, text and HTML, with variables.
    pub sources: TemplateSources,
    /// When the template was created.
    pub created_at: Timestamp,
    /// When the template was last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl MailTemplate {
    /// A new template.
    #[must_use]
    pub const fn create(
        id: MailTemplateId,
        kind: MailKind,
        locale: Locale,
        sources: TemplateSources,
        now: Timestamp,
    ) -> Self {
        Self { id, kind, locale, sources, created_at: now, updated_at: now, version: Version::FIRST }
    }

    /// Replaces the sources. Returns `false` if they are the same; then `updated_at` stays the same.
    pub fn rewrite(&mut self, sources: TemplateSources, now: Timestamp) -> bool {
        let changed = self.sources != sources;
        if changed {
            self.sources = sources;
            self.updated_at = now.not_before(self.updated_at);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn sources_have_limits_and_a_subject_is_one_line() {
        assert!(TemplateSources::subject(&"a".repeat(500)).is_ok());
        assert_eq!(TemplateSources::subject(&"a".repeat(501)), Err(InvalidText::TooLong { max: 500 }));
        assert_eq!(TemplateSources::subject("a\nb"), Err(InvalidText::Control));
        assert!(TemplateSources::text(&"a\n".repeat(2_000)).is_ok());
        assert_eq!(TemplateSources::text(&"a".repeat(5_001)), Err(InvalidText::TooLong { max: 5_000 }));
        assert_eq!(TemplateSources::text(" \n"), Err(InvalidText::Empty));
        assert!(TemplateSources::html("<p>{{ order.number }}</p>").is_ok());
        assert_eq!(TemplateSources::html(&"a".repeat(20_001)), Err(InvalidText::TooLong { max: 20_000 }));
        assert_eq!(TemplateSources::html(""), Err(InvalidText::Empty));
    }

    #[test]
    fn only_a_real_change_moves_the_time() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let sources = |text| TemplateSources {
            subject: TemplateSources::subject("Hello").unwrap(),
            text: TemplateSources::text(text).unwrap(),
            html: None,
        };
        let id = MailTemplateId::new(Uuid::nil());
        let first = MailTemplate::create(id, MailKind::OrderPlaced, Locale::english(), sources("a"), at(10));
        let mut template = first.clone();
        assert!(!template.rewrite(sources("a"), at(20)));
        assert_eq!(template, first);
        assert!(template.rewrite(sources("b"), at(20)) && template.rewrite(sources("c"), at(5)));
        assert_eq!(template, MailTemplate { sources: sources("c"), updated_at: at(20), ..first });
    }
}
