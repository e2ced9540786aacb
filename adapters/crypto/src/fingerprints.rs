//! Fingerprints of commands, for idempotency keys.

use ring::hmac;
use skep_application::kernel::Fingerprints;

/// Computes fingerprints by HMAC-SHA-256 with a key of this deployment.
pub struct HmacFingerprints {
    key: hmac::Key,
}

impl HmacFingerprints {
    /// Fingerprints with this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }
}

impl Fingerprints for HmacFingerprints {
    fn fingerprint(&self, command: &[u8]) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hmac::sign(&self.key, command).as_ref());
        fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_fingerprint_is_the_hmac_of_rfc_4231() {
        // Test case 1. HMAC pads its key of 20 bytes with zeros, so the padded key gives the same result.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            hex(&HmacFingerprints::new(&key).fingerprint(b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn another_key_gives_another_fingerprint() {
        assert_ne!(
            HmacFingerprints::new(&[1; 32]).fingerprint(b"a"),
            HmacFingerprints::new(&[2; 32]).fingerprint(b"a")
        );
    }
}
