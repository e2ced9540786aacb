//! What the suite needs from whoever has a store.

use crate::check::Failure;
use async_trait::async_trait;
use skep_application::{Store, kernel::RateLimits};
use std::sync::Arc;

/// In which state a store is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Never migrated.
    Empty,
    /// Migrated, without data.
    Migrated,
}

/// What a clause takes for granted beyond a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// [`Instance::break_commits`] with this fault.
    CommitFault(CommitFault),
    /// [`Instance::cut_connections`] and [`Instance::isolate`].
    Cut,
    /// [`Instance::fill`].
    Full,
    /// [`Instance::round_trips`].
    RoundTrips,
    /// To move the schema, so that the store is good for nothing else afterwards.
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
    /// No answer comes and the unit stays open in the store; the commit arrives at [`Instance::mend`].
    LostOnItsWay,
}

/// Hands out stores of one kind.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// The name of the kind, the first part of the name of every trial.
    fn name(&self) -> &str;

    /// Why stores of this kind cannot have what a clause needs; `None` if they can.
    fn lacks(&self, need: Need) -> Option<&'static str>;

    /// A new store of its own, on which nothing but `needs` will be asked for.
    ///
    /// # Errors
    /// Why there is none.
    async fn fresh(&self, start: Start, needs: &[Need]) -> Result<Box<dyn Instance>, Failure>;
}

/// One store, and the hands on its server and its wire.
#[async_trait]
pub trait Instance: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Another instance of the program on the same data, out of reach of the faults below.
    ///
    /// # Errors
    /// Why there is none.
    async fn second(&self) -> Result<Arc<dyn Store>, Failure>;

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

    /// Keeps [`Instance::store`] and its server apart, until [`Instance::mend`].
    ///
    /// # Errors
    /// Why they still meet.
    async fn isolate(&self) -> Result<(), Failure>;

    /// Leaves no space for a write, until it is ended by [`Instance::mend`].
    ///
    /// # Errors
    /// Why there is space.
    async fn fill(&self) -> Result<(), Failure>;

    /// How many requests [`Instance::store`] has sent to its server so far.
    fn round_trips(&self) -> u64;

    /// Another instance, of a program that embeds ours and brings the set `suite` of its own, after `foundation`, with
    /// so many steps, at most three. The third always fails, after it has changed something. It is not migrated.
    ///
    /// # Errors
    /// Why there is none.
    async fn hosted(&self, steps: usize) -> Result<Arc<dyn Store>, Failure>;

    /// Removes the store.
    async fn destroy(self: Box<Self>);
}

/// Hands out limiters of one kind.
#[async_trait]
pub trait LimitsHarness: Send + Sync {
    /// The name of the kind, the first part of the name of every trial.
    fn name(&self) -> &str;

    /// Whether instances of the program count together.
    fn is_shared(&self) -> bool;

    /// A limiter that has counted nothing yet.
    ///
    /// # Errors
    /// Why there is none.
    async fn fresh(&self) -> Result<Limiter, Failure>;
}

/// One limiter.
pub struct Limiter {
    /// The limiter.
    pub limits: Arc<dyn RateLimits>,
    /// Another instance that counts together with it, where instances do.
    pub second: Option<Arc<dyn RateLimits>>,
}
