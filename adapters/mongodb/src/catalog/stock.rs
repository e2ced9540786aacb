//! Stock levels and their ledger.

use super::reservations::{self, ReservationDoc};
use crate::{
    ops::{Query, Update},
    record::{self, Record, Unreadable, date, pieces, time, version},
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

#[derive(Serialize, Deserialize)]
struct LevelDoc {
    #[serde(rename = "_id")]
    product_id: bson::Uuid,
    on_hand: i64,
    reserved: i64,
    updated_at: DateTime,
    version: i64,
}

impl From<&StockLevel> for LevelDoc {
    fn from(level: &StockLevel) -> Self {
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

impl From<&StockMovement> for MovementDoc {
    fn from(movement: &StockMovement) -> Self {
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

/// The level over the version it was read with.
fn save(level: &StockLevel) -> Update {
    let filter = doc! { "_id": record::id(level.product_id.uuid()), "version": level.version.get() };
    let change = doc! {
        "on_hand": i64::from(level.on_hand),
        "reserved": i64::from(level.reserved),
        "updated_at": date(level.updated_at),
        "version": level.version.next().get(),
    };
    Update::of(filter, doc! { "$set": change })
}

/// Nothing is locked here: two units that save the same level collide, and one of them ends with `Retry` or `Stale`.
/// What is asked for in ascending order is only what waits, in `locks.rs`.
#[async_trait]
impl StockRepository for MongoUnit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        let mut step = self.step()?;
        let ids = record::ids(ids.iter().map(|id| id.uuid()));
        let found = step.find::<LevelDoc>(Query::of(doc! { "_id": { "$in": ids } })).await?;
        step.ok(found)
    }

    async fn insert(&mut self, level: &StockLevel) -> Result<(), StoreError> {
        let mut step = self.step()?;
        step.insert(&[LevelDoc::from(level)]).await?;
        step.ok(())
    }

    async fn save_many(&mut self, levels: &[StockLevel]) -> Result<(), StoreError> {
        let mut step = self.step()?;
        step.update_all(LevelDoc::COLLECTION, levels.iter().map(save).collect()).await?;
        step.ok(())
    }

    async fn append_movements(&mut self, movements: &[StockMovement]) -> Result<(), StoreError> {
        let mut step = self.step()?;
        let movements: Vec<MovementDoc> = movements.iter().map(MovementDoc::from).collect();
        step.insert(&movements).await?;
        step.ok(())
    }

    async fn list_movements(&mut self, product: ProductId) -> Result<Vec<StockMovement>, StoreError> {
        let mut step = self.step()?;
        let query = Query::of(doc! { "product_id": record::id(product.uuid()) });
        let found = step.find::<MovementDoc>(query.by(doc! { "created_at": 1, "_id": 1 })).await?;
        step.ok(found)
    }

    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError> {
        let mut step = self.step()?;
        let reservations: Vec<ReservationDoc> = reservations.iter().map(ReservationDoc::from).collect();
        step.insert(&reservations).await?;
        step.ok(())
    }

    async fn list_reservations(&mut self, order: OrderId) -> Result<Vec<Reservation>, StoreError> {
        let mut step = self.step()?;
        let found = step.find::<ReservationDoc>(reservations::of_order(order)).await?;
        step.ok(found)
    }

    async fn list_expired(
        &mut self,
        ids: &[ProductId],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        let mut step = self.step()?;
        let found = step.find::<ReservationDoc>(reservations::expired(ids, now).at_most(limit)).await?;
        step.ok(found)
    }

    async fn end_reservations(&mut self, ended: &[Reservation]) -> Result<(), StoreError> {
        let mut step = self.step()?;
        step.update_all(ReservationDoc::COLLECTION, ended.iter().map(reservations::end).collect()).await?;
        step.ok(())
    }
}

/// A level with the product's place on the shelf, as the lookup joins them.
#[derive(Serialize, Deserialize)]
struct StockViewDoc {
    #[serde(flatten)]
    level: LevelDoc,
    products: Vec<Shelf>,
}

#[derive(Serialize, Deserialize)]
struct Shelf {
    on_sale: bool,
}

impl Record for StockViewDoc {
    const COLLECTION: &'static str = LevelDoc::COLLECTION;
    type Entity = StockView;
    fn read(self) -> Result<StockView, Unreadable> {
        let shelf = self.products.first().ok_or("a level without a product")?;
        Ok(StockView::of(&self.level.read()?, shelf.on_sale))
    }
}

#[async_trait]
impl StockQueries for MongoStore {
    async fn find_stock(&self, id: ProductId) -> Result<Option<StockView>, StoreError> {
        let product = doc! {
            "from": "products", "localField": "_id", "foreignField": "_id", "as": "products",
            "pipeline": [{ "$project": { "on_sale": 1 } }],
        };
        let level = doc! { "$match": { "_id": record::id(id.uuid()) } };
        // A level without a product is none, as the join of the SQL stores has it.
        let with_product = doc! { "$match": { "products": { "$ne": [] } } };
        let pipeline = vec![level, doc! { "$lookup": product }, with_product];
        Ok(self.read().await?.aggregate::<StockViewDoc>(pipeline).await?.pop())
    }
}
