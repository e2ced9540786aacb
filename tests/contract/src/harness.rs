//! What the suite needs from an adapter that is put under trial.

use crate::check::Failure;
use async_trait::async_trait;
use skep_application::Store;
use std::sync::Arc;

/// What clauses are run on: a port such as `dyn RateLimits`, a part of a store such as [`crate::catalog::Products`], the
/// store of a context such as `dyn CatalogStore`, or a whole `dyn Store`.
pub trait Subject: Send + Sync + 'static {}

impl<S: Send + Sync + ?Sized + 'static> Subject for S {}

/// In which state a store is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Never migrated.
    Empty,
    /// Migrated, without data.
    Migrated,
}

/// What a clause takes for granted beyond the subject itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// [`Instance::second`] counts together with [`Instance::store`]. Asked for by the clauses of rate limits alone: two
    /// instances of a store always share their data.
    Shared,
    /// [`Faults::break_commits`] with this fault.
    CommitFault(CommitFault),
    /// [`Faults::cut_connections`] and [`Faults::isolate`].
    Cut,
    /// [`Faults::fill`].
    Full,
    /// [`Faults::round_trips`].
    RoundTrips,
    /// [`Instance::hosted`], and a store whose schema may be moved, so that it is useless afterwards.
    Schema,
}

/// What goes wrong with commits. The suite's units append an event to the outbox each, in case that matters to how the
/// fault is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitFault {
    /// The store refuses to commit, and undoes the unit.
    Aborted,
    /// The commit is carried out, but no answer comes.
    LostWithEffect,
    /// The commit does not arrive, no answer comes, and the store undoes the unit.
    LostWithoutEffect,
    /// No answer comes and the unit stays open in the store; the commit arrives at [`Faults::mend`].
    LostOnItsWay,
}

/// Hands out subjects of one kind: all that an adapter's author writes to use the suite.
#[async_trait]
pub trait Harness<S: Subject + ?Sized = dyn Store>: Send + Sync {
    /// The name of the kind, the first part of the name of every trial.
    fn name(&self) -> &str;

    /// Why subjects of this kind cannot have what a clause needs; `None` if they can. A harness that does not say
    /// offers nothing but the subject, and the clauses that need more are reported as skipped.
    fn lacks(&self, _need: Need) -> Option<&'static str> {
        Some("the harness offers the subject alone")
    }

    /// A new subject with data of its own, on which nothing but `needs` will be asked for.
    ///
    /// # Errors
    /// Why it cannot be made.
    async fn fresh(&self, start: Start, needs: &[Need]) -> Result<Box<dyn Instance<S>>, Failure>;
}

/// One subject, and what the harness can do to it.
#[async_trait]
pub trait Instance<S: Subject + ?Sized = dyn Store>: Send + Sync {
    /// The subject.
    fn store(&self) -> Arc<S>;

    /// Another instance of the program on the same data, out of reach of [`Instance::faults`].
    ///
    /// # Errors
    /// Why it cannot be opened.
    async fn second(&self) -> Result<Arc<S>, Failure>;

    /// The hands on the server and the wire, for the needs that [`Harness::lacks`] does not deny.
    fn faults(&self) -> &dyn Faults {
        &NoFaults
    }

    /// Another instance, of a program that embeds ours and brings the set `suite` of its own, after `foundation`, with
    /// so many steps, at most three. The third always fails, after it has changed something. It is not migrated.
    ///
    /// # Errors
    /// Why it cannot be opened.
    async fn hosted(&self, _steps: usize) -> Result<Arc<S>, Failure> {
        Err(Failure::new(UNOFFERED))
    }

    /// Removes the data.
    async fn destroy(self: Box<Self>) {}
}

/// The harness of an adapter that lives in this process and needs nothing but to be made. Where a clause
/// asks for a second instance on the same data, it gets the first one.
pub struct InProcess<S: Subject + ?Sized> {
    name: &'static str,
    make: fn() -> Arc<S>,
}

impl<S: Subject + ?Sized> InProcess<S> {
    /// Puts what `make` returns under trial, a new one for each clause.
    #[must_use]
    pub const fn new(name: &'static str, make: fn() -> Arc<S>) -> Self {
        Self { name, make }
    }
}

#[async_trait]
impl<S: Subject + ?Sized> Harness<S> for InProcess<S> {
    fn name(&self) -> &str {
        self.name
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        Some("the adapter is in this process: it has no server, and no second instance")
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<S>>, Failure> {
        Ok(Box::new(Made((self.make)())))
    }
}

struct Made<S: ?Sized>(Arc<S>);

#[async_trait]
impl<S: Subject + ?Sized> Instance<S> for Made<S> {
    fn store(&self) -> Arc<S> {
        self.0.clone()
    }

    async fn second(&self) -> Result<Arc<S>, Failure> {
        Ok(self.0.clone())
    }
}

/// The hands on the server and the wire of an [`Instance`]. Faults are made there, never by a wrapper around the store.
#[async_trait]
pub trait Faults: Send + Sync {
    /// From now on every commit of [`Instance::store`] goes wrong.
    ///
    /// # Errors
    /// Why the fault cannot be made.
    async fn break_commits(&self, fault: CommitFault) -> Result<(), Failure>;

    /// Ends the fault. A commit that was on its way has arrived when this returns.
    ///
    /// # Errors
    /// Why it goes on.
    async fn mend(&self) -> Result<(), Failure>;

    /// How many commits were lost so far, by the faults that lose them.
    fn lost_commits(&self) -> u64;

    /// Cuts every connection of [`Instance::store`] to its server, once.
    ///
    /// # Errors
    /// Why they are not cut.
    async fn cut_connections(&self) -> Result<(), Failure>;

    /// Keeps [`Instance::store`] and its server apart, until [`Faults::mend`].
    ///
    /// # Errors
    /// Why they still meet.
    async fn isolate(&self) -> Result<(), Failure>;

    /// Leaves no space for a write, until it is ended by [`Faults::mend`].
    ///
    /// # Errors
    /// Why there is space.
    async fn fill(&self) -> Result<(), Failure>;

    /// How many requests [`Instance::store`] has sent to its server so far.
    fn round_trips(&self) -> u64;
}

const UNOFFERED: &str = "the harness cannot do this, but its `lacks` does not say so";

/// The hands of a harness that denies every need.
struct NoFaults;

#[async_trait]
impl Faults for NoFaults {
    async fn break_commits(&self, _: CommitFault) -> Result<(), Failure> {
        Err(Failure::new(UNOFFERED))
    }
    async fn mend(&self) -> Result<(), Failure> {
        Err(Failure::new(UNOFFERED))
    }
    fn lost_commits(&self) -> u64 {
        0
    }
    async fn cut_connections(&self) -> Result<(), Failure> {
        Err(Failure::new(UNOFFERED))
    }
    async fn isolate(&self) -> Result<(), Failure> {
        Err(Failure::new(UNOFFERED))
    }
    async fn fill(&self) -> Result<(), Failure> {
        Err(Failure::new(UNOFFERED))
    }
    fn round_trips(&self) -> u64 {
        0
    }
}
