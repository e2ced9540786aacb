//! The keys of this deployment, sealed. A purpose has one active key, at most one next key, and any number of retired
//! keys.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{StoreError, Transaction, TxMode, Units as _},
    operations::{InstanceKeys, KeyPurpose, KeyState, SealedKey, constraints},
};
use skep_domain::shared::Timestamp;
use std::sync::LazyLock;

static KEYS: LazyLock<Table<SealedKey>> = LazyLock::new(|| {
    Table::<SealedKey>::new("instance_keys", "operations.instance_key", constraints::INSTANCE_KEY_ID)
        .key("id", Kind::Text, |key| key.id.as_str().into())
        .fixed("purpose", Kind::Text, |key| key.purpose.name().into())
        .column("state", Kind::Text, |key| key.state.name().into())
        .column("expires_at", Kind::Time, |key| key.state.expires_at().into())
        .nullable()
        .column("sealed", Kind::Bytes, |key| key.sealed.clone().into())
        .fixed("created_at", Kind::Time, |key| key.created_at.into())
        .unique(constraints::INSTANCE_KEY_STATE, &["purpose", "state"])
        .offers(&[])
});

static LIST: LazyLock<Statement> =
    LazyLock::new(|| KEYS.query("list", "SELECT {*} FROM instance_keys ORDER BY created_at, id", &[], &[]));
static INSERT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO instance_keys ({*}) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (purpose, state) WHERE state <> 'retired' DO NOTHING";
    KEYS.command("insert", text, &KEYS.kinds(), &[])
});
/// Retires the active key of the purpose of a next key. A second instance on PostgreSQL waits here for the first one,
/// and then finds that the key is not active any more.
static RETIRE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "UPDATE instance_keys SET state = 'retired', expires_at = $2 WHERE state = 'active' \
        AND purpose IN (SELECT purpose FROM instance_keys WHERE id = $1 AND state = 'next')";
    KEYS.command("retire", text, &[Kind::Text, Kind::Time], &[])
});
static ACTIVATE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "UPDATE instance_keys SET state = 'active' WHERE id = $1 AND state = 'next'";
    KEYS.command("activate", text, &[Kind::Text], &[])
});
static RESEAL: LazyLock<Statement> = LazyLock::new(|| {
    let text = "UPDATE instance_keys SET sealed = $3 WHERE id = $1 AND sealed = $2";
    KEYS.command("reseal", text, &[Kind::Text, Kind::Bytes, Kind::Bytes], &[])
});
static DELETE_EXPIRED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "DELETE FROM instance_keys WHERE state = 'retired' AND expires_at <= $1";
    KEYS.command("delete_expired", text, &[Kind::Time], &[])
});

pub(super) fn declared() -> Declared {
    Declared::table(&KEYS).statements([&*LIST, &*INSERT, &*RETIRE, &*ACTIVATE, &*RESEAL, &*DELETE_EXPIRED])
}

impl Stored for SealedKey {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = row.text()?;
        let row_id = RowId("instance_keys", &id);
        let purpose = row_id.read("purpose", KeyPurpose::from_name(&row.text()?))?;
        let state = row_id.read("state", KeyState::from_parts(&row.text()?, row.optional_time()?))?;
        Ok(Self { id, purpose, state, sealed: row.bytes()?, created_at: row.time()? })
    }
}

/// Commits the unit if it has changed something. Otherwise the rollback returns when the change of the other instance
/// is durable.
async fn end(unit: SqlUnit, changed: bool) -> Result<bool, StoreError> {
    let unit = Box::new(unit);
    if changed { unit.commit().await } else { unit.rollback().await }?;
    Ok(changed)
}

#[async_trait]
impl InstanceKeys for SqlStore {
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        self.rows(&LIST, args![], SealedKey::read).await
    }

    async fn insert_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        let mut unit = self.open(TxMode::Write, &[]).await?;
        let stored = unit.change(&INSERT, KEYS.row_of(key)).await? > 0;
        end(unit, stored).await
    }

    async fn activate_key(&self, id: &str, expires_at: Timestamp) -> Result<bool, StoreError> {
        let mut unit = self.open(TxMode::Write, &[]).await?;
        let activated =
            unit.change(&RETIRE, args![id, expires_at]).await? > 0 && unit.change(&ACTIVATE, args![id]).await? > 0;
        end(unit, activated).await
    }

    async fn reseal_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
        let mut unit = self.open(TxMode::Write, &[]).await?;
        let resealed = unit.change(&RESEAL, args![id, from.to_vec(), to.to_vec()]).await? > 0;
        end(unit, resealed).await
    }

    async fn delete_expired_keys(&self, until: Timestamp) -> Result<u64, StoreError> {
        let mut unit = self.open(TxMode::Write, &[]).await?;
        let deleted = unit.change(&DELETE_EXPIRED, args![until]).await?;
        Box::new(unit).commit().await?;
        Ok(deleted)
    }
}
