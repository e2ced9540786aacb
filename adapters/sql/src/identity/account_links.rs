//! The links that are mailed to the owners of accounts: one row for each account and purpose.

use crate::{
    Kind, Row, SqlUnit, Statement, args,
    declared::Declared,
    statement::A_SWEEP,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{AccountLinkRepository, constraints},
    kernel::StoreError,
};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch, LinkPurpose},
    shared::{ShownEmail, Timestamp, UserId},
};
use std::sync::LazyLock;

static LINKS: LazyLock<Table<AccountLink>> = LazyLock::new(|| {
    Table::<AccountLink>::new("account_links", "identity.account_link", constraints::ACCOUNT_LINK)
        .key("user_id", Kind::Uuid, |link| link.user_id.into())
        .key("purpose", Kind::Text, |link| link.purpose.name().into())
        .column("id", Kind::Uuid, |link| link.id.uuid().into())
        .column("hash", Kind::Bytes, |link| link.hash.to_vec().into())
        .column("auth_epoch", Kind::Int, |link| link.auth_epoch.get().into())
        .column("expires_at", Kind::Time, |link| link.expires_at.into())
        .column("email", Kind::Text, |link| link.email.as_ref().map(ShownEmail::as_str).into())
        .nullable()
        .offers(&[])
});

static FIND: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM account_links WHERE user_id = $1 AND purpose = $2";
    LINKS.query("find", text, &[Kind::Uuid, Kind::Text], &[])
});
static FIND_BY_HASH: LazyLock<Statement> =
    LazyLock::new(|| LINKS.query("find_by_hash", "SELECT {*} FROM account_links WHERE hash = $1", &[Kind::Bytes], &[]));
static REPLACE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO account_links ({*}) VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (user_id, purpose) DO UPDATE SET id = excluded.id, hash = excluded.hash, \
        auth_epoch = excluded.auth_epoch, expires_at = excluded.expires_at, email = excluded.email";
    LINKS.command("replace", text, &LINKS.kinds(), &[])
});
static CONSUME: Statement = Statement::both(
    "identity.account_link.consume",
    "DELETE FROM account_links WHERE hash = $1 AND expires_at > $2",
    &[Kind::Bytes, Kind::Time],
    &[],
);
static SWEEP: Statement = Statement::per(
    "identity.account_link.sweep",
    A_SWEEP,
    (
        "DELETE FROM account_links WHERE (user_id, purpose) IN \
         (SELECT user_id, purpose FROM account_links WHERE expires_at <= $1 LIMIT $2)",
        // An array is made once. PostgreSQL may run a subquery after IN for each row, each time with another limit.
        "DELETE FROM account_links WHERE ctid = ANY (ARRAY\
         (SELECT ctid FROM account_links WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
    ),
    &[Kind::Time, Kind::Int],
    &[],
);

pub(super) fn declared() -> Declared {
    Declared::table(&LINKS).statements([&*FIND, &*FIND_BY_HASH, &*REPLACE, &CONSUME, &SWEEP])
}

impl Stored for AccountLink {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let user_id = UserId::new(row.uuid()?);
        let row_id = RowId("account_links", user_id);
        Ok(Self {
            user_id,
            purpose: row_id.read("purpose", LinkPurpose::from_name(&row.text()?))?,
            id: AccountLinkId::new(row.uuid()?),
            hash: row_id.read("hash", row.bytes()?.try_into().ok())?,
            auth_epoch: row_id.read("auth_epoch", AuthEpoch::new(row.int()?))?,
            expires_at: row.time()?,
            email: row.optional_text()?.map(ShownEmail::stored),
        })
    }
}

#[async_trait]
impl AccountLinkRepository for SqlUnit {
    async fn find(&mut self, user_id: UserId, purpose: LinkPurpose) -> Result<Option<AccountLink>, StoreError> {
        self.row(&FIND, args![user_id, purpose.name()], AccountLink::read).await
    }

    async fn find_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<AccountLink>, StoreError> {
        self.row(&FIND_BY_HASH, args![hash.to_vec()], AccountLink::read).await
    }

    async fn replace(&mut self, link: &AccountLink) -> Result<(), StoreError> {
        self.change(&REPLACE, LINKS.row_of(link)).await?;
        Ok(())
    }

    async fn consume(&mut self, hash: &[u8; 32], now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.change(&CONSUME, args![hash.to_vec(), now]).await? > 0)
    }

    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&SWEEP, args![until, limit]).await
    }
}
