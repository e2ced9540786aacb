//! The migrations of jobs.

use super::{indexes, schedules};
use crate::schema::{MongoSet, MongoStep, collection, unique};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "jobs",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep {
            name: "jobs",
            work: MongoStep::collections(&[
                collection("jobs", indexes::ALL),
                collection("queues", &[unique("queues_name_key", &["name"])]),
            ]),
        },
        MigrationStep {
            name: "schedules",
            work: MongoStep::collections(&[collection("schedules", schedules::INDEXES)]),
        },
    ],
};
