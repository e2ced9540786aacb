//! The templates of mails.

mod mail_templates;
pub(crate) mod schema;
