//! The keys of this deployment: sealed, at most one for each purpose.

use crate::{
    Kind, Row, SqlStore, Statement, args,
    declared::Declared,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{StoreError, Transaction, TxMode, Units as _},
    operations::{InstanceKeys, KeyPurpose, SealedKey, constraints},
};
use std::sync::LazyLock;

static KEYS: LazyLock<Table<SealedKey>> = LazyLock::new(|| {
    Table::<SealedKey>::new("instance_keys", "operations.instance_key", constraints::INSTANCE_KEY_ID)
        .key("id", Kind::Text, |key| key.id.as_str().into())
        .fixed("purpose", Kind::Text, |key| key.purpose.name().into())
        .fixed("sealed", Kind::Bytes, |key| key.sealed.clone().into())
        .fixed("created_at", Kind::Time, |key| key.created_at.into())
        .unique(constraints::INSTANCE_KEY_PURPOSE, &["purpose"])
        .offers(&[])
});

static LIST: LazyLock<Statement> =
    LazyLock::new(|| KEYS.query("list", "SELECT {*} FROM instance_keys ORDER BY created_at, id", &[], &[]));
static INSERT_FIRST: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO instance_keys ({*}) VALUES ($1, $2, $3, $4) ON CONFLICT (purpose) DO NOTHING";
    KEYS.command("insert_first", text, &KEYS.kinds(), &[])
});

pub(super) fn declared() -> Declared {
    Declared::table(&KEYS).statements([&*LIST, &*INSERT_FIRST])
}

impl Stored for SealedKey {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = row.text()?;
        let purpose = RowId("instance_keys", &id).read("purpose", KeyPurpose::from_name(&row.text()?))?;
        Ok(Self { id, purpose, sealed: row.bytes()?, created_at: row.time()? })
    }
}

#[async_trait]
impl InstanceKeys for SqlStore {
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        self.rows(&LIST, args![], SealedKey::read).await
    }

    async fn insert_first_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        let mut unit = Box::new(self.open(TxMode::Write, &[]).await?);
        let kept = unit.change(&INSERT_FIRST, KEYS.row_of(key)).await? > 0;
        if kept {
            unit.commit().await?;
        } else {
            // Returns when the other instance's key is durable.
            unit.rollback().await?;
        }
        Ok(kept)
    }
}
