//! Clauses of the ports that all units of work have: the outbox and the idempotency keys.

mod contexts;
mod idempotency;
mod outbox;

use crate::{
    clause::{Clause, of},
    part::{Whole, part},
};
use skep_application::{
    Store,
    kernel::{Begin, IdempotencyKeys, Key, Outbox, OutboxQueries, StoreError, Transaction, TxMode, UnitOfWork},
    operations::OperationsStore,
};
use std::sync::Arc;

part! {
    /// A store of events. It does not need to have anything else.
    Events of OperationsStore: EventsUnit of UnitOfWork { outbox: Outbox }, OutboxQueries
}

part! {
    /// A store of idempotency keys. It does not need to have anything else.
    Keys of OperationsStore: KeysUnit of UnitOfWork { idempotency: IdempotencyKeys }
}

/// The clauses of `Outbox` and `OutboxQueries`.
#[must_use]
pub fn outbox() -> Vec<Clause<dyn Events>> {
    outbox::clauses()
}

/// The clauses of `IdempotencyKeys`.
#[must_use]
pub fn idempotency_keys() -> Vec<Clause<dyn Keys>> {
    idempotency::clauses()
}

/// All clauses of the outbox and the idempotency keys, for a whole store.
pub(crate) fn whole() -> Vec<Clause> {
    fn operations(store: Arc<dyn Store>) -> Arc<dyn OperationsStore> {
        store
    }
    [
        of(outbox(), |store| Arc::new(Whole(operations(store)))),
        of(idempotency_keys(), |store| Arc::new(Whole(operations(store)))),
        contexts::outbox(),
        contexts::idempotency(),
    ]
    .concat()
}
