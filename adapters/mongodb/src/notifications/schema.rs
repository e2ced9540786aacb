//! The migrations of notifications.

use crate::schema::{MongoSet, MongoStep, collection, index, unique};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "notifications",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "mail_templates",
        work: MongoStep::collections(&[collection(
            "mail_templates",
            &[
                unique("mail_templates_kind_locale_key", &["kind", "locale"]),
                index("mail_templates_created_at_idx", &["created_at", "_id"]),
                index("mail_templates_kind_idx", &["kind", "_id"]),
            ],
        )]),
    }],
};
