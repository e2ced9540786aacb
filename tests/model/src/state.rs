//! The stored data, as far as the ports show it.

use skep_application::{
    Store,
    catalog::{CatalogTx, ProductSort, ProductSortKey, StockView},
    identity::UserView,
    kernel::{Begin, OutboxEvent, PageRequest, Scope, StoreError, TxMode},
    ordering::{OrderView, OrderingTx},
};
use skep_domain::{
    catalog::{MovementKind, Product, Reservation, StockMovement},
    shared::{Direction, EventId, OrderId, PageLimit, ProductId, Timestamp, UserId, Version},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A row of the stock ledger, without its id, which no port returns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The time of the movement.
    pub at: Timestamp,
    /// The name of the kind of movement.
    pub kind: &'static str,
    /// By how much `on_hand` changed.
    pub on_hand: i64,
    /// By how much `reserved` changed.
    pub reserved: i64,
    /// The order that caused it, if an order did.
    pub order: Option<OrderId>,
}

/// A product with its stock and its ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// The product as the catalog shows it.
    pub product: Product,
    /// The number of pieces on hand, reserved and available.
    pub stock: StockView,
    /// The movements of the stock, sorted.
    pub ledger: Vec<Entry>,
}

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
    /// When the claim ended.
    pub ended_at: Option<Timestamp>,
}

/// An order and its claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// The order as callers see it.
    pub order: OrderView,
    /// One claim for each product, sorted.
    pub claims: Vec<Claim>,
}

/// An event without its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Happened {
    /// The wire name.
    pub name: String,
    /// The id of the aggregate that changed.
    pub aggregate: Uuid,
    /// The version of the aggregate after the change.
    pub version: Version,
    /// The user that caused it.
    pub actor: Option<UserId>,
    /// The time of the change.
    pub at: Timestamp,
    /// The details, a JSON text with sorted keys.
    pub payload: String,
}

/// The stored data, as far as the ports show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndState {
    /// All accounts by id.
    pub users: BTreeMap<UserId, UserView>,
    /// All products by id.
    pub shelves: BTreeMap<ProductId, Shelf>,
    /// All orders by id.
    pub orders: BTreeMap<OrderId, Sold>,
    /// The outbox, sorted.
    pub events: Vec<Happened>,
}

impl From<&StockMovement> for Entry {
    fn from(row: &StockMovement) -> Self {
        let (on_hand, reserved) = (row.on_hand_delta, row.reserved_delta);
        Self { at: row.created_at, kind: row.kind.name(), on_hand, reserved, order: row.order_id }
    }
}

impl Entry {
    pub(crate) fn new(kind: MovementKind, on_hand: i64, reserved: i64, order: Option<OrderId>, at: Timestamp) -> Self {
        Self { at, kind: kind.name(), on_hand, reserved, order }
    }
}

impl From<&Reservation> for Claim {
    fn from(row: &Reservation) -> Self {
        let (product, quantity, state) = (row.product_id, row.quantity, row.state.name());
        Self { product, quantity, state, made_at: row.created_at, ended_at: row.ended_at }
    }
}

impl EndState {
    /// Checks rules that always hold: the ledger adds up to the stock, the active claims add up to the reserved pieces,
    /// and no more pieces are reserved than on hand.
    ///
    /// # Errors
    /// The first product that breaks a rule, with its numbers.
    pub fn add_up(&self) -> Result<(), String> {
        for (id, shelf) in &self.shelves {
            let stock = (i64::from(shelf.stock.on_hand), i64::from(shelf.stock.reserved));
            let on_hand = shelf.ledger.iter().map(|entry| entry.on_hand).sum();
            let reserved = shelf.ledger.iter().map(|entry| entry.reserved).sum();
            let open = |claim: &&Claim| claim.product == *id && claim.state == "active";
            let claimed: i64 =
                self.orders.values().flat_map(|sold| &sold.claims).filter(open).map(|c| i64::from(c.quantity)).sum();
            if stock != (on_hand, reserved) || stock.1 != claimed || stock.1 > stock.0 {
                return Err(format!(
                    "product {id} has {stock:?} on hand and reserved, its ledger says {:?}, open claims {claimed}",
                    (on_hand, reserved)
                ));
            }
        }
        Ok(())
    }
}

fn happened(event: OutboxEvent) -> Happened {
    let payload = serde_json::from_str::<serde_json::Value>(&event.payload);
    Happened {
        name: event.name,
        aggregate: event.aggregate_id,
        version: event.aggregate_version,
        actor: event.actor_id,
        at: event.occurred_at,
        // Parsing and writing the JSON sorts the keys.
        payload: payload.map_or(event.payload, |value| value.to_string()),
    }
}

async fn all_events(store: &dyn Store) -> Result<Vec<OutboxEvent>, StoreError> {
    let mut events: Vec<OutboxEvent> = vec![];
    loop {
        let after: Option<EventId> = events.last().map(|event| event.id);
        let page = store.list_events(after, 100).await?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

/// Reads every row that an event, a list or an order names.
pub(crate) async fn read(store: &dyn Store) -> Result<EndState, StoreError> {
    let events = all_events(store).await?;
    let named = |prefix: &str| -> BTreeSet<Uuid> {
        let of = |event: &&OutboxEvent| event.name.starts_with(prefix);
        events.iter().filter(of).map(|event| event.aggregate_id).collect()
    };
    let mut state = EndState::default();
    for id in named("identity.user_registered").into_iter().map(UserId::new) {
        state.users.extend(store.find_user(Scope::All, id).await?.map(|user| (id, user)));
    }
    let mut orders: BTreeSet<OrderId> = named("ordering.").into_iter().map(OrderId::new).collect();
    let mut products: BTreeSet<ProductId> = named("catalog.").into_iter().map(ProductId::new).collect();
    let mut page = PageRequest { limit: PageLimit::MAX, ..PageRequest::default() };
    let sort = ProductSort { key: ProductSortKey::Sku, direction: Direction::Ascending };
    loop {
        let found = store.list_products(sort, &page).await?;
        products.extend(found.items.iter().map(|product| product.id));
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    loop {
        let found = store.list_orders(Scope::All, Direction::Descending, &page).await?;
        orders.extend(found.items.iter().map(|order| order.id));
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    let mut tx = Begin::<dyn CatalogTx>::begin(store, TxMode::Read, &[]).await?;
    for id in products {
        let mut ledger: Vec<Entry> = tx.stock().list_movements(id).await?.iter().map(Entry::from).collect();
        ledger.sort();
        if let (Some(product), Some(stock)) = (store.find_product(id).await?, store.find_stock(id).await?) {
            state.shelves.insert(id, Shelf { product, stock, ledger });
        }
    }
    tx.rollback().await?;
    let mut tx = Begin::<dyn OrderingTx>::begin(store, TxMode::Read, &[]).await?;
    for id in orders {
        let mut claims: Vec<Claim> = tx.stock().list_reservations(id).await?.iter().map(Claim::from).collect();
        claims.sort();
        state.orders.extend(store.find_order(Scope::All, id).await?.map(|order| (id, Sold { order, claims })));
    }
    tx.rollback().await?;
    state.events = events.into_iter().map(happened).collect();
    state.events.sort();
    Ok(state)
}
