//! The connections of the process.
//!
//! A connection returns to the pool only through [`Lease::release`], when it is certainly outside of a transaction. It
//! can then be used without asking the server. A lease that is dropped otherwise (after an error or a canceled call)
//! is cleaned in a separate task: it reads the pending answers and rolls the transaction back. Until then the
//! connection counts as used, so that the server never has more connections than the maximum.

use crate::{
    fault::{Fault, Link, Meaning},
    known::Era,
    options::PostgresOptions,
    server::{Opened, Patience, Server},
};
use skep_application::kernel::{TxMode, max_writers};
use sqlx::{Connection, Executor, PgConnection};
use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

/// A connection that was idle for longer is tested before use: a firewall may have dropped it, and then no answer would
/// ever come.
const ASK_AFTER: Duration = Duration::from_secs(30);
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that was idle for longer is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(10 * 60);
/// A connection that is older is closed when it is returned, because the server's sessions grow.
const AGE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// The limit for cleaning a connection if statements have no limit.
const CLEAN_TIMEOUT: Duration = Duration::from_secs(60);
/// The number of units of work that open connections at the same time. Others reuse the connections that these return.
/// In a rush on an empty pool, one password hash per connection would take longer than the units themselves.
const OPENING_AT_ONCE: usize = 4;

/// The current usage of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// Open connections, in use or not.
    pub size: usize,
    /// Open connections that are not in use.
    pub idle: usize,
    /// The most connections that may be open.
    pub max: usize,
    /// Callers that wait for a connection.
    pub pending: usize,
    /// Callers that gave up waiting, since the pool was created.
    pub timeouts: u64,
}

pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    server: Arc<Server>,
    clean_timeout: Duration,
    permits: Arc<Semaphore>,
    /// The connections that units of work may use which write. A unit takes one of these before one of `permits`.
    writers: Arc<Semaphore>,
    max_writers: usize,
    opening: Semaphore,
    /// Wakes a caller that waits to open a connection.
    returned: Notify,
    max: usize,
    /// The connection that was used last is at the back, and is used next.
    idle: Mutex<VecDeque<Pooled>>,
    size: Arc<AtomicUsize>,
    pending: AtomicUsize,
    timeouts: AtomicU64,
    /// Connections of an earlier generation are not used again.
    generation: AtomicU64,
}

struct Pooled {
    raw: PgConnection,
    opened: Instant,
    released: Instant,
    generation: u64,
    era: Era,
    _counted: Counted,
}

/// Counts an open connection until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(size: &Arc<AtomicUsize>) -> Self {
        size.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(size))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a waiting caller until it is dropped.
struct Pending<'a>(&'a AtomicUsize);

impl<'a> Pending<'a> {
    fn new(pending: &'a AtomicUsize) -> Self {
        pending.fetch_add(1, Ordering::Relaxed);
        Self(pending)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(crate) fn new(options: &PostgresOptions, server: Arc<Server>) -> Self {
        let max = usize::try_from(options.max_connections.max(1)).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let max_writers = max_writers(max);
        Self(Arc::new(Shared {
            server,
            clean_timeout: options.answer_timeout().unwrap_or(CLEAN_TIMEOUT),
            permits: Arc::new(Semaphore::new(max)),
            writers: Arc::new(Semaphore::new(max_writers)),
            max_writers,
            opening: Semaphore::new(OPENING_AT_ONCE),
            returned: Notify::new(),
            max,
            idle: Mutex::default(),
            size: Arc::default(),
            pending: AtomicUsize::new(0),
            timeouts: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        }))
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let idle = self.0.idle().len();
        PoolStats {
            size: self.0.size.load(Ordering::Relaxed).max(idle),
            idle,
            max: self.0.max,
            pending: self.0.pending.load(Ordering::Relaxed),
            timeouts: self.0.timeouts.load(Ordering::Relaxed),
        }
    }

    /// Takes an idle connection or opens one. Waits for a turn if all that this mode may use are in use.
    pub(crate) async fn acquire(&self, mode: TxMode, deadline: Instant) -> Result<Lease, Fault> {
        let shared = &self.0;
        let writer = match mode {
            TxMode::Read => None,
            TxMode::Write => {
                let text = || format!("all {} connections for changes are in use", shared.max_writers);
                Some(shared.turn(&shared.writers, deadline, text).await?)
            }
        };
        let text = || format!("all {} connections are in use", shared.max);
        let permit = shared.turn(&shared.permits, deadline, text).await?;
        let mut lease = Lease::new(shared, Permit { _any: permit, _writer: writer });
        let mut turn = pin!(timeout_at(deadline, self.0.opening.acquire()));
        let turn = loop {
            if lease.take_unused().await {
                return Ok(lease);
            }
            let _pending = Pending::new(&self.0.pending);
            tokio::select! {
                turn = &mut turn => break turn.ok().and_then(Result::ok),
                () = self.0.returned.notified() => {}
            }
        };
        let _turn = turn.ok_or_else(|| {
            self.0.timeouts.fetch_add(1, Ordering::Relaxed);
            let text = "other connections are still being opened";
            Fault::new("the pool of PostgreSQL connections", text, Meaning::Unavailable)
        })?;
        // Waiting for a free connection may take longer than opening one.
        let limit = Instant::now().checked_add(self.0.server.open_timeout()).unwrap_or(deadline);
        lease.renew(deadline.min(limit)).await?;
        Ok(lease)
    }

    /// Asks the server over an idle connection. Without one, or if it is dead, over a new connection.
    pub(crate) async fn check(&self, deadline: Instant) -> Result<(), Fault> {
        if let Ok(permit) = Arc::clone(&self.0.permits).try_acquire_owned() {
            let mut lease = Lease::new(&self.0, Permit { _any: permit, _writer: None });
            if lease.take_unused().await && lease.answers().await {
                lease.release();
                return Ok(());
            }
            lease.discard();
        }
        let raw = self.0.server.open(Patience::Once, deadline).await?.raw;
        // The server has answered, so an error while closing does not matter.
        let _ = timeout_at(deadline, raw.close()).await;
        Ok(())
    }
}

impl Shared {
    async fn turn(
        &self,
        permits: &Arc<Semaphore>,
        deadline: Instant,
        text: impl FnOnce() -> String,
    ) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _pending = Pending::new(&self.pending);
        timeout_at(deadline, Arc::clone(permits).acquire_owned()).await.ok().and_then(Result::ok).ok_or_else(|| {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
            Fault::new("the pool of PostgreSQL connections", text(), Meaning::Unavailable)
        })
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Pooled>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, of those that may be used.
    fn unused(&self) -> Option<Pooled> {
        let era = self.server.era();
        let mut idle = self.idle();
        while let Some(pooled) = idle.pop_back() {
            if pooled.era == era {
                return Some(pooled);
            }
        }
        None
    }

    /// Takes back a connection that is outside of a transaction.
    fn put(&self, mut pooled: Pooled) {
        let now = Instant::now();
        let old = now.duration_since(pooled.opened) > AGE_LIMIT;
        let mut idle = self.idle();
        if !old && pooled.generation == self.generation.load(Ordering::Relaxed) && pooled.era == self.server.era() {
            pooled.released = now;
            idle.push_back(pooled);
            self.returned.notify_one();
        }
        while idle.front().is_some_and(|oldest| now.duration_since(oldest.released) > IDLE_LIMIT) {
            idle.pop_front();
        }
    }

    /// Prevents any further use of the connections that exist now.
    fn expire(&self) {
        let mut idle = self.idle();
        self.generation.fetch_add(1, Ordering::Relaxed);
        idle.clear();
    }
}

/// The right to use one connection.
struct Permit {
    _any: OwnedSemaphorePermit,
    _writer: Option<OwnedSemaphorePermit>,
}

/// The use of one connection. On drop, its transaction is rolled back and it is returned, both in the background.
pub(crate) struct Lease {
    pooled: Option<Pooled>,
    permit: Option<Permit>,
    shared: Arc<Shared>,
    reused: bool,
    in_transaction: bool,
}

impl Lease {
    fn new(shared: &Arc<Shared>, permit: Permit) -> Self {
        Self { pooled: None, permit: Some(permit), shared: Arc::clone(shared), reused: false, in_transaction: false }
    }

    /// Takes an idle connection, and returns whether there was one that works.
    async fn take_unused(&mut self) -> bool {
        let Some(pooled) = self.shared.unused() else { return false };
        let unused_for = pooled.released.elapsed();
        self.pooled = Some(pooled);
        self.reused = true;
        if unused_for > ASK_AFTER && !self.answers().await {
            self.close();
        }
        self.pooled.is_some()
    }

    async fn answers(&mut self) -> bool {
        matches!(timeout(ASK_TIMEOUT, self.raw().ping()).await, Ok(Ok(())))
    }

    /// Closes the connection, if there is one, because it has failed.
    fn close(&mut self) {
        if let Some(pooled) = self.pooled.take() {
            self.shared.server.doubt_after(pooled.era);
        }
    }

    /// Closes the connection, if there is one, and opens a new one.
    pub(crate) async fn renew(&mut self, deadline: Instant) -> Result<(), Fault> {
        self.close();
        self.reused = false;
        self.in_transaction = false;
        let generation = self.shared.generation.load(Ordering::Relaxed);
        let Opened { raw, era } = self.shared.server.open(Patience::Again, deadline).await?;
        let opened = Instant::now();
        let counted = Counted::new(&self.shared.size);
        self.pooled = Some(Pooled { raw, opened, released: opened, generation, era, _counted: counted });
        Ok(())
    }

    pub(crate) fn raw(&mut self) -> &mut PgConnection {
        &mut self.pooled.as_mut().expect("a lease has its connection until it ends").raw
    }

    /// Whether the connection was used before, so that it may be dead unnoticed.
    pub(crate) fn reused(&self) -> bool {
        self.reused
    }

    /// Call before `BEGIN`. After this, dropping the lease rolls back.
    pub(crate) fn enter_transaction(&mut self) {
        self.in_transaction = true;
    }

    /// Returns the connection. It must be outside of a transaction, with no pending answer.
    pub(crate) fn release(mut self) {
        if let Some(pooled) = self.pooled.take() {
            self.shared.put(pooled);
        }
    }

    /// Closes the connection.
    fn discard(mut self) {
        self.close();
    }

    /// Ends the lease after an error.
    pub(crate) fn end(self, link: Link) {
        match link {
            Link::Works => drop(self),
            Link::Unfit | Link::Lost => self.discard(),
            Link::Outdated => {
                self.shared.expire();
                self.discard();
            }
        }
    }

    pub(crate) fn expire_others(&self) {
        self.shared.expire();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut pooled) = self.pooled.take() else { return };
        // Outside of a runtime the connection is closed, which also rolls back.
        let Ok(runtime) = Handle::try_current() else { return };
        let (permit, shared, in_transaction) = (self.permit.take(), Arc::clone(&self.shared), self.in_transaction);
        runtime.spawn(async move {
            let cleaned = timeout(shared.clean_timeout, clean(&mut pooled.raw, in_transaction)).await;
            if cleaned == Ok(true) {
                shared.put(pooled);
            } else {
                shared.server.doubt_after(pooled.era);
                drop(pooled);
            }
            drop(permit);
        });
    }
}

/// Reads pending answers and rolls back. Returns whether the connection can be used again.
async fn clean(raw: &mut PgConnection, in_transaction: bool) -> bool {
    // An error may belong to an earlier statement whose caller was canceled. Our request was then not sent yet.
    for _ in 0..4 {
        let done = if in_transaction { raw.execute("ROLLBACK").await.map(drop) } else { raw.ping().await };
        match done {
            Ok(()) => return true,
            Err(error) if Fault::of("clean", &error).link == Link::Works => {}
            Err(_) => return false,
        }
    }
    false
}
