//! The schema of the first version.

use super::{Collection, Index, MongoSet, MongoStep, collection, index, unique};
use bson::doc;
use skep_application::operations::{FOUNDATION, MigrationStep};
use skep_domain::catalog::ReservationState;

pub(super) const SET: MongoSet = MongoSet {
    name: FOUNDATION,
    after: &[],
    steps: &[MigrationStep { name: "foundation", work: MongoStep::collections(COLLECTIONS) }],
};

const COLLECTIONS: &[Collection] = &[
    collection("users", &[unique("users_email_key", &["email"]), index("users_roles_idx", &["roles"])]),
    // The last two indexes are for the sweep.
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
    // Without an index by product, as on the other stores: docs/adr/0014.
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

/// A partial index cannot test whether a field is null, so products store in `on_sale` whether they are on sale.
const fn on_sale(name: &'static str, keys: &'static [&'static str]) -> Index {
    Index { only: Some(|| doc! { "on_sale": true }), ..index(name, keys) }
}
