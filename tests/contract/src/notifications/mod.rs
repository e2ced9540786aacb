//! Clauses of notifications: the templates of mails, and the server that delivers mails.

mod mail_templates;
mod mailer;

use crate::{
    clause::{Clause, of},
    part::{Whole, part},
    units::opens,
};
pub use mailer::{Delivered, Mailbox, mailer};
use skep_application::{
    kernel::{Begin, Key, StoreError, Transaction, TxMode},
    notifications::{MailTemplateQueries, MailTemplateRepository, NotificationsStore, NotificationsTx},
};
use std::sync::Arc;

opens! { NotificationsStore: NotificationsTx }

part! {
    /// A store of templates of mails. It does not need to have anything else.
    MailTemplates of NotificationsStore: MailTemplatesUnit of NotificationsTx {
        mail_templates: MailTemplateRepository
    }, MailTemplateQueries
}

/// The clauses of `MailTemplateRepository` and `MailTemplateQueries`.
#[must_use]
pub fn mail_templates() -> Vec<Clause<dyn MailTemplates>> {
    mail_templates::clauses()
}

/// All clauses of a store of notifications.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn NotificationsStore>> {
    of(mail_templates(), |store| Arc::new(Whole(store)))
}
