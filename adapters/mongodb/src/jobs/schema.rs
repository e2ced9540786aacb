//! The migrations of jobs.

use super::{indexes, schedules};
use crate::schema::{MongoSchema, MongoSet, MongoStep, collection, unique};
use bson::doc;
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use std::{future::Future, pin::Pin};

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
        MigrationStep { name: "queue_concurrency", work: MongoStep::code(nothing, remove_limits) },
    ],
};

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// A queue without the field has no limit.
fn nothing<'a>(_: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async { Ok(()) })
}

fn remove_limits<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let limited = doc! { "q": {}, "u": { "$unset": { "concurrency": "" } }, "multi": true };
        schema.command(doc! { "update": "queues", "updates": [limited] }).await.map(drop)
    })
}
