//! The keys of sealed fields, wrapped. The one with the greatest number seals.

use crate::{
    Kind, Row, SqlStore, Statement, args,
    declared::Declared,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{StoreError, Transaction as _, TxMode, Units as _},
    operations::{FieldKey, FieldKeys, constraints},
};
use std::sync::LazyLock;

static KEYS: LazyLock<Table<FieldKey>> = LazyLock::new(|| {
    Table::<FieldKey>::new("field_keys", "operations.field_key", constraints::FIELD_KEY_ID)
        .key("id", Kind::Text, |key| key.id.as_str().into())
        .fixed("number", Kind::Int, |key| i64::from(key.number).into())
        .column("wrapped", Kind::Bytes, |key| key.wrapped.clone().into())
        .fixed("created_at", Kind::Time, |key| key.created_at.into())
        .unique(constraints::FIELD_KEY_NUMBER, &["number"])
        .offers(&[])
});

static LIST: LazyLock<Statement> =
    LazyLock::new(|| KEYS.query("list", "SELECT {*} FROM field_keys ORDER BY number", &[], &[]));
static INSERT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO field_keys ({*}) VALUES ({values}) ON CONFLICT (number) DO NOTHING";
    KEYS.command("insert", text, &KEYS.kinds(), &[])
});
static REWRAP: LazyLock<Statement> = LazyLock::new(|| {
    let text = "UPDATE field_keys SET wrapped = $3 WHERE id = $1 AND wrapped = $2";
    KEYS.command("rewrap", text, &[Kind::Text, Kind::Bytes, Kind::Bytes], &[])
});

pub(super) fn declared() -> Declared {
    Declared::table(&KEYS).statements([&*LIST, &*INSERT, &*REWRAP])
}

impl Stored for FieldKey {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = row.text()?;
        let number = RowId("field_keys", &id).count("number", row.int()?)?;
        Ok(Self { id, number, wrapped: row.bytes()?, created_at: row.time()? })
    }
}

impl SqlStore {
    /// Runs the statement in a unit of its own, and returns whether it has changed a row.
    async fn changes_key(&self, statement: &'static Statement, args: Vec<crate::Value>) -> Result<bool, StoreError> {
        let mut unit = self.open(TxMode::Write, &[]).await?;
        let changed = unit.change(statement, args).await? > 0;
        let unit = Box::new(unit);
        // The rollback returns when the change of another instance is durable.
        if changed { unit.commit().await } else { unit.rollback().await }?;
        Ok(changed)
    }
}

#[async_trait]
impl FieldKeys for SqlStore {
    async fn list_field_keys(&self) -> Result<Vec<FieldKey>, StoreError> {
        self.rows(&LIST, args![], FieldKey::read).await
    }

    async fn insert_field_key(&self, key: &FieldKey) -> Result<bool, StoreError> {
        self.changes_key(&INSERT, KEYS.row_of(key)).await
    }

    async fn rewrap_field_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
        self.changes_key(&REWRAP, args![id, from.to_vec(), to.to_vec()]).await
    }
}
