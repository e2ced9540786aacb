//! Columns with sealed values, and the statements that follow from their declaration.

use super::{
    Kind, Row, SqlStore, Statement, Value,
    shape::{Role, Shape, arrays, batch},
};
use async_trait::async_trait;
use skep_application::{
    kernel::{SealedField, StoreError, Transaction as _, TxMode, Units as _},
    operations::{Resealed, SealedFields, SealedRow},
};
use skep_domain::shared::Sealed;
use uuid::Uuid;

/// A column with sealed values. They are read along its index, and replaced.
#[derive(Debug)]
pub(crate) struct SealedColumn {
    pub(crate) field: SealedField,
    key: Kind,
    list: Statement,
    count: Statement,
    replace: Statement,
}

impl SealedColumn {
    /// # Panics
    /// If the key of the table is not one column of UUIDs or texts, or the column does not hold texts.
    pub(crate) fn new(table: &Shape, column: &'static str) -> Self {
        let keys: Vec<_> = table.columns.iter().filter(|column| column.role == Role::Key).collect();
        let [key] = keys[..] else { panic!("{} has sealed values and a key of {} columns", table.name, keys.len()) };
        assert!(matches!(key.kind, Kind::Uuid | Kind::Text), "the key of {} is no UUID and no text", table.name);
        assert!(table.kind(column) == Kind::Text, "{}.{column} is sealed and no text", table.name);
        let (name, id) = (table.name, key.name);
        let list = format!("SELECT {id}, {column} FROM {name} WHERE {column} > $1 ORDER BY {column} LIMIT $2");
        let count = format!("SELECT count(*) FROM {name} WHERE {column} >= $1 AND {column} < $2");
        let replace = format!("UPDATE {name} SET {column} = $3 WHERE {id} = $1 AND {column} = $2");
        let kinds = [key.kind, Kind::Text, Kind::Text];
        let many = format!(
            "UPDATE {name} AS stored SET {column} = given.after FROM unnest({}) AS given (id, before, after) \
             WHERE stored.{id} = given.id AND stored.{column} = given.before",
            arrays(&kinds),
        );
        let verb = |verb: &str| format!("{verb}_sealed_{column}");
        let listed: &'static [Kind] = vec![key.kind, Kind::Text].leak();
        Self {
            field: SealedField::new(name, column),
            key: key.kind,
            list: table.command(&verb("list"), &list, &[Kind::Text, Kind::Int], listed),
            count: table.command(&verb("count"), &count, &[Kind::Text, Kind::Text], &[Kind::Int]).long(),
            replace: batch(table.command(&verb("replace"), &replace, &kinds, &[]), many),
        }
    }

    pub(crate) fn statements(&self) -> [&Statement; 3] {
        [&self.list, &self.count, &self.replace]
    }

    /// The key of a row. `None` for a text that no row can have.
    fn key(&self, row: &str) -> Option<Value> {
        match self.key {
            Kind::Uuid => Uuid::try_parse(row).ok().map(Value::from),
            _ => Some(row.into()),
        }
    }

    fn read(&self) -> fn(&mut Row) -> Result<SealedRow, StoreError> {
        match self.key {
            Kind::Uuid => |row| Ok(SealedRow { row: row.uuid()?.to_string(), sealed: Sealed::stored(row.text()?) }),
            _ => |row| Ok(SealedRow { row: row.text()?, sealed: Sealed::stored(row.text()?) }),
        }
    }
}

impl SqlStore {
    fn sealed(&self, field: SealedField) -> Option<&'static SealedColumn> {
        self.declared.sealed().find(|column| column.field == field)
    }
}

#[async_trait]
impl SealedFields for SqlStore {
    fn sealed_fields(&self) -> Vec<SealedField> {
        self.declared.sealed().map(|column| column.field).collect()
    }

    async fn list_sealed(&self, field: SealedField, after: &str, limit: u32) -> Result<Vec<SealedRow>, StoreError> {
        let Some(column) = self.sealed(field) else { return Ok(vec![]) };
        self.rows(&column.list, vec![after.into(), i64::from(limit).into()], column.read()).await
    }

    async fn count_sealed(&self, field: SealedField, from: &str, until: &str) -> Result<u64, StoreError> {
        match self.sealed(field) {
            Some(column) => self.count(&column.count, vec![from.into(), until.into()]).await,
            None => Ok(0),
        }
    }

    async fn replace_sealed(&self, field: SealedField, changes: &[Resealed]) -> Result<u64, StoreError> {
        let Some(column) = self.sealed(field) else { return Ok(0) };
        let rows = changes.iter().filter_map(|Resealed { row, from, to }| {
            Some(vec![column.key(row)?, from.as_str().into(), to.as_str().into()])
        });
        let rows: Vec<_> = rows.collect();
        let mut unit = self.open(TxMode::Write, &[]).await?;
        let replaced = unit.change_many(&column.replace, rows).await?;
        Box::new(unit).commit().await?;
        Ok(replaced)
    }
}
