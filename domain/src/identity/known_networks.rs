//! The networks that an account has logged in from. A caller from one of them is let through when others try the
//! account too often.

use crate::shared::{Timestamp, UserId};

/// Stands for a network in the list of one account. It is a keyed hash of both, so that the list reveals no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkMark(pub [u8; 16]);

/// How many networks an account remembers, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownNetworkPolicy {
    /// The number of networks of one account, at most [`KnownNetworks::MOST`]. With 0, no network is remembered.
    pub most: usize,
    /// How long a network is known after its last login, in milliseconds.
    pub age_millis: i64,
}

impl Default for KnownNetworkPolicy {
    /// 10 networks for 90 days.
    fn default() -> Self {
        Self { most: 10, age_millis: 90 * 24 * 60 * 60 * 1_000 }
    }
}

impl KnownNetworkPolicy {
    /// The time of the oldest login that still counts.
    #[must_use]
    pub fn since(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(self.age_millis.saturating_neg())
    }
}

/// The networks of one account, each with the time of its last recorded login. The latest one comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNetworks {
    /// The account.
    pub user_id: UserId,
    logins: Vec<(NetworkMark, Timestamp)>,
}

impl KnownNetworks {
    /// The number of networks that any account can have.
    pub const MOST: usize = 32;
    /// The length of a network in the stored form, in bytes: the mark and the time.
    const BYTES: usize = 16 + 8;

    /// The networks of an account that has not logged in yet.
    #[must_use]
    pub const fn none(user_id: UserId) -> Self {
        Self { user_id, logins: vec![] }
    }

    /// Whether the account has logged in from this network, and not too long ago.
    #[must_use]
    pub fn contains(&self, network: NetworkMark, now: Timestamp, policy: &KnownNetworkPolicy) -> bool {
        let newest = self.logins.iter().take(policy.most);
        newest.into_iter().any(|(known, at)| *known == network && *at > policy.since(now))
    }

    /// Whether a login from this network is one that its owner may not expect, unless the device is known by its token.
    /// The first login of an account is expected.
    ///
    /// An account that was registered within the age, and has no network, has not logged in yet. If no network is
    /// remembered, the first login looks like any other.
    #[must_use]
    pub fn is_surprised_by(
        &self,
        network: NetworkMark,
        registered_at: Timestamp,
        now: Timestamp,
        policy: &KnownNetworkPolicy,
    ) -> bool {
        let is_first = policy.most > 0 && self.is_empty() && registered_at > policy.since(now);
        !is_first && !self.contains(network, now, policy)
    }

    /// Records a login. The oldest networks give way to the new one.
    ///
    /// Returns `None` if nothing has to be stored: the network was recorded within the last tenth of the age, or no
    /// network is remembered. So most logins write nothing here.
    #[must_use]
    pub fn after_login(&self, network: NetworkMark, now: Timestamp, policy: &KnownNetworkPolicy) -> Option<Self> {
        let recent = now.plus_millis(policy.age_millis.saturating_neg() / 10);
        let most = policy.most.min(Self::MOST);
        let is_recorded = self.logins.iter().take(most).any(|(known, at)| *known == network && *at > recent);
        if is_recorded || most == 0 {
            return None;
        }
        // The clock may have been set back.
        let at = self.last_login_at().map_or(now, |last| now.not_before(last));
        let since = policy.since(at);
        let others = self.logins.iter().filter(|(known, at)| *known != network && *at > since).copied();
        let logins = std::iter::once((network, at)).chain(others).take(most).collect();
        Some(Self { user_id: self.user_id, logins })
    }

    /// The time of the latest recorded login. The whole list may be deleted when it is older than the age.
    #[must_use]
    pub fn last_login_at(&self) -> Option<Timestamp> {
        self.logins.first().map(|(_, at)| *at)
    }

    /// The times of the last recorded login from each network, the latest one first.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.logins.iter().map(|(_, at)| *at)
    }

    /// The number of networks.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.logins.len()
    }

    /// Whether the list has no network.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.logins.is_empty()
    }

    /// The stored form, with 24 bytes for each network.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let of = |(NetworkMark(mark), at): &(NetworkMark, Timestamp)| {
            let mut bytes = [0; Self::BYTES];
            bytes[..16].copy_from_slice(mark);
            bytes[16..].copy_from_slice(&at.as_millis().to_be_bytes());
            bytes
        };
        self.logins.iter().flat_map(of).collect()
    }

    /// Reads the stored form. `None` if it is not one.
    #[must_use]
    pub fn from_bytes(user_id: UserId, bytes: &[u8]) -> Option<Self> {
        let (logins, rest) = bytes.as_chunks::<{ Self::BYTES }>();
        if !rest.is_empty() || logins.len() > Self::MOST {
            return None;
        }
        let of = |login: &[u8; Self::BYTES]| {
            let (mark, at) = (login.first_chunk()?, login.last_chunk()?);
            Some((NetworkMark(*mark), Timestamp::from_millis(i64::from_be_bytes(*at)).ok()?))
        };
        Some(Self { user_id, logins: logins.iter().map(of).collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const POLICY: KnownNetworkPolicy = KnownNetworkPolicy { most: 3, age_millis: 1_000 };

    fn mark(number: u8) -> NetworkMark {
        NetworkMark([number; 16])
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn none() -> KnownNetworks {
        KnownNetworks::none(UserId::new(Uuid::nil()))
    }

    #[test]
    fn a_network_is_known_until_its_age() {
        let known = none().after_login(mark(1), at(0), &POLICY).unwrap();
        assert!(known.contains(mark(1), at(999), &POLICY));
        assert!(!known.contains(mark(1), at(1_000), &POLICY));
        assert!(!known.contains(mark(2), at(0), &POLICY));
        assert!(!none().contains(mark(1), at(0), &POLICY));
    }

    #[test]
    fn a_log_in_from_a_network_that_was_just_recorded_stores_nothing() {
        let known = none().after_login(mark(1), at(0), &POLICY).unwrap();
        assert_eq!(known.after_login(mark(1), at(99), &POLICY), None);
        let later = known.after_login(mark(1), at(100), &POLICY).unwrap();
        assert_eq!((later.len(), later.last_login_at()), (1, Some(at(100))));
    }

    #[test]
    fn a_policy_of_none_knows_and_stores_nothing() {
        let off = KnownNetworkPolicy { most: 0, ..POLICY };
        let known = none().after_login(mark(1), at(0), &POLICY).unwrap();
        assert!(!known.contains(mark(1), at(0), &off));
        assert_eq!(known.after_login(mark(2), at(0), &off), None);
    }

    #[test]
    fn a_lower_bound_applies_at_once() {
        let known = [1, 2, 3].into_iter().fold(none(), |known, n| known.after_login(mark(n), at(0), &POLICY).unwrap());
        let lower = KnownNetworkPolicy { most: 1, ..POLICY };
        assert!(known.contains(mark(3), at(0), &lower) && !known.contains(mark(2), at(0), &lower));
    }

    #[test]
    fn a_login_from_an_unknown_network_surprises_unless_it_is_the_first() {
        let known = none().after_login(mark(1), at(0), &POLICY).unwrap();
        let off = KnownNetworkPolicy { most: 0, ..POLICY };
        for (networks, network, registered_at, now, policy, surprises) in [
            (&none(), mark(1), at(0), at(999), POLICY, false),
            (&none(), mark(1), at(0), at(1_000), POLICY, true),
            (&known, mark(1), at(0), at(1), POLICY, false),
            (&known, mark(2), at(0), at(1), POLICY, true),
            (&known, mark(1), at(0), at(1_000), POLICY, true),
            (&none(), mark(1), at(0), at(0), off, true),
        ] {
            let found = networks.is_surprised_by(network, registered_at, now, &policy);
            assert_eq!(found, surprises, "{networks:?} {network:?} {now:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_list_are_refused() {
        let known = none().after_login(mark(1), at(0), &POLICY).unwrap();
        let user = known.user_id;
        assert_eq!(KnownNetworks::from_bytes(user, &[]), Some(none()));
        assert_eq!(KnownNetworks::from_bytes(user, &known.to_bytes()[1..]), None);
        assert_eq!(KnownNetworks::from_bytes(user, &[0xff; 24]).map(|known| known.len()), Some(1), "1 ms before 1970");
        let year_zero = [[0; 16].as_slice(), &i64::MIN.to_be_bytes()].concat();
        assert_eq!(KnownNetworks::from_bytes(user, &year_zero), None);
        assert_eq!(KnownNetworks::from_bytes(user, &vec![0; 24 * (KnownNetworks::MOST + 1)]), None);
    }

    proptest! {
        #[test]
        fn the_latest_networks_are_known_and_never_more_than_the_bound(
            logins in proptest::collection::vec((0_u8..8, 0_i64..400), 1..40),
            most in 1_usize..40,
        ) {
            let policy = KnownNetworkPolicy { most, ..POLICY };
            let (mut known, mut now) = (none(), 0);
            for (network, wait) in logins {
                now += wait;
                if let Some(changed) = known.after_login(mark(network), at(now), &policy) {
                    known = changed;
                }
                prop_assert!(known.contains(mark(network), at(now), &policy));
                prop_assert!(known.len() <= most.min(KnownNetworks::MOST));
                prop_assert!(known.logins.is_sorted_by(|one, next| one.1 >= next.1));
                prop_assert_eq!(KnownNetworks::from_bytes(known.user_id, &known.to_bytes()), Some(known.clone()));
            }
        }
    }
}
