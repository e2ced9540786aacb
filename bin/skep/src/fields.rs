//! The keys of sealed fields while an instance runs: read again every minute, and replaced.

use skep_application::{
    Store,
    kernel::{FieldCipher as _, Runtime},
    operations::{FieldProgress, FieldUses, ResealFields, field_uses},
};
use skep_crypto::{AesFieldCipher, FieldKeyError, FieldKeyRing, InstanceSecrets};
use std::{collections::BTreeMap, sync::Arc};

/// The keys of sealed fields, and the cipher that uses them.
pub struct Fields {
    store: Arc<dyn Store>,
    secrets: InstanceSecrets,
    runtime: Runtime,
    cipher: Arc<AesFieldCipher>,
    reseal: ResealFields,
}

/// What a rotation has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRotation {
    /// The id of the key that seals now.
    pub key_id: String,
    /// Whether the rotation has made a key. If not, it has completed an earlier one, which was interrupted.
    pub is_new: bool,
    /// How far each field came.
    pub fields: Vec<FieldProgress>,
}

impl Fields {
    /// Loads the keys of the store, or makes the first one. Logs the keys that values need and that the deployment does not
    /// have: everything else goes on without them.
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        secrets: InstanceSecrets,
        runtime: Runtime,
    ) -> Result<Self, FieldKeyError> {
        let ring = FieldKeyRing::load_or_create(&*store, &secrets, &runtime).await?;
        for (key_id, fields) in lost(&field_uses(&*store).await?, &ring.ids()) {
            tracing::error!(key_id, fields, "the key of sealed fields is lost: their values cannot be opened");
        }
        let cipher = Arc::new(AesFieldCipher::new(ring));
        let reseal = ResealFields::new(store.clone(), cipher.clone(), runtime.clone());
        Ok(Self { store, secrets, runtime, cipher, reseal })
    }

    /// The cipher for the use cases.
    pub(crate) fn cipher(&self) -> Arc<AesFieldCipher> {
        self.cipher.clone()
    }

    /// Reads the keys again.
    ///
    /// # Errors
    /// [`FieldKeyError`]. The keys that were read before stay in use.
    pub async fn refresh(&self) -> Result<(), FieldKeyError> {
        let ring = FieldKeyRing::open(self.store.list_field_keys().await?, &self.secrets)?;
        if ring.ids().is_empty() {
            return Err(FieldKeyError::Missing);
        }
        if self.cipher.renew(ring) {
            tracing::info!(key_ids = ?self.cipher.key_ids(), "fields are sealed with another key now");
        }
        Ok(())
    }

    /// Waits until a value names a key that this instance has not read. Then [`Fields::refresh`] should follow at once:
    /// requests for such values wait for it, for at most 5 s.
    pub async fn wants_keys(&self) {
        self.cipher.wants_keys().await;
    }

    /// Makes a key that seals from now on, and seals every value again with it, in small batches, while servers run. If an
    /// earlier rotation was interrupted, completes that one and makes no key. Each batch is reported.
    ///
    /// # Errors
    /// [`FieldKeyError`]. What was sealed before stays so, and the next call does the rest.
    pub async fn rotate(
        &self,
        report: &mut (dyn FnMut(&FieldProgress) + Send),
    ) -> Result<FieldRotation, FieldKeyError> {
        self.refresh().await?;
        let mut fields = self.reseal.execute(report).await?;
        let is_new = fields.iter().all(|field| field.resealed == 0);
        if is_new {
            // If another rotation adds a key at the same time, both use that one.
            FieldKeyRing::add(&*self.store, &self.secrets, &self.runtime).await?;
            self.refresh().await?;
            fields = self.reseal.execute(report).await?;
        }
        let key_id = self.cipher.key_ids().pop().ok_or(FieldKeyError::Missing)?;
        Ok(FieldRotation { key_id, is_new, fields })
    }

    /// Wraps the keys of previous secrets again, with the current one. Returns their number.
    ///
    /// # Errors
    /// [`FieldKeyError`].
    pub async fn rewrap(&self) -> Result<usize, FieldKeyError> {
        FieldKeyRing::rewrap(&*self.store, &self.secrets).await
    }
}

/// The values that no key opens: for each key that is not there, its fields with the numbers of their values.
pub(crate) fn lost(uses: &[FieldUses], key_ids: &[String]) -> BTreeMap<String, String> {
    let mut lost = BTreeMap::<String, Vec<String>>::new();
    let is_lost = |uses: &&FieldUses| uses.key_id.as_ref().is_none_or(|key_id| !key_ids.contains(key_id));
    for FieldUses { field, key_id, count } in uses.iter().filter(is_lost) {
        let name = key_id.clone().unwrap_or_else(|| "that they do not name".to_owned());
        lost.entry(name).or_default().push(format!("{count} in {field}"));
    }
    lost.into_iter().map(|(key_id, fields)| (key_id, fields.join(", "))).collect()
}
