//! Jobs outside a unit of work.

use super::{
    claimable::{busy_keys, claimable},
    documents::{AvailableDoc, HeldDoc, JobDoc, ReadyDoc, SummaryDoc},
    indexes::{self, CREATED, DUE, RUNNING},
};
use crate::{
    ops::{List, Query, SortField},
    record,
    store::MongoStore,
};
use async_trait::async_trait;
use bson::{Document, doc};
use skep_application::{
    jobs::{JobFilter, JobQueries, JobSort, JobSortKey, JobSummary, ReadyJob},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    jobs::{Job, JobId, QueueName},
    shared::{Lease, Timestamp},
};

/// The field that jobs are sorted by, and its index.
const fn field(key: JobSortKey) -> SortField {
    match key {
        JobSortKey::CreatedAt => SortField::time(CREATED.name, "created_at"),
    }
}

fn admitted(filter: &JobFilter) -> Document {
    let JobFilter { state, queue, kind } = filter;
    let parts = [
        ("state", state.map(|state| state.name())),
        ("queue", queue.as_ref().map(|queue| queue.as_str())),
        ("kind", kind.as_ref().map(|kind| kind.as_str())),
    ];
    parts.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?.into()))).collect()
}

#[async_trait]
impl JobQueries for MongoStore {
    async fn find_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.read().await?.by_id::<JobDoc>(id.uuid()).await
    }

    async fn find_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let ids = record::ids(ids.iter().map(|id| id.uuid()));
        self.read().await?.find::<JobDoc>(Query::of(doc! { "_id": { "$in": ids } })).await
    }

    async fn list_ready(&self, queue: &QueueName, limit: u32) -> Result<Vec<ReadyJob>, StoreError> {
        let mut executor = self.read().await?;
        let running = busy_keys(&mut executor).await?;
        let found = claimable::<AvailableDoc>(&mut executor, queue, running, limit).await?;
        Ok(found.into_iter().map(|(job, _)| job).collect())
    }

    async fn list_jobs(
        &self,
        filter: &JobFilter,
        sort: JobSort,
        page: &PageRequest,
    ) -> Result<Page<JobSummary>, StoreError> {
        let list = List::of(field(sort.key), sort.direction).only(admitted(filter));
        self.read().await?.page::<SummaryDoc>(&list, page, |job| sort.key.position(job)).await
    }

    async fn list_held(&self) -> Result<Vec<(JobId, Lease)>, StoreError> {
        let held = Query::of(indexes::running()).along(RUNNING.name);
        self.read().await?.find::<HeldDoc>(held).await
    }

    async fn next_ready_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let timed = Query::of(indexes::timed()).along(DUE.name).by(doc! { "ready_at": 1, "_id": 1 });
        Ok(self.read().await?.find::<ReadyDoc>(timed.at_most(1)).await?.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record as _;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in JobSortKey::ALL {
            let SortField { index: name, field, .. } = field(*key);
            assert!(crate::schema::has_index(JobDoc::COLLECTION, name, &[field, "_id"]), "{name}");
        }
    }
}
