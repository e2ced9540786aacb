//! The runner of the migrations, the same for both engines.

use crate::{Migration, SqlSchema, SqlStore};
use async_trait::async_trait;
use skep_application::operations::{MigrationError, MigrationStatus, Migrations};
use skep_domain::shared::Timestamp;
use std::collections::BTreeMap;

type Applied = BTreeMap<i64, Timestamp>;

impl SqlStore {
    /// Locks the schema against the other instances and reads what is applied. A schema that a newer program made is
    /// left alone.
    async fn lock_schema(&self) -> Result<(Box<dyn SqlSchema>, Applied), MigrationError> {
        let mut schema = self.database.schema().await?;
        let applied: Applied = schema.applied().await?.into_iter().collect();
        let known = self.database.migrations().last().map_or(0, |migration| migration.number);
        match applied.keys().next_back() {
            Some(&found) if found > known => Err(MigrationError::Newer { found, known }),
            _ => Ok((schema, applied)),
        }
    }
}

fn status(migration: &Migration, applied_at: Option<Timestamp>) -> MigrationStatus {
    MigrationStatus { number: migration.number, name: migration.name.to_owned(), applied_at }
}

fn failed(migration: &Migration) -> impl FnOnce(skep_application::kernel::StoreError) -> MigrationError {
    let (number, name) = (migration.number, migration.name.to_owned());
    move |source| MigrationError::Failed { number, name, source }
}

#[async_trait]
impl Migrations for SqlStore {
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let (mut schema, applied) = self.lock_schema().await?;
        let mut done = vec![];
        for migration in self.database.migrations() {
            if applied.contains_key(&migration.number) {
                continue;
            }
            let now = self.clock.now();
            schema.apply(migration.number, migration.name, migration.up, now).await.map_err(failed(migration))?;
            tracing::info!(number = migration.number, name = migration.name, "migration applied");
            done.push(status(migration, Some(now)));
        }
        Ok(done)
    }

    async fn down(&self, steps: u32) -> Result<Vec<MigrationStatus>, MigrationError> {
        let (mut schema, applied) = self.lock_schema().await?;
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        let newest_first = self.database.migrations().iter().rev();
        let mut done = vec![];
        for migration in newest_first.filter(|migration| applied.contains_key(&migration.number)).take(steps) {
            schema.revert(migration.number, migration.down).await.map_err(failed(migration))?;
            tracing::info!(number = migration.number, name = migration.name, "migration taken back");
            done.push(status(migration, None));
        }
        Ok(done)
    }

    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let (_schema, applied) = self.lock_schema().await?;
        let migrations = self.database.migrations().iter();
        Ok(migrations.map(|migration| status(migration, applied.get(&migration.number).copied())).collect())
    }
}
