//! The tables that every context uses: idempotency keys and the outbox.

mod idempotency;
pub(crate) mod migrations;
mod outbox;

use crate::declared::Declared;
pub(crate) use outbox::EVENTS;

pub(crate) fn declared() -> Declared {
    idempotency::declared().and(outbox::declared())
}
