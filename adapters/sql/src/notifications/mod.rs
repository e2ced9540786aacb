//! The templates of mails.

mod mail_templates;
pub(crate) mod migrations;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    mail_templates::declared()
}
