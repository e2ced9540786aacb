//! The use cases of mails: the templates that admins write, and sending.
//!
//! Nothing here runs inside a request of a customer: a subscriber stores a job for each mail.
//!
//! Uses `events`, for the subscriber of orders.
//! Uses `jobs`, which send the mails.
//! Uses `ordering`, for what a mail says.
//! Uses `identity`, for the address and the name of the customer, and the links in mails to the owners of accounts.

#[cfg(test)]
mod account_mail_tests;
mod account_mails;
mod builtin;
mod change_mail_template;
pub mod constraints;
mod create_mail_template;
mod delete_mail_template;
pub(crate) mod erasures;
mod mail_error;
mod mail_jobs;
mod mail_policy;
mod mail_rates;
mod mail_template_fields;
#[cfg(test)]
mod mail_template_tests;
#[cfg(test)]
mod order_mail_tests;
mod order_mails;
mod ports;
mod queries;
mod rendering;
mod send_mail;
#[cfg(test)]
mod send_mail_tests;

pub use account_mails::{AccountMailHandler, AccountNotices, SendAccountMail};
pub use builtin::{built_in, sample_data};
pub use change_mail_template::{ChangeMailTemplate, ChangeMailTemplateCommand, ChangeMailTemplateError};
pub use create_mail_template::{CreateMailTemplate, CreateMailTemplateCommand, CreateMailTemplateError};
pub use delete_mail_template::{DeleteMailTemplate, DeleteMailTemplateCommand, DeleteMailTemplateError};
pub use mail_error::{MailError, ServerWords};
pub use mail_policy::MailPolicy;
pub use mail_template_fields::MailTemplateExists;
pub use order_mails::{OrderMail, OrderMailHandler, OrderMails, SendOrderMail};
pub use ports::*;
pub use queries::{GetMailTemplate, ListMailTemplates, PreviewMailTemplate, PreviewMailTemplateError};
pub use rendering::{RenderedMail, TemplateFault, TemplateFaultKind, TemplatePart};
pub use send_mail::{MailOutcome, SendMail, SendMailCommand};

use crate::{
    app::Ports,
    identity::{LinkTokens, ReadAccountMail},
    kernel::{Commands, Runtime, UseCase},
};
use std::sync::Arc;

/// The use cases of mails.
pub struct Notifications {
    /// Creates a template of a kind in a locale.
    pub create_mail_template: UseCase<CreateMailTemplate>,
    /// Changes the sources of a template.
    pub change_mail_template: UseCase<ChangeMailTemplate>,
    /// Deletes a template, after which mails are made from the next best one.
    pub delete_mail_template: UseCase<DeleteMailTemplate>,
    /// Returns one template.
    pub get_mail_template: GetMailTemplate,
    /// Returns a page of templates.
    pub list_mail_templates: ListMailTemplates,
    /// Shows the mail that a template makes.
    pub preview_mail_template: PreviewMailTemplate,
    /// Sends a mail that is made from a template.
    pub send_mail: Arc<SendMail>,
    /// Sends the mail that follows an event of an order.
    pub send_order_mail: Arc<SendOrderMail>,
    /// Sends a mail to the owner of an account.
    pub send_account_mail: Arc<SendAccountMail>,
}

impl Notifications {
    /// Builds the use cases over these ports.
    #[must_use]
    pub fn new(ports: &Ports, policy: MailPolicy) -> Self {
        let Ports { store, runtime, fingerprints, secrets, limits, renderer, mailer, .. } = ports.clone();
        let tokens = LinkTokens::new(secrets, fingerprints.clone());
        let contents = ReadAccountMail::new(store.clone(), tokens, runtime.clone());
        let (templates, counters) = (store.clone(), fingerprints.clone());
        let mails = SendMail::new(templates, renderer.clone(), mailer, limits, counters, policy.clone());
        let mails = Arc::new(mails);
        let commands = Commands::<dyn NotificationsTx>::new(store.clone(), fingerprints.clone(), runtime.clone());
        Self {
            create_mail_template: UseCase::new(CreateMailTemplate::new(renderer.clone()), &commands),
            change_mail_template: UseCase::new(ChangeMailTemplate::new(renderer.clone()), &commands),
            delete_mail_template: UseCase::new(DeleteMailTemplate, &commands),
            get_mail_template: GetMailTemplate::new(store.clone()),
            list_mail_templates: ListMailTemplates::new(store.clone(), runtime.clock),
            preview_mail_template: PreviewMailTemplate::new(store.clone(), renderer),
            send_account_mail: Arc::new(SendAccountMail::new(contents, mails.clone(), policy.clone())),
            send_order_mail: Arc::new(SendOrderMail::new(store.clone(), store, mails.clone(), &policy)),
            send_mail: mails,
        }
    }

    /// The handler of the jobs of mails to the owners of accounts.
    #[must_use]
    pub fn account_mail_handler(&self, runtime: Runtime) -> AccountMailHandler {
        AccountMailHandler::new(self.send_account_mail.clone(), runtime)
    }

    /// The handler of the jobs that [`OrderMails`] stores.
    #[must_use]
    pub fn order_mail_handler(&self, runtime: Runtime) -> OrderMailHandler {
        OrderMailHandler::new(self.send_order_mail.clone(), runtime)
    }
}
