//! The migrations of idempotency keys and the outbox.

use super::idempotency::make_plain;
use crate::schema::{MongoSchema, MongoSet, MongoStep};
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use std::{future::Future, pin::Pin};

/// A field may hold values of another type without a declaration. The step exists so that programs that know only text
/// refuse the database, and so that every store has the same number of steps.
pub(crate) const SET: MongoSet = MongoSet {
    name: "kernel",
    after: &[FOUNDATION],
    steps: &[MigrationStep { name: "kept_answers", work: MongoStep::code(nothing, make_plain) }],
};

fn nothing<'a>(_: &'a mut MongoSchema<'_>) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
    Box::pin(async { Ok(()) })
}
