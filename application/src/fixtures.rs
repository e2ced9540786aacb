//! What the tests of all contexts share.

use crate::{
    kernel::{Actor, AppError, Fingerprints, IdempotencyKey, MockFingerprints, StoreError},
    testing::{Ending, Endings, SeqIds},
};
use skep_domain::{
    access::Role,
    catalog::{NAME_MAX, Product, Sku, StockLevel},
    shared::{Money, ProductId, SessionId, Text, Timestamp, UserId},
};
use std::sync::{Arc, Mutex};

/// More units of work than attempts are made before patience ends.
pub(crate) const ENOUGH: usize = 300;

/// What was seen, in order.
#[derive(Debug)]
pub(crate) struct Recorded<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Recorded<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Recorded<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Recorded<T> {
    pub(crate) fn push(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }
    pub(crate) fn extend(&self, values: &[T]) {
        self.0.lock().unwrap().extend_from_slice(values);
    }
    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
    /// The only one.
    pub(crate) fn one(&self) -> T {
        let all = self.all();
        assert_eq!(all.len(), 1, "exactly one");
        all[0].clone()
    }
}

pub(crate) fn endings(endings: &Endings) -> Vec<Ending> {
    endings.lock().unwrap().clone()
}

pub(crate) fn user_id(n: u64) -> UserId {
    UserId::new(SeqIds::nth(1_000 + n))
}

pub(crate) fn actor(n: u64, roles: &[Role]) -> Actor {
    Actor::user(user_id(n), SessionId::new(SeqIds::nth(2_000 + n)), roles.to_vec(), "request-1")
}

pub(crate) fn user(n: u64) -> Actor {
    actor(n, &[Role::User])
}

pub(crate) fn admin() -> Actor {
    actor(99, &[Role::Admin, Role::User])
}

pub(crate) fn visitor() -> Actor {
    Actor::anonymous("request-1")
}

pub(crate) fn aborted() -> StoreError {
    StoreError::Retry("aborted".into())
}

pub(crate) fn unknown() -> StoreError {
    StoreError::OutcomeUnknown("the connection was lost".into())
}

pub(crate) fn away() -> StoreError {
    StoreError::Unavailable("nobody answers".into())
}

/// Fingerprints that differ for different commands: a checksum, not an HMAC.
pub(crate) fn fingerprints() -> Arc<dyn Fingerprints> {
    let mut fingerprints = MockFingerprints::new();
    fingerprints.expect_fingerprint().returning(|command| {
        let sum = command.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let mut fingerprint = [0; 32];
        fingerprint[..8].copy_from_slice(&sum.to_be_bytes());
        fingerprint
    });
    Arc::new(fingerprints)
}

pub(crate) fn key() -> Option<IdempotencyKey> {
    Some(IdempotencyKey::parse("key-1").unwrap())
}

pub(crate) fn eur(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().unwrap())
}

pub(crate) fn product_id(n: u64) -> ProductId {
    ProductId::new(SeqIds::nth(3_000 + n))
}

pub(crate) fn product(n: u64, price: Money) -> Product {
    let (sku, name) = (Sku::parse(&format!("honey-{n}")).unwrap(), Text::line("Honey", NAME_MAX).unwrap());
    Product::create(product_id(n), sku, name, Text::block("Sweet", 99).unwrap(), price, Timestamp::MIN).unwrap()
}

pub(crate) fn level(n: u64, on_hand: u32) -> StockLevel {
    StockLevel { on_hand, ..StockLevel::empty(product_id(n), Timestamp::MIN) }
}

/// The code of the error, and the places that it names.
pub(crate) fn told<T>(result: &Result<T, impl AppError>) -> (&'static str, Vec<(&str, &'static str)>) {
    match result {
        Ok(_) => ("ok", vec![]),
        Err(error) => (error.code(), error.fields().iter().map(|field| (field.pointer.as_str(), field.code)).collect()),
    }
}

/// The code of the error alone.
pub(crate) fn code<T>(result: &Result<T, impl AppError>) -> &'static str {
    told(result).0
}
