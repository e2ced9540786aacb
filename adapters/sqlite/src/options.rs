//! What can be chosen about a database.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// A power cut: every shared COMMIT waits for the disk.
    #[default]
    Full,
    /// The end of the process, however violent; a power cut may take the last commits, never consistency.
    Normal,
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file. It is created, for its owner alone, if it is missing; its folder must exist, and must be on a
    /// local disk: the write-ahead log needs memory that processes share.
    pub path: PathBuf,
    /// What an acknowledged write survives. Default: [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// The most units of work that share one COMMIT; 1 gives each its own. Default: 64.
    pub group_size: usize,
    /// How long a group takes in more units while others queue; when nobody queues it ends at once. Default: 2 ms.
    pub group_age: Duration,
    /// Connections for reading; the most reading units that are open at once. Default: one per core.
    pub readers: usize,
    /// How long to wait for the writer, for a reader, and for another process that writes, before the store counts as
    /// unavailable. Default: 5 s.
    pub busy_deadline: Duration,
    /// The longest that a reading statement may run; then it is interrupted, and the store counts as unavailable.
    /// Default: 5 s.
    pub read_limit: Duration,
    /// The longest that a unit of work may stay open. An older one is undone, its next call answers `Retry`, and its
    /// connection is free for the next. Default: 5 s.
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
