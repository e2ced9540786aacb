//! The table of subscriptions.

use crate::{
    Kind, Row, Statement,
    declared::Declared,
    shape::Verb,
    statement::A_SWEEP,
    stored::{RowId, Stored},
    table::Table,
};
use skep_application::{
    events::constraints::{SUBSCRIPTION_ID, SUBSCRIPTION_SUBSCRIBER},
    kernel::StoreError,
};
use skep_domain::events::{Replay, SubscriberName, Subscription, SubscriptionId, SubscriptionState};
use std::sync::LazyLock;

pub(super) static SUBSCRIPTIONS: LazyLock<Table<Subscription>> = LazyLock::new(|| {
    Table::<Subscription>::new("subscriptions", "events.subscription", SUBSCRIPTION_ID)
        .key("id", Kind::Uuid, |subscription| subscription.id.uuid().into())
        .fixed("subscriber", Kind::Text, |subscription| subscription.subscriber.as_str().into())
        .fixed("replay_until", Kind::Int, |subscription| subscription.replay.map(|replay| replay.until.get()).into())
        .nullable()
        .column("position", Kind::Int, |subscription| subscription.position.get().into())
        .column("state", Kind::Text, |subscription| subscription.state.name().into())
        .column("lease_token", Kind::Uuid, |subscription| subscription.lease.map(|lease| lease.token.uuid()).into())
        .nullable()
        .column("lease_beat", Kind::Int, |subscription| subscription.lease.map(|lease| lease.beat).into())
        .nullable()
        .fixed("created_at", Kind::Time, |subscription| subscription.created_at.into())
        .column("updated_at", Kind::Time, |subscription| subscription.updated_at.into())
        .version(|subscription| subscription.version)
        .unique(SUBSCRIPTION_SUBSCRIBER, &["subscriber"])
        .offers(&[Verb::Find, Verb::Insert, Verb::Save, Verb::Delete])
});

pub(super) static LOCK: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM subscriptions WHERE id = $1 {for update}";
    SUBSCRIPTIONS.query("lock", text, &[Kind::Uuid], &[])
});
/// The condition for NULL, here and below, is that of the partial index.
pub(super) static FIND_LIVE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM subscriptions WHERE subscriber = $1 AND replay_until IS NULL";
    SUBSCRIPTIONS.query("find_live", text, &[Kind::Text], &[])
});
pub(super) static LOCK_LIVE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM subscriptions WHERE subscriber = $1 AND replay_until IS NULL {for update}";
    SUBSCRIPTIONS.query("lock_live", text, &[Kind::Text], &[])
});
/// Reads all rows, which are few. Locks none: a delivery would hold up the sweep.
pub(super) static LIST_BEHIND: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM subscriptions WHERE state = 'active' AND position < $1 ORDER BY position, id LIMIT $2";
    SUBSCRIPTIONS.query("list_behind", text, &[Kind::Int, Kind::Int], &[])
});
/// Reads all rows, which are few.
pub(super) static COUNT_REPLAYS: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT count(*) FROM (SELECT 1 FROM subscriptions \
        WHERE replay_until IS NOT NULL AND state <> 'finished' LIMIT $1) AS counted";
    SUBSCRIPTIONS.command("count_replays", text, &[Kind::Int], &[Kind::Int])
});
pub(super) static LIST: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM subscriptions \
        ORDER BY replay_until IS NOT NULL, created_at DESC, id DESC LIMIT $1";
    SUBSCRIPTIONS.query("list", text, &[Kind::Int], &[])
});

/// Reads all rows, which are few.
pub(super) static SWEEP: Statement = Statement::per(
    "events.subscription.sweep",
    A_SWEEP,
    (
        "DELETE FROM subscriptions WHERE id IN (SELECT id FROM subscriptions WHERE state = 'finished' \
         AND updated_at <= $1 ORDER BY updated_at, id LIMIT $2)",
        "DELETE FROM subscriptions WHERE id = ANY (ARRAY(SELECT id FROM subscriptions WHERE state = 'finished' \
         AND updated_at <= $1 ORDER BY updated_at, id LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ),
    &[Kind::Time, Kind::Int],
    &[],
);

pub(super) fn declared() -> Declared {
    let found = [&*LOCK, &*FIND_LIVE, &*LOCK_LIVE, &*LIST_BEHIND, &*COUNT_REPLAYS, &*LIST];
    Declared::table(&SUBSCRIPTIONS).statements(found).statements([&SWEEP])
}

impl Stored for Subscription {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = SubscriptionId::new(row.uuid()?);
        let row_id = RowId("subscriptions", id);
        let subscriber = SubscriberName::stored(row.text()?);
        let until = row.optional_int()?.map(|until| row_id.position("replay_until", until)).transpose()?;
        Ok(Self {
            id,
            subscriber,
            replay: until.map(|until| Replay { until }),
            position: row_id.position("position", row.int()?)?,
            state: row_id.read("state", SubscriptionState::from_name(&row.text()?))?,
            lease: row_id.lease(row)?,
            created_at: row.time()?,
            updated_at: row.time()?,
            version: row_id.version(row.int()?)?,
        })
    }
}
