//! Sample entities.

use crate::{
    catalog::StockUnit,
    check::Checked,
    identity::Sessions,
    units::{Opens, commit, look},
    world,
};
use async_trait::async_trait;
use skep_application::{
    catalog::CatalogTx,
    kernel::{IdempotencyClaim, IdempotencyKey, OutboxEvent, StoreError, Transaction},
    ordering::OrderingTx,
};
use skep_domain::{
    access::Role,
    catalog::{Product, Reservation, Sku, StockLevel, StockMovement},
    identity::{Session, User},
    ordering::{Order, OrderLine, OrderNumber},
    shared::{
        Currency, Email, EventId, Money, MovementId, OrderId, ProductId, ReservationId, SessionId, Text, Timestamp,
        UserId, Version,
    },
};

/// 2⁵³ + 1: the first whole number that a double cannot hold.
pub(crate) const BEYOND_DOUBLE: i64 = 9_007_199_254_740_993;

/// 2026-11-21T09:30:00.123Z, plus `millis` milliseconds.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_253_400_123).unwrap_or(Timestamp::MAX).plus_millis(millis)
}

/// The first and the last time, three that are 1 ms apart, and one before 1970.
pub(crate) fn edges_of_time() -> Checked<[Timestamp; 6]> {
    Ok([Timestamp::MIN, Timestamp::MAX, at(0), at(1), Timestamp::from_millis(-1)?, at(-1)])
}

pub(crate) fn euros(cents: i64) -> Checked<Money> {
    money(cents, "EUR")
}

pub(crate) fn money(amount: i64, currency: &str) -> Checked<Money> {
    Ok(Money::new(amount, currency.parse::<Currency>()?))
}

pub(crate) fn user_id() -> UserId {
    UserId::new(world::uuid())
}
pub(crate) fn product_id() -> ProductId {
    ProductId::new(world::uuid())
}
pub(crate) fn order_id() -> OrderId {
    OrderId::new(world::uuid())
}
pub(crate) fn event_id() -> EventId {
    EventId::new(world::uuid())
}

pub(crate) fn user() -> Checked<User> {
    let id = user_id();
    let email = Email::parse(&format!("{}@example.com", id.uuid().simple()))?;
    Ok(User::register(
        id,
        email,
        Text::line("Beatrix", 100)?,
        &[],
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into(),
        at(0),
    ))
}

pub(crate) fn admin() -> Checked<User> {
    Ok(User { roles: vec![Role::ADMIN, Role::USER], ..user()? })
}

pub(crate) fn session(of: UserId) -> Session {
    Session::start(SessionId::new(world::uuid()), of, at(1), 3_600_000)
}

pub(crate) fn product() -> Checked<Product> {
    let id = product_id();
    let sku = Sku::parse(&format!("honey-{}", id.uuid().simple()))?;
    Ok(Product::create(id, sku, Text::line("Honey", 200)?, Text::block("Sweet.", 10_000)?, euros(1_999)?, at(0))?)
}

pub(crate) fn level(of: ProductId, on_hand: u32) -> StockLevel {
    StockLevel { on_hand, ..StockLevel::empty(of, at(0)) }
}

pub(crate) fn movement(of: ProductId, pieces: u32) -> Checked<StockMovement> {
    let mut level = StockLevel::empty(of, at(0));
    let moved = level.set_on_hand(MovementId::new(world::uuid()), pieces, at(2))?;
    crate::check::some(moved, "movement")
}

pub(crate) fn reservation(order: OrderId, of: ProductId, expires_at: Option<Timestamp>) -> Reservation {
    Reservation::new(ReservationId::new(world::uuid()), order, of, 2, expires_at, at(3))
}

pub(crate) fn line(of: &Product, quantity: u32) -> Checked<OrderLine> {
    Ok(OrderLine {
        product_id: of.id,
        sku: of.sku.clone(),
        name: of.name.clone(),
        quantity,
        unit_price: of.price,
        // Stores keep totals that are too high for new orders.
        total: Money::new(of.price.amount() * i64::from(quantity), of.price.currency()),
    })
}

pub(crate) fn order_of(customer: UserId, lines: Vec<OrderLine>, placed: Timestamp) -> Checked<Order> {
    let number = OrderNumber::from_random(world::random());
    crate::check::some(Order::place(order_id(), number, customer, lines, placed), "order")
}

pub(crate) fn order() -> Checked<Order> {
    order_of(user_id(), vec![line(&product()?, 2)?], at(4))
}

pub(crate) fn event() -> OutboxEvent {
    OutboxEvent {
        id: event_id(),
        name: "catalog.product_created.v1".to_owned(),
        aggregate_id: world::uuid(),
        aggregate_version: Version::FIRST,
        actor_id: None,
        impersonator_id: None,
        request_id: "req-1".to_owned(),
        traceparent: None,
        occurred_at: at(5),
        payload: serde_json::json!({ "pieces": 2 }).to_string(),
    }
}

pub(crate) fn claim(key: &str) -> Checked<IdempotencyClaim> {
    Ok(IdempotencyClaim {
        principal: user_id().uuid(),
        use_case: "ordering.place_order",
        key: IdempotencyKey::parse(key)?,
        fingerprint: [7; 32],
        now: at(6),
    })
}

/// A unit of work with products and their stock.
#[async_trait]
pub(crate) trait Shelves: Transaction {
    async fn fill(&mut self, product: &Product, level: &StockLevel) -> Result<(), StoreError>;
    async fn level(&mut self, product: ProductId) -> Result<Option<StockLevel>, StoreError>;
}

macro_rules! shelves {
    ($($unit:ident),+) => { $(
        #[async_trait]
        impl Shelves for dyn $unit {
            async fn fill(&mut self, product: &Product, level: &StockLevel) -> Result<(), StoreError> {
                self.products().insert(product).await?;
                self.stock().insert(level).await
            }
            async fn level(&mut self, product: ProductId) -> Result<Option<StockLevel>, StoreError> {
                Ok(self.stock().find_many(&[product]).await?.pop())
            }
        }
    )+ };
}

shelves! { StockUnit, CatalogTx, OrderingTx }

/// Stores products, each with `pieces` pieces on hand.
pub(crate) async fn stock_up<S: Opens<Unit: Shelves> + ?Sized>(
    store: &S,
    products: &[Product],
    pieces: u32,
) -> Checked {
    commit!(store, tx => {
        for product in products {
            tx.fill(product, &level(product.id, pieces)).await?;
        }
    })?;
    Ok(())
}

/// Reads the stock level of a product.
pub(crate) async fn level_of<S: Opens<Unit: Shelves> + ?Sized>(
    store: &S,
    product: ProductId,
) -> Checked<Option<StockLevel>> {
    Ok(look!(store, tx => tx.level(product).await?)?)
}

/// Stores a user.
pub(crate) async fn sign_up(store: &dyn Sessions, user: &User) -> Checked {
    commit!(store, tx => tx.users().insert(user).await?)?;
    Ok(())
}
