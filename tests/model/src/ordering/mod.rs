//! Orders and their claims on stock.

mod commands;
mod expiry;
mod flaws;
mod model;
mod steps;

use crate::{
    call::Fresh,
    catalog::{self, Quantity},
    context::{Context, Share},
    double::OwnFlaw,
    item::Item,
    model::Model,
    state::{EndState, rows},
    step::{
        Caller, Step, Target, key, key_of, limit, manager, one_of_two, parallel_key, parallel_shopper, shopper, steps,
        which,
    },
};
use async_trait::async_trait;
use proptest::{collection::vec, prelude::*};
use skep_application::{
    Store,
    kernel::{Begin, PageRequest, Scope, StoreError, TxMode},
    ordering::{OrderView, OrderingTx},
};
use skep_domain::{
    catalog::Reservation,
    shared::{Direction, OrderId, PageLimit, ProductId, Timestamp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use steps::{Seen, place};
use uuid::Uuid;

pub use commands::{Answer, Command};
pub use flaws::OVERSELLS;
pub use steps::Operation;

/// The claim of an order on a product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The reserved product.
    pub product: ProductId,
    /// The number of pieces.
    pub quantity: u32,
    /// The name of its state, such as `active` or `released`.
    pub state: &'static str,
    /// When the order was placed.
    pub made_at: Timestamp,
    /// From this time on it no longer holds its pieces.
    pub expires_at: Option<Timestamp>,
    /// When the claim ended.
    pub ended_at: Option<Timestamp>,
}

impl From<&Reservation> for Claim {
    fn from(row: &Reservation) -> Self {
        let (product, quantity, state) = (row.product_id, row.quantity, row.state.name());
        let (made_at, expires_at, ended_at) = (row.created_at, row.expires_at, row.ended_at);
        Self { product, quantity, state, made_at, expires_at, ended_at }
    }
}

/// An order and its claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// The order as callers see it.
    pub order: OrderView,
    /// The name of the state of its payment.
    pub payment: &'static str,
    /// One claim for each product, sorted.
    pub claims: Vec<Claim>,
}

/// All orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The orders by id.
    pub orders: BTreeMap<OrderId, Sold>,
}

/// The context of orders.
pub(crate) struct Ordering;

#[async_trait]
impl Context for Ordering {
    fn stored(&self) -> Arc<dyn Item> {
        Arc::new(Stored::default())
    }

    fn seen(&self) -> Arc<dyn Item> {
        Arc::new(Seen::default())
    }

    /// Some programs start with orders.
    fn beginning(&self) -> BoxedStrategy<Vec<Step>> {
        vec(steps(Just(Caller::Person(1)), place(2), key()), 0..4).boxed()
    }

    fn steps(&self) -> Vec<Share> {
        let list = prop_oneof![
            2 => (any::<bool>(), limit(), any::<bool>()).prop_map(|(d, l, c)| Operation::List(d, l, c)),
            3 => (0..4_usize, limit(), prop::bool::weighted(0.1)).prop_map(|(n, l, other)| Operation::Next(n, l, other)),
        ];
        vec![
            (18, steps(shopper(), place(4), key())),
            // A customer cancels few orders. With several keys, two cancellations would rarely use the same key.
            (9, steps(shopper(), which().prop_map(Operation::Cancel), key_of(1))),
            (3, steps(manager(), which().prop_map(Operation::Confirm), key_of(1))),
            (4, steps(shopper(), which().prop_map(Operation::GetOrder), key())),
            (8, steps(shopper(), list, key())),
        ]
    }

    fn round(&self, _number: u64) -> Vec<Step> {
        vec![Step::new(Caller::Person(1), Operation::Place(vec![(Target::Nth(0), Quantity::Of(1))]))]
    }

    fn parallel_steps(&self) -> Vec<Share> {
        let lines = vec((one_of_two(), (1..4_i64).prop_map(Quantity::Of)), 1..3);
        let operation = prop_oneof![
            8 => lines.prop_map(Operation::Place),
            4 => one_of_two().prop_map(Operation::Cancel),
            2 => one_of_two().prop_map(Operation::Confirm),
            1 => one_of_two().prop_map(Operation::GetOrder),
            // Without a count, because a separate statement reads it, possibly at another moment than the rows.
            1 => (any::<bool>(), 1..4_i64).prop_map(|(descends, limit)| Operation::List(descends, limit, false)),
        ];
        vec![(42, steps(parallel_shopper(), operation, parallel_key()))]
    }

    fn expected(&self) -> &'static [&'static str] {
        &[
            "PlaceOrder Order",
            "PlaceOrder insufficient_stock insufficient_stock",
            "PlaceOrder validation_failed unknown_product",
            "PlaceOrder validation_failed currency_mismatch",
            "PlaceOrder validation_failed out_of_range",
            "PlaceOrder validation_failed too_few",
            "PlaceOrder idempotency_key_reused",
            "PlaceOrder unauthenticated",
            "PlaceOrder forbidden",
            "CancelOrder Order",
            "CancelOrder not_found",
            "CancelOrder idempotency_key_reused",
            "ConfirmPayment Order",
            "ConfirmPayment not_found",
            "ConfirmPayment forbidden",
            "GetOrder Order",
            "GetOrder not_found",
            "ListOrders Orders",
        ]
    }

    async fn read(&self, store: &dyn Store, state: &mut EndState) -> Result<(), StoreError> {
        let mut orders: BTreeSet<OrderId> = state.changed("ordering.").into_iter().map(OrderId::new).collect();
        let mut page = PageRequest { limit: PageLimit::MAX, ..PageRequest::default() };
        loop {
            let found = store.list_orders(Scope::All, Direction::Descending, &page).await?;
            orders.extend(found.items.iter().map(|order| order.id));
            page.after = found.next;
            if page.after.is_none() {
                break;
            }
        }
        let mut tx = Begin::<dyn OrderingTx>::begin(store, TxMode::Read, &[]).await?;
        for id in orders {
            let mut claims: Vec<Claim> = tx.stock().list_reservations(id).await?.iter().map(Claim::from).collect();
            claims.sort();
            let payment = tx.orders().find(id).await?.map_or("missing", |order| order.progress.payment.name());
            let order = store.find_order(Scope::All, id).await?;
            state.get_mut::<Stored>().orders.extend(order.map(|order| (id, Sold { order, payment, claims })));
        }
        tx.rollback().await
    }

    fn rows(&self, state: &EndState) -> Vec<String> {
        rows("order", state.get::<Stored>().orders.values())
    }

    fn generated(&self, known: &EndState, end: &EndState) -> Vec<Fresh> {
        let known = &known.get::<Stored>().orders;
        let new = end.get::<Stored>().orders.iter().filter(|(id, _)| !known.contains_key(id));
        new.map(|(id, sold)| Fresh { id: id.uuid(), text: sold.order.number.to_string() }).collect()
    }

    fn can_become(&self, state: &EndState, end: &EndState, id: Uuid) -> bool {
        let id = OrderId::new(id);
        let fixed = |sold: &Sold| (sold.order.customer_id, sold.order.lines.clone(), sold.order.created_at);
        match (state.get::<Stored>().orders.get(&id), end.get::<Stored>().orders.get(&id)) {
            (Some(made), Some(found)) => fixed(made) == fixed(found),
            _ => true,
        }
    }

    /// The active claims add up to the reserved pieces.
    fn add_up(&self, state: &EndState) -> Result<(), String> {
        let mut claimed: BTreeMap<ProductId, u32> = BTreeMap::new();
        for claim in state.get::<Stored>().orders.values().flat_map(|sold| &sold.claims) {
            if claim.state == "active" {
                *claimed.entry(claim.product).or_default() += claim.quantity;
            }
        }
        for (id, shelf) in &state.get::<catalog::Stored>().shelves {
            let (reserved, claimed) = (shelf.stock.reserved, claimed.get(id).copied().unwrap_or_default());
            if reserved != claimed {
                return Err(format!("product {id} has {reserved} reserved, its open claims say {claimed}"));
            }
        }
        Ok(())
    }

    fn sweep(&self, model: &mut Model, at: Timestamp) -> Vec<(&'static str, u64)> {
        vec![("unpaid orders", model.expire_orders(at))]
    }

    fn flaws(&self) -> &'static [OwnFlaw] {
        flaws::ALL
    }
}
