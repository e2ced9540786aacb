//! Writing units of work on the one connection that writes, with group commit.
//!
//! - [`GroupWriter`](group::GroupWriter) is the connection with its open transaction. Units are savepoints of it, and
//!   the callers that wait for its COMMIT are listed in it.
//! - [`WriteQueue`] hands the writer to one unit after the other, in the order of their arrival. Exactly one place
//!   *owns* the writer: the queue, while it is idle; the [`Lease`](lease::Lease) of a unit, even while it is still
//!   unread in the channel to the unit's task; or the commit thread. On every path (commit, rollback, drop,
//!   cancellation, panic, expiry) the owner gives it up through [`WriteQueue::release`], which passes it on or sends it
//!   to the commit thread. So ending a group never depends on a future that a caller may drop.
//! - The commit thread ([`committer`]) runs the COMMITs, which wait for the disk, and takes the writer away from units
//!   that are too old. It is a separate thread instead of a task on the runtime's blocking pool, so that neither a full
//!   pool nor a stopping runtime can delay or lose a COMMIT.
//! - The [`Checkpointer`](checkpointer::Checkpointer) moves the write-ahead log into the file, mostly on another
//!   thread.
//! - [`WriteUnit`] is the unit of work.

mod checkpointer;
mod committer;
mod group;
mod lease;
mod queue;
#[cfg(test)]
mod tests;
mod unit;

pub(crate) use checkpointer::LogMover;
pub(crate) use queue::WriteQueue;
pub use queue::WriterStats;
pub(crate) use unit::WriteUnit;
