//! An adapter that is a part of a store runs the clauses of that part only.

use async_trait::async_trait;
use skep_application::{
    catalog::CatalogStore,
    identity::IdentityStore,
    kernel::{Key, OutboxQueries, StoreError, TxMode, Units as _},
    operations::{FieldKeys, InstanceKeys, SealedFields, StoreHealth},
    ordering::OrderingStore,
};
use skep_contract::{
    Clause, InProcess, Subject, catalog, clauses, identity,
    kernel::{Events, EventsUnit, Keys, KeysUnit, idempotency_keys, outbox},
    operations,
    ordering::{self, Sale},
    prove,
    unit_of_work::{self, CatalogUnits},
};
use skep_local::SystemClock;
use skep_memory::MemoryStore;
use std::sync::Arc;

fn store() -> MemoryStore {
    MemoryStore::new(Arc::new(SystemClock::new()))
}

/// Proves the part, and returns the names of its clauses.
async fn proved<S: Subject + ?Sized>(
    part: fn() -> Arc<S>,
    clauses: Vec<Clause<S>>,
) -> Vec<(&'static str, &'static str)> {
    let names = clauses.iter().map(|clause| (clause.subject, clause.name)).collect();
    let proof = prove(&InProcess::new("part", part), clauses).await.expect("every clause holds");
    assert!(proof.held > 0, "{proof:?}");
    names
}

/// A store with events or keys only.
struct Alone(MemoryStore);

#[async_trait]
impl Events for Alone {
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn EventsUnit>, StoreError> {
        Ok(Box::new(self.0.open(mode, contended).await?))
    }
    fn queries(&self) -> &dyn OutboxQueries {
        &self.0
    }
}

#[async_trait]
impl Keys for Alone {
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn KeysUnit>, StoreError> {
        Ok(Box::new(self.0.open(mode, contended).await?))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_is_proved_alone_by_clauses_that_a_whole_store_also_runs() {
    let parts = [
        proved::<dyn IdentityStore>(|| Arc::new(store()), identity::clauses()).await,
        proved::<dyn CatalogStore>(|| Arc::new(store()), catalog::clauses()).await,
        proved::<dyn CatalogUnits>(|| Arc::new(store()), unit_of_work::clauses()).await,
        proved::<dyn OrderingStore>(|| Arc::new(store()), ordering::clauses()).await,
        proved::<dyn Sale>(|| Arc::new(store()), ordering::buying()).await,
        proved::<dyn Events>(|| Arc::new(Alone(store())), outbox()).await,
        proved::<dyn Keys>(|| Arc::new(Alone(store())), idempotency_keys()).await,
        proved::<dyn InstanceKeys>(|| Arc::new(store()), operations::instance_keys()).await,
        proved::<dyn FieldKeys>(|| Arc::new(store()), operations::field_keys()).await,
        proved::<dyn SealedFields>(|| Arc::new(store()), operations::sealed_fields()).await,
        proved::<dyn StoreHealth>(|| Arc::new(store()), operations::health()).await,
    ];
    let whole: Vec<_> = clauses().iter().map(|clause| (clause.subject, clause.name)).collect();
    let missing: Vec<_> = parts.iter().flatten().filter(|name| !whole.contains(name)).collect();
    assert!(missing.is_empty(), "a whole store does not run {missing:?}");
}
