//! The migrations of events and their subscribers.

use super::{
    indexes::{OF_EVENTS, OF_HELD, OF_RECEIVED, OF_SUBSCRIPTIONS},
    log::LogDoc,
    order::{keep_order, order_by_versions},
    steps::{make_wake_ups, place_all, remove_all, remove_wake_ups},
};
use crate::{
    record::Record as _,
    schema::{MongoSet, MongoStep, collection},
};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "events",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep {
            name: "log",
            work: MongoStep::change(
                place_all,
                &[
                    collection("outbox", OF_EVENTS),
                    collection(LogDoc::COLLECTION, &[]),
                    collection("subscriptions", OF_SUBSCRIPTIONS),
                    collection("received_events", OF_RECEIVED),
                    collection("held_events", OF_HELD),
                ],
                remove_all,
                &[],
            ),
        },
        MigrationStep { name: "wake_ups", work: MongoStep::code(make_wake_ups, remove_wake_ups) },
        MigrationStep { name: "order_of_versions", work: MongoStep::code(order_by_versions, keep_order) },
    ],
};
