//! The settings of queues, and the numbers of their jobs.

use super::table::JOBS;
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    jobs::{QueueCounts, QueueQueries, QueueRepository, constraints},
    kernel::StoreError,
};
use skep_domain::{
    jobs::{Concurrency, Priority, Queue, QueueId, QueueName},
    shared::Version,
};
use std::sync::LazyLock;

static QUEUES: LazyLock<Table<Queue>> = LazyLock::new(|| {
    Table::<Queue>::new("queues", "jobs.queue", constraints::QUEUE_ID)
        .key("id", Kind::Uuid, |queue| queue.id.uuid().into())
        .fixed("name", Kind::Text, |queue| queue.name.as_str().into())
        .column("paused_at", Kind::Time, |queue| queue.paused_at.into())
        .nullable()
        .column("updated_at", Kind::Time, |queue| queue.updated_at.into())
        .version(|queue| queue.version)
        .column("concurrency", Kind::Int, |queue| queue.concurrency.map(Concurrency::get).into())
        .nullable()
        .unique(constraints::QUEUE_NAME, &["name"])
        .offers(&[Verb::Insert, Verb::Save])
});

static FIND: LazyLock<Statement> =
    LazyLock::new(|| QUEUES.query("find", "SELECT {*} FROM queues WHERE name = $1", &[Kind::Text], &[]));
static HOLD: LazyLock<Statement> =
    LazyLock::new(|| QUEUES.query("hold", "SELECT {*} FROM queues WHERE id = $1 {for update}", &[Kind::Uuid], &[]));
static LIST: LazyLock<Statement> =
    LazyLock::new(|| QUEUES.query("list", "SELECT {*} FROM queues ORDER BY name LIMIT $1", &[Kind::Int], &[]));
/// Looks up the first job of each queue, and skips the others along the index.
static LIST_UNOPENED: LazyLock<Statement> = LazyLock::new(|| {
    let first = |after: &str| format!("(SELECT min(queue) FROM jobs WHERE state = 'available'{after})");
    let text = format!(
        "WITH RECURSIVE waiting (queue) AS (SELECT {} UNION ALL \
         SELECT {} FROM waiting WHERE waiting.queue IS NOT NULL) \
         SELECT queue FROM waiting WHERE queue IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM queues WHERE name = waiting.queue) LIMIT $1",
        first(""),
        first(" AND jobs.queue > waiting.queue")
    );
    QUEUES.command("list_unopened", &text, &[Kind::Int], &[Kind::Text])
});
/// The conditions on `state` are those of the partial indexes. The oldest job is the oldest of the first ones of each
/// priority, which are read from the index; other jobs are not.
static COUNT_JOBS: LazyLock<Statement> = LazyLock::new(|| {
    let levels: Vec<_> = (Priority::FIRST.get()..=Priority::LAST.get()).map(|level| format!("({level})")).collect();
    // The order makes PostgreSQL read along the index, and so no further than the bound.
    let count = |state: &str, order: &str| {
        let jobs = format!("SELECT 1 FROM jobs WHERE state = '{state}' AND queue = $1 ORDER BY {order} LIMIT $2");
        format!("(SELECT count(*) FROM ({jobs}) AS {state})")
    };
    let oldest = format!(
        "(SELECT min((SELECT ready_at FROM jobs WHERE state = 'available' AND queue = $1 AND priority = column1 \
         ORDER BY ready_at LIMIT 1)) FROM (VALUES {}) AS levels)",
        levels.join(", ")
    );
    let (available, running) = (count("available", "priority, ready_at, id"), count("running", "id"));
    let text = format!("SELECT {available}, {oldest}, {running}");
    JOBS.command("count_in_queue", &text, &[Kind::Text, Kind::Int], &[Kind::Int, Kind::Time, Kind::Int]).long()
});

pub(super) fn declared() -> Declared {
    Declared::table(&QUEUES).statements([&*FIND, &*HOLD, &*LIST, &*LIST_UNOPENED, &*COUNT_JOBS])
}

impl Stored for Queue {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = QueueId::new(row.uuid()?);
        let row_id = RowId("queues", id);
        let concurrency = |number| row_id.read("concurrency", Concurrency::new(number));
        Ok(Self {
            id,
            name: QueueName::stored(row.text()?),
            paused_at: row.optional_time()?,
            updated_at: row.time()?,
            version: row_id.version(row.int()?)?,
            concurrency: row.optional_int()?.map(concurrency).transpose()?,
        })
    }
}

fn read_counts(row: &mut Row) -> Result<QueueCounts, StoreError> {
    Ok(QueueCounts { available: row.count()?, oldest_ready_at: row.optional_time()?, running: row.count()? })
}

#[async_trait]
impl QueueRepository for SqlUnit {
    async fn find(&mut self, name: &QueueName) -> Result<Option<Queue>, StoreError> {
        self.row(&FIND, args![name.as_str()], Queue::read).await
    }

    async fn hold(&mut self, id: QueueId) -> Result<(), StoreError> {
        self.row(&HOLD, args![id.uuid()], Queue::read).await.map(drop)
    }

    async fn insert(&mut self, queue: &Queue) -> Result<(), StoreError> {
        QUEUES.insert(self, queue).await
    }

    async fn save(&mut self, queue: &Queue) -> Result<Version, StoreError> {
        QUEUES.save(self, queue).await
    }
}

#[async_trait]
impl QueueQueries for SqlStore {
    async fn find_queue(&self, name: &QueueName) -> Result<Option<Queue>, StoreError> {
        self.row(&FIND, args![name.as_str()], Queue::read).await
    }

    async fn list_queues(&self, limit: u32) -> Result<Vec<Queue>, StoreError> {
        self.rows(&LIST, args![limit], Queue::read).await
    }

    async fn list_unopened(&self, limit: u32) -> Result<Vec<QueueName>, StoreError> {
        self.rows(&LIST_UNOPENED, args![limit], |row| row.text().map(QueueName::stored)).await
    }

    async fn count_jobs(&self, queue: &QueueName, bound: u32) -> Result<QueueCounts, StoreError> {
        let counts = self.row(&COUNT_JOBS, args![queue.as_str(), bound], read_counts).await?;
        counts.ok_or_else(|| StoreError::Corrupt(format!("{}: no row", COUNT_JOBS.name).into()))
    }
}
