//! What the tests of all contexts share.

use crate::{
    kernel::{
        Actor, AppError, Claimed, Fingerprints, IdempotencyClaim, IdempotencyKey, MockFingerprints,
        MockIdempotencyKeys, MockOutbox, OutboxEvent, StoreError,
    },
    testing::{Ending, Endings, MockStockRepository, Scripted, SeqIds},
};
use skep_domain::{
    access::Role,
    catalog::{NAME_MAX, Product, Sku, StockLevel, StockMovement},
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

/// What every context's units of work do beside their own, over all of them. Their mocks note it here.
#[derive(Clone, Default)]
pub(crate) struct Noted {
    pub(crate) calls: Recorded<&'static str>,
    pub(crate) claims: Recorded<IdempotencyClaim>,
    pub(crate) answers: Recorded<String>,
    pub(crate) levels: Recorded<StockLevel>,
    pub(crate) movements: Recorded<StockMovement>,
    pub(crate) events: Recorded<OutboxEvent>,
    pub(crate) endings: Endings,
}

impl Noted {
    /// Every claim is new.
    pub(crate) fn claims(&self, keys: &mut MockIdempotencyKeys) {
        let noted = self.clone();
        keys.expect_claim().returning(move |claim| {
            noted.calls.push("claim");
            noted.claims.push(claim.clone());
            Ok(Claimed::New)
        });
    }

    /// Every answer is kept.
    pub(crate) fn answers(&self, keys: &mut MockIdempotencyKeys) {
        let noted = self.clone();
        keys.expect_fill().returning(move |_, answer| {
            noted.calls.push("fill");
            noted.answers.push(answer.to_owned());
            Ok(())
        });
    }

    /// Every event is appended.
    pub(crate) fn events(&self, outbox: &mut MockOutbox) {
        let noted = self.clone();
        outbox.expect_append().returning(move |event| {
            noted.calls.push("outbox.append");
            noted.events.push(event.clone());
            Ok(())
        });
    }

    /// These levels can be found.
    pub(crate) fn finds_levels(&self, stock: &mut MockStockRepository, levels: Vec<StockLevel>) {
        let noted = self.clone();
        stock.expect_find_many().returning(move |ids| {
            noted.calls.push("stock.find_many");
            Ok(levels.iter().filter(|level| ids.contains(&level.product_id)).copied().collect())
        });
    }

    /// Every level and every row of the ledger is stored.
    pub(crate) fn stores_levels(&self, stock: &mut MockStockRepository) {
        let noted = self.clone();
        stock.expect_save_many().returning(move |levels| {
            noted.calls.push("stock.save_many");
            noted.levels.extend(levels);
            Ok(())
        });
        let noted = self.clone();
        stock.expect_append_movements().returning(move |movements| {
            noted.calls.push("stock.append_movements");
            noted.movements.extend(movements);
            Ok(())
        });
    }
}

/// Stamps what is the same for what a context has (`looking`, `open` and `seen`): the units of work that fail or
/// come after an unknown outcome, and stores that hand them out.
macro_rules! units {
    ($what:ty: $mock:ident as $tx:ident) => {
        pub(super) type Units = std::sync::Arc<crate::testing::Scripted<dyn $tx>>;

        impl $what {
            /// A unit of work in which everything succeeds but the commit.
            pub(super) fn failing(&self, error: crate::kernel::StoreError) -> $mock {
                self.open().with_commit_error(error)
            }

            /// A unit of work in which everything succeeds, after an earlier one that is known not to have been stored.
            pub(super) fn after_a_miss(&self) -> $mock {
                let mut tx = self.open();
                tx.outbox.expect_settle().times(1..).returning(|_| Ok(false));
                tx
            }

            /// A unit of work that finds the earlier one stored; every write but the answer is a failed test.
            pub(super) fn after_a_hit(&self) -> $mock {
                let mut tx = self.looking();
                self.seen.noted.answers(&mut tx.idempotency);
                tx.outbox.expect_settle().times(1).returning(|_| Ok(true));
                tx
            }
        }

        impl std::ops::Deref for Seen {
            type Target = crate::fixtures::Noted;
            fn deref(&self) -> &crate::fixtures::Noted {
                &self.noted
            }
        }

        pub(super) fn script(units: impl IntoIterator<Item = $mock>) -> Units {
            crate::testing::Scripted::new(units.into_iter().map(|tx| Ok(Box::new(tx) as Box<dyn $tx>)))
        }
    };
}
pub(crate) use units;

/// A store that is away for good after these units of work.
pub(crate) fn then_away<Tx: ?Sized>(units: impl IntoIterator<Item = Box<Tx>>) -> Arc<Scripted<Tx>> {
    Scripted::new(units.into_iter().map(Ok).chain((0..ENOUGH).map(|_| Err(away()))))
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
