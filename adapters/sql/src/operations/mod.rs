//! Operation of the store: keys, migrations and health.

mod field_keys;
mod instance_keys;
mod migrations;

pub(crate) use migrations::{SETS, scripts};
pub use migrations::{SqlCode, SqlSet, SqlStep, SqlWork};

use crate::{SqlStore, declared::Declared};
use async_trait::async_trait;
use skep_application::{
    kernel::StoreError,
    operations::{Defect, StoreHealth, StoreUse},
};

pub(crate) fn declared() -> Declared {
    instance_keys::declared().and(field_keys::declared())
}

#[async_trait]
impl StoreHealth for SqlStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }

    async fn inspect(&self, usage: StoreUse) -> Result<Vec<Defect>, StoreError> {
        let tables: Vec<_> = self.declared.tables().chain([migrations::RECORD]).collect();
        self.database.inspect(usage, &tables).await
    }
}
