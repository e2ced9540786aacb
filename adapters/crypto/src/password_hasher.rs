//! Password hashes.

use crate::{HashPool, foreign_hash::ForeignHash};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use async_trait::async_trait;
use skep_application::{
    identity::{ForeignHashRefusal, HashCaller, HashError, PasswordHasher},
    kernel::BoxError,
};
use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

/// The lowest costs that OWASP recommends, as memory in KiB and passes.
const FLOORS: [(u32, u32); 3] = [(47_104, 1), (19_456, 2), (12_288, 3)];
pub(crate) const MAX_MEMORY_KIB: u32 = 256 * 1024;
pub(crate) const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 4;

/// The cost of one Argon2id hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argon2Cost(Params);

/// The cost is too low to protect passwords, or high enough to exhaust the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "argon2 cost must be at least 47104 KiB with 1 pass, 19456 KiB with 2 or 12288 KiB with 3, and at most 262144 KiB, \
     10 passes and 4 lanes"
)]
pub struct InvalidCost;

impl Argon2Cost {
    /// `memory_kib` per hash, `passes` over that memory, and `lanes` (which do not run in parallel).
    ///
    /// # Errors
    /// [`InvalidCost`] if the cost is too low or too high.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, InvalidCost> {
        let params = Params::new(memory_kib, passes, lanes, None).map_err(|_| InvalidCost)?;
        if is_enough(&params) && within_ceiling(&params) { Ok(Self(params)) } else { Err(InvalidCost) }
    }
}

impl Argon2Cost {
    /// The memory of a hash in KiB.
    #[must_use]
    pub const fn memory_kib(&self) -> u32 {
        self.0.m_cost()
    }

    /// The passes over the memory.
    #[must_use]
    pub const fn passes(&self) -> u32 {
        self.0.t_cost()
    }

    /// Computes a hash with this cost, and returns how long that took.
    ///
    /// # Errors
    /// The hash cannot be computed, for example because the memory is missing.
    pub fn measure(&self) -> Result<Duration, BoxError> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.0.clone());
        let start = Instant::now();
        hash(&argon2, b"a password that no account has")?;
        Ok(start.elapsed())
    }
}

impl fmt::Display for Argon2Cost {
    /// As in the text of a hash, without the lanes: `m=19456,t=2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={}", self.0.m_cost(), self.0.t_cost())
    }
}

impl FromStr for Argon2Cost {
    type Err = InvalidCost;

    fn from_str(text: &str) -> Result<Self, InvalidCost> {
        let (memory, passes) = text.strip_prefix("m=").and_then(|rest| rest.split_once(",t=")).ok_or(InvalidCost)?;
        let number = |text: &str| text.parse().map_err(|_| InvalidCost);
        Self::new(number(memory)?, number(passes)?, 1)
    }
}

fn is_enough(params: &Params) -> bool {
    FLOORS.iter().any(|(memory, passes)| params.m_cost() >= *memory && params.t_cost() >= *passes)
}

impl Default for Argon2Cost {
    /// 19 MiB, two passes, one lane: about 30 ms.
    fn default() -> Self {
        Self(Params::DEFAULT)
    }
}

fn within_ceiling(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= MAX_LANES
}

/// Hashes with Argon2id to PHC strings, with salts of 16 bytes and tags of 32.
///
/// Verification uses the cost in the stored hash, up to 256 MiB, 10 passes and 4 lanes. A hash with a higher cost is
/// `Failed` before any memory is allocated.
///
/// Hashes of Argon2id, Argon2i, bcrypt, scrypt and phpass are taken over. Unless it is an Argon2id hash of enough cost, the
/// tag of such a hash is hashed again, and both hashes are computed at a login.
pub struct Argon2Hasher {
    argon2: Argon2<'static>,
    pool: HashPool,
    /// A hash of the current cost that matches no password.
    dummy: Arc<str>,
}

impl Argon2Hasher {
    /// A hasher with this cost that runs in this pool.
    #[must_use]
    pub fn new(cost: Argon2Cost, pool: HashPool) -> Self {
        let dummy = dummy(&cost.0).into();
        Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.0), pool, dummy }
    }
}

/// A hash of this cost whose salt and tag are all zeros. Verifying it takes as long as verifying any other. It is
/// composed instead of computed, so it costs no time and memory at the start.
fn dummy(cost: &Params) -> String {
    let (salt, tag) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={},t={},p={}${salt}${tag}", cost.m_cost(), cost.t_cost(), cost.p_cost())
}

fn hash(argon2: &Argon2<'_>, bytes: &[u8]) -> Result<String, BoxError> {
    Ok(argon2.hash_password(bytes)?.to_string())
}

/// Hashes the tag of a foreign hash, unless it is a hash as new ones are.
fn take_over(argon2: &Argon2<'_>, foreign: &str) -> Result<String, BoxError> {
    let read = ForeignHash::parse(foreign)?;
    if read.is_own(|params| is_enough(params) && within_ceiling(params)) {
        return Ok(foreign.to_owned());
    }
    Ok(read.over(&hash(argon2, &read.tag)?))
}

fn verify(argon2: &Argon2<'_>, password: &str, stored: &str) -> Result<bool, BoxError> {
    let Some(split) = ForeignHash::split(stored) else { return verify_own(argon2, password.as_bytes(), stored) };
    let (foreign, argon2id) = split?;
    let computed = foreign.compute(password.as_bytes())?;
    // The Argon2id hash is computed in any case, so that the time does not depend on the password.
    let same = verify_own(argon2, &computed.tag, argon2id)?;
    Ok(same && !computed.is_ambiguous)
}

fn verify_own(argon2: &Argon2<'_>, bytes: &[u8], stored: &str) -> Result<bool, BoxError> {
    let stored = PasswordHash::new(stored)?;
    if stored.algorithm.as_str() != argon2::ARGON2ID_IDENT.as_str() {
        return Err("the stored hash is not an argon2id hash".into());
    }
    if stored.salt.is_none() || stored.hash.is_none() {
        return Err("the stored hash has no salt or no tag".into());
    }
    if !within_ceiling(&Params::try_from(&stored)?) {
        return Err("the stored hash has a cost above the limit".into());
    }
    match argon2.verify_password(bytes, &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, caller: HashCaller, password: String) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        self.pool.run(caller, move || hash(&argon2, password.as_bytes())).await?.map_err(HashError::Failed)
    }

    async fn verify(&self, caller: HashCaller, password: String, stored: Option<String>) -> Result<bool, HashError> {
        let argon2 = self.argon2.clone();
        let known = stored.is_some();
        let stored = stored.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        let same =
            self.pool.run(caller, move || verify(&argon2, &password, &stored)).await?.map_err(HashError::Failed)?;
        Ok(known && same)
    }

    fn is_outdated(&self, stored: &str) -> bool {
        let costs = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
        costs(stored) != costs(&self.dummy)
    }

    fn judge_foreign(&self, hash: &str) -> Result<(), ForeignHashRefusal> {
        ForeignHash::parse(hash).map(drop)
    }

    async fn take_over(&self, caller: HashCaller, hash: String) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        self.pool.run(caller, move || take_over(&argon2, &hash)).await?.map_err(HashError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    fn hasher() -> Argon2Hasher {
        Argon2Hasher::new(Argon2Cost::default(), HashPool::new(NonZeroUsize::MIN))
    }

    #[tokio::test]
    async fn a_password_matches_only_its_own_hash() {
        let hasher = hasher();
        let hash = hasher.hash(HashCaller::default(), "correct horse".into()).await.unwrap();
        assert!(hasher.verify(HashCaller::default(), "correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify(HashCaller::default(), "correct horse ".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify(HashCaller::default(), "Correct horse".into(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_is_a_phc_string_with_a_fresh_salt_of_16_bytes() {
        let hasher = hasher();
        let (a, b) = (
            hasher.hash(HashCaller::default(), "same".into()).await.unwrap(),
            hasher.hash(HashCaller::default(), "same".into()).await.unwrap(),
        );
        assert_ne!(a, b);
        assert!(a.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{a}");
        let parsed = PasswordHash::new(&a).unwrap();
        assert_eq!(parsed.salt.unwrap().len(), 16);
        assert_eq!(parsed.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn without_a_hash_verification_fails_after_the_same_work() {
        let hasher = hasher();
        assert!(!hasher.verify(HashCaller::default(), "no user has this password".into(), None).await.unwrap());
        let (dummy, real) =
            (hasher.dummy.clone(), hasher.hash(HashCaller::default(), "a user's".into()).await.unwrap());
        let (dummy, real) = (PasswordHash::new(&dummy).unwrap(), PasswordHash::new(&real).unwrap());
        assert_eq!((dummy.algorithm, dummy.version, &dummy.params), (real.algorithm, real.version, &real.params));
        assert_eq!(dummy.salt.unwrap().len(), real.salt.unwrap().len());
        assert_eq!(dummy.hash.unwrap().len(), real.hash.unwrap().len());
        // It is verified completely, and is not refused early.
        assert!(!verify(&hasher.argon2, "no user has this password", &hasher.dummy).unwrap());
    }

    #[tokio::test]
    async fn hashes_of_other_costs_within_the_ceiling_are_verified() {
        let other = Argon2Hasher::new(Argon2Cost::new(12_288, 3, 2).unwrap(), HashPool::new(NonZeroUsize::MIN));
        let hash = other.hash(HashCaller::default(), "imported".into()).await.unwrap();
        assert!(hasher().verify(HashCaller::default(), "imported".into(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_is_outdated_if_a_new_one_has_another_cost() {
        let (hasher, pool) = (hasher(), HashPool::new(NonZeroUsize::MIN));
        let new = hasher.hash(HashCaller::default(), "same".into()).await.unwrap();
        assert!(!hasher.is_outdated(&new) && !hasher.is_outdated(&hasher.dummy));
        for (memory, passes, lanes) in [(20_000, 2, 1), (19_456, 3, 1), (19_456, 2, 2), (12_288, 3, 1)] {
            let other = Argon2Hasher::new(Argon2Cost::new(memory, passes, lanes).unwrap(), pool.clone());
            let old = other.hash(HashCaller::default(), "same".into()).await.unwrap();
            assert!(hasher.is_outdated(&old) && other.is_outdated(&new), "{memory} {passes} {lanes}");
        }
        assert!(hasher.is_outdated(&new.replace("v=19", "v=16")) && hasher.is_outdated(""));
    }

    #[tokio::test]
    async fn stored_hashes_that_cost_too_much_or_cannot_be_read_fail() {
        let hasher = hasher();
        let tag = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for stored in [
            format!("$argon2id$v=19$m=4194304,t=2,p=1${tag}"),
            format!("$argon2id$v=19$m=262145,t=2,p=1${tag}"),
            format!("$argon2id$v=19$m=19456,t=11,p=1${tag}"),
            format!("$argon2id$v=19$m=19456,t=2147483648,p=1${tag}"),
            format!("$argon2id$v=19$m=19456,t=2,p=5${tag}"),
            format!("$argon2id$v=19$m=134217728,t=2,p=16777216${tag}"),
            format!("$argon2i$v=19$m=19456,t=2,p=1${tag}"),
            "$argon2id$v=19$m=19456,t=2,p=1".to_owned(),
            "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
            String::new(),
        ] {
            let verdict = hasher.verify(HashCaller::default(), "x".into(), Some(stored.clone())).await;
            assert!(matches!(verdict, Err(HashError::Failed(_))), "{stored}: {verdict:?}");
        }
    }

    #[test]
    fn a_cost_is_read_as_it_is_shown_and_not_below_the_floor() {
        let cost: Argon2Cost = "m=65536,t=3".parse().unwrap();
        assert_eq!((cost.memory_kib(), cost.passes(), cost.to_string().as_str()), (65_536, 3, "m=65536,t=3"));
        for text in
            ["", "m=65536", "65536,3", "m=65536,t=", "m=-1,t=3", "m=65536,t=3,p=1", "m=19455,t=2", "m=262145,t=2"]
        {
            assert_eq!(text.parse::<Argon2Cost>(), Err(InvalidCost), "{text}");
        }
    }

    #[test]
    fn a_cost_below_the_floor_or_above_the_ceiling_is_refused() {
        for (memory, passes, lanes) in [(19_456, 2, 1), (47_104, 1, 1), (12_288, 3, 1), (262_144, 10, 4)] {
            assert!(Argon2Cost::new(memory, passes, lanes).is_ok(), "{memory} {passes} {lanes}");
        }
        for (memory, passes, lanes) in [
            (19_455, 2, 1),
            (47_103, 1, 1),
            (12_287, 3, 1),
            (19_456, 2, 0),
            (262_145, 2, 1),
            (19_456, 11, 1),
            (19_456, 2, 5),
        ] {
            assert_eq!(Argon2Cost::new(memory, passes, lanes).unwrap_err(), InvalidCost);
        }
    }
}
