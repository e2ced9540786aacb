//! Stores in memory.

use crate::{clock, hosted};
use async_trait::async_trait;
use skep_application::{Store, operations::Migrations as _};
use skep_contract::{CommitFault, Failure, Faults, Harness, Instance, Need, Start};
use skep_memory::MemoryStore;
use std::sync::Arc;

/// Stores in the memory of this process.
pub struct Memory;

const NO_WIRE: &str = "the store is in memory: there is no wire on which an answer could be lost";

#[async_trait]
impl Harness for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::CommitFault(CommitFault::Aborted) | Need::Full | Need::Schema | Need::Shared => None,
            Need::CommitFault(_) | Need::Cut => Some(NO_WIRE),
            Need::SealedField => Some("a program has no tables of its own in memory, and ours have no sealed field"),
            Need::RoundTrips => Some("the store is in memory: a statement is a call, not a round trip"),
        }
    }

    async fn fresh(&self, start: Start, _needs: &[Need]) -> Result<Box<dyn Instance>, Failure> {
        let store = MemoryStore::new(clock());
        if start == Start::Migrated {
            store.up().await?;
        }
        Ok(Box::new(MemoryInstance(store)))
    }
}

struct MemoryInstance(MemoryStore);

#[async_trait]
impl Instance for MemoryInstance {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    async fn second(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(self.0.clone()))
    }

    fn faults(&self) -> &dyn Faults {
        self
    }

    async fn hosted(&self, steps: usize) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(self.0.clone().with_sets(&[hosted::memory(steps)])?))
    }
}

#[async_trait]
impl Faults for MemoryInstance {
    async fn break_commits(&self, fault: CommitFault) -> Result<(), Failure> {
        match fault {
            CommitFault::Aborted => self.fill().await,
            _ => Err(Failure::new(NO_WIRE)),
        }
    }

    async fn mend(&self) -> Result<(), Failure> {
        self.0.set_capacity(usize::MAX);
        Ok(())
    }

    fn lost_commits(&self) -> u64 {
        0
    }

    async fn cut_connections(&self) -> Result<(), Failure> {
        Err(Failure::new(NO_WIRE))
    }

    async fn isolate(&self) -> Result<(), Failure> {
        Err(Failure::new(NO_WIRE))
    }

    async fn fill(&self) -> Result<(), Failure> {
        self.0.set_capacity(0);
        Ok(())
    }

    fn round_trips(&self) -> u64 {
        0
    }
}
