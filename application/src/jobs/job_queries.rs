//! Reading jobs and queues.

use super::{JobFilter, JobQueries, JobSort, JobSummary, JobView, QueueCounts, QueueQueries};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader};
use skep_domain::jobs::{JobId, Queue, QueueName, actions};
use std::sync::Arc;

/// Returns one job.
pub struct GetJob(Reader<dyn JobQueries>);

impl GetJob {
    /// Reads from this store.
    #[must_use]
    pub fn new(jobs: Arc<dyn JobQueries>) -> Self {
        Self(Reader::new(actions::READ_JOB, jobs))
    }

    /// Reads the job with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: JobId) -> Result<JobView, GetError> {
        Ok(self.0.open(actor)?.find_job(id).await?.ok_or(NotFound("job"))?.into())
    }
}

/// Returns pages of jobs.
pub struct ListJobs {
    jobs: Reader<dyn JobQueries>,
    length: LongList,
}

impl ListJobs {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(jobs: Arc<dyn JobQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { jobs: Reader::new(actions::READ_JOB, jobs), length: LongList::new(clock) }
    }

    /// Reads a page of the jobs that the filter admits.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        filter: &JobFilter,
        sort: JobSort,
        page: &PageRequest,
    ) -> Result<Page<JobSummary>, ListError> {
        let jobs = self.jobs.open(actor)?;
        // The length of one list says nothing about that of another, and a filter makes another list.
        if *filter != JobFilter::default() {
            return Ok(jobs.list_jobs(filter, sort, page).await?);
        }
        let asked = self.length.ask(page);
        Ok(self.length.complete(page, &asked, jobs.list_jobs(filter, sort, &asked).await?))
    }
}

/// A queue with the numbers of its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueView {
    /// The settings.
    pub queue: Queue,
    /// The numbers of jobs, each up to [`ListQueues::COUNT_MAX`].
    pub counts: QueueCounts,
}

/// Returns queues with the numbers of their jobs.
pub struct ListQueues(Reader<dyn QueueQueries>);

impl ListQueues {
    /// The greatest number of queues that are returned.
    pub const MOST: u32 = 100;
    /// Up to which number jobs are counted.
    pub const COUNT_MAX: u32 = 10_000;

    /// Reads from this store.
    #[must_use]
    pub fn new(queues: Arc<dyn QueueQueries>) -> Self {
        Self(Reader::new(actions::READ_QUEUE, queues))
    }

    /// Reads the queues, in the order of their names.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(&self, actor: &Actor) -> Result<Vec<QueueView>, ListError> {
        let queries = self.0.open(actor)?;
        let mut views = vec![];
        for queue in queries.list_queues(Self::MOST).await? {
            let counts = queries.count_jobs(&queue.name, Self::COUNT_MAX).await?;
            views.push(QueueView { queue, counts });
        }
        Ok(views)
    }

    /// Reads the queue with this name.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, actor: &Actor, name: &QueueName) -> Result<QueueView, GetError> {
        let queries = self.0.open(actor)?;
        let queue = queries.find_queue(name).await?.ok_or(NotFound("queue"))?;
        let counts = queries.count_jobs(name, Self::COUNT_MAX).await?;
        Ok(QueueView { queue, counts })
    }
}
