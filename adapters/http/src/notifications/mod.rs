//! The endpoints of templates of mails.

mod document;
mod mail_templates;
mod operations;

use crate::parts::Context;

/// The endpoints, operations and examples of templates of mails.
pub(crate) const CONTEXT: Context =
    Context::new::<mail_templates::MailTemplateApi>(operations::OPERATIONS, document::complete);
