//! Migrates the schema, one instance at a time.
//!
//! Collections and indexes cannot be created in a transaction, so an instance takes a lease: a document with an owner
//! and an expiry by the server's clock. The owner renews it while it works. The lease of a crashed instance expires,
//! and the next instance takes over. Steps can be repeated, so a half-finished step does no harm. A step waits for the
//! transactions that a crashed instance has left open on its collections, until the server ends them.

use crate::{
    ops::{Executor, Query, Update},
    options::MongoOptions,
    record::{Record, Unreadable, date, time},
    reports::report,
    store::MongoStore,
};
use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::StoreError,
    operations::{AppliedStep, Down, FOUNDATION, MigrationError, MigrationStatus, Migrations, next_position},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LOCKS: &str = "schema_locks";
const LOCK: &str = "migrations";
const PAUSE: Duration = Duration::from_millis(100);

/// The record of a step. The first builds of 0.1 had no sets. They read the number, the name and the time, and refuse a
/// database whose greatest number is above those they know. So the number still counts every step, now over all sets,
/// and a record without a set belongs to the foundation.
#[derive(Serialize, Deserialize)]
struct AppliedDoc {
    #[serde(rename = "_id")]
    number: i64,
    #[serde(default)]
    set: Option<String>,
    /// The number within the set.
    #[serde(default)]
    step: Option<i64>,
    name: String,
    applied_at: DateTime,
}

impl Record for AppliedDoc {
    const COLLECTION: &'static str = "schema_migrations";
    type Entity = AppliedStep;
    fn read(self) -> Result<AppliedStep, Unreadable> {
        Ok(AppliedStep {
            position: self.number,
            set: self.set.unwrap_or_else(|| FOUNDATION.to_owned()),
            number: self.step.unwrap_or(self.number),
            applied_at: time(self.applied_at)?,
        })
    }
}

/// The right to migrate the schema.
struct Lease<'a> {
    store: &'a MongoStore,
    owner: bson::Uuid,
}

impl Lease<'_> {
    /// Waits for the lease, up to `migration_patience`, and reports that it waits.
    async fn take(store: &MongoStore) -> Result<Lease<'_>, StoreError> {
        let lease = Lease { store, owner: bson::Uuid::new() };
        let mut executor = store.read().await?;
        let free = doc! { "$setOnInsert": { "owner": Bson::Null, "expires_at": DateTime::from_millis(0) } };
        executor.update(LOCKS, vec![Update::of(doc! { "_id": LOCK }, free).or_insert()]).await?;
        if lease.is_granted(&mut executor).await? {
            return Ok(lease);
        }
        let MongoOptions { migration_lease, migration_patience, .. } = &store.options;
        let text = format!(
            "another instance is migrating the schema; if it was killed, its lease ends within {migration_lease:?}. This \
             instance waits for {migration_patience:?} at most"
        );
        tokio::select! {
            waited = lease.wait(&mut executor) => waited?,
            never = report(&text) => match never {},
        }
        Ok(lease)
    }

    /// Takes the lease if no instance has it.
    async fn is_granted(&self, executor: &mut Executor) -> Result<bool, StoreError> {
        let expired = doc! { "_id": LOCK, "$expr": { "$lte": ["$expires_at", "$$NOW"] } };
        Ok(executor.update(LOCKS, vec![Update::of(expired, self.held())]).await? == 1)
    }

    async fn wait(&self, executor: &mut Executor) -> Result<(), StoreError> {
        let started = Instant::now();
        while started.elapsed() < self.store.options.migration_patience {
            sleep(PAUSE).await;
            if self.is_granted(executor).await? {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("another instance is still migrating the schema".into()))
    }

    fn held(&self) -> Vec<Document> {
        let millis = i64::try_from(self.store.options.migration_lease.as_millis()).unwrap_or(i64::MAX);
        let expires_at = doc! { "$add": ["$$NOW", millis] };
        vec![doc! { "$set": { "owner": self.owner, "expires_at": expires_at } }]
    }

    /// Renews the lease until that fails, and returns the error.
    async fn keep(&self) -> StoreError {
        let mut executor = match self.store.read().await {
            Ok(executor) => executor,
            Err(error) => return error,
        };
        loop {
            sleep(self.store.options.migration_lease / 3).await;
            let mine = doc! { "_id": LOCK, "owner": self.owner };
            match executor.update(LOCKS, vec![Update::of(mine, self.held())]).await {
                Ok(1) => {}
                Ok(_) => return StoreError::Unavailable("another instance has taken over the migration".into()),
                Err(error) => return error,
            }
        }
    }

    /// Returns the lease. If that fails, it expires.
    async fn release(self) {
        let Ok(mut executor) = self.store.read().await else { return };
        let free = doc! { "$set": { "owner": Bson::Null, "expires_at": DateTime::from_millis(0) } };
        let mine = doc! { "_id": LOCK, "owner": self.owner };
        let _ = executor.update(LOCKS, vec![Update::of(mine, free)]).await;
    }
}

impl MongoStore {
    /// Runs `work` while no other instance can migrate the schema.
    async fn alone<T>(&self, work: impl Future<Output = Result<T, MigrationError>>) -> Result<T, MigrationError> {
        let lease = Lease::take(self).await?;
        let result = tokio::select! {
            result = work => result,
            lost = lease.keep() => Err(lost.into()),
        };
        lease.release().await;
        result
    }

    /// Returns the applied steps. Fails, and changes nothing, if a newer program has migrated the schema.
    async fn applied(&self, executor: &mut Executor) -> Result<Vec<AppliedStep>, MigrationError> {
        let applied = executor.find::<AppliedDoc>(Query::of(doc! {}).by(doc! { "_id": 1 })).await?;
        self.schedule.check(&applied)?;
        Ok(applied)
    }

    async fn move_up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let mut executor = self.read().await?;
        let applied = self.applied(&mut executor).await?;
        let mut moved = Vec::new();
        for (position, step) in (next_position(&applied)..).zip(self.schedule.missing(&applied)) {
            let now = self.clock.now();
            step.work.apply(&mut executor).await.map_err(|error| step.failed(error))?;
            // Names the whole step: if another instance has used the position meanwhile, this fails instead of losing
            // the record.
            let place = doc! { "_id": position, "set": step.set, "step": step.number };
            let mark = doc! { "$setOnInsert": { "name": step.name, "applied_at": date(now) } };
            let mark = Update::of(place, mark).or_insert();
            let marked = executor.update(AppliedDoc::COLLECTION, vec![mark]).await;
            marked.map_err(|error| step.failed(error))?;
            tracing::info!(set = step.set, number = step.number, name = step.name, "migration applied");
            moved.push(step.status(Some(now)));
        }
        Ok(moved)
    }

    async fn move_down(&self, which: &Down) -> Result<Vec<MigrationStatus>, MigrationError> {
        let mut executor = self.read().await?;
        let applied = self.applied(&mut executor).await?;
        let mut moved = Vec::new();
        for (step, position) in self.schedule.back(&applied, which)? {
            // The record is removed first. The next `up` completes collections without a record. A record without its
            // collections would leave the store without unique indexes.
            let unmarked = executor.delete(AppliedDoc::COLLECTION, doc! { "_id": position }).await;
            unmarked.map_err(|error| step.failed(error))?;
            step.work.take_back(&mut executor).await.map_err(|error| step.failed(error))?;
            tracing::info!(set = step.set, number = step.number, name = step.name, "migration reverted");
            moved.push(step.status(None));
        }
        Ok(moved)
    }
}

#[async_trait]
impl Migrations for MongoStore {
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        self.alone(Box::pin(self.move_up())).await
    }

    async fn down(&self, which: &Down) -> Result<Vec<MigrationStatus>, MigrationError> {
        self.alone(Box::pin(self.move_down(which))).await
    }

    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let applied = self.applied(&mut self.read().await?).await?;
        Ok(self.schedule.status(&applied))
    }
}
