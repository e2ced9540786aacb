//! Devices that an account has logged in from. A caller who shows the token of one is let through when others try the
//! account too often.

use super::AuthEpoch;
use crate::shared::{Timestamp, UserId, typed_id};

typed_id! {
    /// Identifies one device of one account. It says nothing about the device.
    DeviceId
}

/// What the token of a device says. Nothing of it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownDevice {
    /// The device. Its wrong passwords are counted under this id.
    pub id: DeviceId,
    /// The account that has logged in there.
    pub user_id: UserId,
    /// The epoch of the account at that time. The token holds in no other one.
    pub auth_epoch: AuthEpoch,
    /// The time of that login.
    pub logged_in_at: Timestamp,
}

impl KnownDevice {
    /// The length of the form in a token, in bytes.
    pub const BYTES: usize = 16 + 16 + 8 + 8;

    /// Whether it is a device of this account in this epoch, and the last login is not too long ago.
    #[must_use]
    pub fn is_of(&self, user_id: UserId, auth_epoch: AuthEpoch, now: Timestamp, age_millis: i64) -> bool {
        let is_own = self.user_id == user_id && self.auth_epoch == auth_epoch;
        is_own && now < self.logged_in_at.plus_millis(age_millis)
    }

    /// The form in a token.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(self.id.uuid().as_bytes());
        bytes[16..32].copy_from_slice(self.user_id.uuid().as_bytes());
        bytes[32..40].copy_from_slice(&self.auth_epoch.get().to_be_bytes());
        bytes[40..].copy_from_slice(&self.logged_in_at.as_millis().to_be_bytes());
        bytes
    }

    /// Reads the form in a token. `None` if it is not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (ids, numbers) = bytes.split_at(32);
        let (ids, numbers) = (ids.as_chunks::<16>().0, numbers.as_chunks::<8>().0);
        let ([id, user_id], [epoch, at]) = (ids, numbers) else { return None };
        Some(Self {
            id: DeviceId::new(uuid::Uuid::from_bytes(*id)),
            user_id: UserId::new(uuid::Uuid::from_bytes(*user_id)),
            auth_epoch: AuthEpoch::new(i64::from_be_bytes(*epoch))?,
            logged_in_at: Timestamp::from_millis(i64::from_be_bytes(*at)).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn device() -> impl Strategy<Value = KnownDevice> {
        (0_u128..4, 0_u128..4, 0_i64..4, 0_i64..2_000).prop_map(|(id, user, epoch, at)| KnownDevice {
            id: DeviceId::new(Uuid::from_u128(id)),
            user_id: UserId::new(Uuid::from_u128(user)),
            auth_epoch: AuthEpoch::new(epoch).unwrap(),
            logged_in_at: Timestamp::from_millis(at).unwrap(),
        })
    }

    #[test]
    fn bytes_that_are_no_device_are_refused() {
        assert!(KnownDevice::from_bytes(&[0; KnownDevice::BYTES]).is_some());
        for (place, name) in [(32, "an epoch below 0"), (40, "a time before the first year")] {
            let mut bytes = [0; KnownDevice::BYTES];
            bytes[place] = 0x80;
            assert_eq!(KnownDevice::from_bytes(&bytes), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_device_is_known_to_one_account_in_one_epoch_until_its_age(
            device in device(), user in 0_u128..4, epoch in 0_i64..4, now in 0_i64..4_000, age in 0_i64..2_000,
        ) {
            let (user, epoch) = (UserId::new(Uuid::from_u128(user)), AuthEpoch::new(epoch).unwrap());
            let is_young = now - device.logged_in_at.as_millis() < age;
            let expected = device.user_id == user && device.auth_epoch == epoch && is_young;
            prop_assert_eq!(device.is_of(user, epoch, Timestamp::from_millis(now).unwrap(), age), expected);
        }

        #[test]
        fn a_device_is_read_as_it_was_written_and_no_other_has_the_same_form(one in device(), other in device()) {
            prop_assert_eq!(KnownDevice::from_bytes(&one.to_bytes()), Some(one));
            prop_assert_eq!(one.to_bytes() == other.to_bytes(), one == other);
        }
    }
}
