//! What every context has: idempotency keys and the outbox.

pub(crate) mod idempotency;
pub(crate) mod outbox;
