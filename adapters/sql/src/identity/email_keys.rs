//! The keys of the e-mail addresses that earlier versions have stored.

use crate::{Kind, SqlConnection, Statement, args, declared::Declared};
use skep_application::kernel::StoreError;
use skep_domain::shared::Email;
use std::{collections::BTreeSet, future::Future, pin::Pin};
use uuid::Uuid;

const BATCH: u32 = 500;

pub(super) static LIST_WITHOUT: Statement = Statement::both(
    "identity.user.list_without_key",
    "SELECT id, email FROM users WHERE id > $1 AND email_key IS NULL ORDER BY id LIMIT $2",
    &[Kind::Uuid, Kind::Int],
    &[Kind::Uuid, Kind::Text],
);
static ADD_KEY: Statement = Statement::batch(
    "identity.user.add_key",
    (
        "UPDATE users SET email_key = $2 \
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users AS older WHERE older.email_key = $2)",
        "UPDATE users SET email_key = added.email_key \
         FROM unnest($1::uuid[], $2::text[]) AS added (id, email_key) WHERE users.id = added.id \
         AND NOT EXISTS (SELECT 1 FROM users AS older WHERE older.email_key = added.email_key)",
    ),
    &[Kind::Uuid, Kind::Text],
);

pub(super) fn declared() -> Declared {
    Declared::default().statements([&LIST_WITHOUT, &ADD_KEY])
}

/// Adds the key to each account. Ids grow with time, so of two accounts with one key the older gets it.
pub(super) fn fill(
    connection: &mut dyn SqlConnection,
) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + '_>> {
    Box::pin(async move {
        let mut last = Uuid::nil();
        loop {
            let mut rows = connection.query(&LIST_WITHOUT, args![last, BATCH]).await?;
            if rows.is_empty() {
                return Ok(());
            }
            // PostgreSQL does not see the rows of its own statement.
            let (mut keys, mut added) = (BTreeSet::new(), vec![]);
            for row in &mut rows {
                last = row.uuid()?;
                let key = Email::key_of(&row.text()?).filter(|key| keys.insert(key.clone()));
                added.extend(key.map(|key| args![last, key]));
            }
            connection.execute_many(&ADD_KEY, added).await?;
        }
    })
}
