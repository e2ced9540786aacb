//! The number of calls to run, and the stores to run them on.

use skep_contract::{Failure, Harness};
use skep_suites::{Mongo, Postgres, Sqlite};
use std::{
    env,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};
use tokio::runtime::Runtime;

/// The number of calls, the seed and the runtime.
pub struct Budget {
    /// Calls per store and kind of program.
    pub operations: u64,
    /// The source of all random choices.
    pub seed: u64,
    /// The async runtime of the calls.
    pub runtime: Arc<Runtime>,
}

impl Budget {
    /// Reads `SKEP_MODEL_OPERATIONS` and `SKEP_MODEL_SEED`. The defaults are `operations` and a random seed.
    ///
    /// # Errors
    /// If a variable is not a number.
    pub fn from_env(operations: u64, runtime: Arc<Runtime>) -> Result<Self, Failure> {
        let number = |name: &str| match env::var(name) {
            Ok(text) => text.parse().map(Some).map_err(|_| Failure::new(format!("{name} is not a number: {text}"))),
            Err(_) => Ok(None),
        };
        let operations = number("SKEP_MODEL_OPERATIONS")?.unwrap_or(operations);
        let seed = number("SKEP_MODEL_SEED")?.unwrap_or_else(|| RandomState::new().hash_one(()));
        Ok(Self { operations, seed, runtime })
    }

    pub(crate) fn seed_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&self.seed.to_be_bytes()));
        bytes
    }

    /// How many programs with this average number of calls spend the budget.
    pub(crate) fn programs(&self, calls: usize) -> u32 {
        let calls = u64::try_from(calls).unwrap_or(1).max(1);
        u32::try_from(self.operations.div_ceil(calls)).unwrap_or(u32::MAX)
    }
}

/// SQLite, and the stores whose servers the environment names.
pub struct Stores {
    /// Needs no server.
    pub sqlite: Arc<Sqlite>,
    /// The server at `SKEP_TEST_POSTGRES_URL`.
    pub postgres: Option<Arc<Postgres>>,
    /// The server at `SKEP_TEST_MONGODB_URL`.
    pub mongodb: Option<Arc<Mongo>>,
}

/// The name of a store, and the store or the missing variable with its server address.
pub type Found = (&'static str, Result<Arc<dyn Harness>, &'static str>);

impl Stores {
    /// Reads the addresses of the servers from the environment.
    ///
    /// # Errors
    /// If an address is not a valid URL.
    pub fn from_env() -> Result<Self, Failure> {
        let postgres = match env::var("SKEP_TEST_POSTGRES_URL") {
            Ok(address) => Some(Arc::new(Postgres::new(&address)?)),
            Err(_) => None,
        };
        let mongodb = env::var("SKEP_TEST_MONGODB_URL").ok().map(|address| Arc::new(Mongo::new(&address)));
        Ok(Self { sqlite: Arc::default(), postgres, mongodb })
    }

    /// Deletes the remaining test data on the servers.
    pub async fn close(&self) {
        if let Some(postgres) = &self.postgres {
            postgres.close().await;
        }
        if let Some(mongodb) = &self.mongodb {
            mongodb.close().await;
        }
    }
}

/// All three stores, available or not.
pub fn each_store(stores: &Stores) -> [Found; 3] {
    let postgres = stores.postgres.clone().map(|store| store as Arc<dyn Harness>);
    let mongodb = stores.mongodb.clone().map(|store| store as Arc<dyn Harness>);
    [
        ("sqlite", Ok(stores.sqlite.clone() as Arc<dyn Harness>)),
        ("postgres", postgres.ok_or("SKEP_TEST_POSTGRES_URL")),
        ("mongodb", mongodb.ok_or("SKEP_TEST_MONGODB_URL")),
    ]
}
