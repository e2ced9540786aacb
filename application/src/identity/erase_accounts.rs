//! Erases deleted accounts after their grace.

use super::{IdentityTx, UserQueries};
use crate::kernel::{Actor, Begin, EraseUser, Key, OutboxEvent, Round, Runtime, StoreError, SweepAll, TxMode, run};
use async_trait::async_trait;
use skep_domain::{
    identity::{AccountGrace, events::UserErased},
    shared::{EventId, Timestamp, UserId},
};
use std::sync::Arc;

/// How long after the end of the grace the erasure begins, in milliseconds. By then, an admin's call that took the deletion
/// back at its last moment is stored or refused, also at an instance whose clock is a little behind.
const MARGIN_MILLIS: i64 = 60_000;

/// Erases the accounts whose grace is over: first what the other contexts have of the user, and then the account, in one
/// unit of work. An erasure that was interrupted leaves the account, so the next sweep finds it and goes on.
pub struct EraseAccounts {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    users: Arc<dyn UserQueries>,
    others: Vec<Arc<dyn EraseUser>>,
    runtime: Runtime,
    margin_millis: i64,
}

impl EraseAccounts {
    /// Finds accounts in `users` and erases them in `store`, after `others` have erased what they have of the user.
    /// Without a grace, nothing can be taken back, and an erasure begins at once.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        users: Arc<dyn UserQueries>,
        others: Vec<Arc<dyn EraseUser>>,
        runtime: Runtime,
        grace: AccountGrace,
    ) -> Self {
        Self { store, users, others, runtime, margin_millis: if grace.is_zero() { 0 } else { MARGIN_MILLIS } }
    }

    /// Erasures that are due at this time or before begin now.
    fn due_until(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(-self.margin_millis)
    }

    /// Erases this user. Returns whether this call deleted the account.
    async fn erase(&self, id: UserId, round: &Round<'_>) -> Result<bool, StoreError> {
        for other in &self.others {
            other.erase_user(id, round).await?;
            if round.is_stopped() {
                return Ok(false);
            }
        }
        let (times, event_id) = ((round.now, self.due_until(round.now)), EventId::new(self.runtime.ids.next()));
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(id.uuid())]).await?;
            let erased = erase(&mut *unit, id, event_id, times).await;
            attempt.end(unit, erased).await
        })
        .await
    }
}

/// Deletes the account if its erasure is still due.
async fn erase(
    unit: &mut dyn IdentityTx,
    id: UserId,
    event_id: EventId,
    (now, due_until): (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    let user = unit.users().find(id).await?.filter(|user| user.is_erasure_due(due_until));
    let Some(user) = user else { return Ok(false) };
    unit.users().erase(&user).await?;
    let actor = Actor::system("erasure");
    let event = OutboxEvent::of(event_id, &UserErased { user_id: id }, user.version.next(), &actor, now)?;
    unit.outbox().append(&event).await?;
    Ok(true)
}

#[async_trait]
impl SweepAll for EraseAccounts {
    fn name(&self) -> &'static str {
        "deleted accounts"
    }

    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        let (mut last, mut failed) = (None, Ok(()));
        loop {
            let due = self.users.list_erasures(self.due_until(round.now), last, round.limit).await?;
            for id in &due {
                if round.is_stopped() {
                    return failed;
                }
                match self.erase(*id, round).await {
                    Ok(erased) => round.swept += u64::from(erased),
                    // The others may succeed.
                    Err(error) => failed = failed.and(Err(error)),
                }
            }
            if due.len() < round.limit as usize {
                return failed;
            }
            last = due.last().copied();
        }
    }
}

#[cfg(test)]
mod tests;
