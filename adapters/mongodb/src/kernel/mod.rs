//! Idempotency keys and the outbox.

mod idempotency;
mod outbox;
pub(crate) mod schema;

pub(crate) use outbox::EventDoc;
