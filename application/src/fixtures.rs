//! What the tests of all contexts share.

use crate::{
    kernel::{
        Actor, AppError, Claimed, Command, Commands, Fingerprints, IdempotencyClaim, IdempotencyKey, MockFingerprints,
        MockIdempotencyKeys, MockOutbox, OutboxEvent, StoreError, TxMode, UnitOfWork,
    },
    testing::{Ending, Endings, MockStockRepository, Scripted, SeqIds, fixed_runtime},
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
    /// What claims find, if not that the key is new.
    pub(crate) stored: Arc<Mutex<Option<String>>>,
}

impl Noted {
    /// Every claim is new, unless an answer is stored.
    pub(crate) fn claims(&self, keys: &mut MockIdempotencyKeys) {
        let noted = self.clone();
        keys.expect_claim().returning(move |claim| {
            noted.calls.push("claim");
            noted.claims.push(claim.clone());
            let stored = noted.stored.lock().unwrap().clone();
            Ok(stored.map_or(Claimed::New, Claimed::Replay))
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

/// What a context has, made of mocks: units of work, and notes of what was done in them.
pub(crate) trait World {
    type Unit: UnitOfWork + ?Sized + 'static;
    /// A unit of work in which everything succeeds.
    fn open(&self) -> Box<Self::Unit>;
    /// The same, but its commit fails.
    fn failing(&self, error: StoreError) -> Box<Self::Unit>;
    fn noted(&self) -> &Noted;
}

/// The commands of this store.
pub(crate) fn commands<Tx: UnitOfWork + ?Sized + 'static>(units: &Arc<Scripted<Tx>>) -> Commands<Tx> {
    Commands::new(units.clone(), fingerprints(), fixed_runtime().0)
}

/// What the frame of commands rests on and cannot enforce: a command says its action, makes what others find again in
/// its plan, records one event, and claims and keeps its key. `input` has a key, and `actor` may carry it out.
pub(crate) async fn obeys_the_frame<W: World, C: Command<Unit = W::Unit>>(
    world: &W,
    command: impl Fn() -> C,
    actor: &Actor,
    input: impl Fn() -> C::Input,
) {
    let untouched = commands(&Scripted::untouched()).of(command());
    assert_eq!(code(&untouched.execute(&visitor(), input()).await), "unauthenticated");
    assert_eq!(code(&untouched.execute(&self::actor(1, &[]), input()).await), "forbidden");

    let units = Scripted::new([Ok(world.failing(aborted())), Ok(world.open())]);
    let answer = commands(&units).of(command()).execute(actor, input()).await;
    assert_eq!(code(&answer), "ok");
    let (noted, answer) = (world.noted(), serde_json::to_string(&answer.ok()).unwrap());
    let events = noted.events.all();
    assert_eq!((events.len(), &events[0]), (2, &events[1]), "both attempts record the same event");
    assert_eq!(noted.answers.all(), [answer.clone(), answer], "the answer is kept as it is given");
    let (calls, claims) = (noted.calls.all(), noted.claims.all());
    assert_eq!((calls.first(), calls.last()), (Some(&"claim"), Some(&"fill")));
    assert_eq!((claims.len(), &claims[0]), (2, &claims[1]));
    assert_eq!(endings(&noted.endings), [Ending::Committed; 2]);
    assert!(units.begun().iter().all(|(mode, _)| *mode == TxMode::Write));

    let (kept, calls) = (noted.answers.all()[0].clone(), noted.calls.all().len());
    *noted.stored.lock().unwrap() = Some(kept.clone());
    let units = Scripted::new([Ok(world.open())]);
    let again = commands(&units).of(command()).execute(actor, input()).await;
    assert_eq!((code(&again), serde_json::to_string(&again.ok()).unwrap()), ("ok", kept), "byte for byte");
    assert_eq!(noted.events.all().len(), 2, "a repeat changes nothing");
    assert!(
        noted.calls.all()[calls..]
            .iter()
            .all(|call| *call == "claim" || call.contains("find") || call.contains("list"))
    );
}

/// Stamps what is the same for what a context has (`looking`, `open` and `seen`): units of work that fail, and stores
/// that hand them out.
macro_rules! units {
    ($what:ty: $mock:ident as $tx:ident) => {
        pub(super) type Units = std::sync::Arc<crate::testing::Scripted<dyn $tx>>;

        impl $what {
            /// A unit of work in which everything succeeds but the commit.
            pub(super) fn failing(&self, error: crate::kernel::StoreError) -> $mock {
                self.open().with_commit_error(error)
            }
        }

        impl std::ops::Deref for Seen {
            type Target = crate::fixtures::Noted;
            fn deref(&self) -> &crate::fixtures::Noted {
                &self.noted
            }
        }

        impl crate::fixtures::World for $what {
            type Unit = dyn $tx;
            fn open(&self) -> Box<dyn $tx> {
                Box::new(<$what>::open(self))
            }
            fn failing(&self, error: crate::kernel::StoreError) -> Box<dyn $tx> {
                Box::new(<$what>::failing(self, error))
            }
            fn noted(&self) -> &crate::fixtures::Noted {
                &self.seen.noted
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
