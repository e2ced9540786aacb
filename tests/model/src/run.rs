//! How much is run, and on what.

use skep_contract::{Failure, Harness};
use skep_suites::{Mongo, Postgres, Sqlite};
use std::{
    env,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};
use tokio::runtime::Runtime;

/// How many calls are made, from which seed.
pub struct Budget {
    /// Calls per store and kind of program.
    pub operations: u64,
    /// Everything random comes from it.
    pub seed: u64,
    /// What the calls run on.
    pub runtime: Arc<Runtime>,
}

impl Budget {
    /// `SKEP_MODEL_OPERATIONS` calls, or so many; from `SKEP_MODEL_SEED`, or a seed of its own.
    ///
    /// # Errors
    /// A variable that is not a number.
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

    /// How many programs of so many calls on average it takes.
    pub(crate) fn programs(&self, calls: usize) -> u32 {
        let calls = u64::try_from(calls).unwrap_or(1).max(1);
        u32::try_from(self.operations.div_ceil(calls)).unwrap_or(u32::MAX)
    }
}

/// The stores whose servers are named.
pub struct Stores {
    /// SQLite needs none.
    pub sqlite: Arc<Sqlite>,
    /// At `SKEP_TEST_POSTGRES_URL`.
    pub postgres: Option<Arc<Postgres>>,
    /// At `SKEP_TEST_MONGODB_URL`.
    pub mongodb: Option<Arc<Mongo>>,
}

/// A store by name, or the variable that would name its server.
pub type Found = (&'static str, Result<Arc<dyn Harness>, &'static str>);

impl Stores {
    /// From the environment.
    ///
    /// # Errors
    /// An address that is none.
    pub fn from_env() -> Result<Self, Failure> {
        let postgres = match env::var("SKEP_TEST_POSTGRES_URL") {
            Ok(address) => Some(Arc::new(Postgres::new(&address)?)),
            Err(_) => None,
        };
        let mongodb = env::var("SKEP_TEST_MONGODB_URL").ok().map(|address| Arc::new(Mongo::new(&address)));
        Ok(Self { sqlite: Arc::default(), postgres, mongodb })
    }

    /// Removes what was left on the servers.
    pub async fn close(&self) {
        if let Some(postgres) = &self.postgres {
            postgres.close().await;
        }
        if let Some(mongodb) = &self.mongodb {
            mongodb.close().await;
        }
    }
}

/// Every store.
pub fn each_store(stores: &Stores) -> [Found; 3] {
    let postgres = stores.postgres.clone().map(|store| store as Arc<dyn Harness>);
    let mongodb = stores.mongodb.clone().map(|store| store as Arc<dyn Harness>);
    [
        ("sqlite", Ok(stores.sqlite.clone() as Arc<dyn Harness>)),
        ("postgres", postgres.ok_or("SKEP_TEST_POSTGRES_URL")),
        ("mongodb", mongodb.ok_or("SKEP_TEST_MONGODB_URL")),
    ]
}
