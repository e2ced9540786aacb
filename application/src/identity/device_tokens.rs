//! The tokens of devices that an account has logged in from.

use super::OneTimeSecrets;
use crate::kernel::{Fingerprints, hex};
use skep_domain::identity::KnownDevice;
use std::{sync::Arc, time::Duration};

/// What every token begins with, so that scanners of secrets recognize one.
const PREFIX: &str = "skep_dt_";
/// The hexadecimal digits of the device, and of the seal.
const PARTS: (usize, usize) = (KnownDevice::BYTES * 2, 32);

/// The token of a device, which a login on it shows.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken {
    /// The token.
    pub text: String,
    /// How long it is valid.
    pub expires_in: Duration,
}

impl std::fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceToken").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Makes and reads the tokens of devices.
///
/// A token is not a credential: a caller who shows one still has to know the password. It says which device of which
/// account it is, and a seal by a keyed function of the deployment shows that the deployment has issued it. So nothing is
/// stored, and a forged token is recognized without a look into the store.
#[derive(Clone)]
pub struct DeviceTokens {
    secrets: Arc<dyn OneTimeSecrets>,
    fingerprints: Arc<dyn Fingerprints>,
}

impl DeviceTokens {
    /// `secrets` compares seals, and `fingerprints` makes them.
    #[must_use]
    pub fn new(secrets: Arc<dyn OneTimeSecrets>, fingerprints: Arc<dyn Fingerprints>) -> Self {
        Self { secrets, fingerprints }
    }

    /// The token of a device.
    pub(super) fn of(&self, device: &KnownDevice) -> String {
        format!("{PREFIX}{}{}", hex(&device.to_bytes()), hex(&self.seal(device)))
    }

    /// Reads a token. `None` if the deployment has not issued it. Whether it holds is decided with its account.
    pub(super) fn read(&self, text: &str) -> Option<KnownDevice> {
        let digits = text.strip_prefix(PREFIX)?;
        let is_plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_plain || digits.len() != PARTS.0 + PARTS.1 {
            return None;
        }
        let mut bytes = [0; KnownDevice::BYTES];
        for (byte, at) in bytes.iter_mut().zip((0..PARTS.0).step_by(2)) {
            *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
        }
        let device = KnownDevice::from_bytes(&bytes)?;
        let (right, seal) = (hex(&self.seal(&device)).into_bytes(), digits.as_bytes()[PARTS.0..].to_vec());
        let is_sealed = self.secrets.same(&right.try_into().ok()?, &seal.try_into().ok()?);
        is_sealed.then_some(device)
    }

    /// No command and no address has a NUL, so this is the fingerprint of neither.
    fn seal(&self, device: &KnownDevice) -> [u8; PARTS.1 / 2] {
        let mut text = b"device token\0".to_vec();
        text.extend(device.to_bytes());
        let mut seal = [0; PARTS.1 / 2];
        seal.copy_from_slice(&self.fingerprints.fingerprint(&text)[..PARTS.1 / 2]);
        seal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use skep_domain::{
        identity::{AuthEpoch, DeviceId},
        shared::Timestamp,
    };

    fn device() -> KnownDevice {
        let (id, logged_in_at) = (DeviceId::new(SeqIds::nth(3)), Timestamp::from_millis(1_000).unwrap());
        KnownDevice { id, user_id: user_id(1), auth_epoch: AuthEpoch::FIRST, logged_in_at }
    }

    #[test]
    fn a_token_of_a_device_is_read_back_and_each_device_has_another() {
        let tokens = device_tokens();
        let text = tokens.of(&device());
        assert!(text.starts_with(PREFIX) && text.len() == 136, "{text}");
        assert_eq!(tokens.read(&text), Some(device()));
        let later = KnownDevice { logged_in_at: Timestamp::from_millis(1_001).unwrap(), ..device() };
        for other in [later, KnownDevice { user_id: user_id(2), ..device() }] {
            assert_ne!(tokens.of(&other)[104..], text[104..], "{other:?} has a seal of its own");
        }
    }

    #[test]
    fn a_changed_device_token_is_not_one_of_the_deployment() {
        let tokens = device_tokens();
        let text = tokens.of(&device());
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(tokens.read(&String::from_utf8(changed).unwrap()).is_none(), "byte {place}");
        }
        let digits = text.strip_prefix(PREFIX).unwrap();
        let upper = format!("{PREFIX}{}", digits.to_ascii_uppercase());
        let others = ["", PREFIX, digits, &upper, &text[..135], &format!("{text}0"), &format!(" {text}")];
        for other in others.into_iter().chain([&*"\u{e9}".repeat(68)]) {
            assert!(tokens.read(other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_device_token_is_no_other_text_of_the_deployment() {
        let (tokens, session) = (device_tokens(), skep_domain::shared::SessionId::new(SeqIds::nth(3)));
        let text = tokens.of(&device());
        let digits = |text: &str| text.rsplit('_').next().unwrap_or_default().to_owned();
        for other in [refresh_tokens().first(session).text, session_cookies().make(session).text] {
            assert!(tokens.read(&other).is_none() && tokens.read(&format!("{PREFIX}{}", digits(&other))).is_none());
        }
        assert!(refresh_tokens().read(&format!("skep_rt_{}", digits(&text))).is_none());
        assert!(session_cookies().read(&format!("skep_cs_{}", digits(&text))).is_none());
    }

    #[test]
    fn no_token_is_in_the_debug_form() {
        let token = DeviceToken { text: device_tokens().of(&device()), expires_in: Duration::ZERO };
        assert!(!format!("{token:?}").contains(PREFIX));
    }
}
