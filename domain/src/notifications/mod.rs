//! Mails to customers: addresses, subjects, bodies, and the templates that mails are made from.

pub mod actions;
mod address;
pub mod events;
mod locale;
mod mail;
mod template;

pub use address::{InvalidMailAddress, MailAddress};
pub use locale::{InvalidLocale, Locale};
pub use mail::{InvalidMailPart, InvalidMessageKey, MAIL_PART_MAX, Mail, MailPart, MessageKey, SUBJECT_MAX, Subject};
pub use template::{
    HTML_SOURCE_MAX, MailKind, MailTemplate, MailTemplateId, SUBJECT_SOURCE_MAX, TEXT_SOURCE_MAX, TemplateSources,
};
