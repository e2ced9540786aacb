//! `FileUsageRepository`.

use super::{FileUsages, FileUsagesUnit};
use crate::{
    check::Checked,
    clause::clauses,
    laws::{Entity, Unique, Versioned, saves},
    sample,
};
use async_trait::async_trait;
use skep_application::{files::constraints::FILE_USAGE_OWNER, kernel::StoreError};
use skep_domain::{
    files::FileUsage,
    shared::{UserId, Version},
};

clauses! { clauses of "file_usage" on dyn FileUsages, with [saves::clauses::<FileUsage>("file_usage")]: }

#[async_trait]
impl Entity for FileUsage {
    type Id = UserId;
    type Store = dyn FileUsages;
    type Tx = dyn FileUsagesUnit;
    const UNIQUE: &'static [Unique<Self>] =
        &[Unique { rule: FILE_USAGE_OWNER, collide: |one, other| other.owner_id = one.owner_id, on_save: false }];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        Ok(Self { files: 3, bytes: 1_000, uploads: 1, ..Self::none(sample::user_id()) })
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let most = i64::MAX.unsigned_abs();
        Ok(vec![
            Self::none(sample::user_id()),
            Self { files: u32::MAX, bytes: most, uploads: u32::MAX, ..Self::none(sample::user_id()) },
            Self { bytes: sample::BEYOND_DOUBLE.unsigned_abs(), ..Self::none(sample::user_id()) },
        ])
    }

    fn id(&self) -> UserId {
        self.owner_id
    }

    async fn find(tx: &mut Self::Tx, id: UserId) -> Result<Option<Self>, StoreError> {
        tx.file_usage().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.file_usage().insert(self).await
    }
}

#[async_trait]
impl Versioned for FileUsage {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        let number = u32::try_from(round)?;
        (self.files, self.bytes, self.uploads) = (10 * number, 1_000 * u64::from(number), 100 + number);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.file_usage().save(self).await
    }
}
