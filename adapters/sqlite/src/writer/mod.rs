//! Writing units of work on the one connection that writes, with group commit.
//!
//! - [`GroupWriter`](group::GroupWriter) is the connection with the transaction that is open on it: units are its
//!   savepoints, and those who wait for its COMMIT are listed in it.
//! - [`WriteQueue`] hands the writer to one unit after the other, in the order of their coming. The writer is always
//!   *owned* by exactly one place: the queue, where it rests; the [`Lease`](lease::Lease) of a unit, also while that
//!   still lies unread in the channel to its task; or the commit thread. Whoever gives it up, by whatever path
//!   (commit, rollback, drop, cancellation, panic, too old), goes through [`WriteQueue::release`], which passes it on or
//!   sends it to the commit thread. So no future that a caller may drop ever holds the duty to end a group.
//! - The commit thread ([`committer`]) runs the COMMITs, which wait for the disk, and takes the writer away from units
//!   that are too old. It is a thread of its own rather than a task of the runtime's blocking pool, so that neither a
//!   full pool nor a runtime that stops can delay or lose a COMMIT.
//! - The [`Checkpointer`](checkpointer::Checkpointer) moves the write-ahead log into the file, mostly on another thread.
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
