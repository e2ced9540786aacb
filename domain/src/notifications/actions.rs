//! The actions on mails and their templates.

use crate::shared::Action;

/// Read, create, change, delete and preview the templates of mails. A template can send the link that sets the password
/// of an admin anywhere, so only admins have this.
pub const MANAGE_MAIL_TEMPLATE: Action = Action::admin("notifications.mail_template.manage");
/// Send mails in the name of the shop.
pub const SEND_MAIL: Action = Action::admin("notifications.mail.send");

/// Every action of this context.
pub const ALL: &[Action] = &[MANAGE_MAIL_TEMPLATE, SEND_MAIL];
