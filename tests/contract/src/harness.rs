//! The interface between the suite and the adapter under test.

use crate::check::Failure;
use async_trait::async_trait;
use skep_application::Store;
use std::sync::Arc;
use uuid::Uuid;

/// The type that clauses run on: a port such as `dyn RateLimits`, a part of a store such as
/// [`crate::catalog::Products`], the store of a context such as `dyn CatalogStore`, or a whole `dyn Store`.
pub trait Subject: Send + Sync + 'static {}

impl<S: Send + Sync + ?Sized + 'static> Subject for S {}

/// The state of a new store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The store was never migrated.
    Empty,
    /// The store is migrated and has no data.
    Migrated,
}

/// What a clause needs from the harness, apart from the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// [`Instance::second`] shares its data with [`Instance::store`]. Only clauses of rate limits and of queues need this,
    /// because two instances of a store always do.
    Shared,
    /// [`Faults::break_commits`] with this fault.
    CommitFault(CommitFault),
    /// [`Faults::cut_connections`] and [`Faults::isolate`].
    Cut,
    /// [`Faults::fill`].
    Full,
    /// [`Faults::round_trips`].
    RoundTrips,
    /// [`Instance::hosted`], and a store whose schema the clause may change. The store cannot be used afterwards.
    Schema,
    /// [`Instance::sealing`].
    SealedField,
}

/// A fault of commits. It only has to affect units that append an event to the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitFault {
    /// The store refuses to commit and undoes the unit.
    Aborted,
    /// The store commits, but the answer is lost.
    LostWithEffect,
    /// The commit does not reach the store, which undoes the unit. There is no answer.
    LostWithoutEffect,
    /// There is no answer, and the unit stays open in the store until [`Faults::mend`]. Then the commit arrives.
    LostOnItsWay,
}

/// Opens subjects of one kind. This is all that the author of an adapter writes to use the suite.
#[async_trait]
pub trait Harness<S: Subject + ?Sized = dyn Store>: Send + Sync {
    /// The name of the kind of subject, which is the first part of the name of each trial.
    fn name(&self) -> &str;

    /// The reason why this harness cannot provide a need; `None` if it can. By default it provides the subject only,
    /// and clauses that need more are reported as skipped.
    fn lacks(&self, _need: Need) -> Option<&'static str> {
        Some("the harness provides the subject only")
    }

    /// Opens a new subject with its own data. Only the given needs will be used.
    ///
    /// # Errors
    /// The reason why the subject cannot be opened.
    async fn fresh(&self, start: Start, needs: &[Need]) -> Result<Box<dyn Instance<S>>, Failure>;
}

/// A subject, and what the harness can do with it.
#[async_trait]
pub trait Instance<S: Subject + ?Sized = dyn Store>: Send + Sync {
    /// Returns the subject itself.
    fn store(&self) -> Arc<S>;

    /// Opens another instance of the program on the same data. [`Instance::faults`] must not affect it.
    ///
    /// # Errors
    /// The reason why it cannot be opened.
    async fn second(&self) -> Result<Arc<S>, Failure>;

    /// The faults that the harness can make, for the needs that [`Harness::lacks`] does not deny.
    fn faults(&self) -> &dyn Faults {
        &NoFaults
    }

    /// Opens another instance, of a program that embeds Skep and adds the set `suite` after `foundation`, with the
    /// given number of steps, at most three. The third step changes something and then always fails. The set is not
    /// applied yet.
    ///
    /// # Errors
    /// The reason why it cannot be opened.
    async fn hosted(&self, _steps: usize) -> Result<Arc<S>, Failure> {
        Err(Failure::new(UNOFFERED))
    }

    /// Opens another instance, of a program that embeds Skep and has the sealed field `suite_notes.text`, with these rows
    /// and no others. The keys of the rows are UUIDs.
    ///
    /// # Errors
    /// The reason why it cannot be opened.
    async fn sealing(&self, _rows: &[(Uuid, Option<String>)]) -> Result<Arc<S>, Failure> {
        Err(Failure::new(UNOFFERED))
    }

    /// Removes the data of the subject.
    async fn destroy(self: Box<Self>) {}
}

/// The harness of an adapter in this process that needs only a constructor. A clause that opens a second instance on
/// the same data gets the first one.
pub struct InProcess<S: Subject + ?Sized> {
    name: &'static str,
    make: fn() -> Arc<S>,
}

impl<S: Subject + ?Sized> InProcess<S> {
    /// Runs each clause on a new subject from `make`.
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
        Some("the adapter is in this process, without a server or a second instance")
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

/// Makes faults in the server or on the wire of an [`Instance`], never by a wrapper around the store.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Makes each later commit of [`Instance::store`] fail in this way.
    ///
    /// # Errors
    /// The reason why the fault cannot be made.
    async fn break_commits(&self, fault: CommitFault) -> Result<(), Failure>;

    /// Ends the fault. A commit that was on its way has arrived when this returns.
    ///
    /// # Errors
    /// The reason why the fault cannot be ended.
    async fn mend(&self) -> Result<(), Failure>;

    /// The number of commits that faults have lost so far.
    fn lost_commits(&self) -> u64;

    /// Cuts every connection of [`Instance::store`] to its server, once.
    ///
    /// # Errors
    /// The reason why they cannot be cut.
    async fn cut_connections(&self) -> Result<(), Failure>;

    /// Stops all traffic between [`Instance::store`] and its server until [`Faults::mend`].
    ///
    /// # Errors
    /// The reason why it cannot be stopped.
    async fn isolate(&self) -> Result<(), Failure>;

    /// Leaves no space for writes until [`Faults::mend`].
    ///
    /// # Errors
    /// The reason why the space cannot be taken.
    async fn fill(&self) -> Result<(), Failure>;

    /// The number of requests that [`Instance::store`] has sent to its server so far.
    fn round_trips(&self) -> u64;
}

const UNOFFERED: &str = "the harness cannot do this, but its `lacks` does not say so";

/// The faults of a harness that denies all needs.
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
