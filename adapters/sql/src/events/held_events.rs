//! The table of the events that subscriptions hold back.

use crate::{
    Kind, Row, Statement,
    declared::Declared,
    page::{Listed, Pages},
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use skep_application::{
    events::{
        HeldSortKey,
        constraints::{HELD_EVENT, HELD_EVENT_ID},
    },
    kernel::StoreError,
};
use skep_domain::{
    events::{HeldEvent, HeldEventId, HeldState, SubscriptionId},
    shared::EventId,
};
use std::sync::LazyLock;

pub(super) static HELD: LazyLock<Table<HeldEvent>> = LazyLock::new(|| {
    Table::<HeldEvent>::new("held_events", "events.held_event", HELD_EVENT_ID)
        .key("id", Kind::Uuid, |held| held.id.uuid().into())
        .fixed("subscription_id", Kind::Uuid, |held| held.subscription_id.uuid().into())
        .fixed("event_id", Kind::Uuid, |held| held.event_id.into())
        .fixed("position", Kind::Int, |held| held.position.get().into())
        .fixed("aggregate_id", Kind::Uuid, |held| held.aggregate_id.into())
        .column("state", Kind::Text, |held| held.state.name().into())
        .column("attempt", Kind::Int, |held| held.attempt.into())
        .column("ready_at", Kind::Time, |held| held.ready_at.into())
        .column("message", Kind::Text, |held| held.message.as_str().into())
        .fixed("held_at", Kind::Time, |held| held.held_at.into())
        .version(|held| held.version)
        .unique(HELD_EVENT, &["event_id", "subscription_id"])
        .offers(&[Verb::Find, Verb::InsertMany, Verb::Save, Verb::Delete])
});

pub(super) static LOCK: LazyLock<Statement> =
    LazyLock::new(|| HELD.query("lock", "SELECT {*} FROM held_events WHERE id = $1 {for update}", &[Kind::Uuid], &[]));
pub(super) static LIST_AGGREGATES: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT DISTINCT aggregate_id FROM {held_events by aggregate_id in $2} AND subscription_id = $1";
    HELD.command("list_aggregates", text, &[Kind::Uuid, Kind::Uuids], &[Kind::Uuid])
});
pub(super) static NEXT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM held_events WHERE subscription_id = $1 AND aggregate_id = $2 \
        ORDER BY position LIMIT 1";
    HELD.query("find_next", text, &[Kind::Uuid, Kind::Uuid], &[])
});
pub(super) static DELETE_OF_SUBSCRIPTION: Statement = Statement::both(
    "events.held_event.delete_of_subscription",
    "DELETE FROM held_events WHERE subscription_id = $1",
    &[Kind::Uuid],
    &[],
);
/// The order, here and below, makes both engines read along the index.
pub(super) static COUNT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT count(*) FROM (SELECT 1 FROM held_events WHERE subscription_id = $1 \
        ORDER BY aggregate_id, position LIMIT $2) AS counted";
    HELD.command("count_of_subscription", text, &[Kind::Uuid, Kind::Int], &[Kind::Int])
});
pub(super) static COUNT_BY_STATE: LazyLock<Statement> = LazyLock::new(|| {
    let count = |state: &HeldState| {
        let name = state.name();
        format!(
            "(SELECT count(*) FROM (SELECT 1 FROM held_events WHERE subscription_id = $1 AND state = '{name}' \
             ORDER BY ready_at, id LIMIT $2) AS {name})"
        )
    };
    let counts: Vec<_> = HeldState::ALL.iter().map(count).collect();
    let text = format!("SELECT {}", counts.join(", "));
    HELD.command("count_by_state", &text, &[Kind::Uuid, Kind::Int], &[Kind::Int; HeldState::ALL.len()]).long()
});
pub(super) static LIST_DUE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM held_events WHERE subscription_id = $1 AND state = 'retryable' AND ready_at <= $2 \
        ORDER BY ready_at, id LIMIT $3";
    HELD.query("list_due", text, &[Kind::Uuid, Kind::Time, Kind::Int], &[])
});
pub(super) static LIST: LazyLock<Pages> = LazyLock::new(|| {
    // Each column has the name of its sort key.
    let sorts: Vec<_> = HeldSortKey::NAMES.iter().map(|column| (format!("list_by_{column}"), *column)).collect();
    Pages::new(
        &HELD,
        &Listed { condition: "state = $1", params: &[Kind::Text], sorts: &sorts, count: "count_of_state" },
    )
});

pub(super) fn declared() -> Declared {
    let statements =
        [&*LOCK, &*LIST_AGGREGATES, &*NEXT, &DELETE_OF_SUBSCRIPTION, &*COUNT, &*COUNT_BY_STATE, &*LIST_DUE];
    Declared::table(&HELD).statements(statements).statements(LIST.statements())
}

impl Stored for HeldEvent {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = HeldEventId::new(row.uuid()?);
        let row_id = RowId("held_events", id);
        Ok(Self {
            id,
            subscription_id: SubscriptionId::new(row.uuid()?),
            event_id: EventId::new(row.uuid()?),
            position: row_id.position("position", row.int()?)?,
            aggregate_id: row.uuid()?,
            state: row_id.read("state", HeldState::from_name(&row.text()?))?,
            attempt: row_id.count("attempt", row.int()?)?,
            ready_at: row.time()?,
            message: row.text()?,
            held_at: row.time()?,
            version: row_id.version(row.int()?)?,
        })
    }
}

/// Reads the numbers of [`COUNT_BY_STATE`].
pub(super) fn read_counts(row: &mut Row) -> Result<Vec<(HeldState, u64)>, StoreError> {
    HeldState::ALL.iter().map(|state| Ok((*state, row.count()?))).collect()
}
