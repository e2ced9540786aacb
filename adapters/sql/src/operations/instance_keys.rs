//! The keys of this deployment.

use crate::{
    Kind::{self, Bytes, Text, Time},
    Row, SqlStore, Statement,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::{
    kernel::{StoreError, Transaction, TxMode, Units as _},
    operations::{InstanceKeys, KeyPurpose, SealedKey},
};

const COLUMNS: &[Kind] = &[Text, Text, Bytes, Time];

static LIST: Statement = Statement::both(
    "operations.instance_key.list",
    "SELECT id, purpose, sealed, created_at FROM instance_keys ORDER BY created_at, id",
    &[],
    COLUMNS,
);
static INSERT_FIRST: Statement = Statement::both(
    "operations.instance_key.insert_first",
    "INSERT INTO instance_keys (id, purpose, sealed, created_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (purpose) DO NOTHING",
    COLUMNS,
    &[],
);

pub(crate) static STATEMENTS: &[&Statement] = &[&LIST, &INSERT_FIRST];

fn read(mut row: Row) -> Result<SealedKey, StoreError> {
    let id = row.text()?;
    let purpose = Place("instance_keys", &id).read("purpose", KeyPurpose::from_name(&row.text()?))?;
    Ok(SealedKey { id, purpose, sealed: row.bytes()?, created_at: row.time()? })
}

#[async_trait]
impl InstanceKeys for SqlStore {
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        self.list(&LIST, args![], read).await
    }

    async fn insert_first_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        let mut unit = Box::new(self.open(TxMode::Write, &[]).await?);
        let args = args![key.id.as_str(), key.purpose.name(), key.sealed.clone(), key.created_at];
        let kept = unit.execute(&INSERT_FIRST, args).await? > 0;
        if kept {
            unit.commit().await?;
        } else {
            // Returns when the other instance's key is durable.
            unit.rollback().await?;
        }
        Ok(kept)
    }
}
