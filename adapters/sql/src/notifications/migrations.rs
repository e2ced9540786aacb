//! The migrations of notifications.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "notifications",
    after: &[FOUNDATION],
    steps: &[MigrationStep { name: "mail_templates", work: scripts!("notifications/0001_mail_templates") }],
};
