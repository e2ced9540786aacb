//! Seals fields again, with the newest key.

use super::{Resealed, SealedFields, SealedRow};
use crate::kernel::{CipherError, FieldCipher, FieldPlace, Runtime, SealedField, StoreError, run};
use skep_domain::shared::Sealed;
use std::sync::Arc;

/// How far a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProgress {
    /// The column that the progress is about.
    pub field: SealedField,
    /// How many values were sealed again so far.
    pub resealed: u64,
    /// How many values of older keys there were at the start.
    pub to_reseal: u64,
    /// The values that could not be opened so far. They stay as they are.
    pub unopened: u64,
    /// The first of them.
    pub first_unopened: Option<Unopened>,
    /// Whether every value of the field was read.
    pub is_done: bool,
}

/// A value that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unopened {
    /// Where it is stored.
    pub place: FieldPlace,
    /// Why it could not.
    pub error: CipherError,
}

/// How many values of a field a key has sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldUses {
    /// The column that has the values.
    pub field: SealedField,
    /// The id of the key, as the values have it. `None` for values that are not sealed, or by another version.
    pub key_id: Option<String>,
    /// How many values there are. Of values that name no key, at most ten are counted.
    pub count: u64,
}

/// Seals the values of every declared field again, with the newest key.
///
/// It reads along the values and not along the rows: values of one key are neighbors, so those of the newest key are
/// passed over in one step. A run that was interrupted has nothing to remember, because the next one finds only what is
/// left. It changes a value only if it is still the one that was read, so it can run beside servers and other runs.
pub struct ResealFields {
    fields: Arc<dyn SealedFields>,
    cipher: Arc<dyn FieldCipher>,
    runtime: Runtime,
}

impl ResealFields {
    /// How many values are read and replaced at a time.
    pub const BATCH: u32 = 100;

    /// Seals the fields of this store with this cipher.
    #[must_use]
    pub fn new(fields: Arc<dyn SealedFields>, cipher: Arc<dyn FieldCipher>, runtime: Runtime) -> Self {
        Self { fields, cipher, runtime }
    }

    /// Seals all values of older keys again. `report` gets the progress after each batch and at the end of each
    /// field. Returns how far each field came.
    ///
    /// # Errors
    /// Those of the store. What was sealed before stays so; the next run does the rest.
    pub async fn execute(
        &self,
        report: &mut (dyn FnMut(&FieldProgress) + Send),
    ) -> Result<Vec<FieldProgress>, StoreError> {
        let mut all = vec![];
        let Some(newest) = self.cipher.key_ids().pop() else { return Ok(all) };
        for field in declared(&*self.fields) {
            all.push(self.reseal(field, &newest, report).await?);
        }
        Ok(all)
    }

    async fn reseal(
        &self,
        field: SealedField,
        newest: &str,
        report: &mut (dyn FnMut(&FieldProgress) + Send),
    ) -> Result<FieldProgress, StoreError> {
        let (start, end) = (Sealed::start(newest), Sealed::end(newest));
        let before = self.fields.count_sealed(field, "", &start).await?;
        let to_reseal = before + self.fields.count_sealed(field, &end, Sealed::END).await?;
        let mut progress =
            FieldProgress { field, resealed: 0, to_reseal, unopened: 0, first_unopened: None, is_done: false };
        let mut after = String::new();
        loop {
            let mut rows = self.fields.list_sealed(field, &after, Self::BATCH).await?;
            let Some(last) = rows.last() else { break };
            after = last.sealed.as_str().to_owned();
            if let Some(at) = rows.iter().position(|row| row.sealed.key_id() == Some(newest)) {
                rows.truncate(at);
                after.clone_from(&end);
            }
            if !rows.is_empty() {
                self.replace(field, rows, &mut progress).await?;
                report(&progress);
            }
        }
        progress.is_done = true;
        report(&progress);
        Ok(progress)
    }

    /// Opens the values and seals them again.
    async fn replace(
        &self,
        field: SealedField,
        rows: Vec<SealedRow>,
        progress: &mut FieldProgress,
    ) -> Result<(), StoreError> {
        let mut changes = vec![];
        for SealedRow { row, sealed: from } in rows {
            let place = field.of(&row);
            match self.cipher.open(&place, &from) {
                Ok(value) => changes.push(Resealed { row, to: self.cipher.seal(&place, &value.0)?, from }),
                Err(error) => {
                    progress.unopened += 1;
                    progress.first_unopened.get_or_insert(Unopened { place, error });
                }
            }
        }
        if !changes.is_empty() {
            let changes = &changes;
            // A repeat finds what is left, so an unknown outcome needs no event.
            let replaced = run(&self.runtime, None, |_| self.fields.replace_sealed(field, changes)).await?;
            progress.resealed += replaced;
        }
        Ok(())
    }
}

/// The declared fields, in the order of their names.
fn declared(fields: &dyn SealedFields) -> Vec<SealedField> {
    let mut declared = fields.sealed_fields();
    declared.sort_unstable();
    declared.dedup();
    declared
}

/// The most values without a key that [`field_uses`] counts of a field.
const COUNTED: u64 = 10;

/// Which keys have sealed the values of the declared fields. It reads one value and one count for each key, and at most
/// ten values that name no key.
///
/// # Errors
/// Those of the store.
pub async fn field_uses(fields: &dyn SealedFields) -> Result<Vec<FieldUses>, StoreError> {
    let mut uses = vec![];
    for field in declared(fields) {
        let (mut after, mut without_key) = (String::new(), 0);
        while let Some(row) = fields.list_sealed(field, &after, 1).await?.pop() {
            if let Some(key_id) = row.sealed.key_id() {
                after = Sealed::end(key_id);
                let count = fields.count_sealed(field, &Sealed::start(key_id), &after).await?;
                uses.push(FieldUses { field, key_id: Some(key_id.to_owned()), count });
                continue;
            }
            without_key += 1;
            if without_key == COUNTED {
                break;
            }
            row.sealed.as_str().clone_into(&mut after);
        }
        if without_key > 0 {
            uses.push(FieldUses { field, key_id: None, count: without_key });
        }
    }
    Ok(uses)
}

#[cfg(test)]
mod tests;
