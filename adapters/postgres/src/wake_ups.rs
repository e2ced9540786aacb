//! Messages between instances: `NOTIFY` on a connection of the pool, `LISTEN` on one of its own.

use crate::{
    database::PostgresDatabase,
    fault::{Fault, Meaning},
    wire::{answered, simple},
};
use async_trait::async_trait;
use skep_application::kernel::{Announcement, StoreError, TxMode, WakeUpListener, WakeUps};
use sqlx::{Executor as _, postgres::PgListener};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// The channel. It belongs to the database.
const CHANNEL: &str = "skep_wake_ups";
const PLACE: &str = "the listener for messages of other instances";
/// A connection that was silent for longer is tested: a firewall may have dropped it.
const ASK_AFTER: Duration = Duration::from_secs(30);
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

#[async_trait]
impl WakeUps for PostgresDatabase {
    /// Outside of units of work: the server lets units that notify commit only one after the other.
    async fn send(&self, announcement: Announcement) -> Result<(), StoreError> {
        let message = announcement.message(self.number);
        let deadline = self.acquire_deadline();
        let mut lease = self.pool.acquire(TxMode::Read, deadline).await.map_err(Fault::into_store_error)?;
        let notify = simple(lease.raw(), format!("NOTIFY {CHANNEL}, '{message}'"));
        match answered("notify", self.answer_timeout, notify).await {
            Ok(()) => {
                lease.release();
                Ok(())
            }
            Err(fault) => {
                lease.end(fault.link);
                Err(fault.into_store_error())
            }
        }
    }

    /// At the direct address, if there is one: a pooler that keeps transactions passes no messages on.
    async fn listen(&self) -> Result<Box<dyn WakeUpListener>, StoreError> {
        let server = self.direct.as_ref().unwrap_or(&self.server);
        let deadline = self.acquire_deadline();
        let mut raw = server.open_listener(deadline).await.map_err(Fault::into_store_error)?;
        // A new connection is opened by us, at any of the hosts.
        raw.eager_reconnect(false);
        match timeout_at(deadline, raw.listen(CHANNEL)).await {
            Ok(Ok(())) => Ok(Box::new(PostgresListener { raw, number: self.number })),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_) => Err(Fault::silence(PLACE, self.acquire_timeout).into_store_error()),
        }
    }
}

struct PostgresListener {
    raw: PgListener,
    number: u64,
}

#[async_trait]
impl WakeUpListener for PostgresListener {
    async fn next(&mut self) -> Result<Announcement, StoreError> {
        loop {
            let asked = Instant::now() + ASK_AFTER;
            match timeout_at(asked, self.raw.try_recv()).await {
                Ok(Ok(Some(message))) => {
                    if let Some(announcement) = Announcement::of_message(message.payload(), self.number) {
                        return Ok(announcement);
                    }
                }
                Ok(Ok(None)) => {
                    return Err(Fault::new(PLACE, "the connection broke", Meaning::Unavailable).into_store_error());
                }
                Ok(Err(error)) => return Err(lost(&error)),
                Err(_) => match timeout(ASK_TIMEOUT, self.raw.execute("SELECT 1")).await {
                    Ok(answer) => answer.map(drop).map_err(|error| lost(&error))?,
                    Err(_) => return Err(Fault::silence(PLACE, ASK_TIMEOUT).into_store_error()),
                },
            }
        }
    }
}

fn lost(error: &sqlx::Error) -> StoreError {
    Fault::of(PLACE, error).into_store_error()
}
