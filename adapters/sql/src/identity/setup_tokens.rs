//! The one-time setup token: at most one row.

use crate::{
    Kind, Row, SqlUnit, Statement, args,
    declared::Declared,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    identity::{SetupToken, SetupTokenRepository, constraints},
    kernel::StoreError,
};
use std::sync::LazyLock;

static TOKENS: LazyLock<Table<SetupToken>> = LazyLock::new(|| {
    Table::<SetupToken>::new("setup_tokens", "identity.setup_token", constraints::SETUP_TOKEN)
        .key("id", Kind::Int, |_| 1_i64.into())
        .column("hash", Kind::Bytes, |token| token.hash.to_vec().into())
        .column("expires_at", Kind::Time, |token| token.expires_at.into())
        .offers(&[])
});

static FIND: LazyLock<Statement> =
    LazyLock::new(|| TOKENS.query("find", "SELECT {*} FROM setup_tokens WHERE id = 1", &[], &[]));
/// If two callers redeem the token at once on PostgreSQL, the second waits for the first and then finds no token.
static LOCK: LazyLock<Statement> =
    LazyLock::new(|| TOKENS.query("lock", "SELECT {*} FROM setup_tokens WHERE id = 1 {for update}", &[], &[]));
static REPLACE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO setup_tokens ({*}) VALUES ($1, $2, $3) \
        ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at";
    TOKENS.command("replace", text, &TOKENS.kinds(), &[])
});
static DELETE: Statement = Statement::both("identity.setup_token.delete", "DELETE FROM setup_tokens", &[], &[]);

pub(super) fn declared() -> Declared {
    Declared::table(&TOKENS).statements([&*FIND, &*LOCK, &*REPLACE, &DELETE])
}

impl Stored for SetupToken {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let row_id = RowId("setup_tokens", row.int()?);
        let hash = row.bytes()?.try_into().ok();
        Ok(Self { hash: row_id.read("hash", hash)?, expires_at: row.time()? })
    }
}

#[async_trait]
impl SetupTokenRepository for SqlUnit {
    async fn find(&mut self) -> Result<Option<SetupToken>, StoreError> {
        let statement = if self.writes() { &LOCK } else { &FIND };
        self.row(statement, args![], SetupToken::read).await
    }

    async fn replace(&mut self, token: &SetupToken) -> Result<(), StoreError> {
        self.change(&REPLACE, TOKENS.row_of(token)).await?;
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), StoreError> {
        self.change(&DELETE, args![]).await?;
        Ok(())
    }
}
