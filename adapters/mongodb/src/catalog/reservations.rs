//! Reservations.

use crate::{
    ops::{Query, Update},
    record::{self, Record, Stored, Unreadable, date, optional_time, pieces, time},
};
use bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_domain::{
    catalog::{Reservation, ReservationState},
    shared::{OrderId, ProductId, ReservationId, Timestamp},
};

#[derive(Serialize, Deserialize)]
pub(super) struct ReservationDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    order_id: bson::Uuid,
    product_id: bson::Uuid,
    quantity: i64,
    state: String,
    expires_at: Option<DateTime>,
    created_at: DateTime,
    ended_at: Option<DateTime>,
}

impl Stored for ReservationDoc {
    fn of(reservation: &Reservation) -> Self {
        Self {
            id: record::id(reservation.id.uuid()),
            order_id: record::id(reservation.order_id.uuid()),
            product_id: record::id(reservation.product_id.uuid()),
            quantity: reservation.quantity.into(),
            state: reservation.state.name().to_owned(),
            expires_at: reservation.expires_at.map(date),
            created_at: date(reservation.created_at),
            ended_at: reservation.ended_at.map(date),
        }
    }
}

impl Record for ReservationDoc {
    const COLLECTION: &'static str = "reservations";
    type Entity = Reservation;
    fn read(self) -> Result<Reservation, Unreadable> {
        Ok(Reservation {
            id: ReservationId::new(self.id.to_uuid_1()),
            order_id: OrderId::new(self.order_id.to_uuid_1()),
            product_id: ProductId::new(self.product_id.to_uuid_1()),
            quantity: pieces(self.quantity)?,
            state: ReservationState::from_name(&self.state).ok_or("unknown state")?,
            expires_at: optional_time(self.expires_at)?,
            created_at: time(self.created_at)?,
            ended_at: optional_time(self.ended_at)?,
        })
    }
}

/// The reservations of an order, sorted by product.
pub(super) fn of_order(order: OrderId) -> Query {
    Query::of(doc! { "order_id": record::id(order.uuid()) }).by(doc! { "product_id": 1 })
}

/// The reservations of these products that have expired at `now` but have not ended yet.
fn overdue(ids: &[ProductId], now: Timestamp) -> Document {
    doc! {
        "product_id": { "$in": record::ids(ids.iter().map(|id| id.uuid())) },
        "state": ReservationState::Active.name(),
        "expires_at": { "$lte": date(now) },
    }
}

/// The stage that adds the number of their pieces for one product, in a list named `expired`, which is empty without
/// such reservations.
pub(super) fn with_expired(id: ProductId, now: Timestamp) -> Document {
    let count = doc! { "$group": { "_id": Bson::Null, "pieces": { "$sum": "$quantity" } } };
    let pipeline = vec![doc! { "$match": overdue(&[id], now) }, count];
    doc! { "$lookup": { "from": ReservationDoc::COLLECTION, "as": "expired", "pipeline": pipeline } }
}

/// The active reservations of these products that have expired. Sorted by product, the longest expired first.
pub(super) fn expired(ids: &[ProductId], now: Timestamp) -> Query {
    Query::of(overdue(ids, now)).by(doc! { "product_id": 1, "expires_at": 1, "_id": 1 })
}

/// Ends a reservation that is still active in the store.
pub(super) fn end(reservation: &Reservation) -> Update {
    let filter = doc! { "_id": record::id(reservation.id.uuid()), "state": ReservationState::Active.name() };
    let change = doc! { "state": reservation.state.name(), "ended_at": reservation.ended_at.map(date) };
    Update::of(filter, doc! { "$set": change })
}

/// Lets a reservation that is still active in the store hold its pieces until it ends.
pub(super) fn keep(reservation: &Reservation) -> Update {
    let filter = doc! { "_id": record::id(reservation.id.uuid()), "state": ReservationState::Active.name() };
    Update::of(filter, doc! { "$set": { "expires_at": Bson::Null } })
}
