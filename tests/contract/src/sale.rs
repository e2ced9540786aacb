//! Customers, for clauses and for trials of several processes.

use crate::{
    check::{Checked, Failure, equal, holds},
    sample,
    world::{self, PlainFingerprints},
};
use skep_application::{
    Store,
    kernel::{Actor, Commands, IdempotencyClaim, IdempotencyKey, InvalidIdempotencyKey, Runtime, UseCase},
    ordering::{OrderLineInput, OrderView, OrderingTx, PlaceOrder, PlaceOrderCommand, PlaceOrderError},
};
use skep_domain::{
    access::Role,
    shared::{ProductId, SessionId},
};
use std::{fmt, sync::Arc, time::Duration};

/// A customer with a shop in front.
#[derive(Clone)]
pub(crate) struct Shop {
    place_order: Arc<UseCase<PlaceOrder>>,
    actor: Actor,
    key: Option<IdempotencyKey>,
    runtime: Runtime,
}

impl Shop {
    /// A customer of their own.
    pub(crate) fn of(store: &Arc<dyn Store>) -> Self {
        let runtime = world::runtime();
        let fingerprints = Arc::new(PlainFingerprints);
        let commands = Commands::<dyn OrderingTx>::new(store.clone(), fingerprints, runtime.clone());
        let place_order = Arc::new(UseCase::new(PlaceOrder::default(), &commands));
        let session = SessionId::new(world::uuid());
        Self {
            place_order,
            actor: Actor::user(sample::user_id(), session, vec![Role::User], "req-1"),
            key: None,
            runtime,
        }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Result<Self, InvalidIdempotencyKey> {
        self.key = Some(IdempotencyKey::parse(key)?);
        Ok(self)
    }

    /// The customer stops waiting after this time.
    pub(crate) fn with_patience(mut self, patience: Duration) -> Self {
        self.actor.deadline = Some(self.runtime.clock.monotonic() + patience);
        self
    }

    /// The claim that another command of this customer would have on the key.
    pub(crate) fn claim(&self) -> Option<IdempotencyClaim> {
        let (use_case, fingerprint) = ("ordering.place_order", [9; 32]);
        let (principal, now) = (self.actor.principal_id(), world::now());
        self.key.clone().map(|key| IdempotencyClaim { principal, use_case, key, fingerprint, now })
    }

    pub(crate) async fn place(&self, lines: &[(ProductId, i64)]) -> Result<OrderView, PlaceOrderError> {
        let line = |&(product_id, quantity): &(ProductId, i64)| OrderLineInput { product_id, quantity };
        let command = PlaceOrderCommand { lines: lines.iter().map(line).collect() };
        self.place_order.execute_once(&self.actor, self.key.as_ref(), command).await
    }
}

/// How a rush on a shop ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// Buyers who got what they wanted.
    pub placed: usize,
    /// Buyers who were told that there is not enough.
    pub short: usize,
    /// What the others were told.
    pub failed: Vec<String>,
}

impl fmt::Display for Sales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} placed, {} short, {} failed", self.placed, self.short, self.failed.len())
    }
}

impl Sales {
    /// Lets so many buyers in at once; each wants one piece of every product of a cart, cart after cart.
    ///
    /// # Errors
    /// A buyer who panicked.
    pub async fn of(store: &Arc<dyn Store>, carts: &[Vec<ProductId>], buyers: usize) -> Result<Self, Failure> {
        let start = Arc::new(tokio::sync::Barrier::new(buyers));
        let buyer = |number: usize| {
            let (shop, start) = (Shop::of(store), start.clone());
            let cart: Vec<_> = carts[number % carts.len()].iter().map(|product| (*product, 1)).collect();
            tokio::spawn(async move {
                start.wait().await;
                shop.place(&cart).await
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

    /// So many were placed, so many short, and nobody was told anything else.
    pub(crate) fn check(&self, placed: usize, short: usize) -> Checked {
        holds(self.failed.is_empty(), format!("nobody fails: {:?}", self.failed))?;
        equal((self.placed, self.short), (placed, short))
    }
}

/// A new product with so many pieces, for a rush.
///
/// # Errors
/// Why it cannot be stored.
pub async fn open_shop(store: &dyn Store, pieces: u32) -> Result<ProductId, Failure> {
    let product = sample::product()?;
    sample::stock_up(store, std::slice::from_ref(&product), pieces).await?;
    Ok(product.id)
}
