//! Which jobs a worker may claim.

use super::{
    documents::JobDoc,
    indexes::{self, AVAILABLE, RUNNING_KEY},
};
use crate::{
    ops::{Executor, Query},
    record::{self, Record, date, field},
};
use bson::{Bson, Document, doc};
use skep_application::{jobs::ReadyJob, kernel::StoreError};
use skep_domain::jobs::{Job, OrderingKey, QueueName};

/// An available job, or what is read of it.
pub(super) trait Claimable {
    /// Its place among the others.
    fn ready(&self) -> ReadyJob;
    /// Which other jobs it must not run beside.
    fn ordering_key(&self) -> Option<&OrderingKey>;
}

impl Claimable for Job {
    fn ready(&self) -> ReadyJob {
        self.into()
    }
    fn ordering_key(&self) -> Option<&OrderingKey> {
        self.ordering_key.as_ref()
    }
}

impl Claimable for (ReadyJob, Option<OrderingKey>) {
    fn ready(&self) -> ReadyJob {
        self.0
    }
    fn ordering_key(&self) -> Option<&OrderingKey> {
        self.1.as_ref()
    }
}

/// The ordering keys that running jobs have. There are at most as many as the workers run jobs.
pub(super) async fn busy_keys(executor: &mut Executor) -> Result<Vec<Bson>, StoreError> {
    let running = Query::of(indexes::running_in_order()).along(RUNNING_KEY.name).only(&["ordering_key"]);
    executor.find_as(JobDoc::COLLECTION, running, |document| field(document, "ordering_key")).await
}

/// The first jobs of the queue, at most one for each ordering key, and none with a key in `passed`. Each query reads at
/// most as many jobs as are missing, and finds at least one of them. The first one is enough, unless it finds several
/// jobs with the same key.
pub(super) async fn claimable<R: Record<Entity: Claimable>>(
    executor: &mut Executor,
    queue: &QueueName,
    mut passed: Vec<Bson>,
    limit: u32,
) -> Result<Vec<R::Entity>, StoreError> {
    let (mut found, mut missing, mut last) = (vec![], limit, None);
    while missing > 0 {
        let next = executor.find::<R>(available(queue, &passed, last.take()).at_most(missing)).await?;
        let others_follow = u32::try_from(next.len()) == Ok(missing);
        last = next.last().map(|job| place(queue, job));
        let before = passed.len();
        for job in next {
            let key = job.ordering_key().map(|key| Bson::from(key.as_str()));
            // The query has left out the keys of before.
            if key.as_ref().is_none_or(|key| !passed[before..].contains(key)) {
                passed.extend(key);
                found.push(job);
                missing -= 1;
            }
        }
        if !others_follow {
            break;
        }
    }
    Ok(found)
}

/// The jobs of the queue that a worker may claim and whose ordering keys are not in `passed`, after this place.
fn available(queue: &QueueName, passed: &[Bson], after: Option<Document>) -> Query {
    let mut available = indexes::available();
    available.extend(doc! { "queue": queue.as_str(), "ordering_key": { "$nin": passed } });
    let query = Query::of(available).by(doc! { "priority": 1, "ready_at": 1, "_id": 1 });
    let Some(after) = after else { return query.along(AVAILABLE.name) };
    let end = doc! {
        "queue": queue.as_str(), "priority": Bson::MaxKey, "ready_at": Bson::MaxKey, "_id": Bson::MaxKey,
        "state": Bson::MaxKey,
    };
    query.between(AVAILABLE.name, after, end)
}

/// The end of the job's keys in [`AVAILABLE`].
fn place(queue: &QueueName, job: &impl Claimable) -> Document {
    let job = job.ready();
    doc! {
        "queue": queue.as_str(), "priority": i64::from(job.priority.get()), "ready_at": date(job.ready_at),
        "_id": record::id(job.id.uuid()), "state": Bson::MaxKey,
    }
}
