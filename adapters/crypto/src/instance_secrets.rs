//! The secrets of a deployment while its secret is replaced.

use crate::{HmacFingerprints, InstanceSecret, SealError, sealed_with};
use std::sync::Arc;

/// The current secret, which seals, and those that it replaces, which only open. `Debug` never shows them.
#[derive(Debug, Clone)]
pub struct InstanceSecrets {
    current: Arc<InstanceSecret>,
    previous: Vec<Arc<InstanceSecret>>,
}

impl From<InstanceSecret> for InstanceSecrets {
    fn from(current: InstanceSecret) -> Self {
        Self::new(current, None)
    }
}

impl InstanceSecrets {
    /// The current secret, and the one that it replaces.
    #[must_use]
    pub fn new(current: InstanceSecret, previous: Option<InstanceSecret>) -> Self {
        Self { current: Arc::new(current), previous: previous.into_iter().map(Arc::new).collect() }
    }

    /// These secrets for keys that have secrets of their own. If there is a `current` one, it seals in place of ours. All
    /// open.
    #[must_use]
    pub fn with_own(&self, current: Option<InstanceSecret>, previous: Option<InstanceSecret>) -> Self {
        let ours = std::iter::once(self.current.clone()).chain(self.previous.iter().cloned());
        let mut all = current.map(Arc::new).into_iter().chain(ours).chain(previous.map(Arc::new));
        Self { current: all.next().unwrap_or_else(|| self.current.clone()), previous: all.collect() }
    }

    /// Seals with the current secret.
    ///
    /// # Errors
    /// As [`InstanceSecret::seal`].
    pub fn seal(&self, context: &str, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        self.current.seal(context, plaintext)
    }

    /// Fingerprints by a key that is derived from the current secret for this purpose, and for no other one. They change
    /// with the secret.
    ///
    /// # Errors
    /// `Failed` if it cannot be derived.
    pub fn fingerprints(&self, purpose: &str) -> Result<HmacFingerprints, SealError> {
        Ok(HmacFingerprints::new(&self.current.derive_key(purpose)?))
    }

    /// Opens data that was sealed with one of the secrets for the same context.
    ///
    /// # Errors
    /// As [`InstanceSecret::open`].
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut opened = self.current.open(context, sealed);
        for previous in &self.previous {
            if opened != Err(SealError::WrongSecret) {
                break;
            }
            opened = previous.open(context, sealed);
        }
        opened
    }

    /// Whether the data was sealed with the current secret.
    ///
    /// # Errors
    /// As [`InstanceSecret::id`].
    pub fn has_sealed_now(&self, sealed: &[u8]) -> Result<bool, SealError> {
        Ok(sealed_with(sealed) == Some(self.current.id()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CountingRandom;
    use skep_application::kernel::Fingerprints as _;

    #[test]
    fn each_secret_and_each_purpose_has_other_fingerprints() {
        let random = CountingRandom::default();
        let [one, two] = [(); 2].map(|()| InstanceSecret::generate(&random).to_text());
        let read = |text: &str| InstanceSecret::from_text(text).unwrap();
        let of = |secrets: &InstanceSecrets, purpose| secrets.fingerprints(purpose).unwrap().fingerprint(b"text");
        let before = InstanceSecrets::from(read(&one));
        assert_eq!(of(&before, "a"), of(&InstanceSecrets::from(read(&one)), "a"));
        assert_ne!(of(&before, "a"), of(&before, "b"));
        let after = InstanceSecrets::new(read(&two), Some(read(&one)));
        assert_ne!(of(&before, "a"), of(&after, "a"));
    }

    #[test]
    fn an_own_secret_seals_and_those_of_the_instances_still_open() {
        let random = CountingRandom::default();
        let [instance, own, next] = [(); 3].map(|()| InstanceSecret::generate(&random).to_text());
        let read = |text: &str| InstanceSecret::from_text(text).unwrap();
        let instances = InstanceSecrets::from(read(&instance));
        let without = instances.with_own(None, None);
        let with = instances.with_own(Some(read(&own)), None);
        let after = instances.with_own(Some(read(&next)), Some(read(&own)));
        let back = instances.with_own(None, Some(read(&own)));
        let [by_instance, by_own, by_next] = [&without, &with, &after].map(|secrets| secrets.seal("c", b"k").unwrap());
        for (secrets, opened) in [(&without, 1), (&with, 2), (&after, 3), (&back, 2)] {
            let all = [&by_instance, &by_own, &by_next];
            assert_eq!(all.iter().filter(|sealed| secrets.open("c", sealed).is_ok()).count(), opened);
        }
        assert_eq!(sealed_with(&back.seal("c", b"k").unwrap()), sealed_with(&by_instance));
        assert_eq!((with.has_sealed_now(&by_own), with.has_sealed_now(&by_instance)), (Ok(true), Ok(false)));
    }

    #[test]
    fn the_current_secret_seals_and_both_open() {
        let random = CountingRandom::default();
        let [old, new, other] = [(); 3].map(|()| InstanceSecret::generate(&random).to_text());
        let read = |text: &str| InstanceSecret::from_text(text).unwrap();
        let both = InstanceSecrets::new(read(&new), Some(read(&old)));
        let (before, after) = (read(&old).seal("c", b"inside").unwrap(), both.seal("c", b"inside").unwrap());
        for sealed in [&before, &after] {
            assert_eq!(both.open("c", sealed).unwrap(), b"inside");
            assert_eq!(both.open("d", sealed), Err(SealError::Damaged));
        }
        assert_eq!((both.has_sealed_now(&before), both.has_sealed_now(&after)), (Ok(false), Ok(true)));
        assert_eq!(InstanceSecrets::from(read(&new)).open("c", &before), Err(SealError::WrongSecret));
        assert_eq!(InstanceSecrets::from(read(&new)).open("c", &after).unwrap(), b"inside");
        assert_eq!(both.open("c", &read(&other).seal("c", b"").unwrap()), Err(SealError::WrongSecret));
    }
}
