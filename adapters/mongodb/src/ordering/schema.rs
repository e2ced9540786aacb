//! The migrations of ordering.

use super::orders::unpaid;
use crate::schema::{Index, MongoSchema, MongoSet, MongoStep, partial};
use bson::{Bson, Document, doc};
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use skep_domain::catalog::ReservationState;
use std::{future::Future, pin::Pin};

pub(crate) const SET: MongoSet = MongoSet {
    name: "ordering",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep { name: "expiry", work: MongoStep::code(expire, keep) },
        // SQLite writes fewer pages after it. MongoDB has nothing to change.
        MigrationStep { name: "one_index_of_a_customer", work: MongoStep::NOTHING },
    ],
};

/// What is swept.
const OVERDUE: Index = partial("orders_expires_at_idx", &["expires_at", "_id"], unpaid);
/// The lines of a customer's orders that wait for their payment are counted with each new order.
const UNPAID: Index = partial("orders_unpaid_idx", &["customer_id", "expires_at", "line_count"], unpaid);
/// By time, as on the other stores: docs/adr/0014. The index has all fields that it is read for.
const EXPIRY: Index = partial("reservations_expiry_idx", &["expires_at", "product_id", "quantity"], active);
/// The index that [`EXPIRY`] replaces.
const BY_PRODUCT: Index = partial("reservations_expires_at_idx", &["product_id", "expires_at", "_id"], active);

const DAY: i64 = 86_400_000;
/// The most orders whose time one command copies to their reservations.
const ORDERS_AT_ONCE: i64 = 500;

fn active() -> Document {
    doc! { "state": ReservationState::Active.name() }
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// Orders that were placed before could not be paid, so those that wait may be paid elsewhere. They get 30 days, and up
/// to 7 more by the time at which they were placed, so that they do not all end at once.
fn expire<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let spread = doc! { "$mod": [{ "$toLong": "$created_at" }, 7 * DAY] };
        let end = doc! { "$add": ["$$NOW", 30 * DAY, spread] };
        let mut waiting = unpaid();
        waiting.insert("expires_at", doc! { "$exists": false });
        let update = doc! { "q": waiting, "u": [{ "$set": { "expires_at": end } }], "multi": true };
        schema.command(doc! { "update": "orders", "updates": [update] }).await?;
        copy_to_reservations(schema).await?;
        schema.drop_index("reservations", BY_PRODUCT.name).await?;
        schema.create_index("reservations", EXPIRY).await?;
        schema.create_index("orders", OVERDUE).await?;
        schema.create_index("orders", UNPAID).await
    })
}

/// Gives the active reservations of each waiting order its time. A command has at most [`ORDERS_AT_ONCE`] orders and
/// leaves out the reservations that have a time. So no command takes long, and a step that was interrupted goes on.
async fn copy_to_reservations(schema: &mut MongoSchema<'_>) -> Result<(), StoreError> {
    let mut from = Bson::MinKey;
    loop {
        let mut waiting = unpaid();
        waiting.insert("expires_at", doc! { "$type": "date" });
        waiting.insert("_id", doc! { "$gt": from.clone() });
        let last = doc! {
            "find": "orders", "filter": waiting.clone(), "projection": { "_id": 1 }, "sort": { "_id": 1 },
            "skip": ORDERS_AT_ONCE - 1, "limit": 1,
        };
        let last = first_id(&schema.command(last).await?)?;
        let to = last.clone().unwrap_or(Bson::MaxKey);
        waiting.insert("_id", doc! { "$gt": from, "$lte": to });
        schema.command(copy_of(waiting)).await?;
        match last {
            Some(last) => from = last,
            None => return Ok(()),
        }
    }
}

/// The command that copies the time of these orders.
fn copy_of(orders: Document) -> Document {
    let mut without_time = active();
    without_time.insert("expires_at", Bson::Null);
    let of_order = doc! {
        "from": "reservations", "localField": "_id", "foreignField": "order_id", "as": "reservation",
        "pipeline": [{ "$match": without_time }, { "$project": { "_id": 1 } }],
    };
    let merge = doc! {
        "into": "reservations", "on": "_id", "whenNotMatched": "discard",
        "whenMatched": [{ "$set": { "expires_at": "$$new.expires_at" } }],
    };
    let pipeline = vec![
        doc! { "$match": orders },
        doc! { "$lookup": of_order },
        doc! { "$unwind": "$reservation" },
        doc! { "$project": { "_id": "$reservation._id", "expires_at": 1 } },
        doc! { "$merge": merge },
    ];
    doc! { "aggregate": "orders", "pipeline": pipeline, "cursor": {} }
}

/// The id of the first document that a `find` has found.
fn first_id(answer: &Document) -> Result<Option<Bson>, StoreError> {
    let found = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let found = found.map_err(|error| StoreError::Corrupt(error.into()))?;
    Ok(found.first().and_then(Bson::as_document).and_then(|order| order.get("_id")).cloned())
}

/// The status `expired` and the expiry of orders are lost.
fn keep<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let ended = doc! { "q": { "order_state": "expired" }, "u": { "$set": { "order_state": "cancelled" } } };
        let timed = doc! { "q": {}, "u": { "$unset": { "expires_at": "" } } };
        for mut update in [ended, timed] {
            update.insert("multi", true);
            schema.command(doc! { "update": "orders", "updates": [update] }).await?;
        }
        let kept = doc! { "q": active(), "u": { "$set": { "expires_at": Bson::Null } }, "multi": true };
        schema.command(doc! { "update": "reservations", "updates": [kept] }).await?;
        schema.drop_index("reservations", EXPIRY.name).await?;
        schema.create_index("reservations", BY_PRODUCT).await?;
        schema.drop_index("orders", UNPAID.name).await?;
        schema.drop_index("orders", OVERDUE.name).await
    })
}
