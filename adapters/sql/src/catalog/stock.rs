//! Stock levels, reservations and the ledger.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    catalog::{StockQueries, StockRepository, StockView, constraints},
    kernel::{Constraint, StoreError},
};
use skep_domain::{
    catalog::{MovementKind, Reservation, ReservationState, StockLevel, StockMovement},
    shared::{MovementId, OrderId, ProductId, ReservationId, Timestamp},
};
use std::sync::LazyLock;

static LEVELS: LazyLock<Table<StockLevel>> = LazyLock::new(|| {
    Table::<StockLevel>::new("stock_levels", "catalog.stock_level", constraints::STOCK_LEVEL_PRODUCT)
        .key("product_id", Kind::Uuid, |level| level.product_id.into())
        .column("on_hand", Kind::Int, |level| level.on_hand.into())
        .column("reserved", Kind::Int, |level| level.reserved.into())
        .column("updated_at", Kind::Time, |level| level.updated_at.into())
        .version(|level| level.version)
        .references(Constraint::new("stock_levels_product_id_fkey"), "product_id", "products")
        .offers(&[Verb::Insert, Verb::SaveMany])
});
static MOVEMENTS: LazyLock<Table<StockMovement>> = LazyLock::new(|| {
    Table::<StockMovement>::new("stock_movements", "catalog.stock_movement", constraints::MOVEMENT_ID)
        .key("id", Kind::Uuid, |movement| movement.id.into())
        .fixed("product_id", Kind::Uuid, |movement| movement.product_id.into())
        .fixed("kind", Kind::Text, |movement| movement.kind.name().into())
        .fixed("on_hand_delta", Kind::Int, |movement| movement.on_hand_delta.into())
        .fixed("reserved_delta", Kind::Int, |movement| movement.reserved_delta.into())
        .fixed("order_id", Kind::Uuid, |movement| movement.order_id.into())
        .nullable()
        .fixed("created_at", Kind::Time, |movement| movement.created_at.into())
        .grows()
        .offers(&[Verb::InsertMany])
});
static RESERVATIONS: LazyLock<Table<Reservation>> = LazyLock::new(|| {
    Table::<Reservation>::new("reservations", "catalog.reservation", constraints::RESERVATION_ID)
        .key("id", Kind::Uuid, |reservation| reservation.id.into())
        .fixed("order_id", Kind::Uuid, |reservation| reservation.order_id.into())
        .fixed("product_id", Kind::Uuid, |reservation| reservation.product_id.into())
        .fixed("quantity", Kind::Int, |reservation| reservation.quantity.into())
        .column("state", Kind::Text, |reservation| reservation.state.name().into())
        .column("expires_at", Kind::Time, |reservation| reservation.expires_at.into())
        .nullable()
        .fixed("created_at", Kind::Time, |reservation| reservation.created_at.into())
        .column("ended_at", Kind::Time, |reservation| reservation.ended_at.into())
        .nullable()
        .offers(&[Verb::InsertMany])
});

static LIST: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM {stock_levels by product_id in $1} ORDER BY product_id";
    LEVELS.query("list", text, &[Kind::Uuids], &[])
});
/// PostgreSQL sorts before it locks, so every unit locks in the order of the ids.
static LOCK: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM {stock_levels by product_id in $1} ORDER BY product_id {for update}";
    LEVELS.query("lock", text, &[Kind::Uuids], &[])
});
/// The level with the pieces whose reservations have expired, in one statement and so of one moment. The conditions on
/// `state` and for NULL are those of the partial index, as in [`LIST_EXPIRED`].
static FIND_VIEW: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {level.*}, product.archived_at IS NULL, (SELECT CAST(coalesce(sum(quantity), 0) AS BIGINT) \
        FROM reservations WHERE state = 'active' AND expires_at IS NOT NULL AND product_id = $1 \
        AND expires_at <= $2) FROM stock_levels AS level \
        JOIN products AS product ON product.id = level.product_id WHERE level.product_id = $1";
    LEVELS.query("find", text, &[Kind::Uuid, Kind::Time], &[Kind::Bool, Kind::Int])
});
static LIST_MOVEMENTS: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM stock_movements WHERE product_id = $1 ORDER BY created_at, id";
    MOVEMENTS.query("list", text, &[Kind::Uuid], &[])
});
static LIST_RESERVATIONS: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM reservations WHERE order_id = $1 ORDER BY product_id, id";
    RESERVATIONS.query("list", text, &[Kind::Uuid], &[])
});
/// The conditions on `state` and for NULL are those of the partial index, so that it is used.
static LIST_EXPIRED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM reservations WHERE state = 'active' AND expires_at IS NOT NULL \
        AND product_id {in $1} AND expires_at <= $2 ORDER BY product_id, expires_at, id LIMIT $3";
    RESERVATIONS.query("list_expired", text, &[Kind::Uuids, Kind::Time, Kind::Int], &[])
});
static END_RESERVATIONS: Statement = Statement::batch(
    "catalog.reservation.end",
    (
        "UPDATE reservations SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'active'",
        "UPDATE reservations AS reservation SET state = ended.state, ended_at = ended.ended_at \
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS ended (id, state, ended_at) \
         WHERE reservation.id = ended.id AND reservation.state = 'active'",
    ),
    &[Kind::Uuid, Kind::Text, Kind::Time],
);

static KEEP_RESERVATIONS: Statement = Statement::batch(
    "catalog.reservation.keep",
    (
        "UPDATE reservations SET expires_at = NULL WHERE id = $1 AND state = 'active'",
        "UPDATE reservations AS reservation SET expires_at = NULL \
         FROM unnest($1::uuid[]) AS kept (id) \
         WHERE reservation.id = kept.id AND reservation.state = 'active'",
    ),
    &[Kind::Uuid],
);

pub(super) fn declared() -> Declared {
    let levels = Declared::table(&LEVELS).statements([&*LIST, &*LOCK, &*FIND_VIEW]);
    let movements = Declared::table(&MOVEMENTS).statements([&*LIST_MOVEMENTS]);
    let reservations = Declared::table(&RESERVATIONS);
    let reservations = reservations.statements([&*LIST_RESERVATIONS, &*LIST_EXPIRED]);
    levels.and(movements).and(reservations.statements([&END_RESERVATIONS, &KEEP_RESERVATIONS]))
}

impl Stored for StockLevel {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let product_id = ProductId::new(row.uuid()?);
        let row_id = RowId("stock_levels", product_id);
        let (on_hand, reserved) = (row_id.count("on_hand", row.int()?)?, row_id.count("reserved", row.int()?)?);
        // If more were reserved than is on hand, `available` would underflow.
        let reserved = row_id.read("reserved", (reserved <= on_hand).then_some(reserved))?;
        Ok(Self { product_id, on_hand, reserved, updated_at: row.time()?, version: row_id.version(row.int()?)? })
    }
}

fn read_view(row: &mut Row) -> Result<StockView, StoreError> {
    let level = StockLevel::read(row)?;
    let on_sale = row.bool()?;
    let expired = RowId("stock_levels", level.product_id).count("expired", row.int()?)?;
    Ok(StockView::of(&level, expired, on_sale))
}

impl Stored for StockMovement {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = MovementId::new(row.uuid()?);
        Ok(Self {
            id,
            product_id: ProductId::new(row.uuid()?),
            kind: RowId("stock_movements", id).read("kind", MovementKind::from_name(&row.text()?))?,
            on_hand_delta: row.int()?,
            reserved_delta: row.int()?,
            order_id: row.optional_uuid()?.map(OrderId::new),
            created_at: row.time()?,
        })
    }
}

impl Stored for Reservation {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = ReservationId::new(row.uuid()?);
        let row_id = RowId("reservations", id);
        Ok(Self {
            id,
            order_id: OrderId::new(row.uuid()?),
            product_id: ProductId::new(row.uuid()?),
            quantity: row_id.count("quantity", row.int()?)?,
            state: row_id.read("state", ReservationState::from_name(&row.text()?))?,
            expires_at: row.optional_time()?,
            created_at: row.time()?,
            ended_at: row.optional_time()?,
        })
    }
}

fn uuids(ids: &[ProductId]) -> Vec<uuid::Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}

#[async_trait]
impl StockRepository for SqlUnit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        let statement = if self.writes() { &LOCK } else { &LIST };
        self.rows(statement, args![uuids(ids)], StockLevel::read).await
    }

    async fn hold(&mut self, ids: &[ProductId]) -> Result<(), StoreError> {
        self.find_many(ids).await.map(drop)
    }

    async fn insert(&mut self, level: &StockLevel) -> Result<(), StoreError> {
        LEVELS.insert(self, level).await
    }

    async fn save_many(&mut self, levels: &[StockLevel]) -> Result<(), StoreError> {
        LEVELS.save_many(self, levels).await
    }

    async fn append_movements(&mut self, movements: &[StockMovement]) -> Result<(), StoreError> {
        MOVEMENTS.insert_many(self, movements).await
    }

    async fn list_movements(&mut self, product: ProductId) -> Result<Vec<StockMovement>, StoreError> {
        self.rows(&LIST_MOVEMENTS, args![product], StockMovement::read).await
    }

    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError> {
        RESERVATIONS.insert_many(self, reservations).await
    }

    async fn list_reservations(&mut self, order: OrderId) -> Result<Vec<Reservation>, StoreError> {
        self.rows(&LIST_RESERVATIONS, args![order], Reservation::read).await
    }

    async fn list_expired(
        &mut self,
        ids: &[ProductId],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        self.rows(&LIST_EXPIRED, args![uuids(ids), now, limit], Reservation::read).await
    }

    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError> {
        let rows =
            reservations.iter().map(|ended| args![ended.id, ended.state.name(), ended.ended_at]).collect::<Vec<_>>();
        let ended = self.change_many(&END_RESERVATIONS, rows).await?;
        self.all_or_stale(ended, reservations.len())
    }

    async fn keep_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError> {
        let rows = reservations.iter().map(|kept| args![kept.id]).collect();
        let kept = self.change_many(&KEEP_RESERVATIONS, rows).await?;
        self.all_or_stale(kept, reservations.len())
    }
}

#[async_trait]
impl StockQueries for SqlStore {
    async fn find_stock(&self, id: ProductId, now: Timestamp) -> Result<Option<StockView>, StoreError> {
        self.row(&FIND_VIEW, args![id, now], read_view).await
    }
}
