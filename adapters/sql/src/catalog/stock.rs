//! Stock levels, reservations and the ledger.

use crate::{
    Kind::{self, Bool, Int, Text, Time, Uuid, Uuids},
    Row, SqlStore, SqlUnit, Statement,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::{
    catalog::{StockQueries, StockRepository, StockView},
    kernel::StoreError,
};
use skep_domain::{
    catalog::{MovementKind, Reservation, ReservationState, StockLevel, StockMovement},
    shared::{MovementId, OrderId, ProductId, ReservationId, Timestamp},
};

const LEVEL: &[Kind] = &[Uuid, Int, Int, Time, Int];
macro_rules! level {
    () => {
        "product_id, on_hand, reserved, updated_at, version"
    };
}
const MOVEMENT: &[Kind] = &[Uuid, Uuid, Text, Int, Int, Uuid, Time];
macro_rules! movement {
    () => {
        "id, product_id, kind, on_hand_delta, reserved_delta, order_id, created_at"
    };
}
const RESERVATION: &[Kind] = &[Uuid, Uuid, Uuid, Int, Text, Time, Time, Time];
macro_rules! reservation {
    () => {
        "id, order_id, product_id, quantity, state, expires_at, created_at, ended_at"
    };
}

static LIST: Statement = Statement::per(
    "catalog.stock_level.list",
    (
        concat!("SELECT ", level!(), " FROM stock_levels WHERE product_id IN rarray($1) ORDER BY product_id"),
        concat!("SELECT ", level!(), " FROM stock_levels WHERE product_id = ANY($1) ORDER BY product_id"),
    ),
    &[Uuids],
    LEVEL,
);
/// PostgreSQL sorts first and locks then, so every unit locks in the order of the ids. SQLite has one writer.
static LOCK: Statement = Statement::per(
    "catalog.stock_level.lock",
    (
        concat!("SELECT ", level!(), " FROM stock_levels WHERE product_id IN rarray($1) ORDER BY product_id"),
        concat!("SELECT ", level!(), " FROM stock_levels WHERE product_id = ANY($1) ORDER BY product_id FOR UPDATE"),
    ),
    &[Uuids],
    LEVEL,
);
static INSERT: Statement = Statement::both(
    "catalog.stock_level.insert",
    concat!("INSERT INTO stock_levels (", level!(), ") VALUES ($1, $2, $3, $4, $5)"),
    LEVEL,
    &[],
);
static SAVE: Statement = Statement::batch(
    "catalog.stock_level.save",
    (
        "UPDATE stock_levels SET on_hand = $2, reserved = $3, updated_at = $4, version = version + 1 \
         WHERE product_id = $1 AND version = $5",
        "UPDATE stock_levels AS level SET on_hand = saved.on_hand, reserved = saved.reserved, \
         updated_at = saved.updated_at, version = level.version + 1 \
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[]) \
         AS saved (product_id, on_hand, reserved, updated_at, version) \
         WHERE level.product_id = saved.product_id AND level.version = saved.version",
    ),
    LEVEL,
);
static APPEND_MOVEMENTS: Statement = Statement::batch(
    "catalog.stock_movement.append",
    (
        concat!("INSERT INTO stock_movements (", movement!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"),
        concat!(
            "INSERT INTO stock_movements (",
            movement!(),
            ") SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::uuid[], \
             $7::timestamptz[])"
        ),
    ),
    MOVEMENT,
);
static LIST_MOVEMENTS: Statement = Statement::both(
    "catalog.stock_movement.list",
    concat!("SELECT ", movement!(), " FROM stock_movements WHERE product_id = $1 ORDER BY created_at, id"),
    &[Uuid],
    MOVEMENT,
);
static INSERT_RESERVATIONS: Statement = Statement::batch(
    "catalog.reservation.insert",
    (
        concat!("INSERT INTO reservations (", reservation!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"),
        concat!(
            "INSERT INTO reservations (",
            reservation!(),
            ") SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], \
             $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])"
        ),
    ),
    RESERVATION,
);
static LIST_RESERVATIONS: Statement = Statement::both(
    "catalog.reservation.list",
    concat!("SELECT ", reservation!(), " FROM reservations WHERE order_id = $1 ORDER BY product_id, id"),
    &[Uuid],
    RESERVATION,
);
/// The conditions on `state` and for NULL are those of the partial index.
macro_rules! expired {
    ($products:literal) => {
        concat!(
            "SELECT ",
            reservation!(),
            " FROM reservations WHERE state = 'active' AND expires_at IS NOT NULL AND product_id ",
            $products,
            " AND expires_at <= $2 ORDER BY product_id, expires_at, id LIMIT $3"
        )
    };
}
static LIST_EXPIRED: Statement = Statement::per(
    "catalog.reservation.list_expired",
    (expired!("IN rarray($1)"), expired!("= ANY($1)")),
    &[Uuids, Time, Int],
    RESERVATION,
);
static END_RESERVATIONS: Statement = Statement::batch(
    "catalog.reservation.end",
    (
        "UPDATE reservations SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'active'",
        "UPDATE reservations AS reservation SET state = ended.state, ended_at = ended.ended_at \
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS ended (id, state, ended_at) \
         WHERE reservation.id = ended.id AND reservation.state = 'active'",
    ),
    &[Uuid, Text, Time],
);
static FIND_VIEW: Statement = Statement::both(
    "catalog.stock_level.find",
    "SELECT level.product_id, level.on_hand, level.reserved, level.updated_at, level.version, \
     product.archived_at IS NULL FROM stock_levels AS level JOIN products AS product ON product.id = level.product_id \
     WHERE level.product_id = $1",
    &[Uuid],
    &[Uuid, Int, Int, Time, Int, Bool],
);

pub(crate) static STATEMENTS: &[&Statement] = &[
    &LIST,
    &LOCK,
    &INSERT,
    &SAVE,
    &APPEND_MOVEMENTS,
    &LIST_MOVEMENTS,
    &INSERT_RESERVATIONS,
    &LIST_RESERVATIONS,
    &LIST_EXPIRED,
    &END_RESERVATIONS,
    &FIND_VIEW,
];

fn read_level(mut row: Row) -> Result<StockLevel, StoreError> {
    read_level_columns(&mut row)
}

fn read_level_columns(row: &mut Row) -> Result<StockLevel, StoreError> {
    let product_id = ProductId::new(row.uuid()?);
    let place = Place("stock_levels", product_id);
    let (on_hand, reserved) = (place.count("on_hand", row.int()?)?, place.count("reserved", row.int()?)?);
    // More reserved than there are would underflow wherever `available` is computed.
    let reserved = place.read("reserved", (reserved <= on_hand).then_some(reserved))?;
    Ok(StockLevel { product_id, on_hand, reserved, updated_at: row.time()?, version: place.version(row.int()?)? })
}

fn read_view(mut row: Row) -> Result<StockView, StoreError> {
    let level = read_level_columns(&mut row)?;
    Ok(StockView::of(&level, row.bool()?))
}

fn read_movement(mut row: Row) -> Result<StockMovement, StoreError> {
    let id = MovementId::new(row.uuid()?);
    Ok(StockMovement {
        id,
        product_id: ProductId::new(row.uuid()?),
        kind: Place("stock_movements", id).read("kind", MovementKind::from_name(&row.text()?))?,
        on_hand_delta: row.int()?,
        reserved_delta: row.int()?,
        order_id: row.optional_uuid()?.map(OrderId::new),
        created_at: row.time()?,
    })
}

fn read_reservation(mut row: Row) -> Result<Reservation, StoreError> {
    let id = ReservationId::new(row.uuid()?);
    let place = Place("reservations", id);
    Ok(Reservation {
        id,
        order_id: OrderId::new(row.uuid()?),
        product_id: ProductId::new(row.uuid()?),
        quantity: place.count("quantity", row.int()?)?,
        state: place.read("state", ReservationState::from_name(&row.text()?))?,
        expires_at: row.optional_time()?,
        created_at: row.time()?,
        ended_at: row.optional_time()?,
    })
}

fn level_args(level: &StockLevel) -> Vec<crate::Value> {
    args![level.product_id, level.on_hand, level.reserved, level.updated_at, level.version]
}

fn uuids(ids: &[ProductId]) -> Vec<uuid::Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}

#[async_trait]
impl StockRepository for SqlUnit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        let statement = if self.writes() { &LOCK } else { &LIST };
        self.list(statement, args![uuids(ids)], read_level).await
    }

    async fn insert(&mut self, level: &StockLevel) -> Result<(), StoreError> {
        self.execute(&INSERT, level_args(level)).await?;
        Ok(())
    }

    async fn save_many(&mut self, levels: &[StockLevel]) -> Result<(), StoreError> {
        let saved = self.execute_many(&SAVE, levels.iter().map(level_args).collect()).await?;
        self.all_or_stale(saved, levels.len())
    }

    async fn append_movements(&mut self, movements: &[StockMovement]) -> Result<(), StoreError> {
        let rows = movements.iter().map(|movement| {
            args![
                movement.id,
                movement.product_id,
                movement.kind.name(),
                movement.on_hand_delta,
                movement.reserved_delta,
                movement.order_id,
                movement.created_at,
            ]
        });
        self.execute_many(&APPEND_MOVEMENTS, rows.collect()).await?;
        Ok(())
    }

    async fn list_movements(&mut self, product: ProductId) -> Result<Vec<StockMovement>, StoreError> {
        self.list(&LIST_MOVEMENTS, args![product], read_movement).await
    }

    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError> {
        let rows = reservations.iter().map(|reservation| {
            args![
                reservation.id,
                reservation.order_id,
                reservation.product_id,
                reservation.quantity,
                reservation.state.name(),
                reservation.expires_at,
                reservation.created_at,
                reservation.ended_at,
            ]
        });
        self.execute_many(&INSERT_RESERVATIONS, rows.collect()).await?;
        Ok(())
    }

    async fn list_reservations(&mut self, order: OrderId) -> Result<Vec<Reservation>, StoreError> {
        self.list(&LIST_RESERVATIONS, args![order], read_reservation).await
    }

    async fn list_expired(
        &mut self,
        ids: &[ProductId],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        self.list(&LIST_EXPIRED, args![uuids(ids), now, limit], read_reservation).await
    }

    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError> {
        let rows =
            reservations.iter().map(|ended| args![ended.id, ended.state.name(), ended.ended_at]).collect::<Vec<_>>();
        let ended = self.execute_many(&END_RESERVATIONS, rows).await?;
        self.all_or_stale(ended, reservations.len())
    }
}

#[async_trait]
impl StockQueries for SqlStore {
    async fn find_stock(&self, id: ProductId) -> Result<Option<StockView>, StoreError> {
        self.find(&FIND_VIEW, args![id], read_view).await
    }
}
