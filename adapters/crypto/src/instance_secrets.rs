//! The secrets of a deployment while its secret is replaced.

use crate::{HmacFingerprints, InstanceSecret, SealError, sealed_with};

/// The current secret, which seals, and the previous one, which only opens. `Debug` never shows them.
#[derive(Debug)]
pub struct InstanceSecrets {
    current: InstanceSecret,
    previous: Option<InstanceSecret>,
}

impl From<InstanceSecret> for InstanceSecrets {
    fn from(current: InstanceSecret) -> Self {
        Self { current, previous: None }
    }
}

impl InstanceSecrets {
    /// The current secret, and the one that it replaces.
    #[must_use]
    pub fn new(current: InstanceSecret, previous: Option<InstanceSecret>) -> Self {
        Self { current, previous }
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

    /// Opens data that was sealed with either secret for the same context.
    ///
    /// # Errors
    /// As [`InstanceSecret::open`].
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        match (self.current.open(context, sealed), &self.previous) {
            (Err(SealError::WrongSecret), Some(previous)) => previous.open(context, sealed),
            (opened, _) => opened,
        }
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
