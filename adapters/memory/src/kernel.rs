//! Idempotency keys and the outbox.

use crate::{Done, MemoryStore, MemoryUnit, StoredKey};
use async_trait::async_trait;
use skep_application::kernel::{
    Claimed, IdempotencyClaim, IdempotencyKeys, KeptAnswer, Outbox, OutboxEvent, OutboxQueries, StoreError,
    constraints::EVENT_ID,
};
use skep_domain::shared::{EventId, Timestamp};
use uuid::Uuid;

fn key(claim: &IdempotencyClaim) -> (Uuid, &'static str, String) {
    (claim.principal, claim.use_case, claim.key.as_str().to_owned())
}

#[async_trait]
impl IdempotencyKeys for MemoryUnit {
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Done<Claimed> {
        self.run(|state| match state.keys.get(&key(claim)).filter(|stored| claim.now < stored.expires_at) {
            Some(stored) if stored.fingerprint == claim.fingerprint => {
                let unanswered = || StoreError::corrupt("idempotency_keys", claim.use_case, "answer is missing");
                stored.answer.clone().map(Claimed::Replay).ok_or_else(unanswered)
            }
            Some(_) => Ok(Claimed::Mismatch),
            None => {
                let (fingerprint, expires_at) = (claim.fingerprint, claim.expires_at());
                state.keys.insert(key(claim), StoredKey { fingerprint, answer: None, expires_at });
                Ok(Claimed::New)
            }
        })
        .await
    }

    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &KeptAnswer) -> Done<()> {
        self.run(|state| {
            let stored = state.keys.get_mut(&key(claim));
            let unclaimed = || StoreError::corrupt("idempotency_keys", claim.key.as_str(), "is not claimed");
            stored.ok_or_else(unclaimed)?.answer = Some(answer.clone());
            Ok(())
        })
        .await
    }

    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state| {
            let expired = state.keys.iter().filter(|(_, stored)| stored.expires_at <= now);
            let expired: Vec<_> = expired.map(|(key, _)| key.clone()).take(limit as usize).collect();
            expired.iter().for_each(|key| drop(state.keys.remove(key)));
            Ok(expired.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl Outbox for MemoryUnit {
    async fn append(&mut self, event: &OutboxEvent) -> Done<()> {
        self.announcement.events = true;
        self.run(|state| {
            if state.events.contains_key(&event.id) {
                return Err(StoreError::Duplicate { constraint: EVENT_ID });
            }
            state.events.insert(event.id, event.clone());
            Ok(())
        })
        .await
    }

    /// The answer is final, because no other writing unit is open.
    async fn settle(&mut self, event: EventId) -> Done<bool> {
        self.run(|state| Ok(state.events.contains_key(&event))).await
    }
}

#[async_trait]
impl OutboxQueries for MemoryStore {
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Done<Vec<OutboxEvent>> {
        let state = self.state();
        let later = state.events.values().filter(|event| after.is_none_or(|after| event.id > after));
        Ok(later.take(limit as usize).cloned().collect())
    }
}
