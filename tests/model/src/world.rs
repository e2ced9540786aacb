//! The ports of the use cases other than the store: a clock that moves only on command, ids and random numbers that
//! count up, and password hashes, tokens and limits that cost nothing.

use async_trait::async_trait;
use skep_application::{
    identity::{
        AccessClaims, AccessTokens, ExtraClaims, HashCaller, HashError, OneTimeSecrets, PasswordHasher, TokenError,
    },
    kernel::{
        BoxError, CipherError, Clock, FieldCipher, FieldPlace, Fingerprints, IdGenerator, Limit, Opened, Random,
        RateLimits, Runtime, Sleeper, StoreError, Verdict,
    },
    testing::SeqIds,
};
use skep_domain::{
    access::{Permissions, Policy, Role},
    shared::{Sealed, SessionId, Timestamp, UserId},
};
use std::{
    hash::{DefaultHasher, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

/// The start of 2026, in milliseconds.
const START: i64 = 1_767_225_600_000;

/// A wall clock that stands still until it is moved. The monotonic clock is real, because stores make writers wait for
/// real.
#[derive(Debug)]
pub struct ModelClock {
    millis: AtomicI64,
    started: Instant,
}

impl Default for ModelClock {
    fn default() -> Self {
        Self { millis: AtomicI64::new(START), started: Instant::now() }
    }
}

impl ModelClock {
    /// Moves the wall clock, in either direction.
    pub fn wait(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ModelClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Counts up and returns every number twice, so that every second order gets a taken number and has to draw again.
#[derive(Debug, Default)]
struct TwiceRandom(AtomicU64);

impl Random for TwiceRandom {
    fn bits(&self) -> u64 {
        // The multiplication fills the upper half too, because pauses are made from it.
        (self.0.fetch_add(1, Ordering::SeqCst) / 2).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }
}

struct RealSleeper;

#[async_trait]
impl Sleeper for RealSleeper {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Makes a runtime with this clock and fresh ids and random numbers.
pub(crate) fn runtime(clock: Arc<ModelClock>) -> Runtime {
    let random = Arc::new(TwiceRandom::default());
    Runtime { clock, ids: Arc::new(LateIds::default()), random, sleeper: Arc::new(RealSleeper) }
}

/// Ids that count up, starting after those of [`people`].
#[derive(Debug, Default)]
struct LateIds(SeqIds);

impl IdGenerator for LateIds {
    fn next(&self) -> Uuid {
        Uuid::from_u128(self.0.next().as_u128() + 1_000)
    }
}

/// Distinguishes commands. It need not resist attacks here.
pub(crate) struct PlainFingerprints;

impl Fingerprints for PlainFingerprints {
    fn fingerprint(&self, command: &[u8]) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        for (salt, part) in fingerprint.chunks_exact_mut(8).enumerate() {
            let mut hasher = DefaultHasher::new();
            hasher.write_usize(salt);
            hasher.write(command);
            part.copy_from_slice(&hasher.finish().to_be_bytes());
        }
        fingerprint
    }
}

/// Passwords are their own hashes.
pub(crate) struct PlainHasher;

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, _: HashCaller, password: String) -> Result<String, HashError> {
        Ok(format!("plain:{password}"))
    }
    async fn verify(&self, _: HashCaller, password: String, hash: Option<String>) -> Result<bool, HashError> {
        Ok(hash.is_some_and(|hash| hash == format!("plain:{password}")))
    }
    fn is_outdated(&self, _: &str) -> bool {
        false
    }
}

/// Tokens are their claims, as text.
pub(crate) struct PlainTokens;

impl PlainTokens {
    /// Reads the claims in a token.
    pub(crate) fn read(token: &str) -> Option<AccessClaims> {
        let mut parts = token.split('/');
        let mut id = || Uuid::try_parse(parts.next()?).ok();
        let (user_id, session_id, token_id) = (UserId::new(id()?), SessionId::new(id()?), id()?);
        let mut time = || Timestamp::from_millis(parts.next()?.parse().ok()?).ok();
        Some(AccessClaims { user_id, session_id, token_id, issued_at: time()?, expires_at: time()? })
    }
}

impl AccessTokens for PlainTokens {
    fn issue(&self, claims: &AccessClaims, _: &ExtraClaims) -> Result<String, BoxError> {
        let AccessClaims { user_id, session_id, token_id, issued_at, expires_at } = claims;
        let (issued, expires) = (issued_at.as_millis(), expires_at.as_millis());
        Ok(format!("{user_id}/{session_id}/{token_id}/{issued}/{expires}"))
    }
    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let claims = Self::read(token).ok_or(TokenError::Invalid)?;
        if now < claims.expires_at { Ok(claims) } else { Err(TokenError::Expired) }
    }
    fn jwks(&self) -> String {
        String::new()
    }
}

/// No program uses a setup token.
pub(crate) struct NoSecrets;

impl OneTimeSecrets for NoSecrets {
    fn generate(&self) -> (String, [u8; 32]) {
        (String::new(), [0; 32])
    }
    fn hash(&self, _token: &str) -> [u8; 32] {
        [0; 32]
    }
    fn same(&self, _a: &[u8; 32], _b: &[u8; 32]) -> bool {
        false
    }
}

/// No program uses a sealed field.
pub(crate) struct NoFields;

impl FieldCipher for NoFields {
    fn seal(&self, _place: &FieldPlace, _value: &[u8]) -> Result<Sealed, CipherError> {
        Err(CipherError::Failed)
    }
    fn open(&self, _place: &FieldPlace, _sealed: &Sealed) -> Result<Opened, CipherError> {
        Err(CipherError::Failed)
    }
    fn key_ids(&self) -> Vec<String> {
        vec![]
    }
}

/// Allows everything. The contract suite tests the limits.
pub(crate) struct NoLimits;

#[async_trait]
impl RateLimits for NoLimits {
    async fn take(&self, _key: &str, _cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        let (retry_after, reset_after) = (Duration::ZERO, Duration::ZERO);
        Ok(Verdict { allowed: true, remaining: limit.burst, retry_after, reset_after })
    }

    async fn give_back(&self, _key: &str, _cost: u32, _limit: Limit) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A caller whose account and session are not stored. Use cases get the caller as an argument, and only
/// the use case `authenticate` reads sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user id of its calls.
    pub id: UserId,
    /// The session id of its calls.
    pub session: SessionId,
    /// The roles that its calls have.
    pub roles: Vec<Role>,
}

impl Account {
    /// What its roles allow.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        Permissions::of(&self.roles, &Policy::default())
    }
}

/// An admin, two customers, and an account without any role.
#[must_use]
pub fn people() -> [Account; 4] {
    let roles = [vec![Role::ADMIN, Role::USER], vec![Role::USER], vec![Role::USER], vec![]];
    let mut number = 0;
    roles.map(|roles| {
        number += 1;
        let (id, session) = (UserId::new(SeqIds::nth(number)), SessionId::new(SeqIds::nth(100 + number)));
        Account { id, session, roles }
    })
}
