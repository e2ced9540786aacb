//! What every context has: idempotency keys and the outbox.

mod idempotency;
mod outbox;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    idempotency::declared().and(outbox::declared())
}
