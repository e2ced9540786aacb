//! Indexing the documents that exist already.

use super::{SearchQueries, SearchRepository, SearchSource, SearchTx, constraints::BUILD_KIND};
use crate::kernel::{Begin, Round, Runtime, StoreError, SweepAll, TxMode, run};
use async_trait::async_trait;
use skep_domain::search::{SearchBuild, SearchBuildId, SearchKind};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// Indexes the documents that were stored before they could be found, or by rules that have changed. It works in
/// batches of one unit of work each, while documents are changed and searched. Several instances may work on one build:
/// each batch is stored by one of them.
pub struct SearchBuilds {
    store: Arc<dyn Begin<dyn SearchTx>>,
    queries: Arc<dyn SearchQueries>,
    sources: Vec<Arc<dyn SearchSource>>,
    runtime: Runtime,
}

impl SearchBuilds {
    /// The greatest number of documents per batch.
    pub const BATCH: usize = 20;

    /// The greatest number of batches in a round of the sweep, so that the other sweeps have their turn.
    const BATCHES_OF_A_SWEEP: u32 = 250;

    /// Builds the index of these sources.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn SearchTx>>,
        queries: Arc<dyn SearchQueries>,
        sources: Vec<Arc<dyn SearchSource>>,
        runtime: Runtime,
    ) -> Self {
        Self { store, queries, sources, runtime }
    }

    /// Begins the build of each kind, or begins it again from the start.
    ///
    /// # Errors
    /// The first error of the store.
    pub async fn start_again(&self) -> Result<(), StoreError> {
        for source in &self.sources {
            self.start(source.kind()).await?;
        }
        Ok(())
    }

    /// Works on all builds until they are done or `stopped` returns true. Calls `progress` after each batch, with
    /// the state and the number of documents in the batch. A build that was interrupted goes on where it was.
    ///
    /// # Errors
    /// The first error of the store. What was indexed before stays.
    pub async fn run(
        &self,
        stopped: &(dyn Fn() -> bool + Send + Sync),
        progress: &mut (dyn FnMut(&SearchBuild, u64) + Send),
    ) -> Result<(), StoreError> {
        for source in &self.sources {
            while !stopped() {
                let kind = source.kind();
                let Some(build) = self.queries.find_build(kind).await?.filter(SearchBuild::is_current) else {
                    self.start(kind).await?;
                    continue;
                };
                if build.is_done() {
                    break;
                }
                let batch = source.batch(build.after.clone()).await?;
                let advanced = build.advanced(batch.ids.len(), batch.after, self.runtime.clock.now());
                source.index(&batch.ids, &advanced).await?;
                progress(&advanced, u64::try_from(batch.ids.len()).unwrap_or_default());
            }
        }
        Ok(())
    }

    async fn start(&self, kind: SearchKind) -> Result<(), StoreError> {
        let id = SearchBuildId::new(self.runtime.ids.next());
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let started = start_in(unit.search(), id, kind).await;
            attempt.end(unit, started).await
        })
        .await
    }
}

async fn start_in(search: &mut dyn SearchRepository, id: SearchBuildId, kind: SearchKind) -> Result<(), StoreError> {
    match search.find_build(kind).await? {
        Some(build) => search.save_build(&build.again()).await.map(drop),
        None => match search.insert_build(&SearchBuild::start(id, kind.name())).await {
            // Another instance was faster. The next attempt finds its build.
            Err(error @ StoreError::Duplicate { constraint: BUILD_KIND }) => Err(StoreError::Retry(error.into())),
            inserted => inserted,
        },
    }
}

/// Stores how far a build is, in the unit of work that has indexed the documents. Returns false, and stores nothing, if
/// another unit has changed the build since it was read.
///
/// # Errors
/// Those of the store.
pub async fn advance(
    search: &mut dyn SearchRepository,
    build: &SearchBuild,
    kind: SearchKind,
) -> Result<bool, StoreError> {
    let stored = search.find_build(kind).await?;
    if stored.is_none_or(|stored| stored.version != build.version) {
        return Ok(false);
    }
    search.save_build(build).await?;
    Ok(true)
}

#[async_trait]
impl SweepAll for SearchBuilds {
    fn name(&self) -> &'static str {
        "documents without their index"
    }

    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        let (mut indexed, batches) = (0, AtomicU32::new(0));
        let stopped = || round.is_stopped() || batches.load(Ordering::Relaxed) >= Self::BATCHES_OF_A_SWEEP;
        let mut progress = |_: &SearchBuild, count| {
            indexed += count;
            batches.fetch_add(1, Ordering::Relaxed);
        };
        let built = self.run(&stopped, &mut progress).await;
        round.swept += indexed;
        built
    }
}

#[cfg(test)]
mod tests;
