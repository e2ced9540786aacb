//! Migrations, instance keys and health of the double.

use super::{Done, Flaw, Flawed};
use async_trait::async_trait;
use skep_application::{
    kernel::{SealedField, StoreError},
    operations::{
        AppliedStep, Defect, Down, FieldKey, FieldKeys, InstanceKeys, KeyState, MigrationError, MigrationStatus,
        Migrations, Resealed, SealedFields, SealedKey, SealedRow, StoreHealth, StoreUse, next_position,
    },
};
use skep_domain::shared::Timestamp;
use skep_memory::State;

type Moved = Result<Vec<MigrationStatus>, MigrationError>;

impl Flawed {
    fn bend(&self, work: impl FnOnce(&mut State)) {
        let mut state = self.store.state();
        work(&mut state);
        self.store.restore(state);
    }

    /// Accepts a store that should be refused.
    fn touched(&self, moved: Moved) -> Moved {
        match (moved, self.flaw) {
            (Err(MigrationError::Newer { .. }), Flaw::TouchesNewer) => Ok(vec![]),
            (Err(MigrationError::UnknownSet { .. }), Flaw::TouchesUnknownSets) => Ok(vec![]),
            (moved, _) => moved,
        }
    }
}

#[async_trait]
impl Migrations for Flawed {
    async fn up(&self) -> Moved {
        if self.flaw == Flaw::MigratesAgain {
            self.bend(|state| state.applied.clear());
        }
        match (self.touched(self.store.up().await), self.flaw) {
            (Err(MigrationError::Failed { set, number, name, source }), Flaw::RecordsWhatFailed) => {
                self.bend(|state| {
                    let position = next_position(&state.applied);
                    let applied_at = Timestamp::MIN;
                    state.applied.push(AppliedStep { position, set: set.clone(), number, applied_at });
                });
                Err(MigrationError::Failed { set, number, name, source })
            }
            (Ok(mut steps), Flaw::RunsHostsFirst) => {
                steps.reverse();
                Ok(steps)
            }
            (moved, _) => moved,
        }
    }

    async fn down(&self, which: &Down) -> Moved {
        let all = Down::newest(which.steps);
        if self.flaw == Flaw::IgnoresTheNamedSet {
            return self.store.down(&all).await;
        }
        match self.touched(self.store.down(which).await) {
            Err(MigrationError::Needed { .. }) if self.flaw == Flaw::TakesBackTheNeeded => self.store.down(&all).await,
            moved => moved,
        }
    }

    async fn status(&self) -> Moved {
        self.touched(self.store.status().await)
    }
}

#[async_trait]
impl InstanceKeys for Flawed {
    async fn list_keys(&self) -> Done<Vec<SealedKey>> {
        self.seen.list_keys().await
    }
    async fn insert_key(&self, key: &SealedKey) -> Done<bool> {
        let kept = self.store.insert_key(key).await?;
        if !kept && self.flaw == Flaw::KeepsEveryKey {
            self.bend(|state| state.instance_keys.push(key.clone()));
            return Ok(true);
        }
        Ok(kept)
    }
    async fn activate_key(&self, id: &str, expires_at: Timestamp) -> Done<bool> {
        let active = self.store.list_keys().await?.into_iter().find(|key| key.state == KeyState::Active);
        let activated = self.store.activate_key(id, expires_at).await?;
        match (active, self.flaw) {
            (Some(active), Flaw::ForgetsToRetire) => self.bend(|state| {
                for key in state.instance_keys.iter_mut().filter(|key| key.id == active.id) {
                    key.state = KeyState::Active;
                }
            }),
            (_, Flaw::ActivatesAgain) => return Ok(true),
            _ => {}
        }
        Ok(activated)
    }
    async fn reseal_key(&self, id: &str, from: &[u8], to: &[u8]) -> Done<bool> {
        self.store.reseal_key(id, from, to).await
    }
    async fn delete_expired_keys(&self, until: Timestamp) -> Done<u64> {
        let until = if self.flaw == Flaw::ForgetsRetiredKeys { Timestamp::MAX } else { until };
        self.store.delete_expired_keys(until).await
    }
}

#[async_trait]
impl FieldKeys for Flawed {
    async fn list_field_keys(&self) -> Done<Vec<FieldKey>> {
        self.seen.list_field_keys().await
    }
    async fn insert_field_key(&self, key: &FieldKey) -> Done<bool> {
        let kept = self.store.insert_field_key(key).await?;
        if !kept && self.flaw == Flaw::KeepsEveryKey {
            self.bend(|state| state.field_keys.push(key.clone()));
            return Ok(true);
        }
        Ok(kept)
    }
    async fn rewrap_field_key(&self, id: &str, from: &[u8], to: &[u8]) -> Done<bool> {
        self.store.rewrap_field_key(id, from, to).await
    }
}

#[async_trait]
impl SealedFields for Flawed {
    fn sealed_fields(&self) -> Vec<SealedField> {
        self.store.sealed_fields()
    }
    async fn list_sealed(&self, field: SealedField, after: &str, limit: u32) -> Done<Vec<SealedRow>> {
        self.seen.list_sealed(field, after, limit).await
    }
    async fn count_sealed(&self, field: SealedField, from: &str, until: &str) -> Done<u64> {
        self.seen.count_sealed(field, from, until).await
    }
    async fn replace_sealed(&self, field: SealedField, changes: &[Resealed]) -> Done<u64> {
        self.store.replace_sealed(field, changes).await
    }
}

#[async_trait]
impl StoreHealth for Flawed {
    async fn check(&self) -> Done<()> {
        self.store.check().await
    }
    async fn inspect(&self, usage: StoreUse) -> Done<Vec<Defect>> {
        match self.flaw {
            Flaw::FindsDefects if usage == StoreUse::Serve => Ok(vec![Defect::fatal("it is blue", "paint it")]),
            Flaw::MigratesToInspect => {
                self.store.up().await.map_err(|error| StoreError::Unavailable(error.into()))?;
                Ok(vec![])
            }
            _ => self.store.inspect(usage).await,
        }
    }
}
