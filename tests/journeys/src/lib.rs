//! Tools for the journeys: the built binary as a process, databases for each test, and a plain HTTP client that checks
//! every answer against the OpenAPI document.

mod answer;
mod binary;
mod call;
mod collector;
mod connection;
mod contract;
mod deployment;
mod mail_server;
mod own_postgres;
mod own_server;
mod pooler;
mod scan_server;
mod schema;
mod server;
mod stored;
mod test_database;
mod wire;
mod written_over;

pub use answer::Answer;
pub use binary::skep;
pub use call::{Call, Client};
pub use collector::{Collector, Span};
pub use connection::Connection;
pub use contract::Contract;
pub use deployment::{Deployment, Output};
pub use mail_server::MailServer;
pub use own_postgres::OwnPostgres;
pub use own_server::{OwnMongod, OwnRedis};
pub use pooler::Pooler;
pub use scan_server::ScanServer;
pub use schema::faults;
pub use server::{Exit, Server, Starting};
pub use test_database::{Store, TestDatabase};
pub use wire::Wire;

use std::time::{Duration, Instant};

/// The longest time that anything may take before it counts as broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Calls `ask` until it returns a value.
///
/// # Panics
/// If it returns no value within [`PATIENCE`].
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
