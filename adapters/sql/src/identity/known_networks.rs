//! The networks that accounts have logged in from: one row for each account.

use crate::{
    Kind, Row, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    statement::A_SWEEP,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{KnownNetworkRepository, constraints},
    kernel::StoreError,
};
use skep_domain::{
    identity::KnownNetworks,
    shared::{Timestamp, UserId},
};
use std::sync::LazyLock;

static KNOWN: LazyLock<Table<KnownNetworks>> = LazyLock::new(|| {
    Table::<KnownNetworks>::new("known_networks", "identity.known_networks", constraints::KNOWN_NETWORKS)
        .key("user_id", Kind::Uuid, |known| known.user_id.into())
        .column("networks", Kind::Bytes, |known| known.to_bytes().into())
        // An empty list is never stored.
        .column("last_login_at", Kind::Time, |known| known.last_login_at().unwrap_or(Timestamp::MIN).into())
        .offers(&[Verb::Find])
});

static REPLACE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO known_networks ({*}) VALUES ($1, $2, $3) \
        ON CONFLICT (user_id) DO UPDATE SET networks = excluded.networks, last_login_at = excluded.last_login_at";
    KNOWN.command("replace", text, &KNOWN.kinds(), &[])
});
static SWEEP: Statement = Statement::per(
    "identity.known_networks.sweep",
    A_SWEEP,
    (
        "DELETE FROM known_networks WHERE user_id IN \
         (SELECT user_id FROM known_networks WHERE last_login_at <= $1 LIMIT $2)",
        "DELETE FROM known_networks WHERE user_id = ANY (ARRAY\
         (SELECT user_id FROM known_networks WHERE last_login_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ),
    &[Kind::Time, Kind::Int],
    &[],
);

pub(super) fn declared() -> Declared {
    Declared::table(&KNOWN).statements([&*REPLACE, &SWEEP])
}

/// Reads the list of an account; `None` is the list of an account without a row.
pub(super) fn read_networks(user_id: UserId, bytes: Option<&[u8]>) -> Result<KnownNetworks, StoreError> {
    let Some(bytes) = bytes else { return Ok(KnownNetworks::none(user_id)) };
    RowId("known_networks", user_id).read("networks", KnownNetworks::from_bytes(user_id, bytes))
}

impl Stored for KnownNetworks {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let user_id = UserId::new(row.uuid()?);
        let known = read_networks(user_id, Some(&row.bytes()?));
        row.time()?;
        known
    }
}

#[async_trait]
impl KnownNetworkRepository for SqlUnit {
    async fn find(&mut self, id: UserId) -> Result<Option<KnownNetworks>, StoreError> {
        KNOWN.find(self, id).await
    }

    async fn replace(&mut self, networks: &KnownNetworks) -> Result<(), StoreError> {
        if !networks.is_empty() {
            self.change(&REPLACE, KNOWN.row_of(networks)).await?;
        }
        Ok(())
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&SWEEP, args![until, limit]).await
    }
}
