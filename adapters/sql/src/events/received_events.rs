//! The table of the events that subscriptions have received.

use crate::{Kind, Statement, declared::Declared, statement::A_SWEEP, table::Table};
use skep_application::kernel::Constraint;
use std::sync::LazyLock;

static RECEIVED: LazyLock<Table<()>> = LazyLock::new(|| {
    Table::<()>::new("received_events", "events.received_event", Constraint::new("received_events_pkey"))
        .given_key("subscription_id", Kind::Uuid)
        .given_key("event_id", Kind::Uuid)
        .given("received_at", Kind::Time)
        .offers(&[])
});

/// Returns the events that are new. Waits for a parallel unit that receives one of them. The order keeps two units from
/// waiting for each other.
pub(super) static RECEIVE: Statement = Statement::per(
    "events.received_event.insert",
    "the rows come from a list of ids, which only PostgreSQL can name the column of",
    (
        "INSERT INTO received_events (subscription_id, event_id, received_at) \
         SELECT $1, value, $3 FROM rarray($2) WHERE true ORDER BY value ON CONFLICT DO NOTHING RETURNING event_id",
        "INSERT INTO received_events (subscription_id, event_id, received_at) \
         SELECT $1, value, $3 FROM unnest($2::uuid[]) AS given (value) ORDER BY value ON CONFLICT DO NOTHING \
         RETURNING event_id",
    ),
    &[Kind::Uuid, Kind::Uuids, Kind::Time],
    &[Kind::Uuid],
);
pub(super) static SWEEP: Statement = Statement::per(
    "events.received_event.sweep",
    A_SWEEP,
    (
        "DELETE FROM received_events WHERE (subscription_id, event_id) IN (SELECT subscription_id, event_id \
         FROM received_events WHERE received_at <= $1 ORDER BY received_at LIMIT $2)",
        "DELETE FROM received_events WHERE ctid = ANY (ARRAY(SELECT ctid \
         FROM received_events WHERE received_at <= $1 ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ),
    &[Kind::Time, Kind::Int],
    &[],
);

pub(super) fn declared() -> Declared {
    Declared::table(&RECEIVED).statements([&RECEIVE, &SWEEP])
}
