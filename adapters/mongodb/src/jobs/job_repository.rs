//! Jobs inside a unit of work.

use super::{
    claimable::{busy_keys, claimable},
    documents::JobDoc,
    indexes::{self, DUE, OWNER, RUNNING},
};
use crate::{
    ops::{Executor, Query},
    record::{self, Record as _, Stored as _, date},
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::doc;
use skep_application::{
    jobs::{JobRepository, constraints::JOB_UNIQUE_KEY},
    kernel::StoreError,
};
use skep_domain::{
    jobs::{Job, JobId, JobKind, JobState, QueueName},
    shared::{Timestamp, UserId},
};
use std::slice::from_ref;

/// Reads lock nothing, and no unit sees what another one is about to claim. Two units that save the same job collide,
/// and one of them ends with `Retry` or `Stale`.
#[async_trait]
impl JobRepository for MongoUnit {
    async fn insert(&mut self, job: &Job) -> Result<Option<Job>, StoreError> {
        self.announce(from_ref(job));
        self.run(async |executor| match job.held_key() {
            None => executor.add::<JobDoc>(from_ref(job)).await.map(|()| None),
            Some(_) => insert_or_hold(executor, job).await,
        })
        .await
    }

    async fn find(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.by_id::<JobDoc>(id.uuid()).await
    }

    async fn find_many(&mut self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        self.by_ids::<JobDoc>(record::ids(ids.iter().map(|id| id.uuid()))).await
    }

    async fn list_available(&mut self, queue: &QueueName, limit: u32) -> Result<Vec<Job>, StoreError> {
        self.run(async |executor| {
            let running = busy_keys(executor).await?;
            claimable::<JobDoc>(executor, queue, running, limit).await
        })
        .await
    }

    async fn list_due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Job>, StoreError> {
        let mut due = indexes::timed();
        due.insert("ready_at", doc! { "$lte": date(now) });
        let due = Query::of(due).along(DUE.name).by(doc! { "ready_at": 1, "_id": 1 });
        self.all::<JobDoc>(due.at_most(limit)).await
    }

    async fn save_many(&mut self, jobs: &[Job]) -> Result<(), StoreError> {
        self.announce(jobs);
        self.run(async |executor| executor.put_all::<JobDoc>(jobs).await).await
    }

    async fn count_waiting(&mut self, owner: UserId, kind: &JobKind, bound: u32) -> Result<u64, StoreError> {
        let mut waiting = indexes::waiting();
        waiting.extend(doc! { "owner_id": record::id(owner.uuid()), "kind": kind.as_str() });
        self.run(async |executor| executor.count::<JobDoc>(waiting, OWNER.name, bound.into()).await).await
    }

    async fn count_running(&mut self, queue: &QueueName, bound: u32) -> Result<u64, StoreError> {
        let mut running = indexes::running();
        running.insert("queue", queue.as_str());
        self.run(async |executor| executor.count::<JobDoc>(running, RUNNING.name, bound.into()).await).await
    }

    async fn sweep(&mut self, state: JobState, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let old = Query::of(doc! { "state": state.name(), "finished_at": { "$lte": date(until) } });
        let oldest_first = old.by(doc! { "finished_at": 1, "_id": 1 });
        self.delete_found::<JobDoc>(oldest_first.at_most(limit)).await
    }
}

impl MongoUnit {
    fn announce(&mut self, stored: &[Job]) {
        if let Some(announcement) = self.announcement() {
            announcement.jobs |= stored.iter().any(Job::lets_claim);
        }
    }
}

/// Stores the job, or holds the one that has its unique key: a unit that makes that one release the key collides with
/// this unit.
async fn insert_or_hold(executor: &mut Executor, job: &Job) -> Result<Option<Job>, StoreError> {
    let found = executor.insert_or_find(&JobDoc::of(job), "held_key").await.map_err(|error| match error {
        // Another unit stored its job after this unit's snapshot. The next attempt finds it.
        StoreError::Duplicate { constraint } if constraint == JOB_UNIQUE_KEY => StoreError::Retry(error.into()),
        other => other,
    })?;
    if let Some(other) = &found {
        executor.hold(JobDoc::COLLECTION, vec![record::id(other.id.uuid()).into()]).await?;
    }
    Ok(found)
}
