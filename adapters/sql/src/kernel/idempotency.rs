//! The idempotency keys.

use crate::{
    Kind::{Bytes, Int, Text, Time, Uuid},
    Row, SqlUnit, Statement, Value,
    stored::args,
};
use async_trait::async_trait;
use skep_application::kernel::{Claimed, IdempotencyClaim, IdempotencyKeys, StoreError};
use skep_domain::shared::Timestamp;

/// One statement decides: the key is new, or expired and taken over, or (no row changed) somebody's. A claim of a
/// parallel unit holds it up until that unit is over.
static CLAIM: Statement = Statement::both(
    "kernel.idempotency_key.claim",
    "INSERT INTO idempotency_keys (principal, use_case, key, fingerprint, answer, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, NULL, $5, $6) \
     ON CONFLICT (principal, use_case, key) DO UPDATE \
     SET fingerprint = excluded.fingerprint, answer = NULL, created_at = excluded.created_at, \
     expires_at = excluded.expires_at \
     WHERE idempotency_keys.expires_at <= excluded.created_at",
    &[Uuid, Text, Text, Bytes, Time, Time],
    &[],
);
static FIND: Statement = Statement::both(
    "kernel.idempotency_key.find",
    "SELECT fingerprint, answer FROM idempotency_keys WHERE principal = $1 AND use_case = $2 AND key = $3",
    &[Uuid, Text, Text],
    &[Bytes, Text],
);
static FILL: Statement = Statement::both(
    "kernel.idempotency_key.fill",
    "UPDATE idempotency_keys SET answer = $4 \
     WHERE principal = $1 AND use_case = $2 AND key = $3 AND fingerprint = $5",
    &[Uuid, Text, Text, Text, Bytes],
    &[],
);
/// Several instances sweep at once: each takes the rows that no other has locked.
static SWEEP: Statement = Statement::per(
    "kernel.idempotency_key.sweep",
    (
        "DELETE FROM idempotency_keys WHERE rowid IN \
         (SELECT rowid FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY\
         (SELECT ctid FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 \
         FOR UPDATE SKIP LOCKED))",
    ),
    &[Time, Int],
    &[],
);

pub(crate) static STATEMENTS: &[&Statement] = &[&CLAIM, &FIND, &FILL, &SWEEP];

fn key(claim: &IdempotencyClaim) -> Vec<Value> {
    args![claim.principal, claim.use_case, claim.key.as_str()]
}

fn read(mut row: Row) -> Result<(Vec<u8>, Option<String>), StoreError> {
    Ok((row.bytes()?, row.optional_text()?))
}

#[async_trait]
impl IdempotencyKeys for SqlUnit {
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Result<Claimed, StoreError> {
        let mut args = key(claim);
        args.extend(args![claim.fingerprint.to_vec(), claim.now, claim.expires_at()]);
        if self.execute(&CLAIM, args).await? > 0 {
            return Ok(Claimed::New);
        }
        let found = match self.find(&FIND, key(claim), read).await? {
            // It was there a moment ago.
            None => Err(StoreError::Retry("the idempotency key was swept meanwhile".into())),
            Some((fingerprint, _)) if fingerprint != claim.fingerprint => Ok(Claimed::Mismatch),
            Some((_, Some(answer))) => Ok(Claimed::Replay(answer)),
            // Nobody sees the claim of a unit that is not over, so some unit was committed without an answer.
            Some((_, None)) => Err(StoreError::corrupt("idempotency_keys", claim.use_case, "answer is missing")),
        };
        self.remember(found)
    }

    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &str) -> Result<(), StoreError> {
        let mut args = key(claim);
        args.extend(args![answer, claim.fingerprint.to_vec()]);
        let filled = self.execute(&FILL, args).await?;
        let unclaimed = || StoreError::corrupt("idempotency_keys", claim.use_case, "is not claimed");
        self.remember(if filled == 1 { Ok(()) } else { Err(unclaimed()) })
    }

    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.execute(&SWEEP, args![now, limit]).await
    }
}
