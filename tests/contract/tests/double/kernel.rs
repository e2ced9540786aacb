//! Idempotency keys and the outbox.

use super::{Done, Flaw, State, StoredKey, Unit, table::unique};
use async_trait::async_trait;
use skep_application::kernel::{
    Claimed, IdempotencyClaim, IdempotencyKeys, Outbox, OutboxEvent, StoreError, constraints::EVENT_ID,
};
use skep_domain::shared::{EventId, Timestamp};
use uuid::Uuid;

fn key(claim: &IdempotencyClaim, flaw: Flaw) -> (Uuid, &'static str, String) {
    let principal = if flaw == Flaw::SharesKeys { Uuid::nil() } else { claim.principal };
    (principal, claim.use_case, claim.key.as_str().to_owned())
}

fn claimed(state: &mut State, claim: &IdempotencyClaim, flaw: Flaw) -> Claimed {
    let stored = state.keys.get(&key(claim, flaw));
    let holds = |stored: &&StoredKey| claim.now < stored.expires_at || flaw == Flaw::NeverForgets;
    match stored.filter(holds) {
        Some(stored) if flaw != Flaw::NeverReplays => {
            let same = stored.fingerprint == claim.fingerprint || flaw == Flaw::IgnoresFingerprints;
            if same { Claimed::Replay(stored.answer.clone()) } else { Claimed::Mismatch }
        }
        _ => {
            let (fingerprint, expires_at) = (claim.fingerprint, claim.expires_at());
            state.keys.insert(key(claim, flaw), StoredKey { fingerprint, answer: String::new(), expires_at });
            Claimed::New
        }
    }
}

#[async_trait]
impl IdempotencyKeys for Unit {
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Done<Claimed> {
        self.run(|state, flaw| Ok(claimed(state, claim, flaw))).await
    }
    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &str) -> Done<()> {
        self.run(|state, flaw| {
            let stored = state.keys.get_mut(&key(claim, flaw));
            stored.ok_or_else(|| StoreError::Corrupt("not claimed".into()))?.answer = answer.to_owned();
            Ok(())
        })
        .await
    }
    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state, flaw| {
            let limit = if flaw == Flaw::SweepsAll { usize::MAX } else { usize::try_from(limit).unwrap() };
            let expired = state.keys.iter().filter(|(_, stored)| stored.expires_at <= now).take(limit);
            let expired: Vec<_> = expired.map(|(key, _)| key.clone()).collect();
            expired.iter().for_each(|key| drop(state.keys.remove(key)));
            Ok(expired.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl Outbox for Unit {
    async fn append(&mut self, event: &OutboxEvent) -> Done<()> {
        self.run(|state, flaw| {
            unique(state.events.contains_key(&event.id).then_some(EVENT_ID), flaw)?;
            state.events.insert(event.id, event.clone());
            Ok(())
        })
        .await
    }
    async fn settle(&mut self, event: EventId) -> Done<bool> {
        self.run(|state, flaw| Ok(flaw != Flaw::NeverSettles && state.events.contains_key(&event))).await
    }
}
