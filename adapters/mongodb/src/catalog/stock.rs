//! Stock levels and the ledger of movements.

use super::reservations::{self, ReservationDoc};
use crate::{
    ops::Query,
    record::{self, Record, Stored, Unreadable, Versioned, date, pieces, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    catalog::{StockQueries, StockRepository, StockView},
    kernel::StoreError,
};
use skep_domain::{
    catalog::{MovementKind, Reservation, StockLevel, StockMovement},
    shared::{MovementId, OrderId, ProductId, Timestamp},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
pub(super) struct LevelDoc {
    #[serde(rename = "_id")]
    product_id: bson::Uuid,
    on_hand: i64,
    reserved: i64,
    updated_at: DateTime,
    version: i64,
}

impl Stored for LevelDoc {
    fn of(level: &StockLevel) -> Self {
        Self {
            product_id: record::id(level.product_id.uuid()),
            on_hand: level.on_hand.into(),
            reserved: level.reserved.into(),
            updated_at: date(level.updated_at),
            version: level.version.get(),
        }
    }
}

impl Record for LevelDoc {
    const COLLECTION: &'static str = "stock_levels";
    type Entity = StockLevel;
    fn read(self) -> Result<StockLevel, Unreadable> {
        if self.reserved > self.on_hand {
            return Err("more reserved than on hand");
        }
        Ok(StockLevel {
            product_id: ProductId::new(self.product_id.to_uuid_1()),
            on_hand: pieces(self.on_hand)?,
            reserved: pieces(self.reserved)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Versioned for LevelDoc {
    const SAVED: Option<&'static [&'static str]> = Some(&["on_hand", "reserved", "updated_at"]);
}

#[derive(Serialize, Deserialize)]
struct MovementDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    product_id: bson::Uuid,
    kind: String,
    on_hand_delta: i64,
    reserved_delta: i64,
    order_id: Option<bson::Uuid>,
    created_at: DateTime,
}

impl Stored for MovementDoc {
    fn of(movement: &StockMovement) -> Self {
        Self {
            id: record::id(movement.id.uuid()),
            product_id: record::id(movement.product_id.uuid()),
            kind: movement.kind.name().to_owned(),
            on_hand_delta: movement.on_hand_delta,
            reserved_delta: movement.reserved_delta,
            order_id: movement.order_id.map(|order| record::id(order.uuid())),
            created_at: date(movement.created_at),
        }
    }
}

impl Record for MovementDoc {
    const COLLECTION: &'static str = "stock_movements";
    type Entity = StockMovement;
    fn read(self) -> Result<StockMovement, Unreadable> {
        Ok(StockMovement {
            id: MovementId::new(self.id.to_uuid_1()),
            product_id: ProductId::new(self.product_id.to_uuid_1()),
            kind: MovementKind::from_name(&self.kind).ok_or("unknown kind")?,
            on_hand_delta: self.on_hand_delta,
            reserved_delta: self.reserved_delta,
            order_id: self.order_id.map(|order| OrderId::new(order.to_uuid_1())),
            created_at: time(self.created_at)?,
        })
    }
}

/// Reads lock nothing. Two units that save the same level collide, and one of them ends with `Retry` or `Stale`. The
/// ascending order of ids matters only for the writers that queue in `locks.rs`.
#[async_trait]
impl StockRepository for MongoUnit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        self.by_ids::<LevelDoc>(record::ids(ids.iter().map(|id| id.uuid()))).await
    }

    async fn hold(&mut self, ids: &[ProductId]) -> Result<(), StoreError> {
        let levels = ids.iter().map(|id| record::id(id.uuid()).into()).collect();
        self.run(async |executor| executor.hold(LevelDoc::COLLECTION, levels).await.map(drop)).await
    }

    async fn insert(&mut self, level: &StockLevel) -> Result<(), StoreError> {
        self.add::<LevelDoc>(from_ref(level)).await
    }

    async fn save_many(&mut self, levels: &[StockLevel]) -> Result<(), StoreError> {
        self.run(async |executor| executor.put_all::<LevelDoc>(levels).await).await
    }

    async fn append_movements(&mut self, movements: &[StockMovement]) -> Result<(), StoreError> {
        self.add::<MovementDoc>(movements).await
    }

    async fn list_movements(&mut self, product: ProductId) -> Result<Vec<StockMovement>, StoreError> {
        let of_product = Query::of(doc! { "product_id": record::id(product.uuid()) });
        self.all::<MovementDoc>(of_product.by(doc! { "created_at": 1, "_id": 1 })).await
    }

    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError> {
        self.add::<ReservationDoc>(reservations).await
    }

    async fn list_reservations(&mut self, order: OrderId) -> Result<Vec<Reservation>, StoreError> {
        self.all::<ReservationDoc>(reservations::of_order(order)).await
    }

    async fn list_expired(
        &mut self,
        ids: &[ProductId],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        self.all::<ReservationDoc>(reservations::expired(ids, now).at_most(limit)).await
    }

    async fn end_reservations(&mut self, ended: &[Reservation]) -> Result<(), StoreError> {
        let ends = ended.iter().map(reservations::end).collect();
        self.run(async |executor| executor.update_all(ReservationDoc::COLLECTION, ends).await).await
    }

    async fn keep_reservations(&mut self, kept: &[Reservation]) -> Result<(), StoreError> {
        let keeps = kept.iter().map(reservations::keep).collect();
        self.run(async |executor| executor.update_all(ReservationDoc::COLLECTION, keeps).await).await
    }
}

/// A stock level, joined with the product's `on_sale` and the pieces whose reservations have expired.
#[derive(Deserialize)]
struct StockViewDoc {
    #[serde(flatten)]
    level: LevelDoc,
    products: Vec<Shelf>,
    expired: Vec<Expired>,
}

#[derive(Deserialize)]
struct Expired {
    pieces: i64,
}

#[derive(Deserialize)]
struct Shelf {
    on_sale: bool,
}

impl Record for StockViewDoc {
    const COLLECTION: &'static str = LevelDoc::COLLECTION;
    type Entity = StockView;
    fn read(self) -> Result<StockView, Unreadable> {
        let shelf = self.products.first().ok_or("a level without a product")?;
        let expired = self.expired.first().map_or(Ok(0), |expired| pieces(expired.pieces))?;
        Ok(StockView::of(&self.level.read()?, expired, shelf.on_sale))
    }
}

#[async_trait]
impl StockQueries for MongoStore {
    async fn find_stock(&self, id: ProductId, now: Timestamp) -> Result<Option<StockView>, StoreError> {
        let expired = reservations::with_expired(id, now);
        self.read().await?.joined::<StockViewDoc>(id.uuid(), ("_id", "products", &["on_sale"]), vec![expired]).await
    }
}
