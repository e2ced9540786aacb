//! The uniqueness rules of notifications. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of a template of mails.
pub const MAIL_TEMPLATE_ID: Constraint = Constraint::new("mail_templates_pkey");
/// One template for each kind of mail and locale.
pub const MAIL_TEMPLATE_LOCALE: Constraint = Constraint::new("mail_templates_kind_locale_key");

/// Every uniqueness rule.
pub const ALL: &[Constraint] = &[MAIL_TEMPLATE_ID, MAIL_TEMPLATE_LOCALE];
