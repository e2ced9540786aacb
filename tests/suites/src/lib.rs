//! Our stores and limiters, as harnesses for the contract suite.

mod flawed;
mod hosted;
mod limits;
mod memory;
mod mongodb;
mod notes;
mod postgres;
mod proxy;
mod sqlite;
mod tickets;
mod wire;

pub use flawed::{MIGRATIONS, SqlFlaw};
pub use limits::{Fallback, Local, Redis};
pub use memory::Memory;
pub use mongodb::{Mongo, open_mongodb};
pub use postgres::{Postgres, open_postgres};
pub use sqlite::Sqlite;
pub use tickets::LocalTickets;

use skep_application::kernel::Clock;
use std::sync::Arc;

/// The clock of the system.
fn clock() -> Arc<dyn Clock> {
    Arc::new(skep_local::SystemClock::new())
}

/// A name that is unique in this process and among running processes.
fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Databases that are migrated and empty. They are reused because making one takes longer than most trials.
#[derive(Default)]
struct Spares(std::sync::Mutex<Vec<String>>);

impl Spares {
    fn names(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take(&self) -> Option<String> {
        self.names().pop()
    }

    fn put(&self, name: String) {
        self.names().push(name);
    }
}

/// Whether the name came from [`unique`] in a process that no longer runs.
fn is_left_behind(name: &str, prefix: &str) -> bool {
    let rest = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    let process = rest.and_then(|rest| rest.split('_').next()).and_then(|id| id.parse::<u32>().ok());
    process.is_some_and(|id| !std::path::Path::new(&format!("/proc/{id}")).exists())
}
