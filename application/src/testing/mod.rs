//! Doubles for tests: a mock of every port (`Mock…`, beside the port), a mock unit of work per context, stores that
//! follow a script, clocks that stand still and identifiers that count.

mod runtime;
mod store;

pub use crate::{
    catalog::{
        CatalogMocks, MockCatalogTx, MockCategoryQueries, MockCategoryRepository, MockProductQueries,
        MockProductRepository, MockStockQueries, MockStockRepository,
    },
    identity::{
        IdentityMocks, MockAccessTokens, MockIdentityTx, MockOneTimeSecrets, MockPasswordHasher, MockSessionQueries,
        MockSessionRepository, MockSetupTokenRepository, MockUserQueries, MockUserRepository,
    },
    kernel::{
        MockClock, MockFingerprints, MockIdGenerator, MockIdempotencyKeys, MockOutbox, MockOutboxQueries, MockRandom,
        MockRateLimits, MockSleeper,
    },
    operations::{MockInstanceKeys, MockMigrations, MockStoreHealth},
    ordering::{MockOrderQueries, MockOrderRepository, MockOrderingTx, OrderingMocks},
};
pub use runtime::{FixedClock, FixedRandom, SeqIds, SkippingSleeper, fixed_runtime};
pub use store::{Ending, Endings, MockBareUnit, MockUnit, Scripted};
