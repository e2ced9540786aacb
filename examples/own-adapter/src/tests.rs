use super::{limits::OwnLimits, products::OwnProducts};
use skep_application::{catalog::ProductQueries, kernel::*};
use skep_contract::{InProcess, catalog, limits, prove};
use skep_local::SystemClock;
use std::sync::Arc;

#[async_trait::async_trait]
impl catalog::Products for OwnProducts {
    async fn begin(&self, mode: TxMode, _: &[Key]) -> Result<Box<dyn catalog::ProductsUnit>, StoreError> {
        Ok(Box::new(self.open(mode).await))
    }
    fn queries(&self) -> &dyn ProductQueries {
        self
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limiter_keeps_the_contract() {
    let harness = InProcess::<dyn RateLimits>::new("limits", || Arc::new(OwnLimits::new(Arc::new(SystemClock::new()))));
    let proof = prove(&harness, limits::clauses()).await.unwrap();
    // A limiter of one process shares nothing with others.
    assert_eq!((proof.held, proof.skipped.len()), (limits::clauses().len() - 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_products_keep_the_contract() {
    let harness = InProcess::<dyn catalog::Products>::new("products", || Arc::<OwnProducts>::default());
    let proof = prove(&harness, catalog::products()).await.unwrap();
    assert!(proof.held > 20, "{proof:?}");
}
