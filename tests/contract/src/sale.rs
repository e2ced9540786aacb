//! Customers that place orders, for clauses and for tests of several processes.

use crate::{
    check::{Checked, Failure, equal, holds},
    sample, units,
    world::{self, PlainFingerprints},
};
use skep_application::{
    kernel::{
        Actor, AppError as _, Begin, Commands, IdempotencyClaim, IdempotencyKey, InvalidIdempotencyKey, Precondition,
        Round, Runtime, StoreError, SweepAll as _, UseCase,
    },
    ordering::{
        CancelOrder, CancelOrderCommand, ConfirmPayment, ConfirmPaymentCommand, ConfirmPaymentError, ExpireOrders,
        OrderLineInput, OrderPolicy, OrderQueries, OrderView, OrderingStore, OrderingTx, PlaceOrder, PlaceOrderCommand,
        PlaceOrderError,
    },
};
use skep_domain::{
    access::{BuiltInRole, Permissions},
    shared::{OrderId, ProductId, SessionId},
};
use std::{fmt, sync::Arc, time::Duration};

/// A customer that places orders through the use case.
#[derive(Clone)]
pub(crate) struct Shop {
    commands: Commands<dyn OrderingTx>,
    policy: OrderPolicy,
    actor: Actor,
    key: Option<IdempotencyKey>,
    runtime: Runtime,
}

impl Shop {
    /// A new customer.
    pub(crate) fn of(store: Arc<dyn Begin<dyn OrderingTx>>) -> Self {
        let runtime = world::runtime();
        let fingerprints = Arc::new(PlainFingerprints);
        let commands = Commands::<dyn OrderingTx>::new(store, fingerprints, runtime.clone());
        let policy = OrderPolicy { lifetime: None, ..OrderPolicy::default() };
        let session = SessionId::new(world::uuid());
        Self {
            commands,
            policy,
            actor: Actor::user(sample::user_id(), session, Permissions::built_in(&[BuiltInRole::User]), "req-1"),
            key: None,
            runtime,
        }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Result<Self, InvalidIdempotencyKey> {
        self.key = Some(IdempotencyKey::parse(key)?);
        Ok(self)
    }

    /// Lets the orders wait this long for their payment. The orders of other customers wait without a limit.
    pub(crate) fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.lifetime = Some(lifetime);
        self
    }

    /// Sets the customer's deadline to this time from now.
    pub(crate) fn with_patience(mut self, patience: Duration) -> Self {
        self.actor.deadline = Some(self.runtime.clock.monotonic() + patience);
        self
    }

    /// The claim that a different command of this customer would make with the same key.
    pub(crate) fn claim(&self) -> Option<IdempotencyClaim> {
        let (use_case, fingerprint) = ("ordering.place_order", [9; 32]);
        let (principal, now) = (self.actor.principal_id(), world::now());
        self.key.clone().map(|key| IdempotencyClaim { principal, use_case, key, fingerprint, now })
    }

    pub(crate) async fn place(&self, lines: &[(ProductId, i64)]) -> Result<OrderView, PlaceOrderError> {
        let line = |&(product_id, quantity): &(ProductId, i64)| OrderLineInput { product_id, quantity };
        let command = PlaceOrderCommand { lines: lines.iter().map(line).collect() };
        let place_order = UseCase::new(PlaceOrder::new(self.policy.clone()), &self.commands);
        place_order.execute_once(&self.actor, self.key.as_ref(), command).await
    }

    /// Places an order. Like a client that gets 503, the customer orders again if the use case gave up, because on a busy
    /// machine all buyers together may need more than its 5 s.
    async fn insist(&self, lines: &[(ProductId, i64)]) -> Result<OrderView, PlaceOrderError> {
        let until = tokio::time::Instant::now() + units::REPEATS;
        loop {
            let placed = self.place(lines).await;
            let gave_up = |error: &PlaceOrderError| matches!(error.store_error(), Some(StoreError::Unavailable(_)));
            if tokio::time::Instant::now() > until || !placed.as_ref().is_err_and(gave_up) {
                return placed;
            }
            tokio::time::sleep(units::PAUSE).await;
        }
    }

    /// Cancels an order of this customer.
    pub(crate) async fn cancel(&self, order_id: OrderId) -> Result<OrderView, Failure> {
        let command = CancelOrderCommand { order_id, precondition: Precondition::Missing };
        Ok(UseCase::new(CancelOrder, &self.commands).execute(&self.actor, command).await?)
    }

    /// Lets the server confirm the payment of an order.
    pub(crate) async fn confirm(&self, order_id: OrderId) -> Result<OrderView, ConfirmPaymentError> {
        let command = ConfirmPaymentCommand { order_id, precondition: Precondition::Missing };
        UseCase::new(ConfirmPayment, &self.commands).execute(&Actor::system("req-1"), command).await
    }

    /// Ends the overdue orders that `orders` finds, and returns how many.
    pub(crate) async fn sweep(&self, orders: Arc<dyn OrderQueries>) -> Result<u64, StoreError> {
        let mut round = Round::new(&self.runtime, 100, &|| false);
        ExpireOrders::new(orders, &self.commands).sweep_all(&mut round).await?;
        Ok(round.swept)
    }
}

/// The outcomes of orders that were placed at the same time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// Number of buyers that have an order.
    pub placed: usize,
    /// Buyers that were refused because there is not enough.
    pub short: usize,
    /// The errors that the others got.
    pub failed: Vec<String>,
}

impl fmt::Display for Sales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} placed, {} short, {} failed", self.placed, self.short, self.failed.len())
    }
}

impl Sales {
    /// Lets all buyers order at once. Each orders one piece of every product in a cart; the carts are used in turn.
    ///
    /// # Errors
    /// A buyer panicked.
    pub async fn of(
        store: Arc<dyn Begin<dyn OrderingTx>>,
        carts: &[Vec<ProductId>],
        buyers: usize,
    ) -> Result<Self, Failure> {
        let start = Arc::new(tokio::sync::Barrier::new(buyers));
        let buyer = |number: usize| {
            let (shop, start) = (Shop::of(store.clone()), start.clone());
            let cart: Vec<_> = carts[number % carts.len()].iter().map(|product| (*product, 1)).collect();
            tokio::spawn(async move {
                start.wait().await;
                shop.insist(&cart).await
            })
        };
        let tasks: Vec<_> = (0..buyers).map(buyer).collect();
        let mut sales = Self::default();
        for task in tasks {
            match task.await? {
                Ok(_) => sales.placed += 1,
                Err(PlaceOrderError::InsufficientStock(_)) => sales.short += 1,
                Err(error) => sales.failed.push(Failure::from(error).to_string()),
            }
        }
        Ok(sales)
    }

    /// Checks the numbers of buyers, and that no buyer got another error.
    pub(crate) fn check(&self, placed: usize, short: usize) -> Checked {
        holds(self.failed.is_empty(), format!("no buyer fails: {:?}", self.failed))?;
        equal((self.placed, self.short), (placed, short))
    }
}

/// Stores a new product with `pieces` pieces on hand.
///
/// # Errors
/// The store's error.
pub async fn open_shop(store: &dyn OrderingStore, pieces: u32) -> Result<ProductId, Failure> {
    let product = sample::product()?;
    sample::stock_up(store, std::slice::from_ref(&product), pieces).await?;
    Ok(product.id)
}
