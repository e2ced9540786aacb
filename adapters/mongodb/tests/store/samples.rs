//! Sample entities to store.

use skep_application::kernel::{IdempotencyClaim, IdempotencyKey, OutboxEvent};
use skep_domain::{
    catalog::{Product, Reservation, Sku, StockLevel, StockMovement},
    jobs::{Job, JobArgs, JobId, JobKind, JobOrigin, NewJob},
    ordering::{Order, OrderLine, OrderNumber},
    shared::{EventId, Money, MovementId, OrderId, ProductId, ReservationId, Text, Timestamp, UserId, Version},
};
use uuid::Uuid;

pub(crate) fn uuid() -> Uuid {
    bson::Uuid::new().to_uuid_1()
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_253_400_123 + millis).unwrap()
}

pub(crate) fn euros(cents: i64) -> Money {
    Money::new(cents, "EUR".parse().unwrap())
}

pub(crate) fn product() -> Product {
    let id = ProductId::new(uuid());
    let sku = Sku::parse(&format!("honey-{}", id.uuid().simple())).unwrap();
    let (name, description) = (Text::line("Honey 🍯", 200).unwrap(), Text::block("sweet\nand\tgold", 100).unwrap());
    Product::create(id, sku, name, description, euros(1_999), at(0)).unwrap()
}

pub(crate) fn level(product: ProductId, on_hand: u32) -> StockLevel {
    StockLevel { on_hand, ..StockLevel::empty(product, at(0)) }
}

pub(crate) fn movement(product: ProductId) -> StockMovement {
    level(product, 0).set_on_hand(MovementId::new(uuid()), 5, at(2)).unwrap().unwrap()
}

pub(crate) fn reservation(order: OrderId, product: ProductId, expires_at: Option<Timestamp>) -> Reservation {
    Reservation::new(ReservationId::new(uuid()), order, product, 1, expires_at, at(0))
}

pub(crate) fn order(customer: UserId, products: &[&Product], placed: Timestamp) -> Order {
    let line = |product: &&Product| OrderLine {
        product_id: product.id,
        sku: product.sku.clone(),
        name: product.name.clone(),
        quantity: 2,
        unit_price: product.price,
        total: product.price.times(2).unwrap(),
    };
    let (id, bits) = (OrderId::new(uuid()), uuid().as_u64_pair().0);
    Order::place(id, OrderNumber::from_random(bits), customer, products.iter().map(line).collect(), placed).unwrap()
}

pub(crate) fn event() -> OutboxEvent {
    OutboxEvent {
        id: EventId::new(uuid()),
        name: "catalog.stock_set.v1".to_owned(),
        aggregate_id: uuid(),
        aggregate_version: Version::FIRST,
        actor_id: None,
        impersonator_id: None,
        request_id: "request-1".to_owned(),
        traceparent: None,
        occurred_at: at(5),
        payload: serde_json::json!({ "pieces": 2 }).to_string(),
    }
}

pub(crate) fn claim(key: &str) -> IdempotencyClaim {
    IdempotencyClaim {
        principal: Uuid::from_u128(7),
        use_case: "ordering.place_order",
        key: IdempotencyKey::parse(key).unwrap(),
        fingerprint: [7; 32],
        now: at(6),
    }
}

/// The settings of a job that waits for nothing.
pub(crate) fn new_job() -> NewJob {
    NewJob::of(JobKind::parse("test.job").unwrap(), JobArgs::default())
}

pub(crate) fn job(new: NewJob) -> Job {
    let origin = JobOrigin { request_id: "request-1".to_owned(), traceparent: None };
    Job::create(JobId::new(uuid()), new, origin, at(0))
}
