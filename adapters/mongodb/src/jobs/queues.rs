//! The settings of queues, and the numbers of their jobs.

use super::{
    documents::{JobDoc, ReadyDoc, WaitsInDoc},
    indexes::{self, AVAILABLE, RUNNING},
};
use crate::{
    ops::Query,
    record::{self, Record, Stored, Unreadable, Versioned, date, optional_time, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    jobs::{QueueCounts, QueueQueries, QueueRepository},
    kernel::StoreError,
};
use skep_domain::{
    jobs::{Concurrency, Priority, Queue, QueueId, QueueName},
    shared::Version,
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct QueueDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    name: String,
    paused_at: Option<DateTime>,
    /// Absent in documents of earlier versions.
    concurrency: Option<i64>,
    updated_at: DateTime,
    version: i64,
}

impl Record for QueueDoc {
    const COLLECTION: &'static str = "queues";
    type Entity = Queue;
    fn read(self) -> Result<Queue, Unreadable> {
        Ok(Queue {
            id: QueueId::new(self.id.to_uuid_1()),
            name: QueueName::stored(self.name),
            paused_at: optional_time(self.paused_at)?,
            concurrency: self.concurrency.map(limit).transpose()?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for QueueDoc {
    fn of(queue: &Queue) -> Self {
        Self {
            id: record::id(queue.id.uuid()),
            name: queue.name.as_str().to_owned(),
            paused_at: queue.paused_at.map(date),
            concurrency: queue.concurrency.map(|limit| limit.get().into()),
            updated_at: date(queue.updated_at),
            version: queue.version.get(),
        }
    }
}

impl Versioned for QueueDoc {}

fn limit(number: i64) -> Result<Concurrency, Unreadable> {
    Concurrency::new(number).ok_or("concurrency out of range")
}

fn named(name: &QueueName) -> Document {
    doc! { "name": name.as_str() }
}

#[async_trait]
impl QueueRepository for MongoUnit {
    async fn find(&mut self, name: &QueueName) -> Result<Option<Queue>, StoreError> {
        self.first::<QueueDoc>(named(name)).await
    }

    async fn hold(&mut self, id: QueueId) -> Result<(), StoreError> {
        let id = vec![record::id(id.uuid()).into()];
        self.run(async |executor| executor.hold(QueueDoc::COLLECTION, id).await.map(drop)).await
    }

    async fn insert(&mut self, queue: &Queue) -> Result<(), StoreError> {
        self.add::<QueueDoc>(from_ref(queue)).await
    }

    async fn save(&mut self, queue: &Queue) -> Result<Version, StoreError> {
        self.put::<QueueDoc>(queue).await
    }
}

/// The available job of the queue that has waited longest. The index has the jobs of each priority in this order, and
/// the server merges them.
fn oldest(queue: &QueueName) -> Query {
    let priorities = (Priority::FIRST.get()..=Priority::LAST.get()).map(i64::from);
    let mut available = of_queue(indexes::available(), queue);
    available.insert("priority", doc! { "$in": priorities.collect::<Vec<_>>() });
    Query::of(available).along(AVAILABLE.name).by(doc! { "ready_at": 1 }).at_most(1)
}

/// An available job of the first queue after this one.
fn next_queue(after: &str) -> Query {
    let mut available = indexes::available();
    available.insert("queue", doc! { "$gt": after });
    Query::of(available).along(AVAILABLE.name).by(doc! { "queue": 1 }).at_most(1)
}

fn of_queue(mut jobs: Document, queue: &QueueName) -> Document {
    jobs.insert("queue", queue.as_str());
    jobs
}

#[async_trait]
impl QueueQueries for MongoStore {
    async fn find_queue(&self, name: &QueueName) -> Result<Option<Queue>, StoreError> {
        self.read().await?.find_one::<QueueDoc>(named(name)).await
    }

    async fn list_queues(&self, limit: u32) -> Result<Vec<Queue>, StoreError> {
        let by_name = Query::of(doc! {}).by(doc! { "name": 1 }).at_most(limit);
        self.read().await?.find::<QueueDoc>(by_name).await
    }

    async fn list_unopened(&self, limit: u32) -> Result<Vec<QueueName>, StoreError> {
        let mut reader = self.read().await?;
        let (mut unopened, mut last) = (vec![], String::new());
        while unopened.len() < limit as usize {
            let Some(queue) = reader.find::<WaitsInDoc>(next_queue(&last)).await?.pop() else { break };
            queue.as_str().clone_into(&mut last);
            if reader.find_one::<QueueDoc>(named(&queue)).await?.is_none() {
                unopened.push(queue);
            }
        }
        Ok(unopened)
    }

    async fn count_jobs(&self, queue: &QueueName, bound: u32) -> Result<QueueCounts, StoreError> {
        let mut reader = self.read().await?;
        let (available, running) = (of_queue(indexes::available(), queue), of_queue(indexes::running(), queue));
        Ok(QueueCounts {
            available: reader.count::<JobDoc>(available, AVAILABLE.name, bound.into()).await?,
            oldest_ready_at: reader.find::<ReadyDoc>(oldest(queue)).await?.pop(),
            running: reader.count::<JobDoc>(running, RUNNING.name, bound.into()).await?,
        })
    }
}
