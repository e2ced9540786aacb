//! The connections that read. Statements hold no lock: a connection is taken out of the pool, used, and put back. They
//! run inline on the async thread, except for long ones.

use crate::{
    connection::open_reader,
    errors::during,
    options::SqliteOptions,
    session::Session,
    stats::{PoolStats, Waiting},
};
use skep_application::kernel::StoreError;
use skep_sql::{Declared, Row, Statement, Value};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, TryAcquireError};

/// The pool of connections that read.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Session>>,
    /// One permit for each connection that may be in use.
    permits: Semaphore,
    max: usize,
    waiting: Waiting,
    /// The open reading units, with the time when each began.
    units: Mutex<Vec<(Weak<Slot>, Instant)>>,
    busy_deadline: Duration,
    read_limit: Duration,
    unit_limit: Duration,
}

impl Readers {
    pub(crate) fn open(options: &SqliteOptions) -> Result<Arc<Self>, StoreError> {
        let number = options.readers.max(1);
        let session = |_| Session::with_limit(open_reader(&options.path)?, options.read_limit);
        let idle: Result<Vec<Session>, StoreError> = (0..number).map(session).collect();
        Ok(Arc::new(Self {
            path: options.path.clone(),
            idle: Mutex::new(idle?),
            permits: Semaphore::new(number),
            max: number,
            waiting: Waiting::default(),
            units: Mutex::default(),
            busy_deadline: options.busy_deadline,
            read_limit: options.read_limit,
            unit_limit: options.unit_limit,
        }))
    }

    /// Takes a connection out of the pool. Waits for a free one until the deadline.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Reader, StoreError> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(closed()),
            Err(TryAcquireError::NoPermits) => {
                let _one = self.waiting.one();
                match tokio::time::timeout(self.busy_deadline, self.permits.acquire()).await {
                    Ok(Ok(permit)) => permit,
                    Ok(Err(_)) => return Err(closed()),
                    Err(_) => {
                        self.waiting.was_in_vain();
                        return Err(StoreError::Unavailable("every connection for reading is in use".into()));
                    }
                }
            }
        };
        let idle = lock(&self.idle).pop();
        let session = match idle {
            Some(session) => session,
            None => Session::with_limit(open_reader(&self.path)?, self.read_limit)?,
        };
        permit.forget();
        Ok(Reader { session: Some(session), pool: Arc::clone(self) })
    }

    /// Runs one reading statement. If the file is busy, it tries again until the deadline. Readers find the file busy
    /// only while another process recovers or closes it.
    pub(crate) async fn read(
        self: &Arc<Self>,
        statement: &'static Statement,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut reader = self.take().await?;
        let deadline = Instant::now() + self.busy_deadline;
        loop {
            let rows = if statement.is_long {
                let args = args.clone();
                let apart = move || {
                    let rows = reader.session().and_then(|session| session.query(statement, &args));
                    (reader, rows)
                };
                let (back, rows) =
                    tokio::task::spawn_blocking(apart).await.map_err(|error| StoreError::Unavailable(error.into()))?;
                reader = back;
                rows
            } else {
                reader.session()?.query(statement, &args)
            };
            match rows {
                Err(StoreError::Retry(cause)) if Instant::now() >= deadline => {
                    return Err(StoreError::Unavailable(cause));
                }
                Err(StoreError::Retry(_)) => tokio::time::sleep(Duration::from_millis(2)).await,
                result => return result,
            }
        }
    }

    /// Closes the idle connections. The others are closed when they are put back.
    pub(crate) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }

    /// Takes the connections from units that are too old. A forgotten unit would keep the write-ahead log from being
    /// emptied, and would block other readers.
    pub(crate) fn expire(&self) {
        let mut old = Vec::new();
        lock(&self.units).retain(|(slot, since)| {
            let expired = since.elapsed() > self.unit_limit;
            if expired {
                old.extend(slot.upgrade());
            }
            !expired && slot.strong_count() > 0
        });
        for slot in old {
            if lock(&slot).take().is_some() {
                tracing::warn!("a reading unit of work was open for too long and was ended");
            }
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let used = self.max.saturating_sub(self.permits.available_permits());
        self.waiting.stats(self.max, used)
    }

    /// The number of free connections in the pool.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        lock(&self.idle).len()
    }

    fn put_back(&self, session: Session) {
        if session.in_transaction() && session.control("ROLLBACK").is_err() {
            // The session is dropped. The next caller that finds no idle connection opens a new one.
        } else if !self.permits.is_closed() {
            lock(&self.idle).push(session);
        }
        self.permits.add_permits(1);
    }
}

/// A connection that was taken out of the pool. Dropping it puts it back.
pub(crate) struct Reader {
    session: Option<Session>,
    pool: Arc<Readers>,
}

impl Reader {
    pub(crate) fn session(&mut self) -> Result<&mut Session, StoreError> {
        self.session.as_mut().ok_or_else(closed)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.put_back(session);
        }
    }
}

type Slot = Mutex<Option<Reader>>;

/// A reading unit of work. All its statements see the state that the first one saw.
pub(crate) struct ReadUnit {
    slot: Arc<Slot>,
    failed: bool,
}

impl ReadUnit {
    pub(crate) async fn begin(readers: &Arc<Readers>) -> Result<Self, StoreError> {
        let mut reader = readers.take().await?;
        reader.session()?.control("BEGIN DEFERRED").map_err(|error| during("begin", error))?;
        let slot = Arc::new(Mutex::new(Some(reader)));
        lock(&readers.units).push((Arc::downgrade(&slot), Instant::now()));
        Ok(Self { slot, failed: false })
    }

    pub(crate) fn run<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        // Counts as failed until the work has succeeded, so that a panic counts too.
        self.failed = true;
        let mut slot = lock(&self.slot);
        let reader = slot.as_mut().ok_or_else(|| StoreError::Retry("the unit of work was open for too long".into()))?;
        let done = work(reader.session()?)?;
        self.failed = false;
        Ok(done)
    }

    /// Runs statements, all of which fail if they write. No rule is violated, so none is declared.
    pub(crate) fn change<T>(
        &mut self,
        work: impl FnOnce(&mut Session, &Declared) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(|session| work(session, &Declared::default()))
    }

    pub(crate) fn commit(self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::after_error()) } else { self.end() }
    }

    /// Ends the unit. Everything that it read was durable, because other connections see nothing else.
    pub(crate) fn end(self) -> Result<(), StoreError> {
        match lock(&self.slot).take() {
            Some(_) => Ok(()),
            None => Err(StoreError::Retry("the unit of work was open for too long".into())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves nothing half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".into())
}

#[cfg(test)]
mod tests {
    use crate::PoolStats;
    use crate::testing::{
        COUNT, COUNTER, Fixture, INCREMENT, count, declared, insert, kind, poll_once, statement, until,
    };
    use skep_application::kernel::TxMode;
    use skep_sql::{Kind, SqlDatabase, Statement};
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(40);

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reading_unit_sees_one_state_and_writes_nothing() {
        let fixture = Fixture::new();
        let mut reading = fixture.begin(TxMode::Read).await.unwrap();
        assert_eq!(count(&mut *reading).await, 0);
        fixture.unit_with(1).await.commit().await.unwrap();
        assert_eq!(count(&mut *reading).await, 0);
        assert_eq!(fixture.db.read(&COUNT, vec![]).await.unwrap()[0].int().unwrap(), 1);
        reading.commit().await.unwrap();
        let mut reading = fixture.begin(TxMode::Read).await.unwrap();
        assert_eq!(count(&mut *reading).await, 1);
        assert_ne!(kind(&insert(&mut *reading, 2).await), "ok");
        assert_eq!(kind(&reading.query(&COUNT, vec![]).await), "unavailable", "an error ends the unit");
        assert_eq!(kind(&reading.commit().await), "unavailable");
        assert_eq!(fixture.ids(), [1]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_is_put_back_has_no_open_transaction() {
        let fixture = Fixture::with(|options| options.readers = 1);
        let mut reading = fixture.begin(TxMode::Read).await.unwrap();
        assert_eq!(count(&mut *reading).await, 0);
        drop(reading);
        fixture.unit_with(1).await.commit().await.unwrap();
        assert_eq!(fixture.db.read(&COUNT, vec![]).await.unwrap()[0].int().unwrap(), 1);
        let mut reading = fixture.begin(TxMode::Read).await.unwrap();
        assert_eq!(count(&mut *reading).await, 1);
        reading.rollback().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_waits_for_a_free_connection() {
        let fixture = Fixture::with(|options| {
            options.readers = 1;
            options.busy_deadline = SHORT;
        });
        let reading = fixture.begin(TxMode::Read).await.unwrap();
        assert_eq!(kind(&fixture.db.read(&COUNT, vec![]).await), "unavailable");
        let (read, ()) = tokio::join!(fixture.db.read(&COUNT, vec![]), async { drop(reading) });
        assert_eq!(kind(&read), "ok");
        assert_eq!(kind(&fixture.db.read(&COUNT, vec![]).await), "ok");
        let stats = PoolStats { used: 0, idle: 1, max: 1, pending: 0, timeouts: 1 };
        assert_eq!(fixture.db.reader_stats(), stats);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_beyond_the_limit_is_interrupted() {
        static ENDLESS: Statement = statement(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            &[],
            &[Kind::Int],
        );
        let fixture = Fixture::with(|options| {
            options.readers = 1;
            options.read_limit = SHORT;
        });
        assert_eq!(kind(&fixture.db.read(&ENDLESS, vec![]).await), "unavailable");
        assert_eq!(kind(&fixture.db.read(&COUNT, vec![]).await), "ok", "the next statement has the whole limit");
        let mut unit = fixture.begin(TxMode::Read).await.unwrap();
        assert_eq!(kind(&unit.query(&ENDLESS, vec![]).await), "unavailable");
    }

    #[test]
    fn a_long_statement_leaves_its_thread_to_other_tasks() {
        static LONG: Statement = statement("SELECT count(*) FROM users", &[], &[Kind::Int]).long();
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build();
        runtime.unwrap().block_on(async {
            let fixture = Fixture::new();
            // While the only other thread is busy, a long statement waits for it.
            let (release, busy) = std::sync::mpsc::channel::<()>();
            let other = tokio::task::spawn_blocking(move || busy.recv());
            let mut read = fixture.db.read(&LONG, vec![]);
            assert!(poll_once(&mut read).is_none());
            assert_eq!(kind(&fixture.db.read(&COUNT, vec![]).await), "ok", "a short one does not");
            drop(release);
            assert_eq!(read.await.unwrap()[0].int().unwrap(), 0);
            assert!(other.await.unwrap().is_err());
            assert_eq!(fixture.db.reader_stats().used, 0);
        });
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_forgotten_reading_unit_is_ended() {
        let fixture = Fixture::with(|options| {
            options.readers = 1;
            options.unit_limit = SHORT;
        });
        let mut forgotten = fixture.begin(TxMode::Read).await.unwrap();
        assert_eq!(kind(&fixture.db.read(&COUNT, vec![]).await), "ok");
        assert_eq!(kind(&forgotten.query(&COUNT, vec![]).await), "retry");
        drop(forgotten);
        let unit = fixture.begin(TxMode::Read).await.unwrap();
        until("the unit has been ended", || fixture.db.readers().idle() == 1).await;
        assert_eq!(kind(&unit.commit().await), "retry");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_committed_write_is_seen_by_every_reader() {
        let fixture = Fixture::with(|options| options.readers = 3);
        let mut tasks = Vec::new();
        for _ in 0..16 {
            let db = fixture.db.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..20 {
                    let mut unit = db.begin(TxMode::Write, &[], &declared()).await.unwrap();
                    unit.execute(&INCREMENT, vec![]).await.unwrap();
                    let written = unit.query(&COUNTER, vec![]).await.unwrap()[0].int().unwrap();
                    unit.commit().await.unwrap();
                    assert!(db.read(&COUNTER, vec![]).await.unwrap()[0].int().unwrap() >= written);
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(fixture.counter().await, 16 * 20);
        assert_eq!(fixture.db.readers().idle(), 3);
    }
}
