//! The memory, disk and log of the server.

use super::ground::Ground;
use crate::bench::{Fault, process::memory, stand::Stand};
use mongodb::bson::{Bson, doc};
use rusqlite::OpenFlags;
use serde::Serialize;
use skep_journeys::Store;
use sqlx::{Connection as _, PgConnection};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// The time between two looks at the memory.
const INTERVAL: Duration = Duration::from_millis(20);

/// What the server holds at one moment, in bytes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Marks {
    /// Resident memory.
    pub(crate) memory: u64,
    /// The size of the database. On SQLite, it does not include the write-ahead log, which is used again and again.
    pub(crate) disk: u64,
    pub(crate) log: u64,
}

impl Marks {
    /// Measures now.
    ///
    /// # Errors
    /// If the server has ended, or if the store does not answer.
    pub(crate) fn of(ground: &Ground) -> Result<Self, Fault> {
        let server = ground.server();
        Ok(Self { memory: memory(server.id(), "VmRSS")?, disk: disk(ground.stand())?, log: server.log_size()? })
    }
}

/// The size of a database in bytes.
///
/// # Errors
/// If the store does not answer.
pub(crate) fn disk(stand: &Stand) -> Result<u64, Fault> {
    match (stand.store(), stand.address()) {
        (Store::Postgres(_), Some(address)) => apart(async move {
            let mut connection = PgConnection::connect(&address).await?;
            let query = sqlx::query_scalar("SELECT pg_database_size(current_database())");
            let size: i64 = query.fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(u64::try_from(size)?)
        }),
        (Store::Mongodb(_), Some(address)) => apart(async move {
            let client = mongodb::Client::with_uri_str(&address).await?;
            let database = client.default_database().ok_or("the address has no database")?;
            let stats = database.run_command(doc! { "dbStats": 1 }).await?;
            // What the documents and indexes have taken in files. It does not include the log of the server.
            let bytes = ["storageSize", "indexSize"].into_iter().filter_map(|name| stats.get(name)).filter_map(number);
            Ok(bytes.sum())
        }),
        _ => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let database = rusqlite::Connection::open_with_flags(stand.database(), flags)?;
            let number = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
            Ok(u64::from(number("page_count")?) * u64::from(number("page_size")?))
        }
    }
}

/// A number of bytes, which MongoDB sends in one of three types.
fn number(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size is a whole number")]
        Bson::Double(number) => Some(*number as u64),
        _ => None,
    }
}

/// Runs a future in a thread with its own runtime, because an attack may call this inside of one.
fn apart<T: Send>(work: impl Future<Output = Result<T, Fault>> + Send) -> Result<T, Fault> {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work);
    thread::scope(|scope| scope.spawn(run).join()).map_err(|_| "the store could not be asked")?
}

/// Looks at the memory of the server again and again.
#[derive(Debug)]
pub(crate) struct Watch {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64, String>>,
}

impl Watch {
    pub(crate) fn start(ground: &Ground) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let (id, is_over) = (ground.server().id(), Arc::clone(&end));
        let thread = thread::spawn(move || {
            let mut peak = 0;
            while !is_over.load(Ordering::Relaxed) {
                peak = peak.max(memory(id, "VmRSS").map_err(|fault| format!("the server has ended: {fault}"))?);
                thread::sleep(INTERVAL);
            }
            Ok(peak)
        });
        Self { end, thread }
    }

    /// Returns the greatest resident memory since the start, in bytes.
    ///
    /// # Errors
    /// If the server has ended.
    pub(crate) fn stop(self) -> Result<u64, Fault> {
        self.end.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the watch has failed")??)
    }
}
