//! The idempotency keys of commands.

use crate::{
    Kind, Row, SqlConnection, SqlUnit, Statement, Value, args, declared::Declared, statement::A_SWEEP, table::Table,
};
use async_trait::async_trait;
use skep_application::kernel::{Claimed, IdempotencyClaim, IdempotencyKeys, KeptAnswer, StoreError, constraints};
use skep_domain::shared::Timestamp;
use std::{future::Future, pin::Pin, sync::LazyLock};
use uuid::Uuid;

static KEYS: LazyLock<Table<IdempotencyClaim>> = LazyLock::new(|| {
    Table::<IdempotencyClaim>::new("idempotency_keys", "kernel.idempotency_key", constraints::IDEMPOTENCY_KEY)
        .key("principal", Kind::Uuid, |claim| claim.principal.into())
        .key("use_case", Kind::Text, |claim| claim.use_case.into())
        .key("key", Kind::Text, |claim| claim.key.as_str().into())
        .column("fingerprint", Kind::Bytes, |claim| claim.fingerprint.to_vec().into())
        .column("answer", Kind::Text, |_| Value::Null)
        .nullable()
        .column("compressed", Kind::Bytes, |_| Value::Null)
        .nullable()
        .column("created_at", Kind::Time, |claim| claim.now.into())
        .column("expires_at", Kind::Time, |claim| claim.expires_at().into())
        .offers(&[])
});

/// One statement decides. It inserts a new key, or takes over an expired one, or changes no row because the key is in
/// use. It waits for a parallel unit that has claimed the key.
static CLAIM: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO idempotency_keys ({*}) VALUES ({values}) \
        ON CONFLICT (principal, use_case, key) DO UPDATE \
        SET fingerprint = excluded.fingerprint, answer = NULL, compressed = NULL, \
        created_at = excluded.created_at, expires_at = excluded.expires_at \
        WHERE idempotency_keys.expires_at <= excluded.created_at";
    KEYS.command("claim", text, &KEYS.kinds(), &[])
});
static FIND: Statement = Statement::both(
    "kernel.idempotency_key.find",
    "SELECT fingerprint, answer, compressed FROM idempotency_keys \
     WHERE principal = $1 AND use_case = $2 AND key = $3",
    &[Kind::Uuid, Kind::Text, Kind::Text],
    &[Kind::Bytes, Kind::Text, Kind::Bytes],
);
static FILL: Statement = Statement::both(
    "kernel.idempotency_key.fill",
    "UPDATE idempotency_keys SET answer = $4, compressed = $5 \
     WHERE principal = $1 AND use_case = $2 AND key = $3 AND fingerprint = $6",
    &[Kind::Uuid, Kind::Text, Kind::Text, Kind::Text, Kind::Bytes, Kind::Bytes],
    &[],
);
static SWEEP: Statement = Statement::per(
    "kernel.idempotency_key.sweep",
    A_SWEEP,
    (
        "DELETE FROM idempotency_keys WHERE rowid IN \
         (SELECT rowid FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY\
         (SELECT ctid FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 \
         FOR UPDATE SKIP LOCKED))",
    ),
    &[Kind::Time, Kind::Int],
    &[],
);

pub(super) fn declared() -> Declared {
    Declared::table(&KEYS).statements([&*CLAIM, &FIND, &FILL, &SWEEP])
}

fn key(claim: &IdempotencyClaim) -> Vec<Value> {
    args![claim.principal, claim.use_case, claim.key.as_str()]
}

fn read(row: &mut Row) -> Result<(Vec<u8>, Option<KeptAnswer>), StoreError> {
    Ok((row.bytes()?, KeptAnswer::stored(row.optional_text()?, row.optional_bytes()?)))
}

#[async_trait]
impl IdempotencyKeys for SqlUnit {
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Result<Claimed, StoreError> {
        if self.change(&CLAIM, KEYS.row_of(claim)).await? > 0 {
            return Ok(Claimed::New);
        }
        let found = match self.row(&FIND, key(claim), read).await? {
            // The claim has just found it.
            None => Err(StoreError::Retry("the idempotency key was swept meanwhile".into())),
            Some((fingerprint, _)) if fingerprint != claim.fingerprint => Ok(Claimed::Mismatch),
            Some((_, Some(answer))) => Ok(Claimed::Replay(answer)),
            // Other units cannot see the claim of an open unit, so a unit was committed without an answer.
            Some((_, None)) => Err(StoreError::corrupt("idempotency_keys", claim.use_case, "answer is missing")),
        };
        self.remember(found)
    }

    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &KeptAnswer) -> Result<(), StoreError> {
        let (plain, compressed) = answer.columns();
        let mut args = key(claim);
        args.extend(args![plain, compressed.map(<[u8]>::to_vec), claim.fingerprint.to_vec()]);
        let filled = self.change(&FILL, args).await?;
        let unclaimed = || StoreError::corrupt("idempotency_keys", claim.use_case, "is not claimed");
        self.remember(if filled == 1 { Ok(()) } else { Err(unclaimed()) })
    }

    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&SWEEP, args![now, limit]).await
    }
}

/// The number of answers in memory at once.
const BATCH: u32 = 100;

/// Compressed answers, in the order of their keys.
static LIST_COMPRESSED: Statement = Statement::both(
    "kernel.idempotency_key.list_compressed",
    "SELECT principal, use_case, key, compressed FROM idempotency_keys \
     WHERE compressed IS NOT NULL AND (principal, use_case, key) > ($1, $2, $3) \
     ORDER BY principal, use_case, key LIMIT $4",
    &[Kind::Uuid, Kind::Text, Kind::Text, Kind::Int],
    &[Kind::Uuid, Kind::Text, Kind::Text, Kind::Bytes],
);
static MAKE_PLAIN: Statement = Statement::both(
    "kernel.idempotency_key.make_plain",
    "UPDATE idempotency_keys SET answer = $4, compressed = NULL \
     WHERE principal = $1 AND use_case = $2 AND key = $3 AND answer IS NULL",
    &[Kind::Uuid, Kind::Text, Kind::Text, Kind::Text],
    &[],
);
static DROP_COMPRESSED: Statement = Statement::both(
    "kernel.idempotency_key.drop_compressed",
    "ALTER TABLE idempotency_keys DROP COLUMN compressed",
    &[],
    &[],
);

/// Stores every compressed answer as text, for programs that know only text, and drops the column.
pub(super) fn make_plain(
    connection: &mut dyn SqlConnection,
) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + '_>> {
    Box::pin(async move {
        let mut last = (Uuid::nil(), String::new(), String::new());
        loop {
            let after = args![last.0, last.1.as_str(), last.2.as_str(), BATCH];
            let rows = connection.query(&LIST_COMPRESSED, after).await?;
            if rows.is_empty() {
                break;
            }
            for mut row in rows {
                last = (row.uuid()?, row.text()?, row.text()?);
                let answer = KeptAnswer::Compressed(row.bytes()?).read()?;
                connection.execute(&MAKE_PLAIN, args![last.0, last.1.as_str(), last.2.as_str(), answer]).await?;
            }
        }
        connection.execute(&DROP_COMPRESSED, vec![]).await?;
        Ok(())
    })
}
