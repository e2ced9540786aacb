//! The collections, what they refuse and their indexes, step by step. Every step can be repeated.

use crate::ops::Executor;
use bson::{Document, doc};
use skep_application::kernel::StoreError;
use skep_domain::catalog::ReservationState;

/// One step of the schema.
pub(crate) struct SchemaStep {
    /// Counts from 1.
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    collections: &'static [Collection],
}

struct Collection {
    name: &'static str,
    /// What every document fulfils.
    validator: Option<fn() -> Document>,
    indexes: &'static [Index],
}

struct Index {
    name: &'static str,
    keys: &'static [&'static str],
    unique: bool,
    /// Which documents it holds, if not all.
    only: Option<fn() -> Document>,
}

/// Every step, in order.
pub(crate) const STEPS: &[SchemaStep] = &[SchemaStep { number: 1, name: "foundation", collections: FOUNDATION }];

const FOUNDATION: &[Collection] = &[
    collection("users", &[unique("users_email_key", &["email"]), index("users_roles_idx", &["roles"])]),
    // The last two for what is swept.
    collection(
        "sessions",
        &[
            index("sessions_user_id_idx", &["user_id"]),
            index("sessions_expires_at_idx", &["expires_at"]),
            index("sessions_revoked_at_idx", &["revoked_at"]),
        ],
    ),
    collection("setup_tokens", &[]),
    // One index for each sort key of the list of products on sale.
    Collection {
        name: "products",
        validator: Some(|| doc! { "price.amount": { "$gte": 0_i64 } }),
        indexes: &[
            unique("products_sku_key", &["sku"]),
            on_sale("products_created_at_idx", &["created_at", "_id"]),
            on_sale("products_name_idx", &["name", "_id"]),
            on_sale("products_sku_idx", &["sku", "_id"]),
            on_sale("products_price_amount_idx", &["price.amount", "_id"]),
        ],
    },
    Collection {
        name: "stock_levels",
        validator: Some(|| {
            let within = doc! { "$lte": ["$reserved", "$on_hand"] };
            doc! { "reserved": { "$gte": 0_i64 }, "$expr": within }
        }),
        indexes: &[],
    },
    // No index by product, as on the other stores: docs/adr/0014.
    collection("stock_movements", &[]),
    Collection {
        name: "reservations",
        validator: Some(|| doc! { "quantity": { "$gt": 0_i64 } }),
        indexes: &[
            index("reservations_order_id_idx", &["order_id", "product_id"]),
            Index {
                name: "reservations_expires_at_idx",
                keys: &["product_id", "expires_at", "_id"],
                unique: false,
                only: Some(|| doc! { "state": ReservationState::Active.name() }),
            },
        ],
    },
    collection(
        "orders",
        &[
            unique("orders_number_key", &["number"]),
            index("orders_created_at_idx", &["created_at", "_id"]),
            index("orders_customer_id_idx", &["customer_id", "created_at", "_id"]),
        ],
    ),
    collection("outbox", &[]),
    collection("idempotency_keys", &[index("idempotency_keys_expires_at_idx", &["expires_at"])]),
    collection("instance_keys", &[unique("instance_keys_purpose_key", &["purpose"])]),
];

const fn collection(name: &'static str, indexes: &'static [Index]) -> Collection {
    Collection { name, validator: None, indexes }
}

const fn index(name: &'static str, keys: &'static [&'static str]) -> Index {
    Index { name, keys, unique: false, only: None }
}

const fn unique(name: &'static str, keys: &'static [&'static str]) -> Index {
    Index { unique: true, ..index(name, keys) }
}

/// A partial index cannot ask for a field that is null, so products say in a field of its own that they are on sale.
const fn on_sale(name: &'static str, keys: &'static [&'static str]) -> Index {
    Index { only: Some(|| doc! { "on_sale": true }), ..index(name, keys) }
}

const NAMESPACE_EXISTS: i32 = 48;
const NAMESPACE_NOT_FOUND: i32 = 26;

impl SchemaStep {
    /// Makes what is missing.
    pub(crate) async fn apply(&self, executor: &mut Executor) -> Result<(), StoreError> {
        for collection in self.collections {
            let (name, validator) = (collection.name, collection.validator.map_or_else(Document::new, |make| make()));
            // A collection without rules is made by its first index.
            if !validator.is_empty() || collection.indexes.is_empty() {
                let create = doc! { "create": name, "validator": &validator, "writeConcern": majority() };
                let is_new = executor.define(create, &[NAMESPACE_EXISTS]).await?;
                if !is_new {
                    let change = doc! { "collMod": name, "validator": validator, "writeConcern": majority() };
                    executor.define(change, &[]).await?;
                }
            }
            if !collection.indexes.is_empty() {
                let indexes: Vec<Document> = collection.indexes.iter().map(Index::document).collect();
                let create = doc! { "createIndexes": name, "indexes": indexes, "writeConcern": majority() };
                executor.define(create, &[]).await?;
            }
        }
        Ok(())
    }

    /// Drops what this step made, with everything in it.
    pub(crate) async fn take_back(&self, executor: &mut Executor) -> Result<(), StoreError> {
        for collection in self.collections.iter().rev() {
            let drop = doc! { "drop": collection.name, "writeConcern": majority() };
            executor.define(drop, &[NAMESPACE_NOT_FOUND]).await?;
        }
        Ok(())
    }
}

impl Index {
    fn document(&self) -> Document {
        let keys: Document = self.keys.iter().map(|key| ((*key).to_owned(), 1_i32.into())).collect();
        let mut index = doc! { "name": self.name, "key": keys, "unique": self.unique };
        if let Some(only) = self.only {
            index.insert("partialFilterExpression", only());
        }
        index
    }
}

fn majority() -> Document {
    doc! { "w": "majority" }
}

/// Whether the collection has this index and it starts with the fields.
#[cfg(test)]
pub(crate) fn has_index(collection: &str, name: &str, fields: &[&str]) -> bool {
    let collections = STEPS.iter().flat_map(|step| step.collections).filter(|found| found.name == collection);
    collections.flat_map(|found| found.indexes).any(|index| index.name == name && index.keys.starts_with(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every uniqueness rule has its index, or is the primary key of a collection; order lines live within their order.
    #[test]
    fn every_constraint_has_its_index() {
        let collections: Vec<&Collection> = STEPS.iter().flat_map(|step| step.collections).collect();
        for rule in skep_application::constraints() {
            let is_kept = match rule.name().strip_suffix("_pkey") {
                Some("order_lines") => true,
                Some(name) => collections.iter().any(|found| found.name == name),
                None => collections.iter().flat_map(|found| found.indexes).any(|i| i.unique && i.name == rule.name()),
            };
            assert!(is_kept, "{}", rule.name());
        }
    }
}
