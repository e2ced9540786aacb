//! The one-time token of the set-up: one row, or none.

use crate::{
    Kind::{self, Bytes, Time},
    Row, SqlUnit, Statement,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::{
    identity::{SetupToken, SetupTokenRepository},
    kernel::StoreError,
};

const COLUMNS: &[Kind] = &[Bytes, Time];

static FIND: Statement = Statement::both(
    "identity.setup_token.find",
    "SELECT hash, expires_at FROM setup_tokens WHERE id = 1",
    &[],
    COLUMNS,
);
/// Of two that redeem the token at once, the second waits on PostgreSQL, and then finds none. SQLite has one writer.
static LOCK: Statement = Statement::per(
    "identity.setup_token.lock",
    (
        "SELECT hash, expires_at FROM setup_tokens WHERE id = 1",
        "SELECT hash, expires_at FROM setup_tokens WHERE id = 1 FOR UPDATE",
    ),
    &[],
    COLUMNS,
);
static REPLACE: Statement = Statement::both(
    "identity.setup_token.replace",
    "INSERT INTO setup_tokens (id, hash, expires_at) VALUES (1, $1, $2) \
     ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at",
    COLUMNS,
    &[],
);
static DELETE: Statement = Statement::both("identity.setup_token.delete", "DELETE FROM setup_tokens", &[], &[]);

pub(crate) static STATEMENTS: &[&Statement] = &[&FIND, &LOCK, &REPLACE, &DELETE];

fn read(mut row: Row) -> Result<SetupToken, StoreError> {
    let hash = row.bytes()?.try_into().ok();
    Ok(SetupToken { hash: Place("setup_tokens", 1).read("hash", hash)?, expires_at: row.time()? })
}

#[async_trait]
impl SetupTokenRepository for SqlUnit {
    async fn find(&mut self) -> Result<Option<SetupToken>, StoreError> {
        let statement = if self.writes() { &LOCK } else { &FIND };
        self.find(statement, args![], read).await
    }

    async fn replace(&mut self, token: &SetupToken) -> Result<(), StoreError> {
        self.execute(&REPLACE, args![token.hash.to_vec(), token.expires_at]).await?;
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), StoreError> {
        self.execute(&DELETE, args![]).await?;
        Ok(())
    }
}
