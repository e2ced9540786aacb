//! Doubles for tests: a mock of every port (`Mock…`, beside the port), a mock unit of work per context, stores that
//! follow a script, clocks that stand still and identifiers that count.

mod runtime;
mod store;

pub use crate::{
    catalog::{MockProductQueries, MockProductRepository, MockStockQueries, MockStockRepository},
    identity::{
        MockAccessTokens, MockOneTimeSecrets, MockPasswordHasher, MockSessionQueries, MockSessionRepository,
        MockSetupTokenRepository, MockUserQueries, MockUserRepository,
    },
    kernel::{
        MockClock, MockFingerprints, MockIdGenerator, MockIdempotencyKeys, MockOutbox, MockOutboxQueries, MockRandom,
        MockSleeper,
    },
    operations::{MockInstanceKeys, MockMigrations, MockRateLimits, MockStoreHealth},
    ordering::{MockOrderQueries, MockOrderRepository},
};
pub use runtime::{FixedClock, FixedRandom, SeqIds, SkippingSleeper, fixed_runtime};
pub use store::{Ending, Endings, MockCatalogTx, MockIdentityTx, MockOperationsTx, MockOrderingTx, Scripted};
