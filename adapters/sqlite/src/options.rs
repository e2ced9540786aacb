//! The options of a database.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

/// Which failures an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// Survives a power cut: every shared COMMIT waits for the disk.
    #[default]
    Full,
    /// Survives any end of the process. A power cut may lose the last commits, but never consistency.
    Normal,
}

/// The options with which a database is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file. If it is missing, it is created with access only for its owner. Its folder must exist and be
    /// on a local disk, because the write-ahead log needs memory that processes share.
    pub path: PathBuf,
    /// Which failures an acknowledged write survives. Default: [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// The most units of work that share one COMMIT. With 1, each unit gets its own. Default: 64.
    pub group_size: usize,
    /// How long a group accepts more units while others queue. With an empty queue it ends at once. Default: 2 ms.
    pub group_age: Duration,
    /// The number of connections that read, and so of reading units that are open at once. Default: one per core.
    pub readers: usize,
    /// How long to wait for the writer, for a reader, or for another process that writes, before the call fails with
    /// `Unavailable`. Default: 5 s.
    pub busy_deadline: Duration,
    /// The longest time that a reading statement may run. It is then interrupted, and the call fails with
    /// `Unavailable`. Default: 5 s.
    pub read_limit: Duration,
    /// The longest time that a unit of work may stay open. After it, the unit is rolled back, its next call fails with
    /// `Retry`, and its connection is free. Default: 5 s.
    pub unit_limit: Duration,
}

impl SqliteOptions {
    /// The defaults for the file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            synchronous: Synchronous::default(),
            group_size: 64,
            group_age: Duration::from_millis(2),
            readers: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            busy_deadline: Duration::from_secs(5),
            read_limit: Duration::from_secs(5),
            unit_limit: Duration::from_secs(5),
        }
    }
}
