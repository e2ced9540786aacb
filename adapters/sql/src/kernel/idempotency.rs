//! The idempotency keys of commands.

use crate::{Kind, Row, SqlUnit, Statement, Value, args, declared::Declared, statement::A_SWEEP, table::Table};
use async_trait::async_trait;
use skep_application::kernel::{Claimed, IdempotencyClaim, IdempotencyKeys, StoreError, constraints};
use skep_domain::shared::Timestamp;
use std::sync::LazyLock;

static KEYS: LazyLock<Table<IdempotencyClaim>> = LazyLock::new(|| {
    Table::<IdempotencyClaim>::new("idempotency_keys", "kernel.idempotency_key", constraints::IDEMPOTENCY_KEY)
        .key("principal", Kind::Uuid, |claim| claim.principal.into())
        .key("use_case", Kind::Text, |claim| claim.use_case.into())
        .key("key", Kind::Text, |claim| claim.key.as_str().into())
        .column("fingerprint", Kind::Bytes, |claim| claim.fingerprint.to_vec().into())
        .column("answer", Kind::Text, |_| Value::Null)
        .nullable()
        .column("created_at", Kind::Time, |claim| claim.now.into())
        .column("expires_at", Kind::Time, |claim| claim.expires_at().into())
        .offers(&[])
});

/// One statement decides. It inserts a new key, or takes over an expired one, or changes no row because the key is in
/// use. It waits for a parallel unit that has claimed the key.
static CLAIM: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO idempotency_keys ({*}) VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (principal, use_case, key) DO UPDATE \
        SET fingerprint = excluded.fingerprint, answer = NULL, created_at = excluded.created_at, \
        expires_at = excluded.expires_at \
        WHERE idempotency_keys.expires_at <= excluded.created_at";
    KEYS.command("claim", text, &KEYS.kinds(), &[])
});
static FIND: Statement = Statement::both(
    "kernel.idempotency_key.find",
    "SELECT fingerprint, answer FROM idempotency_keys WHERE principal = $1 AND use_case = $2 AND key = $3",
    &[Kind::Uuid, Kind::Text, Kind::Text],
    &[Kind::Bytes, Kind::Text],
);
static FILL: Statement = Statement::both(
    "kernel.idempotency_key.fill",
    "UPDATE idempotency_keys SET answer = $4 \
     WHERE principal = $1 AND use_case = $2 AND key = $3 AND fingerprint = $5",
    &[Kind::Uuid, Kind::Text, Kind::Text, Kind::Text, Kind::Bytes],
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

fn read(row: &mut Row) -> Result<(Vec<u8>, Option<String>), StoreError> {
    Ok((row.bytes()?, row.optional_text()?))
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

    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &str) -> Result<(), StoreError> {
        let mut args = key(claim);
        args.extend(args![answer, claim.fingerprint.to_vec()]);
        let filled = self.change(&FILL, args).await?;
        let unclaimed = || StoreError::corrupt("idempotency_keys", claim.use_case, "is not claimed");
        self.remember(if filled == 1 { Ok(()) } else { Err(unclaimed()) })
    }

    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&SWEEP, args![now, limit]).await
    }
}
