//! Migrations, keys of the deployment, health.

use crate::{Done, MemoryStore, State, store::MemoryUnit};
use async_trait::async_trait;
use skep_application::{
    kernel::{SealedField, StoreError, Transaction as _, TxMode, Units as _},
    operations::{
        AppliedStep, Defect, Down, FOUNDATION, FieldKey, FieldKeys, InstanceKeys, KeyState, MigrationError,
        MigrationSet, MigrationStatus, MigrationStep, Migrations, Resealed, SealedFields, SealedKey, SealedRow,
        StoreHealth, StoreUse,
        constraints::{FIELD_KEY_ID, INSTANCE_KEY_ID},
        next_position,
    },
};
use skep_domain::shared::Timestamp;

/// The work of a migration step. The tables exist without any step, so most steps do nothing. A program that embeds the
/// store can use a step to prepare data that it keeps elsewhere.
pub type MemoryStep = fn() -> Result<(), StoreError>;

/// Migration steps of a program that embeds the store.
pub type MemorySet = MigrationSet<MemoryStep>;

pub(crate) const SETS: &[MemorySet] =
    &[MemorySet { name: FOUNDATION, after: &[], steps: &[MigrationStep { name: "tables", work: || Ok(()) }] }];

impl MemoryStore {
    /// Adds the steps of a program that embeds the store. They run after those of the store.
    ///
    /// # Errors
    /// `Misdeclared` if a name is not valid or not unique, or a set names a later one in `after`.
    pub fn with_sets(self, sets: &[MemorySet]) -> Result<Self, MigrationError> {
        let Self { memory, schedule, clock } = self;
        Ok(Self { memory, schedule: schedule.and(sets)?, clock })
    }

    fn applied(&self) -> Result<Vec<AppliedStep>, MigrationError> {
        let applied = self.state().applied.to_vec();
        self.schedule.check(&applied)?;
        Ok(applied)
    }

    /// Changes the state in a separate unit of work.
    async fn change<T>(&self, work: impl FnOnce(&mut State) -> Done<T>) -> Done<T> {
        let mut unit: MemoryUnit = self.open(TxMode::Write, &[]).await?;
        let done = unit.run(work).await?;
        Box::new(unit).commit().await?;
        Ok(done)
    }
}

#[async_trait]
impl Migrations for MemoryStore {
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let _turn = self.turn().await;
        let mut done = vec![];
        for step in self.schedule.missing(&self.applied()?) {
            (step.work)().map_err(|error| step.failed(error))?;
            let mut state = self.state();
            let (position, applied_at) = (next_position(&state.applied), self.clock.now());
            let record = AppliedStep { position, set: step.set.to_owned(), number: step.number, applied_at };
            state.applied.push(record);
            self.restore(state);
            done.push(step.status(Some(applied_at)));
        }
        Ok(done)
    }

    /// When the last step is reverted, the store becomes empty.
    async fn down(&self, which: &Down) -> Result<Vec<MigrationStatus>, MigrationError> {
        let _turn = self.turn().await;
        let back = self.schedule.back(&self.applied()?, which)?;
        let mut state = self.state();
        state.applied.retain(|found| back.iter().all(|(_, position)| *position != found.position));
        self.restore(if state.applied.is_empty() { State::default() } else { state });
        Ok(back.iter().map(|(step, _)| step.status(None)).collect())
    }

    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        Ok(self.schedule.status(&self.applied()?))
    }
}

#[async_trait]
impl InstanceKeys for MemoryStore {
    async fn list_keys(&self) -> Done<Vec<SealedKey>> {
        let mut keys = self.state().instance_keys.to_vec();
        keys.sort_by_key(|key| key.created_at);
        Ok(keys)
    }

    async fn insert_key(&self, key: &SealedKey) -> Done<bool> {
        self.change(|state| {
            let in_its_place =
                |other: &SealedKey| other.purpose == key.purpose && other.state == key.state && !is_retired(other);
            if state.instance_keys.iter().any(in_its_place) {
                return Ok(false);
            }
            if state.instance_keys.iter().any(|other| other.id == key.id) {
                return Err(StoreError::Duplicate { constraint: INSTANCE_KEY_ID });
            }
            state.instance_keys.push(key.clone());
            Ok(true)
        })
        .await
    }

    async fn activate_key(&self, id: &str, expires_at: Timestamp) -> Done<bool> {
        self.change(|state| {
            let keys = &state.instance_keys;
            let Some(next) = keys.iter().position(|key| key.id == id && key.state == KeyState::Next) else {
                return Ok(false);
            };
            let purpose = keys[next].purpose;
            let Some(active) = keys.iter().position(|key| key.purpose == purpose && key.state == KeyState::Active)
            else {
                return Ok(false);
            };
            state.instance_keys[active].state = KeyState::Retired { expires_at };
            state.instance_keys[next].state = KeyState::Active;
            Ok(true)
        })
        .await
    }

    async fn reseal_key(&self, id: &str, from: &[u8], to: &[u8]) -> Done<bool> {
        self.change(|state| {
            let key = state.instance_keys.iter_mut().find(|key| key.id == id && key.sealed == from);
            Ok(key.map(|key| key.sealed = to.to_vec()).is_some())
        })
        .await
    }

    async fn delete_expired_keys(&self, until: Timestamp) -> Done<u64> {
        self.change(|state| {
            let before = state.instance_keys.len();
            state.instance_keys.retain(|key| key.state.expires_at().is_none_or(|expires_at| expires_at > until));
            Ok((before - state.instance_keys.len()) as u64)
        })
        .await
    }
}

#[async_trait]
impl FieldKeys for MemoryStore {
    async fn list_field_keys(&self) -> Done<Vec<FieldKey>> {
        let mut keys = self.state().field_keys.to_vec();
        keys.sort_by_key(|key| key.number);
        Ok(keys)
    }

    async fn insert_field_key(&self, key: &FieldKey) -> Done<bool> {
        self.change(|state| {
            if state.field_keys.iter().any(|other| other.number == key.number) {
                return Ok(false);
            }
            if state.field_keys.iter().any(|other| other.id == key.id) {
                return Err(StoreError::Duplicate { constraint: FIELD_KEY_ID });
            }
            state.field_keys.push(key.clone());
            Ok(true)
        })
        .await
    }

    async fn rewrap_field_key(&self, id: &str, from: &[u8], to: &[u8]) -> Done<bool> {
        self.change(|state| {
            let key = state.field_keys.iter_mut().find(|key| key.id == id && key.wrapped == from);
            Ok(key.map(|key| key.wrapped = to.to_vec()).is_some())
        })
        .await
    }
}

/// No table of the store has a sealed value, and a program has no tables of its own in it.
#[async_trait]
impl SealedFields for MemoryStore {
    fn sealed_fields(&self) -> Vec<SealedField> {
        vec![]
    }

    async fn list_sealed(&self, _: SealedField, _: &str, _: u32) -> Done<Vec<SealedRow>> {
        Ok(vec![])
    }

    async fn count_sealed(&self, _: SealedField, _: &str, _: &str) -> Done<u64> {
        Ok(0)
    }

    async fn replace_sealed(&self, _: SealedField, _: &[Resealed]) -> Done<u64> {
        Ok(0)
    }
}

fn is_retired(key: &SealedKey) -> bool {
    matches!(key.state, KeyState::Retired { .. })
}

#[async_trait]
impl StoreHealth for MemoryStore {
    async fn check(&self) -> Done<()> {
        Ok(())
    }

    async fn inspect(&self, _: StoreUse) -> Done<Vec<Defect>> {
        Ok(vec![])
    }
}
