//! Idempotency keys and the outbox.

mod idempotency;
mod outbox;
