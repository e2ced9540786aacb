//! The uniqueness rules of the kernel. Each is the name of an index or key in every store.

use super::Constraint;

/// The id of an event is unique.
pub const EVENT_ID: Constraint = Constraint::new("outbox_pkey");
/// An idempotency key is unique per principal and use case.
pub const IDEMPOTENCY_KEY: Constraint = Constraint::new("idempotency_keys_pkey");

/// The uniqueness rules of the kernel.
pub const ALL: &[Constraint] = &[EVENT_ID, IDEMPOTENCY_KEY];
